/**
 * The errors of all services, as one flat union.
 *
 * Each provider maps its exceptions to them in one place: `exception` is the provider's name of the error, `providerMessage`
 * its own words, `server` the host that was asked, `requestId` its id of the request, for its support. No error holds a prompt
 * or a secret, and only a `StructuredOutputError` holds an answer.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as ErrorKinds from "./internal/errorKinds.ts"
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

/**
 * The credentials are missing, expired, or not recognized.
 *
 * When: no source has credentials, or the provider refuses them: an expired token, an unknown key, a wrong signature,
 * an invalid API key. `BedrockClient` has renewed them before, if their source can.
 *
 * - `transient`: the source of the credentials may have them in a moment.
 *
 * Remedy: give credentials that are valid: a credential provider, a profile, `AWS_BEARER_TOKEN_BEDROCK`, or the API
 * key of this server.
 */
export class AuthenticationError extends TaggedError.make<AuthenticationError>()("AuthenticationError", {
  ...fields,
  transient: Schema.optional(Schema.Boolean)
}) {}

/**
 * The credentials are valid, and may not make this call.
 *
 * When: the account has no access to the model, or a policy of IAM, of the organization or of an endpoint denies the
 * action.
 *
 * Remedy: request access to the model in the console of this region, or allow the action for the role.
 */
export class PermissionDeniedError extends TaggedError.make<PermissionDeniedError>()("PermissionDeniedError", fields) {}

/**
 * The request, or an option of a layer or a policy, is not valid.
 *
 * When: a value has the wrong type or is out of range, a model refuses the combination, or an endpoint or certificate
 * cannot be used. Most are found before anything is sent.
 *
 * - `field`: the path of the part that is wrong; `problem`: what is wrong with it; `remedy`: what to do about it.
 *
 * Remedy: change what `field` names, as `remedy` says.
 */
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

/**
 * The prompt, or a text to embed, is longer than the model accepts.
 *
 * When: the model counts more input tokens than its context window has, or a text has more characters than an
 * embedding model takes.
 *
 * - `field`: the input that is too long; `measured`: its length and the limit, where the provider says them.
 *
 * Remedy: shorten the input, or use a model with a longer context. `Conversation` and `ContextWindow` keep a history
 * within it; embeddings have `truncate`.
 */
export class ContextLengthExceededError
  extends TaggedError.make<ContextLengthExceededError>()("ContextLengthExceededError", {
    ...placeable,
    measured: Schema.optional(Measured)
  })
{}

/**
 * The model does not exist at this endpoint, or no longer.
 *
 * When: the id is misspelt, the region does not serve the model, or it was retired.
 *
 * Remedy: check the id of the model and the region; `strata models` lists those that the catalogue knows.
 */
export class ModelNotFoundError extends TaggedError.make<ModelNotFoundError>()("ModelNotFoundError", fields) {}

/**
 * The model does not support a feature of the request.
 *
 * When: a request has tools, images, reasoning or another feature that the model is known to lack, or that the
 * provider refuses for it.
 *
 * - `feature`: what is not supported; `field`: the part of the request that asks for it.
 *
 * Remedy: leave the feature out, or use a model that has it.
 */
export class UnsupportedFeatureError extends TaggedError.make<UnsupportedFeatureError>()("UnsupportedFeatureError", {
  ...placeable,
  feature: Schema.String
}) {}

/**
 * There were too many requests or tokens within a short time.
 *
 * When: the provider throttles: `ThrottlingException` of Bedrock, status 429 of others.
 *
 * - `retryAfter`: the provider's hint when to try again, if any.
 *
 * Remedy: send less at once: a `quota` in the policy, or `Concurrency.adaptive()`; set `maxTokens`, which Bedrock
 * reserves; or ask for a higher quota.
 */
export class RateLimitError extends TaggedError.make<RateLimitError>()("RateLimitError", hinted) {}

