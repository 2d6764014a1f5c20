import { Rules } from "@strata/emulator"

const introduction = `# What the emulator refuses

Each rule names the evidence that the service refuses this:

- **recorded**: a recorded response of the real service.
- **model**: the service model of AWS.
- **documented**: the documentation of AWS or of the model's vendor.
- **reported**: public reports of users. The service may have changed since.

Programs have the same list in \`Rules.all\`.
`

/** The text of `RULES.md`. */
export const markdown = [
  introduction,
  ...Rules.all.map(({ of, rules }) =>
    `## ${of}\n\n${rules.map(({ refuses, source }) => `- ${refuses} (${source})`).join("\n")}\n`
  )
].join("\n").trimEnd()
