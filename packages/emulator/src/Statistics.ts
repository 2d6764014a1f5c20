/**
 * What an emulator saw: counters, and the latest requests.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Fault } from "./Fault.ts"
import type * as Listener from "./Listener.ts"
import type { Operation } from "./Operation.ts"
import * as Quota from "./Quota.ts"
import type { Scheme } from "./Signature.ts"

const Counts = Schema.Record(Schema.String, Schema.Finite)

/**
 * Counters since the start.
 *
 * - Of the requests that are over, `completed` were answered, `aborted` were given up by the client, `dropped` were broken
 *   off by a fault; the others are `inFlight`.
 * - `byModel`: by the id of the model, whatever it was called by, and the operation; of models the account has.
 * - `byStatus`: by the HTTP status that was answered.
 * - `bytesIn`, `bytesOut`: all bytes of all connections, headers too.
 * - `quota`: how each quota stands, under the name it was given, or the model's id.
 */
export type Statistics = typeof Statistics.Type
/** @see {@link Statistics} */
export const Statistics = Schema.Struct({
  connections: Schema.Finite,
  openConnections: Schema.Finite,
  requests: Schema.Finite,
  inFlight: Schema.Finite,
  completed: Schema.Finite,
  aborted: Schema.Finite,
  dropped: Schema.Finite,
  byOperation: Schema.Struct({
    ApplyGuardrail: Schema.Finite,
    Converse: Schema.Finite,
    ConverseStream: Schema.Finite,
    CountTokens: Schema.Finite,
    InvokeModel: Schema.Finite,
    InvokeModelWithResponseStream: Schema.Finite
  }),
  byModel: Schema.Record(Schema.String, Counts),
  byStatus: Counts,
  bytesIn: Schema.Finite,
  bytesOut: Schema.Finite,
  quota: Schema.Record(Schema.String, Quota.Statistics)
})

/** How a request ended, or that it has not. */
export type Outcome = "in-flight" | "completed" | "aborted" | "dropped"

/**
 * A request as it came in.
 *
 * - `operation`: missing when the path names none the emulator knows; `modelId`: also for ApplyGuardrail.
 * - `headers`: without `authorization` and the session token; `scheme` says how the request proved who it is.
 * - `body`: the decoded JSON, or `undefined` when it was none.
 * - `status`: what was answered, as far as it was.
 * - `number`: requests are numbered as they come, from 1. `revision` grows whenever something becomes known about any
 *   request, and says when this one was last heard of.
 * - `receivedAt`, `millis`: milliseconds since 1970, and from there to the end, once it is over.
 * - `inputTokens`, `outputTokens`: what it was charged, caches included, or as far as the model wrote; `undefined` when
 *   no model was asked.
 * - `faults`: what struck it, in this order.
 */
export interface ReceivedRequest {
  readonly number: number
  readonly revision: number
  readonly receivedAt: number
  readonly millis: number | undefined
  readonly operation: Operation | undefined
  readonly modelId: string | undefined
  readonly protocol: Listener.Exchange["protocol"]
  readonly path: string
  readonly headers: Listener.Headers
  readonly scheme: Scheme | undefined
  readonly body: unknown
  readonly requestId: string
  readonly status: number | undefined
  readonly outcome: Outcome
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly faults: ReadonlyArray<Fault["type"]>
}

/** A request that came `attempts` times, and what it was answered each time; the same by its operation, model and body. */
export interface Repeated {
  readonly operation: Operation | undefined
  readonly modelId: string | undefined
  readonly body: unknown
  readonly attempts: number
  readonly statuses: ReadonlyArray<number | undefined>
}

/**
 * How often each request was attempted, in the order the first attempts came: for those that an emulator remembers.
 *
 * @example
 * const [asked] = Statistics.attempts(yield* emulator.requests) // { attempts: 3, statuses: [429, 429, 200], ... }
 */
export const attempts = (requests: ReadonlyArray<ReceivedRequest>): ReadonlyArray<Repeated> =>
  Object.values(
    Arr.groupBy(requests, ({ body, modelId, operation }) => JSON.stringify([operation, modelId, body]))
  ).map((same) => {
    const [{ body, modelId, operation }] = same
    return { operation, modelId, body, attempts: same.length, statuses: same.map(({ status }) => status) }
  })

/** One request while it is being answered; the answering fiber writes down here what happens to it. */
export type Attempt = { -readonly [Key in keyof ReceivedRequest]: ReceivedRequest[Key] }

