/**
 * Every fault of the emulator and what a program gets to see of it, operation by operation.
 *
 * The types make it complete: a fault, or an exception, that is added to the emulator has to have its rows here.
 */
import type * as ProviderError from "@strata/core/ProviderError"
import type { Fault } from "@strata/emulator"
import type * as Operations from "./Operations.ts"

type Tag = ProviderError.ProviderError["_tag"]

/** How an operation ends: well, or with this error; after the arrow, with what broke the stream. */
export type Outcome = "ok" | Tag | `StreamInterruptedError < ${Tag}`

/**
 * What the emulator says became of a request it struck. `over`: completed or aborted, whoever is faster; `unseen`: it never
 * came.
 */
export type End = "completed" | "aborted" | "dropped" | "over" | "unseen"

/** The name of a fault. */
export type Type = Fault.Fault["type"]

type Of<T extends Type> = Extract<Fault.Fault, { readonly type: T }>

/**
 * A fault, what becomes of the operations that are answered whole, and of those that are streamed, and what the emulator
 * says; then what is different.
 *
 * - `but`: operations to which something else happens.
 * - `racing`: how much of a stream arrives before it breaks is not certain, so it may break before its first event.
 * - `deaf`: the emulator hears no more from the connection, its end neither.
 */
export type Row<T extends Type> = readonly [
  fault: Omit<Of<T>, "type">,
  whole: Outcome,
  streamed: Outcome,
  end: End,
  exceptions?: {
    readonly but?: { readonly [Name in Operations.Name]?: Outcome }
    readonly racing?: boolean
    readonly deaf?: boolean
  }
]

/**
 * Milliseconds after which an attempt is given up where a fault makes nothing of it; others have all the time. What takes
 * longer because the machine is busy is tried again with the next.
 */
export const patience: ReadonlyArray<number> = [800, 3_000, 12_000]

/** Faults that only patience ends. */
export const stalling: ReadonlySet<Type> = new Set<Type>(["stall", "halfOpen", "latency", "slow", "stallConnection"])

/** Faults that strike a connection as it opens: each operation needs one of its own. */
export const opening: ReadonlySet<Type> = new Set<Type>(["refuseConnection", "stallConnection"])

/** Whether a fault has anything to strike: one inside a stream is not spent on a whole answer. */
export const reaches = (fault: Fault.Fault, name: Operations.Name): boolean =>
  inStreams.has(fault.type) || (fault.type === "stall" && fault.afterEvents !== undefined)
    ? streamed.has(name)
    : fault.type !== "huge" || streamed.has(name) || name === "generate" || name === "object"

const inStreams: ReadonlySet<Type> = new Set<Type>([
  "slow",
  "truncateStream",
  "streamException",
  "errorFrame",
  "corruptFrame"
])

const streamed: ReadonlySet<Operations.Name> = new Set<Operations.Name>(["stream", "objectStream"])

/** Operations that send several inputs in a request. */
export const batched: ReadonlySet<Operations.Name> = new Set<Operations.Name>(["embedMany", "embedEach", "embedStream"])

/** Faults of what carries the answer: the ones that are not the same over HTTP/2. */
export const carried: ReadonlySet<Type> = new Set<Type>([
  "stall",
  "reset",
  "halfOpen",
  "resetStream",
  "goaway",
  "half",
  "truncateStream",
  "refuseConnection",
  "stallConnection"
])

const json = "application/json"

