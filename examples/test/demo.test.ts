import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Example from "./Example.ts"

describe("demo", () => {
  it.live("answers its questions with the right passages", () =>
    Effect.gen(function*() {
      const output = yield* Example.node("demo.ts")
      const answers = output.split("\n? ").slice(1)
      assert.strictEqual(answers.length, 3)
      assert.include(answers[0], "[effect/Semaphore]")
      assert.include(answers[1], "[effect/Redacted]")
      assert.include(answers[2], "[effect/Schedule]")
      assert.match(output, /\d+ chunks, \d+ requests, \d+ tokens, [\d.]+ seconds/)
    }))
})