/** Keeps the books. The methods are plain functions because sockets report to it from callbacks. */
export interface Recorder {
  /** A connection opened; call the result when it closes. */
  readonly connection: (traffic: Listener.Traffic) => () => void
  readonly begin: (exchange: Listener.Exchange, requestId: string) => Attempt
  readonly routed: (attempt: Attempt, operation: Operation, modelId: string | undefined) => void
  /** The model is one the account has. */
  readonly resolved: (attempt: Attempt, model: string) => void
  readonly answered: (attempt: Attempt, status: number) => void
  /** Faults struck it. */
  readonly struck: (attempt: Attempt, faults: ReadonlyArray<Fault["type"]>) => void
  /** So many more tokens, of the prompt and of the answer. */
  readonly spent: (attempt: Attempt, inputTokens: number, outputTokens: number) => void
  readonly end: (attempt: Attempt, outcome: Exclude<Outcome, "in-flight">) => void
  readonly statistics: Effect.Effect<Statistics>
  readonly requests: Effect.Effect<ReadonlyArray<ReceivedRequest>>
}

/**
 * A recorder that remembers the latest `history` requests, and reports on these quotas too. `now` tells the milliseconds
 * since 1970.
 */
export const make = (history: number, quotas: Quota.Quotas, now: () => number): Recorder => {
  const counters = { connections: 0, openConnections: 0, requests: 0, completed: 0, aborted: 0, dropped: 0 }
  const byOperation: Record<Operation, number> = {
    ApplyGuardrail: 0,
    Converse: 0,
    ConverseStream: 0,
    CountTokens: 0,
    InvokeModel: 0,
    InvokeModelWithResponseStream: 0
  }
  const byModel: Record<string, Record<string, number>> = {}
  const byStatus: Record<string, number> = {}
  const latest: Array<Attempt> = []
  let revision = 0
  const change = (attempt: Attempt, changes: Partial<Attempt>) => {
    Object.assign(attempt, changes, { revision: ++revision })
  }
  const open = new Set<Listener.Traffic>()
  const closed = { bytesRead: 0, bytesWritten: 0 }
  const bytes = (direction: keyof Listener.Traffic) =>
    [...open].reduce((sum, traffic) => sum + traffic[direction], closed[direction])
  return {
    connection: (traffic) => {
      counters.connections++
      counters.openConnections++
      open.add(traffic)
      return () => {
        counters.openConnections--
        open.delete(traffic)
        closed.bytesRead += traffic.bytesRead
        closed.bytesWritten += traffic.bytesWritten
      }
    },
    begin: (exchange, requestId) => {
      counters.requests++
      const attempt: Attempt = {
        number: counters.requests,
        revision: ++revision,
        receivedAt: now(),
        millis: undefined,
        operation: undefined,
        modelId: undefined,
        protocol: exchange.protocol,
        path: exchange.target,
        headers: withoutSecrets(exchange.headers),
        scheme: undefined,
        body: undefined,
        requestId,
        status: undefined,
        outcome: "in-flight",
        inputTokens: undefined,
        outputTokens: undefined,
        faults: []
      }
      latest.push(attempt)
      if (latest.length > history) latest.shift()
      return attempt
    },
    routed: (attempt, operation, modelId) => {
      byOperation[operation]++
      change(attempt, { operation, modelId })
    },
    resolved: ({ operation }, model) => {
      if (operation === undefined) return
      const counts = byModel[model] ??= {}
      counts[operation] = (counts[operation] ?? 0) + 1
    },
    answered: (attempt, status) => {
      byStatus[status] = (byStatus[status] ?? 0) + 1
      change(attempt, { status })
    },
    struck: (attempt, faults) => change(attempt, { faults: [...attempt.faults, ...faults] }),
    spent: (attempt, inputTokens, outputTokens) =>
      change(attempt, {
        inputTokens: (attempt.inputTokens ?? 0) + inputTokens,
        outputTokens: (attempt.outputTokens ?? 0) + outputTokens
      }),
    end: (attempt, outcome) => {
      counters[outcome]++
      change(attempt, { outcome, millis: Math.max(0, Math.round(now() - attempt.receivedAt)) })
    },
    statistics: Effect.sync(() => ({
      ...counters,
      inFlight: counters.requests - counters.completed - counters.aborted - counters.dropped,
      byOperation: { ...byOperation },
      byModel: structuredClone(byModel),
      byStatus: { ...byStatus },
      bytesIn: bytes("bytesRead"),
      bytesOut: bytes("bytesWritten"),
      quota: quotas.statistics()
    })),
    requests: Effect.sync(() => latest.map((attempt) => ({ ...attempt })))
  }
}

const secrets: ReadonlySet<string> = new Set(["authorization", "x-amz-security-token"])

const withoutSecrets = (headers: Listener.Headers): Listener.Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !secrets.has(name)))
