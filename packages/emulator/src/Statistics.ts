/**
 * Statistics of an emulator: counters, and the latest requests.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Crypto from "node:crypto"
import type * as AwsError from "./AwsError.ts"
import type { Fault } from "./fault/Fault.ts"
import type * as Exchange from "./http/Exchange.ts"
import type * as Listener from "./http/Listener.ts"
import { type Operation, operations } from "./Operation.ts"
import * as Quota from "./quota/Quota.ts"
import * as Capture from "./record/Capture.ts"
import type * as Recording from "./record/Recording.ts"
import type { Scheme } from "./Signature.ts"

const Counts = Schema.Record(Schema.String, Schema.Finite)

/**
 * Counters since the start.
 *
 * - Of the finished requests, `completed` got their response, `aborted` were given up by the client, `dropped` were cut
 *   off by a fault, and for `failed` ones the emulator could not send its response; the others are `inFlight`.
 * - `byModel`: by model id, whatever name was used, and operation; only models of the account.
 * - `byStatus`: by the HTTP status of the response.
 * - `bytesIn`, `bytesOut`: all bytes of all connections, headers included.
 * - `quota`: the state of each quota of the default region, by its name in the options, or the model's id.
 * - `byRegion`: the requests of each region served, and the state of its quotas.
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
  byOperation: Schema.Record(Schema.Literals(operations), Schema.Finite),
  byModel: Schema.Record(Schema.String, Counts),
  byStatus: Counts,
  bytesIn: Schema.Finite,
  bytesOut: Schema.Finite,
  quota: Schema.Record(Schema.String, Quota.Statistics),
  byRegion: Schema.Record(
    Schema.String,
    Schema.Struct({ requests: Schema.Finite, quota: Schema.Record(Schema.String, Quota.Statistics) })
  )
})

/**
 * Why a request was refused.
 *
 * - `message`: the one of the response, which names the field where there is one. Missing when it comes from the
 *   answering service and bodies are not captured: it may quote a prompt.
 * - `rule`: what the rule that refused it refuses, and the evidence that the service does, as in `Rules`.
 * - `field`: the path of the field that was refused, where there is one, such as `messages[0].content`.
 * - `quota`: the quota that was exceeded: what it allows in a window, what was left of it, and what the request needed.
 *   `retryMillis`: the time until it would have been accepted; missing when it never would.
 */
export type Refusal = typeof Refusal.Type
/** @see {@link Refusal} */
export const Refusal = Schema.Struct({
  exception: Schema.String,
  message: Schema.optional(Schema.String),
  rule: Schema.optional(Schema.Struct({ refuses: Schema.String, source: Schema.String })),
  field: Schema.optional(Schema.String),
  quota: Schema.optional(Schema.Struct({
    name: Schema.String,
    unit: Schema.String,
    limit: Schema.Finite,
    left: Schema.Finite,
    needed: Schema.Finite,
    windowMillis: Schema.Finite
  })),
  retryMillis: Schema.optional(Schema.Finite)
})

/** The outcome of a request. */
export type Outcome = "in-flight" | "completed" | "aborted" | "dropped" | "failed"

/**
 * A received request.
 *
 * - `operation`: missing for an unknown path; `modelId`: also for ApplyGuardrail.
 * - `headers`: without `authorization` and the session token; `scheme` is how the request was authenticated.
 * - `fingerprint`: the same for the same operation, model and body.
 * - `body`: the decoded JSON where bodies are captured; `undefined` when it was not JSON, or was evicted.
 * - `status`: of the response, once there is one.
 * - `number`: requests are numbered from 1. `revision` grows with any change of any request, and is the one of this
 *   request's last change.
 * - `receivedAt`, `millis`: milliseconds since 1970, and from there to the end, once it is over.
 * - `inputTokens`, `outputTokens`: the charged tokens, cached ones included, or those written so far; `undefined` when
 *   no model was called.
 * - `faults`: the faults that struck it, in order.
 * - `events`: the events of a stream that were sent so far. `sentBytes`: the bytes of the body of the response.
 * - `answer`: the text of a stream so far, 64,000 characters at most, where bodies are captured.
 * - `region`: the region it is for. `refusal`: why it was refused, by an error response or inside a stream.
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
  readonly events: number
  readonly sentBytes: number
  readonly answer: string | undefined
  readonly region: string
  readonly refusal: Refusal | undefined
}

/**
 * A request that was attempted `attempts` times, and the status of each response; requests are equal by operation,
 * model and body. `body`: where bodies are captured.
 */
