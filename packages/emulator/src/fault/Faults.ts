/**
 * The faults that wait for requests and connections, in the order of their injection.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectionFault, Fault, Injected, Pending, RequestFault } from "../Fault.ts"
import * as Trigger from "./Trigger.ts"

/**
 * What strikes one request: the sum of the latencies, the milliseconds before each next event of a stream, and at most
 * one other fault.
 */
export interface Strike {
  readonly latency: Duration.Duration
  readonly pause: (() => number) | undefined
  readonly fault: RequestFault | undefined
}

/**
 * - `strike`, `strikeConnection`: take what strikes a request, or a connection; they count down. They are plain functions
 *   because sockets ask from callbacks, and nothing comes between two of them.
 */
export interface Faults {
  readonly inject: (fault: Fault) => Effect.Effect<Injected>
  readonly clear: Effect.Effect<void>
  readonly remove: (id: number) => Effect.Effect<boolean>
  readonly pending: Effect.Effect<ReadonlyArray<Pending>>
  readonly strike: (candidate: Trigger.Candidate) => Strike
  readonly strikeConnection: () => "serve" | "refuse" | "stall"
}

/** Starts with these faults, in this order. Time is that of the `Clock` in context. */
export const make = Effect.fnUntraced(function*(initial: ReadonlyArray<Fault>): Effect.fn.Return<Faults> {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  let latest = 0
  let waiting: ReadonlyArray<Waiting> = []

  const current = (): ReadonlyArray<Waiting> => {
    const time = now()
    waiting = waiting.filter(({ trigger }) => !trigger.isOver(time))
    return waiting
  }

  const remove = (id: number) =>
    Effect.sync(() => {
      const before = current()
      waiting = before.filter((other) => other.id !== id)
      return waiting.length < before.length
    })

  const inject = Effect.fnUntraced(function*(fault: Fault) {
    const id = ++latest
    const trigger = yield* Trigger.make(fault, now(), id)
    waiting = [...waiting, { id, fault, trigger }]
    const injected: Injected = { id, struck: Effect.sync(trigger.struck), remove: Effect.asVoid(remove(id)) }
    return injected
  })

  yield* Effect.forEach(initial, inject, { discard: true })

  return {
    inject,
    remove,
    clear: Effect.sync(() => {
      waiting = []
    }),
    pending: Effect.sync(() => current().map(({ fault, id, trigger }) => ({ id, fault, struck: trigger.struck() }))),
    strike: (candidate) => {
      if (waiting.length === 0) return nothing
      for (const { trigger } of waiting) trigger.arrives(candidate)
      let latency = Duration.zero
      let pause: Strike["pause"]
      const time = now()
      for (const { fault, trigger } of waiting) {
        if (isOfConnections(fault) || !trigger.strikes(time, candidate)) continue
        if (fault.type === "latency") {
          latency = Duration.sum(latency, Duration.millis(between(fault.duration, fault.upTo, trigger.random)))
        } else if (fault.type === "slow") {
          pause = () => between(fault.pause, fault.upTo, trigger.random)
        } else {
          current()
          return { latency, pause, fault }
        }
      }
      current()
      return { latency, pause, fault: undefined }
    },
    strikeConnection: () => {
      const time = now()
      for (const { fault, trigger } of waiting) {
        if (isOfConnections(fault) && trigger.strikes(time, undefined)) {
          return fault.type === "refuseConnection" ? "refuse" : "stall"
        }
      }
      return "serve"
    }
  }
})

interface Waiting {
  readonly id: number
  readonly fault: Fault
  readonly trigger: Trigger.Trigger
}

const nothing: Strike = { latency: Duration.zero, pause: undefined, fault: undefined }

const isOfConnections = (fault: Fault): fault is ConnectionFault =>
  fault.type === "refuseConnection" || fault.type === "stallConnection"

/** Milliseconds from the one to the other, or the one exactly. */
const between = (least: Duration.Input, most: Duration.Input | undefined, random: () => number): number => {
  const from = Duration.toMillis(least)
  return most === undefined ? from : from + Math.max(0, Duration.toMillis(most) - from) * random()
}
