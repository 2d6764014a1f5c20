/**
 * The pending faults of requests and connections, in the order of their injection.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fault from "./Fault.ts"
import * as Trigger from "./Trigger.ts"

/** A fault that strikes a request. `spare`: it had no effect, so it stays pending. */
export interface Blow<F extends Fault.Fault = Fault.RequestFault> {
  readonly fault: F
  readonly random: () => number
  readonly spare: () => void
}

/**
 * What strikes one request: the sum of the latencies, a pause before each event of a stream, all that is to become of the
 * job it creates, and one other fault.
 */
export interface Strike {
  readonly latency: Duration.Duration
  readonly slow: Blow<Fault.SlowFault> | undefined
  readonly job: ReadonlyArray<Blow<Fault.JobFault>>
  readonly other: Blow | undefined
}

/**
 * - `inject`: fails with `FaultError` for an invalid fault.
 * - `replace`: puts a fault in the place of the pending one with this id, which begins anew; whether there is one.
 * - `strike`, `strikeConnection`: take what strikes a request, or a connection, and count it. They are synchronous
 *   because sockets call them from callbacks, and so atomic.
 */
export interface Faults {
  readonly inject: (fault: Fault.Fault) => Effect.Effect<Fault.Injected, Fault.FaultError>
  readonly clear: Effect.Effect<void>
  readonly remove: (id: number) => Effect.Effect<boolean>
  readonly replace: (id: number, fault: Fault.Fault) => Effect.Effect<boolean, Fault.FaultError>
  readonly pending: Effect.Effect<ReadonlyArray<Fault.Pending>>
  readonly strike: (candidate: Trigger.Candidate) => Strike
  readonly strikeConnection: () => "serve" | "refuse" | "stall"
}

/** Starts with these faults, in this order. Time is that of the `Clock` in context. */
export const make = Effect.fnUntraced(function*(
  initial: ReadonlyArray<Fault.Fault>
): Effect.fn.Return<Faults, Fault.FaultError> {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  let latest = 0
  let pendingFaults: ReadonlyArray<PendingFault> = []
  // removed faults do not come back when they are spared
  let cleared = 0
  const removed = new Set<number>()
  const replaced = new WeakSet<PendingFault>()

  const current = (): ReadonlyArray<PendingFault> => {
    const time = now()
    pendingFaults = pendingFaults.filter(({ trigger }) => !trigger.isOver(time))
    return pendingFaults
  }

  const remove = (id: number) =>
    Effect.sync(() => {
      removed.add(id)
      const before = current()
      pendingFaults = before.filter((other) => other.id !== id)
      return pendingFaults.length < before.length
    })

  const inject = Effect.fnUntraced(function*(given: Fault.Fault, name?: string) {
    const fault = yield* Effect.fromResult(Fault.check(given, name))
    const id = ++latest
    const trigger = yield* Trigger.make(fault, now(), id)
    pendingFaults = [...pendingFaults, { id, fault, trigger }]
    const injected: Fault.Injected = { id, struck: Effect.sync(trigger.struck), remove: Effect.asVoid(remove(id)) }
    return injected
  })

  const replace = Effect.fnUntraced(function*(id: number, given: Fault.Fault) {
    const fault = yield* Effect.fromResult(Fault.check(given))
    const trigger = yield* Trigger.make(fault, now(), id)
    const before = current()
    for (const entry of before) if (entry.id === id) replaced.add(entry)
    pendingFaults = before.map((entry) => entry.id === id ? { id, fault, trigger } : entry)
    return before.some((entry) => entry.id === id)
  })

  /** Makes a finished fault pending again, in its place. */
  const spare = (entry: PendingFault) => {
    entry.trigger.spare()
    if (entry.id <= cleared || removed.has(entry.id) || replaced.has(entry) || pendingFaults.includes(entry)) return
    pendingFaults = [...pendingFaults, entry].toSorted((self, that) => self.id - that.id)
  }

  yield* Effect.forEach(initial, (fault, index) => inject(fault, `faults[${index}]`), { discard: true })

  return {
    inject: (fault) => inject(fault),
    remove,
    replace,
    clear: Effect.sync(() => {
      cleared = latest
      pendingFaults = []
    }),
    pending: Effect.sync(() => current().map(({ fault, id, trigger }) => ({ id, fault, struck: trigger.struck() }))),
    strike: (candidate) => {
      const time = now()
      let latency = Duration.zero
      let slow: Strike["slow"]
      let other: Strike["other"]
      const job: Array<Blow<Fault.JobFault>> = []
      for (const entry of pendingFaults) {
        const { fault, trigger } = entry
        // every fault counts the call, even when another one strikes it
        if (Trigger.isOfConnections(fault) || !trigger.counts(time, candidate)) continue
        const blow = { random: trigger.random, spare: () => spare(entry) }
        if (fault.type === "latency") {
          latency = Duration.sum(latency, timeBetween(fault.duration, fault.upTo, blow.random))
        } else if (Fault.isOfJobs(fault)) job.push({ ...blow, fault })
        else if (fault.type === "slow" && slow === undefined) slow = { ...blow, fault }
        else if (fault.type !== "slow" && other === undefined) other = { ...blow, fault }
        else continue
        trigger.strike()
      }
      current()
      return { latency, slow, job, other }
    },
    strikeConnection: () => {
      const time = now()
      let struck: Fault.ConnectionFault | undefined
      for (const { fault, trigger } of pendingFaults) {
        if (!Trigger.isOfConnections(fault) || !trigger.counts(time, undefined) || struck !== undefined) continue
        struck = fault
        trigger.strike()
      }
      return struck === undefined ? "serve" : struck.type === "refuseConnection" ? "refuse" : "stall"
    }
  }
})

interface PendingFault {
  readonly id: number
  readonly fault: Fault.Fault
  readonly trigger: Trigger.Trigger
}

/** A random time in a range, or a fixed one. */
export const timeBetween = (
  least: Duration.Input,
  most: Duration.Input | undefined,
  random: () => number
): Duration.Duration => {
  const from = Duration.toMillis(least)
  return Duration.millis(most === undefined ? from : from + (Duration.toMillis(most) - from) * random())
}
