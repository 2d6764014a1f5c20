/**
 * Everything that can go wrong between a program and a model, as one flat union of typed values.
 *
 * The names belong to no provider: each provider maps its own exceptions to them, in one place. `exception` keeps the
 * provider's own name, `providerMessage` its own words, `server` the host that was asked, and `requestId` the id its support
 * will ask for. No error holds a prompt or a secret, and only a
 * `StructuredOutputError` holds an answer.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as Total from "./internal/total.ts"

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

const retryAfterField = { retryAfter: Schema.optional(Schema.Duration) }

/** What part of a request an error is about, and its message without that. */
const placeFields = { field: Schema.optional(Schema.String), problem: Schema.optional(Schema.String) }

/** No credentials, expired ones, or a key or signature the provider does not recognise. */
export class AuthenticationError extends Schema.TaggedError<AuthenticationError>()("AuthenticationError", fields) {}

/** The credentials are good, but may not do this: no access to the model, or a policy that denies it. */
export class PermissionDeniedError
  extends Schema.TaggedError<PermissionDeniedError>()("PermissionDeniedError", fields)
{}

/** The request cannot be served as it stands. `field` names what is wrong and `remedy` what to do about it. */
export class InvalidRequestError extends Schema.TaggedError<InvalidRequestError>()("InvalidRequestError", {
  ...fields,
  ...placeFields,
  remedy: Schema.optional(Schema.String)
}) {}

/** The prompt, or one text to embed, is longer than the model takes. */
export class ContextLengthExceededError
  extends Schema.TaggedError<ContextLengthExceededError>()("ContextLengthExceededError", { ...fields, ...placeFields })
{}

/** There is no such model here, or no longer. */
export class ModelNotFoundError extends Schema.TaggedError<ModelNotFoundError>()("ModelNotFoundError", fields) {}

/** The model exists but cannot do what the request asks for. */
export class UnsupportedFeatureError extends Schema.TaggedError<UnsupportedFeatureError>()("UnsupportedFeatureError", {
  ...fields,
  ...placeFields,
  feature: Schema.String
}) {}

/** Too many requests or tokens for the moment. `retryAfter` is the provider's hint, when it gives one. */
export class RateLimitError
  extends Schema.TaggedError<RateLimitError>()("RateLimitError", { ...fields, ...retryAfterField })
{}

/** A limit of the account that waiting a little does not lift. */
export class QuotaExceededError extends Schema.TaggedError<QuotaExceededError>()("QuotaExceededError", fields) {}

/** The model is there but cannot serve now: loading, or out of capacity. */
export class ModelUnavailableError
  extends Schema.TaggedError<ModelUnavailableError>()("ModelUnavailableError", { ...fields, ...retryAfterField })
{}

/** The provider failed on its side. */
export class ProviderInternalError
  extends Schema.TaggedError<ProviderInternalError>()("ProviderInternalError", { ...fields, ...retryAfterField })
{}

/** The model itself failed on this request. `originalStatus` is the status it gave its host. */
export class ModelFailedError extends Schema.TaggedError<ModelFailedError>()("ModelFailedError", {
  ...fields,
  originalStatus: Schema.optional(Schema.Finite)
}) {}

/**
 * Which clock ran out: one attempt, the wait for the first event of a stream, the pause between two events, the whole
 * operation with its retries, opening a connection, or the provider's own limit for the model.
 */
export type TimeoutPhase = typeof TimeoutPhase.Type
/** @see {@link TimeoutPhase} */
export const TimeoutPhase = Schema.Literals(["attempt", "first-event", "idle", "deadline", "connect", "model"])

/** Time ran out; `after` is how long it was, when the clock was ours. */
export class TimeoutError extends Schema.TaggedError<TimeoutError>()("TimeoutError", {
  ...fields,
  phase: TimeoutPhase,
  after: Schema.optional(Schema.Duration)
}) {}

/** The network did not carry the request or the answer. */
export class ConnectionError extends Schema.TaggedError<ConnectionError>()("ConnectionError", fields) {}

/** A stream broke after `delivered` events had been handed over; they are good, the rest is missing. */
export class StreamInterruptedError extends Schema.TaggedError<StreamInterruptedError>()("StreamInterruptedError", {
  ...fields,
  delivered: Schema.Finite
}) {}

/** The provider answered something that is not an answer. */
export class MalformedResponseError
  extends Schema.TaggedError<MalformedResponseError>()("MalformedResponseError", fields)
{}

/**
 * The model's answer is no value of the asked schema. `text` is what it wrote and `issue` what is wrong with it; there is
 * no `issue` when the answer was cut or withheld, so that asking for a correction makes no sense.
 */
export class StructuredOutputError extends Schema.TaggedError<StructuredOutputError>()("StructuredOutputError", {
  ...fields,
  text: Schema.String,
  issue: Schema.optional(Schema.String)
}) {}

/** The breaker is open after repeated failures: nothing was sent. `retryAfter` is the rest of the open time. */
export class CircuitOpenError
  extends Schema.TaggedError<CircuitOpenError>()("CircuitOpenError", { ...fields, ...retryAfterField })
{}

/** The call would cost more than the declared budget has left: nothing was sent. */
export class BudgetExceededError extends Schema.TaggedError<BudgetExceededError>()("BudgetExceededError", fields) {}