/**
 * A limit of the account is reached that a short wait does not lift.
 *
 * When: tokens per day are used up, the credit is spent, or a quota of the account is smaller than the request.
 *
 * Remedy: wait until the quota is renewed, ask for a higher one, or use another account.
 */
export class QuotaExceededError extends TaggedError.make<QuotaExceededError>()("QuotaExceededError", fields) {}

/**
 * The model is loading or out of capacity.
 *
 * When: `ModelNotReadyException` or `ServiceUnavailableException` of Bedrock, status 503 or 529 of others.
 *
 * - `retryAfter`: the provider's hint when to try again, if any.
 *
 * Remedy: send the request later, or use another model or region: `ChatService.withFallback`, `ChatService.withPool`.
 */
export class ModelUnavailableError extends TaggedError.make<ModelUnavailableError>()("ModelUnavailableError", hinted) {}

/**
 * The provider failed internally.
 *
 * When: `InternalServerException` of Bedrock, status 500 of others.
 *
 * - `retryAfter`: the provider's hint when to try again, if any.
 *
 * Remedy: send the request again; if it keeps failing, ask the support of the provider, with `requestId`.
 */
export class ProviderInternalError extends TaggedError.make<ProviderInternalError>()("ProviderInternalError", hinted) {}

/**
 * The model failed on this request.
 *
 * When: `ModelErrorException` or `ModelStreamErrorException` of Bedrock. It is retried only where the model returned
 * a status of 429 or 5xx.
 *
 * - `originalStatus`: the status that the model returned to the provider.
 *
 * Remedy: change the request, or use another model.
 */
export class ModelFailedError extends TaggedError.make<ModelFailedError>()("ModelFailedError", {
  ...fields,
  originalStatus: Schema.optional(Schema.Finite)
}) {}

/**
 * Which timeout expired. It is that of one attempt, of the first event of a stream, of the pause between two events,
 * of the operation with its retries, of connecting, or the provider's own for the model.
 */
export type TimeoutPhase = typeof TimeoutPhase.Type
export const TimeoutPhase = Schema.Literals(["attempt", "first-event", "idle", "deadline", "connect", "model"])

/**
 * A call or a part of it took longer than its timeout.
 *
 * When: a clock of `Policy.timeouts` ended, a connection was not made in time, or the provider's own timeout of the
 * model ended.
 *
 * - `phase`: which timeout; see {@link TimeoutPhase}. `after`: its length, unless it is the provider's.
 *
 * Remedy: raise the timeout that the message names, stream the answer, or ask for a shorter one.
 */
export class TimeoutError extends TaggedError.make<TimeoutError>()("TimeoutError", {
  ...fields,
  phase: TimeoutPhase,
  after: Schema.optional(Schema.Duration)
}) {}

/**
 * The network did not carry the request or the answer.
 *
 * When: a name cannot be resolved, a connection is refused, reset or cut, or a gateway on the way answers 502.
 *
 * - `retryAfter`: the hint of a gateway on the way, if any.
 *
 * Remedy: send the request again; if it keeps failing, check the network, the proxy and the endpoint.
 */
export class ConnectionError extends TaggedError.make<ConnectionError>()("ConnectionError", hinted) {}

/**
 * A stream broke after its first event.
 *
 * When: the connection is lost, the provider fails or a timeout ends in the middle of an answer. Before the first
 * event, a stream fails as a single call does, and is retried.
 *
 * - `delivered`: how many events came before; they are valid. `cause`: the error that ended the stream.
 *
 * Remedy: keep what arrived or drop it, then send the request again. `ChatService.withFallback` and retries do not,
 * as a second answer does not continue the first.
 */
export class StreamInterruptedError extends TaggedError.make<StreamInterruptedError>()("StreamInterruptedError", {
  ...fields,
  delivered: Schema.Finite
}) {}

