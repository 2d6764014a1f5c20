import { assert, describe, it } from "@effect/vitest"
import { Emulator, Fault } from "@strata/emulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator()

const inject = (fault: Fault.Fault) => Emulator.Emulator.use((emulator) => emulator.inject(fault))

const saying = (text: string) => ({ messages: [{ role: "user", content: [{ text }] }] })

const statusOf = (text: string) => Effect.map(Fixture.converse(saying(text)), ({ status }) => status)

const status = statusOf("Hi")

const statuses = (count: number) => Effect.all(Array.from({ length: count }, () => status))

describe("Trigger", () => {
  it.effect("strikes requests whose body contains a text", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle", text: `a "quoted" word`, times: Infinity })
      assert.deepStrictEqual([
        yield* statusOf("a word"),
        yield* statusOf(`there is a "quoted" word`),
        (yield* Fixture.converse({ ...saying("Hi"), system: [{ text: `a "quoted" word` }] })).status
      ], [200, 429, 429])
    }).pipe(Effect.provide(live)))

  it.effect("strikes the n-th attempt of each request", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle", attempt: 1 })
      yield* inject({ type: "exception", exception: "InternalServerException", attempt: 2 })
      const seen: Array<number> = []
      for (const text of ["a", "b", "a", "c", "a", "b", "b"]) seen.push(yield* statusOf(text))
      assert.deepStrictEqual(seen, [429, 429, 500, 429, 200, 500, 200])
    }).pipe(Effect.provide(live)))

  it.effect("strikes by probability, deterministically for a seed", () =>
    Effect.gen(function*() {
      const run = Effect.fnUntraced(function*(seed: number) {
        const { remove, struck } = yield* inject({ type: "throttle", probability: 0.3, seed })
        const seen = yield* statuses(40)
        yield* remove
        assert.lengthOf(seen.filter((status) => status === 429), yield* struck)
        return seen.join(" ")
      })
      const first = yield* run(7)
      assert.strictEqual(yield* run(7), first)
      assert.notStrictEqual(yield* run(8), first)
      const struck = first.split(" ").filter((status) => status === "429")
      assert.isTrue(struck.length > 4 && struck.length < 20, `${struck.length} of 40`)
    }).pipe(Effect.provide(live)))

  it.effect("strikes by probability at most `times`", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle", probability: 0.5, times: 2 })
      assert.lengthOf((yield* statuses(30)).filter((status) => status === 429), 2)
    }).pipe(Effect.provide(live)))

  it.effect("strikes only in its active period", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle", after: "1 second", lasting: "2 seconds" })
      const seen: Array<number> = [yield* status]
      for (const span of ["999 millis", "1 millis", "1999 millis", "1 millis"] as const) {
        yield* TestClock.adjust(span)
        seen.push(yield* status)
      }
      assert.deepStrictEqual(seen, [200, 200, 429, 429, 200])
      assert.isEmpty(yield* Emulator.Emulator.use(({ faults }) => faults))
    }).pipe(Effect.provide(live)))

  it.effect("strikes in bursts", () =>
    Effect.gen(function*() {
      yield* inject({ type: "throttle", lasting: "10 seconds", bursts: { every: "4 seconds", lasting: "1 second" } })
      const seen: Array<number> = []
      for (let second = 0; second < 12; second++) {
        seen.push(yield* status)
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(seen, [429, 200, 200, 200, 429, 200, 200, 200, 429, 200, 200, 200])
    }).pipe(Effect.provide(live)))

  it.effect("applies the phases of a storm in turn", () =>
    Effect.gen(function*() {
      const storm = Fault.inTurn(
        { lasting: "2 seconds", faults: [{ type: "throttle" }] },
        { lasting: "1 second", faults: [] },
        {
          lasting: "2 seconds",
          faults: [
            { type: "exception", exception: "InternalServerException", times: 1 },
            { type: "exception", exception: "ServiceUnavailableException", after: "1 second", lasting: "1 hour" }
          ]
        }
      )
      yield* Effect.forEach(storm, inject)
      const seen: Array<ReadonlyArray<number>> = []
      for (let second = 0; second < 6; second++) {
        seen.push(yield* statuses(2))
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(seen, [[429, 429], [429, 429], [200, 200], [500, 200], [503, 503], [200, 200]])
    }).pipe(Effect.provide(live)))

  it.effect("removes one fault, and keeps the others", () =>
    Effect.gen(function*() {
      const first = yield* inject({ type: "throttle", times: Infinity })
      yield* inject({ type: "exception", exception: "ServiceUnavailableException", times: Infinity })
      assert.deepStrictEqual(yield* statuses(2), [429, 429])
      yield* first.remove
      assert.strictEqual(yield* status, 503)
      assert.strictEqual(yield* first.struck, 2)
      const { faults } = yield* Emulator.Emulator
      assert.deepStrictEqual((yield* faults).map(({ fault, struck }) => [fault.type, struck]), [["exception", 1]])
    }).pipe(Effect.provide(live)))

  it.live("delays answers by a random time in a range", () =>
    Effect.gen(function*() {
      yield* inject({ type: "latency", duration: "30 millis", upTo: "60 millis" })
      const [duration] = yield* Effect.timed(status)
      assert.isAtLeast(Duration.toMillis(duration), 29)
    }).pipe(Effect.provide(live)))
})