export const rows: { readonly [T in Type]: ReadonlyArray<Row<T>> } = {
  throttle: [
    [{}, "RateLimitError", "RateLimitError", "completed"],
    [{ unit: "tokens", retryAfter: "2 seconds" }, "RateLimitError", "RateLimitError", "completed"]
  ],
  exception: [], // see `exceptions`
  stall: [
    [{}, "TimeoutError", "TimeoutError", "aborted"],
    [{ afterEvents: 0 }, "ok", "TimeoutError", "aborted"],
    [{ afterEvents: 4 }, "ok", "StreamInterruptedError < TimeoutError", "aborted"]
  ],
  reset: [
    [{}, "ConnectionError", "ConnectionError", "dropped"],
    [{ afterBytes: 5 }, "ConnectionError", "ConnectionError", "dropped"]
  ],
  halfOpen: [
    [{}, "TimeoutError", "TimeoutError", "dropped", { deaf: true }],
    [{ afterBytes: 5 }, "TimeoutError", "TimeoutError", "dropped", { deaf: true }]
  ],
  resetStream: [
    [{}, "ConnectionError", "ConnectionError", "dropped"],
    [{ code: "REFUSED_STREAM" }, "ConnectionError", "ConnectionError", "dropped"],
    [{ code: "NO_ERROR" }, "ConnectionError", "ConnectionError", "dropped"],
    [{ afterBytes: 5 }, "ConnectionError", "ConnectionError", "dropped"],
    [{ afterBytes: 5, code: "CANCEL" }, "ConnectionError", "ConnectionError", "dropped"]
  ],
  goaway: [
    [{}, "ok", "ok", "completed"],
    [{ code: "NO_ERROR" }, "ConnectionError", "ConnectionError", "dropped"],
    [{ code: "ENHANCE_YOUR_CALM" }, "ConnectionError", "ConnectionError", "dropped"]
  ],
  latency: [
    [{ duration: 20, upTo: 30 }, "ok", "ok", "completed"],
    [{ duration: "1 minute" }, "TimeoutError", "TimeoutError", "aborted"]
  ],
  slow: [
    [{ pause: 2, upTo: 4 }, "ok", "ok", "completed"],
    [{ pause: "1 minute" }, "ok", "TimeoutError", "aborted"]
  ],
  garbage: [
    [{}, "InvalidRequestError", "InvalidRequestError", "over"],
    [{ status: 502 }, "ConnectionError", "ConnectionError", "completed"],
    [{ body: "{}", contentType: json }, "MalformedResponseError", "ConnectionError", "over"],
    [{ body: "null", contentType: json }, "MalformedResponseError", "ConnectionError", "over"]
  ],
  emptyBody: [[{}, "MalformedResponseError", "ConnectionError", "over"]],
  contentType: [[{ contentType: "text/plain" }, "ok", "ok", "completed"]],
  half: [
    [{ fraction: 0 }, "ConnectionError", "ConnectionError", "dropped"],
    [{}, "ConnectionError", "StreamInterruptedError < ConnectionError", "dropped", { racing: true }],
    [{ framed: true }, "MalformedResponseError", "StreamInterruptedError < ConnectionError", "over", { racing: true }]
  ],
  huge: [[{ megabytes: 1 }, "ok", "ok", "completed"]],
  truncateStream: [
    [{ afterEvents: 0 }, "ok", "ConnectionError", "over"],
    [{ afterEvents: 4 }, "ok", "StreamInterruptedError < ConnectionError", "over"],
    [{ afterBytes: 230 }, "ok", "ConnectionError", "over"]
  ],
  streamException: [
    [{ exception: "ThrottlingException" }, "ok", "RateLimitError", "over"],
    [{ exception: "ValidationException" }, "ok", "InvalidRequestError", "over"],
    [{ exception: "InternalServerException" }, "ok", "ProviderInternalError", "over"],
    [{ exception: "ServiceUnavailableException" }, "ok", "ModelUnavailableError", "over"],
    [{ exception: "ModelStreamErrorException" }, "ok", "ProviderInternalError", "over"],
    [{ exception: "ModelTimeoutException", name: "modelTimeoutException" }, "ok", "TimeoutError", "over"],
    [{ exception: "ThrottlingException", afterEvents: 4 }, "ok", "StreamInterruptedError < RateLimitError", "over"]
  ],
  errorFrame: [
    [{}, "ok", "ProviderInternalError", "over"],
    [{ afterEvents: 4 }, "ok", "StreamInterruptedError < ProviderInternalError", "over"]
  ],
  corruptFrame: [
    [{}, "ok", "MalformedResponseError", "over"],
    [{ checksum: "prelude" }, "ok", "MalformedResponseError", "over"],
    [{ afterEvents: 0 }, "ok", "MalformedResponseError", "over"],
    [{ afterEvents: 4 }, "ok", "StreamInterruptedError < MalformedResponseError", "over"]
  ],
  refuseConnection: [[{}, "ConnectionError", "ConnectionError", "unseen"]],
  stallConnection: [[{}, "TimeoutError", "TimeoutError", "unseen", { deaf: true }]],
  // of OpenAI's dialect, which these services do not speak
  missingEnd: [],
  // of batch jobs, which no call of these services creates
  jobFailure: [],
  jobExpiry: [],
  jobPartial: [],
  jobStop: [],
  recordErrors: [],
  missingRecords: [],
  doubledRecords: [],
  foreignRecords: []
}

/** What the operations make of every exception; a stream that has not begun is like an answer. */
export const exceptions: { readonly [Name in Of<"exception">["exception"]]: Tag } = {
  AccessDeniedException: "PermissionDeniedError",
  ConflictException: "InvalidRequestError",
  ExpiredTokenException: "AuthenticationError",
  IncompleteSignatureException: "AuthenticationError",
  InternalServerException: "ProviderInternalError",
  InvalidSignatureException: "AuthenticationError",
  MissingAuthenticationTokenException: "AuthenticationError",
  ModelErrorException: "ModelFailedError",
  ModelNotReadyException: "ModelUnavailableError",
  ModelStreamErrorException: "ProviderInternalError",
  ModelTimeoutException: "TimeoutError",
  RequestEntityTooLargeException: "InvalidRequestError",
  ResourceNotFoundException: "ModelNotFoundError",
  SerializationException: "InvalidRequestError",
  ServiceQuotaExceededException: "QuotaExceededError",
  ServiceUnavailableException: "ModelUnavailableError",
  ThrottlingException: "RateLimitError",
  UnknownOperationException: "InvalidRequestError",
  UnrecognizedClientException: "AuthenticationError",
  ValidationException: "InvalidRequestError"
}
