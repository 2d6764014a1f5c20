import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Example from "./Example.ts"

describe("embed-stream", () => {
  it.live("keeps every line with its vector, and reads no faster than it embeds", () =>
    Effect.gen(function*() {
      const output = yield* Example.run("embed-stream")
      assert.include(output, "300/300")
      assert.match(output, / 60 like line 3: Backup number 3 /)
      assert.match(output, / 1 like line 137: Disk .* is full/)
      assert.match(output, / 1 like line 251: The certificate .* expires/)
      assert.match(output, /300 lines of 7 kinds, 300 requests, \d+ tokens/)
      const inFlight = Number(/never more than (\d+) lines in flight/.exec(output)?.[1])
      assert.isAtMost(inFlight, 64)
    }), 60_000)
})
