import { assert, describe, it } from "@effect/vitest"
import * as UsageEvents from "@strata/core/policy/UsageEvents"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Fixture from "./BudgetFixture.ts"
import { watched } from "./ChatFixture.ts"
import { chat, dropped } from "./UsageFixture.ts"

describe("UsageEvents.layerWriter", () => {
  /** Calls with 1, 2, 3 … tokens, within a writer. */
  const within = <A, E, R>(
    writer: Layer.Layer<never, ProviderError.InvalidRequestError, UsageEvents.UsageEvents>,
    self: (call: Effect.Effect<void, ProviderError.ChatError>) => Effect.Effect<A, E, R>
  ) =>
    Effect.gen(function*() {
      const service = yield* chat()
      let inputTokens = 0
      const call = Effect.suspend(() =>
        Effect.asVoid(service.generate(Fixture.request({ inputTokens: ++inputTokens, outputTokens: 0 })))
      )
      return yield* self(call)
    }).pipe(Effect.provide(Layer.provideMerge(writer, UsageEvents.layer())))

  const tokensOf = (events: ReadonlyArray<UsageEvents.UsageEvent>) => events.map(({ usage }) => usage.inputTokens)

  it.effect("writes full batches at once, others after a while, and what is left when it is closed", () =>
    Effect.gen(function*() {
      const written: Array<ReadonlyArray<number>> = []
      const write = (events: ReadonlyArray<UsageEvents.UsageEvent>) =>
        Effect.sync(() => void written.push(tokensOf(events)))
      yield* within(UsageEvents.layerWriter(write, { batch: 2, every: "1 second" }), (call) =>
        Effect.gen(function*() {
          yield* Effect.replicateEffect(call, 3)
          yield* TestClock.adjust("900 millis")
          assert.deepStrictEqual(written, [[1, 2]])
          yield* TestClock.adjust("200 millis")
          assert.deepStrictEqual(written, [[1, 2], [3]])
          yield* Effect.replicateEffect(call, 4)
        }))
      assert.deepStrictEqual(written, [[1, 2], [3], [4, 5], [6, 7]])
    }))

  it.effect("waits for the batch being written when it is closed", () =>
    Effect.gen(function*() {
      const written: Array<ReadonlyArray<number>> = []
      const write = (events: ReadonlyArray<UsageEvents.UsageEvent>) =>
        Effect.delay(Effect.sync(() => void written.push(tokensOf(events))), "1 minute")
      const fiber = yield* Effect.forkChild(
        within(
          UsageEvents.layerWriter(write, { batch: 1 }),
          (call) => Effect.andThen(Effect.replicateEffect(call, 3), Effect.sleep("1 second"))
        )
      )
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(written, [])
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(written, [[1], [2], [3]])
    }))

  it.effect("writes a batch again, and says how many events are lost when that is of no use", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const written: Array<ReadonlyArray<number>> = []
        let failures = 1
        const write = (events: ReadonlyArray<UsageEvents.UsageEvent>) =>
          Effect.suspend(() => {
            if (failures-- > 0) return failures % 2 === 0 ? Effect.fail("the database is away") : Effect.die("broken")
            written.push(tokensOf(events))
            return Effect.void
          })
        const retry = Schedule.recurs(1)
        yield* within(UsageEvents.layerWriter(write, { batch: 3, retry }), (call) =>
          Effect.gen(function*() {
            yield* Effect.replicateEffect(call, 3)
            yield* TestClock.adjust("1 second")
            assert.deepStrictEqual(written, [[1, 2, 3]])
            assert.deepStrictEqual(logs, [])
            failures = 2
            yield* Effect.replicateEffect(call, 3)
            yield* TestClock.adjust("1 second")
            assert.strictEqual(yield* dropped("writer"), 3)
            assert.deepStrictEqual(logs.map(({ message }) => String(message).slice(0, 27)), [
              "3 events of usage are lost:"
            ])
            failures = 0
            yield* call
          }))
        assert.deepStrictEqual(written, [[1, 2, 3], [7]])
      })
    ))

  it.effect("writes a batch again four times within three seconds, unless it is told otherwise", () =>
    Effect.gen(function*() {
      const times: Array<number> = []
      const write = () =>
        Effect.andThen(
          Effect.map(Clock.currentTimeMillis, (now) => times.push(now)),
          Effect.fail("the database is away")
        )
      yield* within(
        UsageEvents.layerWriter(write, { batch: 1 }),
        (call) => Effect.andThen(call, TestClock.adjust("1 minute"))
      )
      assert.deepStrictEqual(times, [0, 200, 600, 1_400, 3_000])
    }))

  it.effect("writes with the services of its layer", () =>
    Effect.gen(function*() {
      class Table extends Context.Service<Table, Array<number>>()("test/Table") {}
      const rows: Array<number> = []
      const writer = UsageEvents.layerWriter((events) =>
        Effect.map(Table, (table) => void table.push(...tokensOf(events)))
      )
      yield* within(Layer.provide(writer, Layer.succeed(Table, rows)), (call) => call)
      assert.deepStrictEqual(rows, [1])
    }))
})