/** What `ChatService.generate` fails with. */
export type ChatError =
  | AuthenticationError
  | PermissionDeniedError
  | InvalidRequestError
  | ContextLengthExceededError
  | ModelNotFoundError
  | UnsupportedFeatureError
  | RateLimitError
  | QuotaExceededError
  | ModelUnavailableError
  | ProviderInternalError
  | ModelFailedError
  | TimeoutError
  | ConnectionError
  | MalformedResponseError
  | CircuitOpenError
  | BudgetExceededError

/** What `ChatService.stream` fails with. */
export type ChatStreamError = ChatError | StreamInterruptedError

/** What `ChatService.object` fails with. */
export type ChatObjectError = ChatError | StructuredOutputError

/** What `ChatService.objectStream` fails with. */
export type ChatObjectStreamError = ChatStreamError | StructuredOutputError

/** What `EmbeddingService` fails with. */
export type EmbeddingError =
  | AuthenticationError
  | PermissionDeniedError
  | InvalidRequestError
  | ContextLengthExceededError
  | ModelNotFoundError
  | UnsupportedFeatureError
  | RateLimitError
  | QuotaExceededError
  | ModelUnavailableError
  | ProviderInternalError
  | ModelFailedError
  | TimeoutError
  | ConnectionError
  | MalformedResponseError
  | CircuitOpenError
  | BudgetExceededError

/** What `RerankService` fails with. */
export type RerankError =
  | AuthenticationError
  | PermissionDeniedError
  | InvalidRequestError
  | ContextLengthExceededError
  | ModelNotFoundError
  | UnsupportedFeatureError
  | RateLimitError
  | QuotaExceededError
  | ModelUnavailableError
  | ProviderInternalError
  | ModelFailedError
  | TimeoutError
  | ConnectionError
  | MalformedResponseError
  | CircuitOpenError
  | BudgetExceededError

/** What a call to a provider fails with, whichever service makes it. */
export type CallError = ChatError | EmbeddingError | RerankError

/** Any failure of any service. */
export type ProviderError =
  | AuthenticationError
  | PermissionDeniedError
  | InvalidRequestError
  | ContextLengthExceededError
  | ModelNotFoundError
  | UnsupportedFeatureError
  | RateLimitError
  | QuotaExceededError
  | ModelUnavailableError
  | ProviderInternalError
  | ModelFailedError
  | TimeoutError
  | ConnectionError
  | StreamInterruptedError
  | MalformedResponseError
  | StructuredOutputError
  | CircuitOpenError
  | BudgetExceededError
/** @see {@link ProviderError} */
export const ProviderError = Schema.Union([
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
  StreamInterruptedError,
  MalformedResponseError,
  StructuredOutputError,
  CircuitOpenError,
  BudgetExceededError
])

/** Whether a value is one of the errors of the union; one that cannot be read, such as a revoked proxy, is not. */
export const isProviderError = (u: unknown): u is ProviderError => isOfUnion(u)

/** Whether a value is a {@link CallError}. */
export const isCallError = (u: unknown): u is CallError =>
  isProviderError(u) && u._tag !== "StreamInterruptedError" && u._tag !== "StructuredOutputError"

const isOfUnion: (u: unknown) => boolean = Total.make(Schema.is(ProviderError), () => false)

const transient: ReadonlySet<ProviderError["_tag"]> = new Set<ProviderError["_tag"]>([
  "RateLimitError",
  "ModelUnavailableError",
  "ProviderInternalError",
  "TimeoutError",
  "ConnectionError",
  "CircuitOpenError"
])

/**
 * Whether the same request may succeed if it is sent again. Decided by the tag alone.
 *
 * A `StreamInterruptedError` is not transient: part of the answer was already handed over, and a second answer would
 * not continue the first.
 */
export const isTransient: (error: ProviderError) => boolean = Total.make(({ _tag }) => transient.has(_tag), () => false)

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
  "BudgetExceededError"
])

/** Whether the request was not sent, or the provider did not begin to work on it: it drew no tokens and costs nothing. */
export const isRefusal: (error: ProviderError) => boolean = Total.make(
  (error) => error._tag === "TimeoutError" ? error.phase === "connect" : refusals.has(error._tag),
  () => false
)

/** How long the provider asks to wait before the next try, when it says. */
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

/** The error about another part of the request: `inputs[17]` of a call may be `inputs[0]` of what was sent for it. */
export const placed: (error: PlacedError, field: string) => PlacedError = Total.make(
  (error, field) => {
    const { cause, exception, message, model, provider, providerMessage, requestId, server } = error
    const prefix = `${error.field}: `
    const problem = error.problem ?? (message.startsWith(prefix) ? message.slice(prefix.length) : message)
    const told = { provider, model, requestId, server, exception, providerMessage, cause }
    const parts = { ...told, field, problem, message: `${field}: ${problem}` }
    return error._tag === "InvalidRequestError"
      ? new InvalidRequestError({ ...parts, remedy: error.remedy })
      : error._tag === "UnsupportedFeatureError"
      ? new UnsupportedFeatureError({ ...parts, feature: error.feature })
      : new ContextLengthExceededError(parts)
  },
  () => unreadable
)

const unreadable = new InvalidRequestError({
  provider: "unknown",
  message: "The request cannot be served as it stands."
})