export interface Repeated {
  readonly operation: Operation | undefined
  readonly modelId: string | undefined
  readonly body: unknown
  readonly attempts: number
  readonly statuses: ReadonlyArray<number | undefined>
}

/**
 * How often each request was attempted, in the order of the first attempts, among the requests kept.
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

/** A request in flight; the fiber that handles it records its progress here. */
export type Attempt = { -readonly [Key in keyof ReceivedRequest]: ReceivedRequest[Key] }

/** Counts and keeps requests. The methods are plain functions because sockets call them from callbacks. */
export interface Recorder {
  /** A connection opened; call the result when it closes. */
  readonly connection: (traffic: Listener.Traffic) => () => void
  readonly begin: (exchange: Exchange.Exchange, requestId: string, region: string) => Attempt
  /** Its body arrived; `json` is the parsed body, if it is JSON. */
  readonly received: (attempt: Attempt, body: Uint8Array, json: unknown) => void
  readonly routed: (attempt: Attempt, operation: Operation, modelId: string | undefined) => void
  /** The model is one of the account. */
  readonly resolved: (attempt: Attempt, model: string) => void
  readonly responded: (attempt: Attempt, status: number, headers: Exchange.Headers) => void
  /** These bytes of the body of its response were sent. */
  readonly sent: (attempt: Attempt, bytes: Uint8Array) => void
  readonly refused: (attempt: Attempt, error: AwsError.AwsError) => void
  /** Exactly these faults struck it. */
  readonly struck: (attempt: Attempt, faults: ReadonlyArray<Fault["type"]>) => void
  /** Its cost so far. */
  readonly spent: (attempt: Attempt, tokens: Partial<Pick<Attempt, "inputTokens" | "outputTokens">>) => void
  readonly end: (attempt: Attempt, outcome: Exclude<Outcome, "in-flight">) => void
  readonly statistics: Effect.Effect<Statistics>
  readonly requests: Effect.Effect<ReadonlyArray<ReceivedRequest>>
  readonly capture: Captured
}

/**
 * The bodies of the requests and their answers, as far as they are kept.
 *
 * - `state`: whether they are, and how many bytes. `keep`: whether they are from now on; those kept are dropped otherwise.
 * - `answer`: of the request of this number, as far as it is no stream.
 * - `exchanges`: what can be replayed of it, in the order of the requests; `count`: how many.
 */
export interface Captured {
  readonly state: () => { readonly on: boolean; readonly bytes: number; readonly maxBytes: number }
  readonly keep: (on: boolean) => void
  readonly answer: (number: number) => Recording.Content | undefined
  readonly exchanges: () => ReadonlyArray<Recording.Exchange>
  readonly count: () => number
}

/**
 * - `history`: the number of requests kept.
 * - `capture`: whether their bodies are kept. `captureBytes`: the bound of them, in bytes as they were sent; and of the
 *   answers, for themselves.
 * - `quotas`: reported too, by region; the first region is the default. `now`: milliseconds since 1970.
 */
export interface Options {
  readonly history: number
  readonly capture: boolean
  readonly captureBytes: number
  readonly quotas: ReadonlyMap<string, Quota.Quotas>
  readonly now: () => number
}

