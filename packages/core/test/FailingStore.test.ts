import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as FailingStore from "../src/state/internal/failingStore.ts"
import { watched } from "./ChatFixture.ts"

const store = () => FailingStore.make({ name: "The store", meanwhile: "this process goes on" })

/** Ways in which a step does not succeed. */
const ways: ReadonlyArray<readonly [name: string, step: () => Effect.Effect<string, string>]> = [
  ["fails", () => Effect.fail("refused")],
  ["dies", () => Effect.die(new Error("bug"))],
  ["throws", () => {
    throw new Error("bug")
  }],
  ["interrupts itself", () => Effect.interrupt],
  ["interrupts itself later", () => Effect.andThen(Effect.yieldNow, Effect.interrupt)],
  ["does not answer", () => Effect.never],
  ["cannot be interrupted", () => Effect.uninterruptible(Effect.never)]
]

describe("a store that fails", () => {
  it.effect.each(ways)(
    "goes unnoticed by callers, but for one warning and one notice: %s",
    ([, step]) =>
      watched(({ logs }) =>
        Effect.gen(function*() {
          const { attempt } = store()
          let steps = 0
          const lost = attempt(() => {
            steps++
            return step()
          }, Effect.succeed("otherwise"))
          const found = attempt(() => Effect.succeed("found"), Effect.succeed("otherwise"))

          const first = yield* Effect.forkChild(Effect.all(Array.from({ length: 20 }, () => lost), { concurrency: 20 }))
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual([...new Set(yield* Fiber.join(first))], ["otherwise"])
          const { length } = logs
          assert.strictEqual(length, 1)
          assert.include(String(logs[0]?.message), "The store cannot be reached: this process goes on")

          const tried = steps
          yield* TestClock.adjust("3999 millis")
          assert.strictEqual(yield* found, "otherwise", "the store is left alone")
          assert.strictEqual(steps, tried)
          yield* TestClock.adjust("1001 millis")
          const probe = yield* Effect.forkChild(lost)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* Fiber.join(probe), "otherwise")
          assert.strictEqual(steps, tried + 1)

          yield* TestClock.adjust("5 seconds")
          assert.strictEqual(yield* found, "found")
          assert.strictEqual(yield* found, "found")
          assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn", "Info"])
        })
      )
  )

  it.effect("is tried again by one step at a time", () =>
    Effect.gen(function*() {
      const { attempt } = store()
      yield* attempt(() => Effect.fail("refused"), Effect.void)
      yield* TestClock.adjust("5 seconds")
      let steps = 0
      const slow = attempt(() => Effect.andThen(Effect.sync(() => steps++), Effect.sleep("500 millis")), Effect.void)
      const fiber = yield* Effect.forkChild(Effect.all([slow, slow, slow], { concurrency: 3 }))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(fiber)
      assert.strictEqual(steps, 1)
    }).pipe((self) => watched(() => self)))

  it.effect("is not judged by steps that began before it was lost, or found again", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const { attempt } = store()
        const [good, bad] = [yield* Deferred.make<void>(), yield* Deferred.make<void, string>()]
        const early = yield* Effect.forkChild(
          Effect.all([
            attempt(() => Deferred.await(good), Effect.void),
            attempt(() => Effect.delay(Effect.fail("late"), "900 millis"), Effect.void)
          ], { concurrency: 2 }),
          { startImmediately: true }
        )
        yield* Deferred.fail(bad, "refused")
        yield* attempt(() => Deferred.await(bad), Effect.void)
        yield* Deferred.succeed(good, undefined)
        yield* Effect.yieldNow
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(early)
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual(yield* attempt(() => Effect.succeed("found"), Effect.succeed("otherwise")), "found")
      })
    ))

  it.effect("is lost when a step fails, though another that began later has succeeded", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const { attempt } = store()
        const found = attempt(() => Effect.succeed("found"), Effect.succeed("otherwise"))
        const failing = yield* Effect.forkChild(
          attempt(() => Effect.delay(Effect.fail("refused"), "500 millis"), Effect.void),
          { startImmediately: true }
        )
        assert.strictEqual(yield* found, "found")
        yield* TestClock.adjust("500 millis")
        yield* Fiber.join(failing)
        assert.strictEqual(yield* found, "otherwise")
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
      })
    ))

  it.effect("may fail for one kind of steps only", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const { attempt } = store()
        const write = attempt(() => Effect.fail("read only"), Effect.succeed("otherwise"), "write")
        const read = attempt(() => Effect.succeed("read"), Effect.succeed("otherwise"), "read")
        for (let times = 0; times < 5; times++) {
          assert.deepStrictEqual(yield* Effect.all([write, read, write, read]), [
            "otherwise",
            "read",
            "otherwise",
            "read"
          ])
          yield* TestClock.adjust("5 seconds")
        }
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
      })
    ))

  it.effect("can be reached again when steps of every kind succeed", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const { attempt } = store()
        const step = (kind: string, effect: Effect.Effect<void, string>) => attempt(() => effect, Effect.void, kind)
        yield* step("read", Effect.void)
        yield* step("write", Effect.fail("full"))
        yield* step("read", Effect.fail("gone"))
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
        yield* TestClock.adjust("5 seconds")
        yield* step("read", Effect.void)
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
        yield* step("write", Effect.void)
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn", "Info"])
      })
    ))

  it.effect("interrupts a step whose caller is interrupted, and thinks no less of the store", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const { attempt } = store()
        let interrupted = false
        const never = Effect.onInterrupt(Effect.never, () =>
          Effect.sync(() => {
            interrupted = true
          }))
        const fiber = yield* Effect.forkChild(attempt(() => never, Effect.void), { startImmediately: true })
        assert.isTrue(Exit.isFailure(yield* Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))))
        assert.isTrue(interrupted)
        assert.strictEqual(yield* attempt(() => Effect.succeed("found"), Effect.succeed("otherwise")), "found")
        assert.deepStrictEqual(logs, [])
      })
    ))
})
