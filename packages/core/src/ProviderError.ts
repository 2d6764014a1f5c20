/**
 * The errors of all services, as one flat union.
 *
 * Each provider maps its exceptions to them in one place: `exception` is the provider's name of the error, `providerMessage`
 * its own words, `server` the host that was asked, `requestId` its id of the request, for its support. No error holds a prompt
 * or a secret, and only a `StructuredOutputError` holds an answer.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as Total from "./internal/total.ts"
import * as TaggedError from "./TaggedError.ts"

const fields = {
  provider: Schema.String,
  model: Schema.optional(Schema.String),
  message: Schema.String,
  requestId: Schema.optional(Schema.String),
  server: Schema.optional(Schema.String),
  exception: Schema.optional(Schema.String),
  providerMessage: Schema.optional(Schema.String),
  cause: Schema.optional(Schema.Defect())
}

const hinted = { ...fields, retryAfter: Schema.optional(Schema.Duration) }

/** The part of a request that an error is about, and the message without it. */
const placeable = { ...fields, field: Schema.optional(Schema.String), problem: Schema.optional(Schema.String) }

/** Credentials are missing, expired or not recognised. `transient`: what hands them out may do so in a moment. */
export class AuthenticationError extends TaggedError.make<AuthenticationError>()("AuthenticationError", {
  ...fields,
  transient: Schema.optional(Schema.Boolean)
}) {}

/** The credentials are valid, but lack access to the model, or a policy denies the call. */
export class PermissionDeniedError extends TaggedError.make<PermissionDeniedError>()("PermissionDeniedError", fields) {}

/** The request is invalid. `field` is the part that is wrong, `remedy` what to do about it. */
export class InvalidRequestError extends TaggedError.make<InvalidRequestError>()("InvalidRequestError", {
  ...placeable,
  remedy: Schema.optional(Schema.String)
}) {}

/** How long something is, and how long it may be. */
export class Measured extends Schema.Opaque<Measured>()(Schema.Struct({
  unit: Schema.Literals(["tokens", "characters", "bytes"]),
  actual: Schema.Finite,
  limit: Schema.Finite
})) {}

/** The prompt, or a text to embed, is longer than the model accepts; `measured` where the provider says how long. */
export class ContextLengthExceededError
  extends TaggedError.make<ContextLengthExceededError>()("ContextLengthExceededError", {
    ...placeable,
    measured: Schema.optional(Measured)
  })
{}

/** The model does not exist at this endpoint, or no longer. */
export class ModelNotFoundError extends TaggedError.make<ModelNotFoundError>()("ModelNotFoundError", fields) {}

/** The model does not support a feature of the request. */
export class UnsupportedFeatureError extends TaggedError.make<UnsupportedFeatureError>()("UnsupportedFeatureError", {
  ...placeable,
  feature: Schema.String
}) {}

/** Too many requests or tokens. `retryAfter` is the provider's hint, if any. */
export class RateLimitError extends TaggedError.make<RateLimitError>()("RateLimitError", hinted) {}

/** A limit of the account, such as tokens per day, that a short wait does not lift. */
export class QuotaExceededError extends TaggedError.make<QuotaExceededError>()("QuotaExceededError", fields) {}

/** The model is loading or out of capacity. */
export class ModelUnavailableError extends TaggedError.make<ModelUnavailableError>()("ModelUnavailableError", hinted) {}

/** An internal error of the provider. */
export class ProviderInternalError extends TaggedError.make<ProviderInternalError>()("ProviderInternalError", hinted) {}

/** The model failed on this request. `originalStatus` is the status it returned to the provider. */
export class ModelFailedError extends TaggedError.make<ModelFailedError>()("ModelFailedError", {
  ...fields,
  originalStatus: Schema.optional(Schema.Finite)
}) {}

/**
 * Which timeout expired: of one attempt, of the first event of a stream, of the pause between two events, of the operation
 * with its retries, of connecting, or the provider's own for the model.
 */
export type TimeoutPhase = typeof TimeoutPhase.Type
export const TimeoutPhase = Schema.Literals(["attempt", "first-event", "idle", "deadline", "connect", "model"])

