/**
 * What an emulator saw: counters, and the latest requests.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Crypto from "node:crypto"
import type { Fault } from "./Fault.ts"
import type * as Exchange from "./http/Exchange.ts"
import type * as Listener from "./http/Listener.ts"
import type { Operation } from "./Operation.ts"
import * as Quota from "./Quota.ts"
import type { Scheme } from "./Signature.ts"

const Counts = Schema.Record(Schema.String, Schema.Finite)

/**
 * Counters since the start.
 *
 * - Of the requests that are over, `completed` got their response, `aborted` were given up by the client, `dropped` were
 *   broken off by a fault, and for `failed` ones the emulator could not send its response; the others are `inFlight`.
 * - `byModel`: by the id of the model, whatever it was called by, and the operation; of models the account has.
 * - `byStatus`: by the HTTP status of the response.
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
  failed: Schema.Finite,
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
export type Outcome = "in-flight" | "completed" | "aborted" | "dropped" | "failed"

/**
 * A request as it came in.
 *
 * - `operation`: missing when the path names none the emulator knows; `modelId`: also for ApplyGuardrail.
 * - `headers`: without `authorization` and the session token; `scheme` says how the request proved who it is.
 * - `fingerprint`: the same for the same operation, model and body.
 * - `body`: the decoded JSON where bodies are captured; `undefined` when it was none, and when others needed its room.
 * - `status`: of the response, once there is one.
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
  readonly protocol: Exchange.Exchange["protocol"]
  readonly path: string
  readonly headers: Exchange.Headers
  readonly scheme: Scheme | undefined
  readonly fingerprint: string | undefined
  readonly body: unknown
  readonly requestId: string
  readonly status: number | undefined
  readonly outcome: Outcome
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly faults: ReadonlyArray<Fault["type"]>
}

/**
 * A request that came `attempts` times, and the status of each response; the same by its operation, model and body. `body`:
 * where bodies are captured.
 */
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
    Arr.groupBy(requests, ({ fingerprint, requestId }) => fingerprint ?? requestId)
  ).map((same) => {
    const [{ body, modelId, operation }] = same
    return { operation, modelId, body, attempts: same.length, statuses: same.map(({ status }) => status) }
  })

/** One request while it is in flight; the fiber that responds to it writes down here what happens to it. */
export type Attempt = { -readonly [Key in keyof ReceivedRequest]: ReceivedRequest[Key] }

/** Counts and remembers. The methods are plain functions because sockets report to it from callbacks. */
export interface Recorder {
  /** A connection opened; call the result when it closes. */
  readonly connection: (traffic: Listener.Traffic) => () => void
  readonly begin: (exchange: Exchange.Exchange, requestId: string) => Attempt
  /** Its body came; `json` is what it says, if it is JSON. */
  readonly received: (attempt: Attempt, body: Uint8Array, json: unknown) => void
  readonly routed: (attempt: Attempt, operation: Operation, modelId: string | undefined) => void
  /** The model is one the account has. */
  readonly resolved: (attempt: Attempt, model: string) => void
  readonly responded: (attempt: Attempt, status: number) => void
  /** These faults struck it, and no others. */
  readonly struck: (attempt: Attempt, faults: ReadonlyArray<Fault["type"]>) => void
  /** What it cost so far. */
  readonly spent: (attempt: Attempt, tokens: Partial<Pick<Attempt, "inputTokens" | "outputTokens">>) => void
  readonly end: (attempt: Attempt, outcome: Exclude<Outcome, "in-flight">) => void
  readonly statistics: Effect.Effect<Statistics>
  readonly requests: Effect.Effect<ReadonlyArray<ReceivedRequest>>
}

/**
 * - `history`: how many requests are remembered, the latest ones.
 * - `captureBytes`: how many bytes of their bodies, as they were sent; 0 remembers none.
 * - `quotas`: what it reports on too. `now`: milliseconds since 1970.
 */
export interface Options {
  readonly history: number
  readonly captureBytes: number
  readonly quotas: Quota.Quotas
  readonly now: () => number
}

/** A recorder that has seen nothing yet. */
export const make = ({ captureBytes, history, now, quotas }: Options): Recorder => {
  const counters = { connections: 0, openConnections: 0, requests: 0, completed: 0, aborted: 0, dropped: 0, failed: 0 }
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
  const bodies = makeBodies(captureBytes)
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
        fingerprint: undefined,
        body: undefined,
        requestId,
        status: undefined,
        outcome: "in-flight",
        inputTokens: undefined,
        outputTokens: undefined,
        faults: []
      }
      latest.push(attempt)
      const [oldest] = latest
      if (latest.length > history && oldest !== undefined) {
        latest.shift()
        bodies.forget(oldest)
      }
      return attempt
    },
    received: (attempt, body, json) => {
      attempt.fingerprint = Crypto.createHash("sha256").update(`${attempt.path}\n`).update(body).digest("base64")
      if (json !== undefined && latest.includes(attempt)) bodies.keep(attempt, json, body.length)
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
    responded: (attempt, status) => {
      byStatus[status] = (byStatus[status] ?? 0) + 1
      change(attempt, { status })
    },
    struck: (attempt, faults) => change(attempt, { faults }),
    spent: (attempt, tokens) => change(attempt, tokens),
    end: (attempt, outcome) => {
      counters[outcome]++
      change(attempt, { outcome, millis: Math.max(0, Math.round(now() - attempt.receivedAt)) })
    },
    statistics: Effect.sync(() => ({
      ...counters,
      inFlight: counters.requests - counters.completed - counters.aborted - counters.dropped - counters.failed,
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

/** The bodies that are captured: when the latest need the room, the oldest go. */
const makeBodies = (capacity: number) => {
  const sizes = new Map<Attempt, number>()
  let total = 0
  const forget = (attempt: Attempt) => {
    total -= sizes.get(attempt) ?? 0
    sizes.delete(attempt)
    attempt.body = undefined
  }
  return {
    forget,
    keep: (attempt: Attempt, body: unknown, bytes: number) => {
      if (bytes === 0 || bytes > capacity) return
      attempt.body = body
      sizes.set(attempt, bytes)
      total += bytes
      for (const oldest of sizes.keys()) {
        if (total <= capacity) break
        forget(oldest)
      }
    }
  }
}

const secrets: ReadonlySet<string> = new Set(["authorization", "x-amz-security-token"])

const withoutSecrets = (headers: Exchange.Headers): Exchange.Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !secrets.has(name)))
