/**
 * What an emulator saw: counters, and the latest requests.
 */
import * as Effect from "effect/Effect"
import type * as Listener from "./Listener.ts"
import type { Operation } from "./Operation.ts"
import type { Scheme } from "./Signature.ts"

/**
 * Counters since the start. Of the requests that are over, `completed` were answered, `aborted` were given up by the
 * client, `dropped` were cut by a fault; the others are `inFlight`.
 */
export interface Statistics {
  readonly connections: number
  readonly openConnections: number
  readonly requests: number
  readonly inFlight: number
  readonly completed: number
  readonly aborted: number
  readonly dropped: number
  readonly byOperation: Readonly<Record<Operation, number>>
}

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
  readonly connection: () => () => void
  readonly begin: (exchange: Listener.Exchange, requestId: string) => Attempt
  readonly routed: (attempt: Attempt, operation: Operation, modelId: string | undefined) => void
  readonly end: (attempt: Attempt, outcome: Exclude<Outcome, "in-flight">) => void
  readonly statistics: Effect.Effect<Statistics>
  readonly requests: Effect.Effect<ReadonlyArray<ReceivedRequest>>
}

/** A recorder that remembers the latest `history` requests. */
export const make = (history: number): Recorder => {
  const counters = { connections: 0, openConnections: 0, requests: 0, completed: 0, aborted: 0, dropped: 0 }
  const byOperation: Record<Operation, number> = {
    ApplyGuardrail: 0,
    Converse: 0,
    ConverseStream: 0,
    CountTokens: 0,
    InvokeModel: 0
  }
  const latest: Array<Attempt> = []
  return {
    connection: () => {
      counters.connections++
      counters.openConnections++
      return () => {
        counters.openConnections--
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
    end: (attempt, outcome) => {
      counters[outcome]++
      attempt.outcome = outcome
    },
    statistics: Effect.sync(() => ({
      ...counters,
      inFlight: counters.requests - counters.completed - counters.aborted - counters.dropped,
      byOperation: { ...byOperation }
    })),
    requests: Effect.sync(() => latest.map((attempt) => ({ ...attempt })))
  }
}

const secrets: ReadonlySet<string> = new Set(["authorization", "x-amz-security-token"])

const withoutSecrets = (headers: Listener.Headers): Listener.Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !secrets.has(name)))
