import { assert, describe, it } from "@effect/vitest"
import { ProviderError } from "@strata/core"
import { Effect } from "effect"
import * as Process from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Documented from "../src/errors/Documented.ts"
import * as Page from "../src/errors/Page.ts"

const ofProviders = ProviderError.ProviderError.members.map(({ identifier }) => identifier)

describe("The doc comment of an exported error", () => {
  const all = Documented.all()

  it("is there for each tag of a provider, and for those of all packages", () => {
    const tags = all.map(({ tag }) => tag)
    assert.includeMembers(tags, ofProviders)
    assert.includeMembers(tags, [
      "ToolCallError",
      "ConversationConflictError",
      "JobPausedError",
      "McpError",
      "NoTextError"
    ])
  })

  it.each(all)("says of $tag what it is, when it happens and what to do", ({ remedy, summary, when }) => {
    assert.match(summary, /^[A-Z].*\.$/)
    assert.match(when, /\.$/)
    assert.match(remedy, /\.$/)
  })
})

describe("docs/errors.md", () => {
  it.live("is what the code says: `node packages/snippets/src/errors/Page.ts` writes it", () =>
    Effect.gen(function*() {
      // The formatter aligns columns, and has another sign for emphasis.
      const words = (text: string) => text.replace(/-{2,}/g, "-").replace(/\s+/g, " ").replaceAll("*", "_")
      const page = Fs.readFileSync(Page.page, "utf8")
      assert.strictEqual(words(page), words(yield* Page.made))
    }), 180_000)
})

/** Lines that are no news for the author of a program. */
const ofLibraries = /node_modules|packages\/(?!snippets)[\w-]+\/src|\/dist\/|node:internal/

const program = Path.join(import.meta.dirname, "../src/errors/print.ts")

const printed = (...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly text: string; readonly code: number | string | null | undefined }>((resume) => {
    Process.execFile(process.execPath, [program, ...args], { encoding: "utf8" }, (error, out, log) => {
      resume(Effect.succeed({ text: out + log, code: error?.code }))
    })
  })

/** Nothing was sent. */
const unsent = new Set(["InvalidRequestError", "UnsupportedFeatureError", "CircuitOpenError", "BudgetExceededError"])

/** The provider gave no id. */
const withoutId = new Set([...unsent, "TimeoutError", "ConnectionError"])

describe("What a program prints that fails with", () => {
  it.live(
    "each error of a provider: the tag, the model, the region, the request and a remedy, and no frames",
    () =>
      Effect.gen(function*() {
        const { text } = yield* printed()
        const sections = new Map(
          text.split(/^= /m).slice(1).map((section) => {
            const [tag = "", ...lines] = section.trimEnd().split("\n")
            return [tag, lines] as const
          })
        )
        assert.sameMembers([...sections.keys()], ofProviders)
        for (const [tag, lines] of sections) {
          assert.deepStrictEqual(lines.filter((line) => ofLibraries.test(line)), [], tag)
          assert.isAtMost(lines.length, 6, lines.join("\n"))
          const message = lines.filter((line) => !/^ +at \w|^ +\[cause\]|^}/.test(line)).join(" ")
          assert.match(message, new RegExp(`ERROR .*: ${tag}: .*\\. [A-Z\`].+\\.( \\{)?$`), tag)
          if (tag !== "InvalidRequestError" && tag !== "QueueFullError") assert.include(message, "amazon.nova-li", tag)
          if (!unsent.has(tag) && tag !== "StructuredOutputError") assert.match(message, /us-east-1|127\.0\.0\.1/, tag)
          if (!withoutId.has(tag)) assert.match(message, /\(request [\w-]+\)/, tag)
        }
      }),
    180_000
  )

  it.live(
    "one of them: the message, the spans of the call and of the program, and the exit code of a failure",
    () =>
      Effect.gen(function*() {
        const { code, text } = yield* printed("RateLimitError")
        const [first = "", ...rest] = text.trimEnd().split("\n")
        assert.strictEqual(code, 1)
        assert.include(first, "RateLimitError: amazon.nova-lite-v1:0 in us-east-1: \"Too many tokens, please wait")
        assert.deepStrictEqual(rest.map((line) => line.replace(/\(file.*[/\\](\w+\.ts).*\)/, "($1)").trim()), [
          "at chat amazon.nova-lite-v1:0",
          "at answer (print.ts)",
          "at answer (definition) (print.ts)"
        ])
      }),
    60_000
  )
})