/** A timeout; `after` is its length, unless it is the provider's. */
export class TimeoutError extends TaggedError.make<TimeoutError>()("TimeoutError", {
  ...fields,
  phase: TimeoutPhase,
  after: Schema.optional(Schema.Duration)
}) {}

/** The network failed to carry the request or the answer. `retryAfter` is the hint of a gateway on the way, if any. */
export class ConnectionError extends TaggedError.make<ConnectionError>()("ConnectionError", hinted) {}

/** A stream failed after `delivered` events; these are valid, the rest is missing. */
export class StreamInterruptedError extends TaggedError.make<StreamInterruptedError>()("StreamInterruptedError", {
  ...fields,
  delivered: Schema.Finite
}) {}

/** The provider's answer cannot be decoded. */
export class MalformedResponseError
  extends TaggedError.make<MalformedResponseError>()("MalformedResponseError", fields)
{}

/** The model's answer `text` does not match the schema, as `issue` explains; without one it was cut or withheld. */
export class StructuredOutputError extends TaggedError.make<StructuredOutputError>()("StructuredOutputError", {
  ...fields,
  text: Schema.String,
  issue: Schema.optional(Schema.String)
}) {}

/** The breaker is open: nothing was sent. `retryAfter` is the rest of the open time. */
export class CircuitOpenError extends TaggedError.make<CircuitOpenError>()("CircuitOpenError", hinted) {}

/** The call could cost more than the budget has left: nothing was sent. */
export class BudgetExceededError extends TaggedError.make<BudgetExceededError>()("BudgetExceededError", fields) {}

/**
 * The provider takes no further batch job for now, as too many are waiting or running. It is no failure of the job: submit
 * it again when one of them is over.
 */
export class QueueFullError extends TaggedError.make<QueueFullError>()("QueueFullError", hinted) {}

/** What a call to a provider fails with, of any service. */
export type CallError = typeof CallError.Type
export const CallError = Schema.Union([
  AuthenticationError,
  PermissionDeniedError,
  InvalidRequestError,
  ContextLengthExceededError,
  ModelNotFoundError,
  UnsupportedFeatureError,
  RateLimitError,
  QuotaExceededError,
  ModelUnavailableError,
  ProviderInternalError,
  ModelFailedError,
  TimeoutError,
  ConnectionError,
  MalformedResponseError,
  CircuitOpenError,
  BudgetExceededError
])

/** What `ChatService.generate` fails with. */
export type ChatError = CallError

/** What `ChatService.stream` fails with. */
export type ChatStreamError = ChatError | StreamInterruptedError

/** What `ChatService.object` fails with. */
export type ChatObjectError = ChatError | StructuredOutputError

/** What `ChatService.objectStream` fails with. */
export type ChatObjectStreamError = ChatStreamError | StructuredOutputError

/** What `EmbeddingService` fails with. */
export type EmbeddingError = CallError

/** What `RerankService` fails with. */
export type RerankError = CallError

/** What `BatchService.submit` fails with. */
export type SubmitError = CallError | QueueFullError

/** Any failure of any service. */
export type ProviderError = typeof ProviderError.Type
export const ProviderError = Schema.Union([
  ...CallError.members,
  StreamInterruptedError,
  StructuredOutputError,
  QueueFullError
])

/** Whether a value is a {@link ProviderError}. */
export const isProviderError = (u: unknown): u is ProviderError => isAny(u)

const isAny: (u: unknown) => boolean = Total.make(Schema.is(ProviderError), () => false)

/** Whether a value is a {@link CallError}. */
export const isCallError = (u: unknown): u is CallError => isCall(u)

const isCall: (u: unknown) => boolean = Total.make(Schema.is(CallError), () => false)

const transient: ReadonlySet<ProviderError["_tag"]> = new Set<ProviderError["_tag"]>([
  "RateLimitError",
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError",
  "CircuitOpenError",
  "QueueFullError"
])

/**
 * Whether the same request may succeed if it is sent again; decided by the tag, and for an `AuthenticationError` by
 * `transient`. A `StreamInterruptedError` is not transient: part of the answer was delivered, and a second answer would not
 * continue it.
 */
