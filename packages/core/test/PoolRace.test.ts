import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import * as Admission from "../src/policy/internal/admission.ts"
import * as Race from "../src/policy/internal/pool/race.ts"

type Attempt = Effect.Effect<string, string>

/** Waits in a lane until it is opened. */
const waits = (door: Deferred.Deferred<void>) => Effect.andThen(Admission.waits, Deferred.await(door))

const opened = Effect.tap(Deferred.make<void>(), (door) => Deferred.succeed(door, undefined))

/** Takes the call, or waits to be interrupted. */
const claims = Effect.flatMap(
  Admission.Admission,
  (admission) => admission?.claim() === true ? Effect.void : Effect.never
)

/**
 * A race of lanes in order: what their attempts do, and what each of them did.
 *
 * - `lanes`: those that may be asked; more may come while it runs. `tell`: says that they changed.
 * - `final`: the error after which no other lane is asked.
 */
const race = (attempts: Record<string, Attempt>, lanes = Object.keys(attempts), final = "invalid") => {
  const asked: Array<string> = []
  const interrupted: Array<string> = []
  const listeners = new Set<() => void>()
  const course: Race.Course<string> = {
    start: 0,
    next: (running) => Effect.sync(() => lanes.find((lane) => !running.has(lane) && !asked.includes(lane))),
    due: () => Effect.undefined,
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    }
  }
  const attempt = (lane: string) => {
    asked.push(lane)
    return Effect.onInterrupt(attempts[lane]!, () => Effect.sync(() => void interrupted.push(lane)))
  }
  const run = Race.race(course, attempt, (error) => Effect.succeed(error !== final))
  const tell = Effect.sync(() => listeners.forEach((listener) => listener()))
  return { asked, interrupted, lanes, listeners, run: Effect.map(run, Result.getOrElse((failed) => failed)), tell }
}

const settled = TestClock.adjust(0)

