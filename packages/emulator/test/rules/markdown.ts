import { Rules } from "@strata/emulator"

const introduction = `# What the emulator refuses

Each rule says where it is known from that the service refuses this:

- **recorded**: an answer of the real service was recorded that does.
- **model**: the service model of AWS says so.
- **documented**: the documentation of AWS, or of the model's vendor, does.
- **reported**: users of the service do, in public reports of faults. The service may have changed since.

Programs find the same list in \`Rules.all\`.
`

/** The text of `RULES.md`. */
export const markdown = [
  introduction,
  ...Rules.all.map(({ of, rules }) =>
    `## ${of}\n\n${rules.map(({ refuses, source }) => `- ${refuses} (${source})`).join("\n")}\n`
  )
].join("\n").trimEnd()
