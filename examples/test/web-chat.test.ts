import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Example from "./Example.ts"

// Its pages are tested in a browser: packages/ui/test/Pages.long.test.ts.
describe("web-chat", () => {
  it.live("answers itself what a page would ask: text, a tool at work, and sources", () =>
    Effect.gen(function*() {
      const output = yield* Example.node("web-chat.ts", "--once")
      assert.match(output, /^\[search_rules \{"query":"How much is a late book\?"\}\]$/m)
      assert.match(output, /^Late books cost ten cents a day/m)
      assert.match(output, /^ {2}\(Late fees: https:\/\/library\.example\/rules#fees\)$/m)
    }))
})