describe("A race of lanes", () => {
  it.effect("asks one lane where that need not wait, and no other when lanes change", () =>
    Effect.gen(function*() {
      const { asked, run, tell } = race({ a: Effect.delay(Effect.succeed("a"), "1 second"), b: Effect.succeed("b") })
      const fiber = yield* Effect.forkChild(run)
      yield* settled
      yield* tell
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "a")
      assert.deepStrictEqual(asked, ["a"])
    }))

  it.effect("sends a call once, where two lanes have room at the same time, and leaves the other", () =>
    Effect.gen(function*() {
      const door = yield* Deferred.make<void>()
      const sent: Array<string> = []
      const attempt = (lane: string) =>
        waits(door).pipe(
          Effect.andThen(claims),
          Effect.andThen(Effect.sync(() => sent.push(lane))),
          Effect.andThen(Effect.delay(Effect.succeed(lane), "1 second"))
        )
      const { asked, interrupted, run } = race({ a: attempt("a"), b: attempt("b"), c: attempt("c") })
      const fiber = yield* Effect.forkChild(run)
      yield* settled
      assert.deepStrictEqual(asked, ["a", "b", "c"])
      yield* Deferred.succeed(door, undefined)
      yield* settled
      assert.deepStrictEqual(sent, ["a"])
      assert.deepStrictEqual(interrupted, ["b", "c"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "a")
    }))

  it.effect("lets the lane that has the call claim it again", () =>
    Effect.gen(function*() {
      const { run } = race({ a: Effect.as(Effect.andThen(claims, claims), "a") })
      assert.strictEqual(yield* run, "a")
    }))

  it.effect("leaves the call to another lane of an outer race that has it", () =>
    Effect.gen(function*() {
      let isTaken = true
      const told: Array<string> = []
      const outer: Admission.Admission = {
        start: 0,
        waits: Effect.sync(() => void told.push("waits")),
        claim: () => !isTaken
      }
      const inner = race({ a: Effect.as(claims, "a"), b: Effect.never }, ["a"])
      const fiber = yield* Effect.forkChild(Effect.provideService(inner.run, Admission.Admission, outer))
      yield* settled
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
      isTaken = false
      const other = race({ a: Effect.as(claims, "a") })
      assert.strictEqual(yield* Effect.provideService(other.run, Admission.Admission, outer), "a")
      assert.deepStrictEqual(told, [])
    }))

  it.effect("waits in an outer race once it waits in all lanes", () =>
    Effect.gen(function*() {
      const door = yield* Deferred.make<void>()
      const told: Array<string> = []
      const { asked, run } = race({ a: Effect.as(waits(door), "a"), b: Effect.as(waits(door), "b") })
      const outer = { start: 0, waits: Effect.sync(() => void told.push(asked.join())), claim: () => true }
      const fiber = yield* Effect.forkChild(Effect.provideService(run, Admission.Admission, outer))
      yield* settled
      assert.deepStrictEqual(told, ["a,b"])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("starts in each lane that comes while it waits, and listens no longer than it runs", () =>
    Effect.gen(function*() {
      const door = yield* Deferred.make<void>()
      const wait = Effect.as(waits(door), "late")
      const { asked, lanes, listeners, run, tell } = race({ a: wait, b: wait, c: wait }, ["a"])
      const fiber = yield* Effect.forkChild(run)
      yield* settled
      for (const lane of ["b", "c"]) {
        lanes.push(lane)
        yield* tell
        yield* settled
        assert.strictEqual(asked.at(-1), lane)
      }
      yield* Deferred.succeed(door, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "late")
      assert.strictEqual(listeners.size, 0)
    }))

  it.effect("starts in the next lane when one fails, but not while another one does not wait", () =>
    Effect.gen(function*() {
      const door = yield* Deferred.make<void>()
      const slow = Effect.delay(Effect.succeed("slow"), "1 second")
      const { asked, run, tell } = race({
        fails: Effect.andThen(waits(door), Effect.fail("down")),
        slow,
        other: Effect.succeed("other")
      })
      const fiber = yield* Effect.forkChild(run)
      yield* settled
      yield* Deferred.succeed(door, undefined)
      yield* settled
      yield* tell
      yield* settled
      assert.deepStrictEqual(asked, ["fails", "slow"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "slow")
    }))

  it.effect("starts in no lane while one that does not wait has the call", () =>
    Effect.gen(function*() {
      const door = yield* Deferred.make<void>()
      const { asked, lanes, run, tell } = race({
        a: Effect.andThen(waits(door), Effect.andThen(claims, Effect.delay(Effect.succeed("a"), "1 second"))),
        b: Effect.succeed("b")
      }, ["a"])
      const fiber = yield* Effect.forkChild(run)
      yield* settled
      yield* Deferred.succeed(door, undefined)
      yield* settled
      lanes.push("b")
      yield* tell
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "a")
      assert.deepStrictEqual(asked, ["a"])
    }))

  it.effect("does not end with what another lane answers or fails with once one has the call", () =>
    Effect.gen(function*() {
      for (const end of [Effect.succeed("b"), Effect.fail("invalid"), Effect.fail("down")]) {
        const door = yield* Deferred.make<void>()
        const { run } = race({
          a: Effect.andThen(waits(door), Effect.andThen(claims, Effect.delay(Effect.succeed("a"), "1 second"))),
          b: Effect.uninterruptible(Effect.andThen(waits(door), end))
        })
        const fiber = yield* Effect.forkChild(run)
        yield* settled
        yield* Deferred.succeed(door, undefined)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), "a")
      }
    }))

  it.effect("does not end with what another lane failed with just before one takes the call", () =>
    Effect.gen(function*() {
      const door = yield* Deferred.make<void>()
      const { run } = race({
        b: Effect.andThen(waits(door), Effect.fail("invalid")),
        a: Effect.andThen(waits(door), Effect.as(claims, "a"))
      })
      const fiber = yield* Effect.forkChild(run)
      yield* settled
      yield* Deferred.succeed(door, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "a")
    }))

  it.effect("starts in no other lane where a wait is over at once", () =>
    Effect.gen(function*() {
      const { asked, run } = race({ a: Effect.as(Effect.andThen(waits(yield* opened), claims), "a"), b: Effect.never })
      assert.strictEqual(yield* run, "a")
      assert.deepStrictEqual(asked, ["a"])
    }))

  it.effect("ends with the failures of all lanes, or of those until the one that had the call", () =>
    Effect.gen(function*() {
      const fails = (error: string) => Effect.fail(error)
      const all = race({ a: fails("down"), b: fails("refused") })
      assert.deepStrictEqual(yield* all.run, [{ lane: "a", error: "down" }, { lane: "b", error: "refused" }])
      const claimed = race({ a: fails("down"), b: Effect.andThen(claims, fails("refused")), c: fails("down") })
      assert.deepStrictEqual(yield* claimed.run, [{ lane: "a", error: "down" }, { lane: "b", error: "refused" }])
      assert.deepStrictEqual(claimed.asked, ["a", "b"])
    }))

  it.effect("ends at once with a final error, or with a defect", () =>
    Effect.gen(function*() {
      const final = race({ a: Effect.fail("invalid"), b: Effect.succeed("b") })
      assert.strictEqual(yield* Effect.flip(final.run), "invalid")
      assert.deepStrictEqual(final.asked, ["a"])
      const broken = race({ a: Effect.die("broken"), b: Effect.succeed("b") })
      assert.deepStrictEqual(yield* Effect.exit(broken.run), Exit.die("broken"))
    }))
})
