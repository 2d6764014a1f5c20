/** What a client may leave behind, counted: fibers, reservations, sockets, listeners. */
import { assert } from "@effect/vitest"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Ledger from "@strata/core/state/Ledger"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as V8 from "node:v8"
import * as Vm from "node:vm"

/** Waits, in real time, for what a moment brings about. `actual` is what is said when it does not. */
export const eventually = <A, E, R>(
  what: string,
  actual: Effect.Effect<A, E, R>,
  holds: (actual: A) => boolean
): Effect.Effect<A, E, R> =>
  actual.pipe(
    Effect.repeat({ until: holds, schedule: Schedule.upTo(Schedule.spaced("2 millis"), { duration: "30 seconds" }) }),
    Effect.andThen(actual),
    Effect.tap((last) => Effect.sync(() => assert.isTrue(holds(last), `${what}: ${JSON.stringify(last)}`)))
  )

/** Counts the fibers that an effect starts and that have not ended. */
export const fibers = () => {
  let alive = 0
  const counter: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => void alive++,
    recordFiberEnd: () => void alive--
  }
  return {
    alive: Effect.sync(() => alive),
    counted: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.provideService(self, Metric.FiberRuntimeMetrics, counter)
  }
}

/**
 * Looks, until the scope closes, how late a timer is; gives the most it was, in milliseconds: how long this process had to
 * wait for its turn, or for what is done in one piece.
 */
export const lateness: Effect.Effect<Effect.Effect<number>, never, Scope.Scope> = Effect.gen(function*() {
  let most = 0
  yield* Effect.sleep("20 millis").pipe(
    Effect.timed,
    Effect.tap(([duration]) => Effect.sync(() => void (most = Math.max(most, Duration.toMillis(duration) - 20)))),
    Effect.forever,
    Effect.forkScoped
  )
  return Effect.sync(() => most)
})

/** A ledger in memory, and what is reserved on all its accounts. */
export const ledger: Effect.Effect<
  { readonly ledger: Ledger.Ledger; readonly reserved: Effect.Effect<ReadonlyArray<number>, Ledger.LedgerError> },
  never,
  Scope.Scope
> = Effect.gen(function*() {
  const ledger = Context.get(yield* Layer.build(Ledger.layerMemory), Ledger.Ledger)
  const accounts = new Map<string, ReadonlyArray<Ledger.Limit>>()
  return {
    ledger: {
      ...ledger,
      reserve: (reservation) =>
        Effect.suspend(() => {
          accounts.set(reservation.key, reservation.limits)
          return ledger.reserve(reservation)
        })
    },
    reserved: Effect.map(
      Effect.forEach(accounts, ([key, limits]) => ledger.balances(key, limits)),
      (balances) => balances.flat().map(({ reserved }) => reserved)
    )
  }
})

/** Adaptive limits in memory, and the lowest any of them has been. */
export const limits: Effect.Effect<
  { readonly limits: AdaptiveLimits.AdaptiveLimits; readonly lowest: Effect.Effect<number> },
  never,
  Scope.Scope
> = Effect.gen(function*() {
  const limits = Context.get(yield* Layer.build(AdaptiveLimits.layerMemory), AdaptiveLimits.AdaptiveLimits)
  let lowest = Infinity
  return {
    limits: {
      ...limits,
      decrease: (key, adaptive, epoch, refused) =>
        Effect.tap(limits.decrease(key, adaptive, epoch, refused), ({ limit }) =>
          Effect.sync(() => {
            lowest = Math.min(lowest, limit)
          }))
    },
    lowest: Effect.sync(() => lowest)
  }
})

/** Bytes on the heap that something still refers to. */
export const heap: Effect.Effect<number> = Effect.gen(function*() {
  V8.setFlagsFromString("--expose-gc")
  const collect: () => void = Vm.runInNewContext("gc")
  // what was waiting to be finalized is free after the second time
  for (let times = 0; times < 3; times++) {
    collect()
    yield* Effect.sleep("20 millis")
  }
  return process.memoryUsage().heapUsed
})

/** What of the process was there before an effect, is there after it: TCP sockets, listeners; and nobody warned. */
export const leavesProcessAlone = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const warnings: Array<string> = []
    const onWarning = (warning: Error) => void warnings.push(`${warning.name}: ${warning.message}`)
    const before = ofProcess()
    process.on("warning", onWarning)
    const result = yield* Effect.ensuring(self, Effect.sync(() => process.off("warning", onWarning)))
    yield* eventually("sockets", Effect.sync(() => ofProcess().sockets), (sockets) => sockets <= before.sockets)
    assert.deepStrictEqual(ofProcess().listeners, before.listeners)
    assert.strictEqual(warnings.join("\n"), "")
    return result
  })

const ofProcess = () => ({
  sockets: process.getActiveResourcesInfo().filter((type) => type === "TCPSocketWrap").length,
  listeners: Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]))
})
