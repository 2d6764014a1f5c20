/**
 * What an emulator saw: counters, and the latest requests.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
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
    InvokeModel: Schema.Finite
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
 */
export interface ReceivedRequest {
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
}

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
  readonly end: (attempt: Attempt, outcome: Exclude<Outcome, "in-flight">) => void
  readonly statistics: Effect.Effect<Statistics>
  readonly requests: Effect.Effect<ReadonlyArray<ReceivedRequest>>
}

/** A recorder that remembers the latest `history` requests, and reports on these quotas too. */
export const make = (history: number, quotas: Quota.Quotas): Recorder => {
  const counters = { connections: 0, openConnections: 0, requests: 0, completed: 0, aborted: 0, dropped: 0 }
  const byOperation: Record<Operation, number> = {
    ApplyGuardrail: 0,
    Converse: 0,
    ConverseStream: 0,
    CountTokens: 0,
    InvokeModel: 0
  }
  const byModel: Record<string, Record<string, number>> = {}
  const byStatus: Record<string, number> = {}
  const latest: Array<Attempt> = []
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
        operation: undefined,
        modelId: undefined,
        protocol: exchange.protocol,
        path: exchange.target,
        headers: withoutSecrets(exchange.headers),
        scheme: undefined,
        body: undefined,
        requestId,
        status: undefined,
        outcome: "in-flight"
      }
      latest.push(attempt)
      if (latest.length > history) latest.shift()
      return attempt
    },
    routed: (attempt, operation, modelId) => {
      byOperation[operation]++
      attempt.operation = operation
      attempt.modelId = modelId
    },
    resolved: ({ operation }, model) => {
      if (operation === undefined) return
      const counts = byModel[model] ??= {}
      counts[operation] = (counts[operation] ?? 0) + 1
    },
    answered: (attempt, status) => {
      byStatus[status] = (byStatus[status] ?? 0) + 1
      attempt.status = status
    },
    end: (attempt, outcome) => {
      counters[outcome]++
      attempt.outcome = outcome
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
