/**
 * Faults on demand: what goes wrong, for which requests, how often.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import type * as AwsError from "./AwsError.ts"
import type { Operation } from "./Operation.ts"

/**
 * Which requests a fault strikes. A request must fit `operation` and `model` (the id as the client named it, or the id
 * of the model behind it); the first `skip` that fit are spared, the next `times` (default 1, `Infinity` allowed) are
 * struck.
 */
export interface Matcher {
  readonly operation?: Operation | undefined
  readonly model?: string | undefined
  readonly times?: number | undefined
  readonly skip?: number | undefined
}

/**
 * What goes wrong.
 *
 * Instead of an answer:
 * - `throttle`: 429 `ThrottlingException`, about `requests` (default) or `tokens`; `retryAfter` adds the header.
 * - `exception`: any exception, with its usual status and a text.
 * - `stall`: the request is accepted and never answered; with `afterEvents`, a stream stops moving.
 * - `reset`: the connection drops; with `afterBytes`, once so much of the body was sent.
 *
 * With the answer:
 * - `latency`: it comes later. A request struck by it meets the next matching fault too.
 * - `garbage`: 200 and something that is no answer.
 * - `emptyBody`: 200 and nothing.
 * - `half`: only a `fraction` (default 0.5) of the body; the connection drops in the middle, or with `framed` the
 *   message ends as if that were all.
 *
 * Inside a stream, after `afterEvents` events (default 1):
 * - `truncateStream`: it ends normally, too early.
 * - `streamException`: an exception frame. `errorFrame`: an error frame.
 * - `corruptFrame`: the next frame has a wrong checksum.
 */
export type Fault =
  & Matcher
  & (
    | {
      readonly type: "throttle"
      readonly unit?: "requests" | "tokens" | undefined
      readonly retryAfter?: Duration.Input | undefined
    }
    | { readonly type: "exception"; readonly exception: AwsError.Exception; readonly message?: string | undefined }
    | { readonly type: "stall"; readonly afterEvents?: number | undefined }
    | { readonly type: "reset"; readonly afterBytes?: number | undefined }
    | { readonly type: "latency"; readonly duration: Duration.Input }
    | { readonly type: "garbage"; readonly body?: string | undefined }
    | { readonly type: "emptyBody" }
    | { readonly type: "half"; readonly fraction?: number | undefined; readonly framed?: boolean | undefined }
    | { readonly type: "truncateStream"; readonly afterEvents?: number | undefined }
    | {
      readonly type: "streamException"
      readonly exception: AwsError.Exception
      readonly message?: string | undefined
      readonly afterEvents?: number | undefined
    }
    | {
      readonly type: "errorFrame"
      readonly code?: string | undefined
      readonly message?: string | undefined
      readonly afterEvents?: number | undefined
    }
    | { readonly type: "corruptFrame"; readonly afterEvents?: number | undefined }
  )

/** What strikes one request: the sum of the latencies, and at most one other fault. */
export interface Strike {
  readonly latency: Duration.Duration
  readonly fault: Fault | undefined
}

/** The faults that wait for requests. */
export interface Faults {
  readonly inject: (fault: Fault) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
  /** Takes what strikes a request; counts down atomically. `models` are the names the model goes by. */
  readonly strike: (operation: Operation, models: ReadonlyArray<string>) => Effect.Effect<Strike>
}

interface Pending {
  readonly fault: Fault
  readonly skip: number
  readonly times: number
}

/** Starts with these faults, in this order. */
export const make = (initial: ReadonlyArray<Fault>): Effect.Effect<Faults> =>
  Effect.map(Ref.make(initial.map(pending)), (ref) => ({
    inject: (fault) => Ref.update(ref, (queue) => [...queue, pending(fault)]),
    clear: Ref.set(ref, []),
    strike: (operation, models) => Ref.modify(ref, (queue) => take(queue, operation, models))
  }))

const pending = (fault: Fault): Pending => ({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 })

const take = (
  queue: ReadonlyArray<Pending>,
  operation: Operation,
  models: ReadonlyArray<string>
): readonly [Strike, Array<Pending>] => {
  let latency = Duration.zero
  let struck: Fault | undefined
  const rest: Array<Pending> = []
  for (const { fault, skip, times } of queue) {
    const fits = struck === undefined &&
      (fault.operation ?? operation) === operation &&
      (fault.model === undefined || models.includes(fault.model))
    if (!fits) rest.push({ fault, skip, times })
    else if (skip > 0) rest.push({ fault, skip: skip - 1, times })
    else if (times > 0) {
      if (times > 1) rest.push({ fault, skip, times: times - 1 })
      if (fault.type === "latency") latency = Duration.sum(latency, Duration.fromInputUnsafe(fault.duration))
      else struck = fault
    }
  }
  return [{ latency, fault: struck }, rest]
}