/** An empty recorder. */
export const make = ({ capture, captureBytes, history, now, quotas }: Options): Recorder => {
  const counters = { connections: 0, openConnections: 0, requests: 0, completed: 0, aborted: 0, dropped: 0, failed: 0 }
  // every operation is a key
  const byOperation = Object.fromEntries(operations.map((operation) => [operation, 0])) as Record<Operation, number>
  const byModel: Record<string, Record<string, number>> = {}
  const byStatus: Record<string, number> = {}
  const requestsOf = new Map([...quotas.keys()].map((region) => [region, 0]))
  const latest: Array<Attempt> = []
  let keeping = capture && captureBytes > 0
  const bodies = makeBodies(keeping ? captureBytes : 0)
  const answers = Capture.make(keeping ? captureBytes : 0)
  const answering = new WeakMap<Attempt, Capture.Answer>()
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
    begin: (exchange, requestId, region) => {
      counters.requests++
      requestsOf.set(region, (requestsOf.get(region) ?? 0) + 1)
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
        faults: [],
        events: 0,
        sentBytes: 0,
        answer: undefined,
        region,
        refusal: undefined
      }
      latest.push(attempt)
      answering.set(attempt, answers.answer(attempt, exchange))
      const [oldest] = latest
      if (latest.length > history && oldest !== undefined) {
        latest.shift()
        bodies.forget(oldest)
        answers.forget(oldest)
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
    responded: (attempt, status, headers) => {
      byStatus[status] = (byStatus[status] ?? 0) + 1
      change(attempt, { status })
      answering.get(attempt)?.began(status, headers, now() - attempt.receivedAt)
    },
    sent: (attempt, bytes) => {
      const sent = answering.get(attempt)?.sent(bytes, now() - attempt.receivedAt)
      change(attempt, {
        sentBytes: attempt.sentBytes + bytes.length,
        events: attempt.events + (sent?.events ?? 0),
        answer: sent?.text
      })
    },
    refused: (attempt, { code, exception, field, message, millis, quota, quotes, rule }) =>
      change(attempt, {
        refusal: {
          exception: code ?? exception,
          ...(quotes === true && !keeping ? undefined : { message }),
          ...(rule === undefined ? undefined : { rule }),
          ...(field === undefined ? undefined : { field }),
          ...(quota === undefined ? undefined : { quota }),
          ...(millis === undefined || !Number.isFinite(millis) ? undefined : { retryMillis: Math.ceil(millis) })
        }
      }),
    struck: (attempt, faults) => change(attempt, { faults }),
    spent: (attempt, tokens) => change(attempt, tokens),
    end: (attempt, outcome) => {
      counters[outcome]++
      change(attempt, { outcome, millis: Math.max(0, Math.round(now() - attempt.receivedAt)) })
    },
    statistics: Effect.sync(() => {
      const byRegion = Object.fromEntries(
        [...quotas].map(([region, { statistics }]) => [
          region,
          { requests: requestsOf.get(region) ?? 0, quota: statistics() }
        ])
      )
      return {
        ...counters,
        inFlight: counters.requests - counters.completed - counters.aborted - counters.dropped - counters.failed,
        byOperation: { ...byOperation },
        byModel: structuredClone(byModel),
        byStatus: { ...byStatus },
        bytesIn: bytes("bytesRead"),
        bytesOut: bytes("bytesWritten"),
        quota: Object.values(byRegion)[0]?.quota ?? {},
        byRegion
      }
    }),
    requests: Effect.sync(() => latest.map((attempt) => ({ ...attempt }))),
    capture: {
      state: () => ({ on: keeping, bytes: bodies.bytes() + answers.bytes(), maxBytes: captureBytes }),
      keep: (on) => {
        keeping = on
        bodies.resize(on ? captureBytes : 0)
        answers.resize(on ? captureBytes : 0)
      },
      answer: (number) => {
        const attempt = latest.find((attempt) => attempt.number === number)
        return attempt === undefined ? undefined : answers.body(attempt)
      },
      exchanges: () => answers.exchanges(latest),
      count: () => answers.count(latest)
    }
  }
}

/** The captured bodies, bounded by bytes: the oldest are evicted first. */
const makeBodies = (bound: number) => {
  let capacity = bound
  const sizes = new Map<Attempt, number>()
  let total = 0
  const forget = (attempt: Attempt) => {
    total -= sizes.get(attempt) ?? 0
    sizes.delete(attempt)
    attempt.body = undefined
  }
  return {
    forget,
    bytes: () => total,
    resize: (bound: number) => {
      capacity = bound
      for (const oldest of sizes.keys()) {
        if (total <= capacity && capacity > 0) break
        forget(oldest)
      }
    },
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

const secrets: ReadonlySet<string> = new Set(["api-key", "authorization", "x-amz-security-token"])

const withoutSecrets = (headers: Exchange.Headers): Exchange.Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !secrets.has(name)))