/**
 * The answer of the provider cannot be decoded.
 *
 * When: the answer is not JSON, a checksum of a stream is wrong, or a member has another type than the API declares.
 *
 * Remedy: send the request again; if it happens again, check the proxies on the way, or ask the support of the
 * provider.
 */
export class MalformedResponseError
  extends TaggedError.make<MalformedResponseError>()("MalformedResponseError", fields)
{}

/**
 * The answer of the model does not match the schema, or is not complete.
 *
 * When: the text is not JSON or not of the schema, after all `repairs`; or the answer was cut by `maxTokens`,
 * withheld by a filter, or is a refusal or a tool call.
 *
 * - `text`: the answer; `issue`: why it does not match, missing where the answer is not complete.
 *
 * Remedy: allow `repairs`, raise `maxTokens`, describe the fields in the schema, or use a model with native
 * structured output.
 */
export class StructuredOutputError extends TaggedError.make<StructuredOutputError>()("StructuredOutputError", {
  ...fields,
  text: Schema.String,
  issue: Schema.optional(Schema.String)
}) {}

/**
 * The breaker of the policy is open, and nothing was sent.
 *
 * When: the provider failed as often as the `breaker` of the policy allows, and its time is not over; or another call
 * is the probe.
 *
 * - `retryAfter`: the rest of the time for which it is open.
 *
 * Remedy: wait for `retryAfter`, or answer by another model with `ChatService.withFallback`.
 */
export class CircuitOpenError extends TaggedError.make<CircuitOpenError>()("CircuitOpenError", hinted) {}

/**
 * The call could cost more than the budget has left, and nothing was sent.
 *
 * When: the prompt and `maxTokens` at the price of the model are more than is left of `perRun` or `perDay`.
 *
 * Remedy: lower `maxTokens`, shorten the prompt, wait for the day to pass, or raise the budget.
 */
export class BudgetExceededError extends TaggedError.make<BudgetExceededError>()("BudgetExceededError", fields) {}

/**
 * The provider takes no further batch job for now.
 *
 * When: as many jobs wait or run as the account, or `maxOpenJobs`, allows. It is no failure of the job.
 *
 * - `retryAfter`: the provider's hint when to try again, if any.
 *
 * Remedy: submit the job again when another one is over. `Job.run` of `@strata/jobs` waits for that.
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
export const isProviderError: (u: unknown) => u is ProviderError = Total.guard(Schema.is(ProviderError))

/** Whether a value is a {@link CallError}. */
export const isCallError: (u: unknown) => u is CallError = Total.guard(Schema.is(CallError))

/**
 * Whether the same request may succeed if it is sent again; decided by the tag, and for an `AuthenticationError` by
 * `transient`. A `StreamInterruptedError` is not transient: part of the answer was delivered, and a second answer would not
 * continue it.
 */
export const isTransient: (error: ProviderError) => boolean = Total.make(
  (error) => ErrorKinds.of(error).isTransient || error._tag === "AuthenticationError" && error.transient === true,
  () => false
)

/** Whether the request was not sent or not processed: it used no tokens and costs nothing. */
export const isRefusal: (error: ProviderError) => boolean = Total.make(
  (error) => error._tag === "TimeoutError" ? error.phase === "connect" : ErrorKinds.of(error).isRefusal,
  () => false
)

/**
 * Whether an error is of the service or model, so that another one may succeed. Others are of the request
 * (`InvalidRequestError`, `UnsupportedFeatureError`, `ContextLengthExceededError`), of the configuration
 * (`AuthenticationError`, which another service would hide), of the program's budget (`BudgetExceededError`), or come with a
 * part of an answer (`StructuredOutputError`, `StreamInterruptedError`).
 */
export const isUnavailable = (error: ProviderError): boolean => ErrorKinds.of(error).isUnavailable

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
  () => new InvalidRequestError({ provider: "unknown", message: "The request cannot be served as it stands." })
)

/** An error that may be about one part of a request. */
export type PlacedError = InvalidRequestError | ContextLengthExceededError | UnsupportedFeatureError