export const isTransient: (error: ProviderError) => boolean = Total.make(
  (error) => transient.has(error._tag) || error._tag === "AuthenticationError" && error.transient === true,
  () => false
)

const refusals: ReadonlySet<ProviderError["_tag"]> = new Set<ProviderError["_tag"]>([
  "AuthenticationError",
  "PermissionDeniedError",
  "InvalidRequestError",
  "ContextLengthExceededError",
  "ModelNotFoundError",
  "UnsupportedFeatureError",
  "RateLimitError",
  "QuotaExceededError",
  "ModelUnavailableError",
  "CircuitOpenError",
  "BudgetExceededError",
  "QueueFullError"
])

/** Whether the request was not sent or not processed: it used no tokens and costs nothing. */
export const isRefusal: (error: ProviderError) => boolean = Total.make(
  (error) => error._tag === "TimeoutError" ? error.phase === "connect" : refusals.has(error._tag),
  () => false
)

const unavailable: ReadonlySet<ProviderError["_tag"]> = new Set<ProviderError["_tag"]>([
  "RateLimitError",
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError",
  "CircuitOpenError",
  "QuotaExceededError",
  "ModelNotFoundError",
  "PermissionDeniedError",
  "ModelFailedError",
  "MalformedResponseError",
  "QueueFullError"
])

/**
 * Whether an error is of the service or model, so that another one may succeed. Others are of the request
 * (`InvalidRequestError`, `UnsupportedFeatureError`, `ContextLengthExceededError`), of the configuration
 * (`AuthenticationError`, which another service would hide), of the program's budget (`BudgetExceededError`), or come with a
 * part of an answer (`StructuredOutputError`, `StreamInterruptedError`).
 */
export const isUnavailable: (error: ProviderError) => boolean = Total.make(
  ({ _tag }) => unavailable.has(_tag),
  () => false
)

/** The provider's hint when to retry, if any. */
export const retryAfter: (error: ProviderError) => Duration.Duration | undefined = Total.make(
  (error) => "retryAfter" in error ? error.retryAfter : undefined,
  () => undefined
)

/**
 * An {@link InvalidRequestError} found before anything was sent.
 *
 * @example
 * invalidRequest({ provider: "aws.bedrock", field: "messages", problem: "there is no message", remedy: "Add one" })
 * // message: "messages: there is no message. Add one."
 */
export const invalidRequest: (options: {
  readonly provider: string
  readonly model?: string | undefined
  readonly field: string
  readonly problem: string
  readonly remedy: string
}) => InvalidRequestError = Total.make(
  ({ field, model, remedy, provider, ...found }) => {
    const problem = `${found.problem}. ${remedy}.`
    return new InvalidRequestError({ provider, model, field, problem, remedy, message: `${field}: ${problem}` })
  },
  () => unreadable
)

/** An error that may be about one part of a request. */
export type PlacedError = InvalidRequestError | ContextLengthExceededError | UnsupportedFeatureError

/** The error with another `field`: `inputs[17]` of a call may be `inputs[0]` of the request sent for it. */
export const placed: (error: PlacedError, field: string) => PlacedError = Total.make(
  (error, field) => {
    const { cause, exception, message, model, provider, providerMessage, requestId, server } = error
    const prefix = `${error.field}: `
    const problem = error.problem ?? (message.startsWith(prefix) ? message.slice(prefix.length) : message)
    const told = { provider, model, requestId, server, exception, providerMessage, cause }
    const parts = { ...told, field, problem, message: `${field}: ${problem}` }
    switch (error._tag) {
      case "InvalidRequestError":
        return new InvalidRequestError({ ...parts, remedy: error.remedy })
      case "UnsupportedFeatureError":
        return new UnsupportedFeatureError({ ...parts, feature: error.feature })
      case "ContextLengthExceededError":
        return new ContextLengthExceededError({ ...parts, measured: error.measured })
    }
  },
  () => unreadable
)

const unreadable = new InvalidRequestError({
  provider: "unknown",
  message: "The request cannot be served as it stands."
})
