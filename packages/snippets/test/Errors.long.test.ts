import { assert, describe, it } from "@effect/vitest"
import { ProviderError } from "@strata/core"
import { Effect } from "effect"
import * as Process from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Page from "../src/errors/Page.ts"
import { failures } from "../src/errors/ProviderFailures.ts"

describe("docs/errors.md", () => {
  it.live("is what the code says: `node packages/snippets/src/errors/Page.ts` writes it", () =>
    Effect.gen(function*() {
      // The formatter aligns columns.
      const words = (text: string) => text.replace(/-{2,}/g, "-").replace(/\s+/g, " ").replaceAll("*", "_")
      const page = Fs.readFileSync(Page.page, "utf8")
      assert.isTrue(words(page) === words(yield* Page.made), "the page is not up to date")
    }), 120_000)
})

/** Lines that are no news for the author of a program. */
const ofLibraries = /node_modules|packages\/(?!snippets)[\w-]+\/src|\/dist\/|node:internal/

const program = Path.join(import.meta.dirname, "../src/errors/print.ts")

const printed = (...args: ReadonlyArray<string>) =>
  Effect.callback<string>((resume) => {
    Process.execFile(process.execPath, [program, ...args], { encoding: "utf8" }, (_error, out, error) => {
      resume(Effect.succeed(out + error))
    })
  })

/** What a message says besides the tag: the request was refused before it was sent, or nothing was. */
const unsent = new Set(["InvalidRequestError", "UnsupportedFeatureError", "CircuitOpenError", "BudgetExceededError"])

/** The provider did not give an id, as it did not answer. */
const withoutId = new Set([...unsent, "TimeoutError", "ConnectionError"])

describe("What a program prints that fails with", () => {
  it.live(
    "each error of a provider: the tag, the model, the region, the request and a remedy, and no frames",
    () =>
      Effect.gen(function*() {
        const sections = new Map(
          (yield* printed()).split(/^= /m).slice(1).map((text) => {
            const [tag = "", ...lines] = text.trimEnd().split("\n")
            return [tag, lines] as const
          })
        )
        assert.sameMembers(
          [...sections.keys()],
          ProviderError.ProviderError.members.map(({ identifier }) => identifier)
        )
        for (const [tag, lines] of sections) {
          const text = lines.join("\n")
          assert.deepStrictEqual(lines.filter((line) => ofLibraries.test(line)), [], tag)
          assert.isAtMost(lines.length, 6, text)
          assert.match(lines[0]!, new RegExp(`ERROR .*: ${tag}: .*\\. [A-Z\`].+\\.( \\{)?$`), tag)
          if (!["InvalidRequestError", "QueueFullError"].includes(tag)) {
            assert.include(lines[0], "amazon.nova-lite-v1:0".slice(0, 11))
          }
          if (!unsent.has(tag) && tag !== "StructuredOutputError") {
            assert.match(lines[0]!, /us-east-1|127\.0\.0\.1/, tag)
          }
          if (!withoutId.has(tag)) {
            assert.match(lines[0]!, /\(request [\w-]+\)/, tag)
          }
        }
      }),
    120_000
  )

  it.live(
    "one of them: the message, the spans of the call and of the program, and the exit code of a failure",
    () =>
      Effect.gen(function*() {
        const text = yield* printed("RateLimitError")
        const [first = "", ...rest] = text.trimEnd().split("\n")
        assert.include(first, "RateLimitError: amazon.nova-lite-v1:0 in us-east-1: \"Too many tokens, please wait")
        assert.deepStrictEqual(rest.map((line) => line.replace(/\(.*[/\\](\w+\.ts).*\)/, "($1)").trim()), [
          "at chat amazon.nova-lite-v1:0",
          "at answer (print.ts)",
          "at answer (definition) (print.ts)"
        ])
      }),
    60_000
  )

  it("any tag: none is missing here", () => {
    assert.hasAllKeys(failures, ProviderError.ProviderError.members.map(({ identifier }) => identifier))
  })
})
