import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Example from "./Example.ts"

// Its pages are tested in a browser: packages/ui/test/Pages.long.test.ts.
describe("web-chat", () => {
  it.live("answers itself what a page would ask: text, a tool at work, sources, and what it cost", () =>
    Effect.gen(function*() {
      const output = yield* Example.node("web-chat.ts", "--once")
      const chunks = output.split("\n").filter((line) => line.startsWith("data: {")).map((line) =>
        JSON.parse(line.slice(6))
      )
      const text = chunks.flatMap(({ delta, type }) => type === "text-delta" ? [delta] : []).join("")
      assert.include(text, "Late books cost ten cents a day")
      assert.deepInclude(chunks.find(({ type }) => type === "source-url"), { title: "Late fees" })
      assert.isDefined(chunks.find(({ type }) => type === "tool-output-available"))
      assert.isAbove(chunks.at(-1).messageMetadata.usage.totalTokens, 0)
      assert.match(output, /^data: \[DONE\]$/m)
    }))
})
