import { assert, describe, it } from "@effect/vitest"
import { Emulator, Script } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

/** The outcome of a call: the text of the answer, or the status. */
const said = (text = "Hi") =>
  Effect.map(
    Fixture.converse({ messages: [{ role: "user", content: [{ text }] }] }),
    ({ status, text }): string | number => status === 200 ? JSON.parse(text).output.message.content[0].text : status
  )

const calls = (count: number) => Effect.all(Array.from({ length: count }, () => said()))

const numbered: Script.Script = {
  rules: [
    { when: { call: 1 }, answer: "first" },
    { when: { call: 2 }, answer: "second" },
    { when: { call: 3 }, answer: "third" }
  ],
  default: "default"
}

describe("How calls are counted", () => {
  it.effect("by a rule: every matching call, even if another rule answers it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* calls(5), ["first", "second", "third", "default", "default"])
    }).pipe(Effect.provide(Script.layerEmulator(numbered))))

  it.effect("by a rule: only calls that match its other conditions", () =>
    Effect.gen(function*() {
      const seen: Array<string | number> = []
      for (const text of ["a", "b", "a b", "b", "a"]) seen.push(yield* said(text))
      assert.deepStrictEqual(seen, ["default", "default", "the second a", "the third b", "default"])
    }).pipe(Effect.provide(Script.layerEmulator({
      rules: [
        { when: { text: "a", call: 2 }, answer: "the second a" },
        { when: { regex: "b", call: 3 }, answer: "the third b" }
      ],
      default: "default"
    }))))

  it.effect("by a rule: each number once, however many calls come at once", () =>
    Effect.gen(function*() {
      const answers = yield* Effect.all(Array.from({ length: 30 }, () => said()), { concurrency: "unbounded" })
      const counts = ["first", "second", "third", "default"].map((text) =>
        answers.filter((answer) => answer === text).length
      )
      assert.deepStrictEqual(counts, [1, 1, 1, 27])
    }).pipe(Effect.provide(Script.layerEmulator(numbered))))

  it.effect("by a fault: every matching call, even if another fault strikes it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* calls(5), [429, 500, 503, "first", "second"])
    }).pipe(Effect.provide(Script.layerEmulator(numbered, {
      faults: [
        { type: "throttle" },
        { type: "exception", exception: "InternalServerException", skip: 1 },
        { type: "exception", exception: "ServiceUnavailableException", skip: 2 }
      ]
    }))))

  it.effect("by attempt: every arrival of the same request, even if a fault strikes it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* calls(4), [429, 500, "first", "second"])
      assert.strictEqual(yield* said("another"), "third")
    }).pipe(Effect.provide(Script.layerEmulator(numbered, {
      faults: [{ type: "throttle" }, { type: "exception", exception: "InternalServerException", attempt: 2, times: 1 }]
    }))))

  it.effect("by all three at once: a rule counts the calls that reach it", () =>
    Effect.gen(function*() {
      const { inject } = yield* Emulator.Emulator
      const spared = yield* inject({ type: "throttle", skip: 1, times: 2 })
      const attempted = yield* inject({ type: "exception", exception: "InternalServerException", attempt: 2 })
      const late = yield* inject({ type: "exception", exception: "ServiceUnavailableException", skip: 4 })
      // the throttle comes first where two could strike, and the others still count
      assert.deepStrictEqual(yield* calls(7), ["first", 429, 429, "second", 503, "third", "default"])
      assert.deepStrictEqual([yield* spared.struck, yield* attempted.struck, yield* late.struck], [2, 0, 1])
    }).pipe(Effect.provide(Script.layerEmulator(numbered))))

  it.effect("by probability: the same calls for the same seed, independent of other faults", () =>
    Effect.gen(function*() {
      const { inject } = yield* Emulator.Emulator
      const byChance = { type: "throttle", probability: 0.4, seed: 7 } as const
      const alone = yield* inject(byChance)
      const struck = (yield* calls(20)).map((said) => said === 429)
      yield* alone.remove
      yield* inject({ type: "exception", exception: "InternalServerException", times: 5 })
      yield* inject(byChance)
      assert.deepStrictEqual((yield* calls(20)).map((said) => said === 429).slice(5), struck.slice(5))
    }).pipe(Effect.provide(Script.layerEmulator(numbered))))
})
