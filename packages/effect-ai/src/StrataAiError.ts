/**
 * The errors of both sides, one for one: each tag of ours has one fixed reason of `AiError`, and comes back from it unchanged.
 *
 * A reason keeps our error as JSON in `metadata.strata`; a `NetworkError`, which has no metadata, as its `cause`.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * The reason of each tag. A reason is retryable where the tag is transient, but for `StructuredOutputError`, which is
 * retryable there: asking again costs another answer.
 */
export interface Reasons {
  readonly AuthenticationError: AiError.AuthenticationError
  readonly PermissionDeniedError: AiError.AuthenticationError
  readonly InvalidRequestError: AiError.InvalidRequestError
  readonly ContextLengthExceededError: AiError.InvalidRequestError
  readonly ModelNotFoundError: AiError.InvalidRequestError
  readonly UnsupportedFeatureError: AiError.InvalidRequestError
  readonly RateLimitError: AiError.RateLimitError
  readonly QuotaExceededError: AiError.QuotaExhaustedError
  readonly BudgetExceededError: AiError.QuotaExhaustedError
  readonly ModelUnavailableError: AiError.InternalProviderError
  readonly ProviderInternalError: AiError.InternalProviderError
  readonly CircuitOpenError: AiError.InternalProviderError
  readonly QueueFullError: AiError.RateLimitError
  readonly ModelFailedError: AiError.UnknownError
  readonly TimeoutError: AiError.NetworkError
  readonly ConnectionError: AiError.NetworkError
  readonly StreamInterruptedError: AiError.InvalidResponseError
  readonly MalformedResponseError: AiError.InvalidResponseError
  readonly StructuredOutputError: AiError.StructuredOutputError
}

type Tag = ProviderError.ProviderError["_tag"]

/** Where a failure was seen: `LanguageModel` and `streamText`. */
export interface Place {
  readonly module: string
  readonly method: string
}

/** Names for an error of a foreign model, which has none. */
export interface Target {
  readonly provider: string
  readonly model?: string | undefined
}

/** The reason of an error, by its tag; `UnknownError` for a value that is none of ours. */
export const reasonOf = <T extends Tag>(
  error: Extract<ProviderError.ProviderError, { readonly _tag: T }>
): Reasons[T] =>
  // The table has a function for each tag, of the error with this tag.
  (ProviderError.isProviderError(error)
    ? (reasons[error._tag] as (error: ProviderError.ProviderError) => AiError.AiErrorReason)(error)
    : new AiError.UnknownError({ description: "The service failed with a value that is no error" })) as Reasons[T]

/** The error as `effect/ai` knows it. */
export const toAiError = (error: ProviderError.ProviderError, { method, module }: Place): AiError.AiError =>
  AiError.make({ module, method, reason: reasonOf(error) })

/** Our error in an `AiError` that {@link toAiError} made, also after a way through JSON; `undefined` in any other value. */
export const original = (error: unknown): ProviderError.ProviderError | undefined => {
  if (!isAiError(error)) return undefined
  const { reason } = error
  if (reason._tag === "NetworkError") return ProviderError.isProviderError(reason.cause) ? reason.cause : undefined
  return "metadata" in reason ? Result.getOrUndefined(decode(reason.metadata["strata"])) : undefined
}

/**
 * The error of a foreign model as one of ours, with its hint when to retry. Statuses decide where a reason says too little:
 * 404, 408, 413 and 424 are unknown there. What only asking the model again could mend is not transient here.
 */
export const fromAiError = (error: AiError.AiError, { model, provider }: Target): ProviderError.ProviderError => {
  const known = original(error)
  if (known !== undefined) return known
  if (!isAiError(error)) return fromUnknown(error, { provider, model })
  const { reason } = error
  const status = "http" in reason ? reason.http?.response?.status : undefined
  const retryAfter = error.retryAfter ?? hintOf(reason)
  const fields = { provider, ...(model !== undefined && { model }), message: error.message, cause: error }
  const hinted = { ...fields, ...(retryAfter !== undefined && { retryAfter }) }
  const byStatus = status === undefined ? undefined : statuses.get(status)
  switch (reason._tag) {
    case "RateLimitError":
      return new ProviderError.RateLimitError(hinted)
    case "QuotaExhaustedError":
      return new ProviderError.QuotaExceededError(fields)
    case "AuthenticationError":
      return reason.kind === "InsufficientPermissions"
        ? new ProviderError.PermissionDeniedError(fields)
        : new ProviderError.AuthenticationError(fields)
    case "NetworkError":
      return reason.reason === "TransportError"
        ? new ProviderError.ConnectionError(hinted)
        : new ProviderError.InvalidRequestError(fields)
    case "InvalidRequestError": {
      const field = reason.parameter === undefined ? {} : { field: reason.parameter }
      return byStatus === undefined ? new ProviderError.InvalidRequestError({ ...fields, ...field }) : byStatus(hinted)
    }
    case "InternalProviderError":
      return byStatus === undefined ? new ProviderError.ProviderInternalError(hinted) : byStatus(hinted)
    case "UnknownError":
      return byStatus === undefined ? new ProviderError.ModelFailedError(fields) : byStatus(hinted)
    case "InvalidResponseError":
    case "InvalidOutputError":
    case "StructuredOutputError":
    case "ToolNotFoundError":
    case "ToolParameterValidationError":
    case "InvalidToolResultError":
    case "ToolResultEncodingError":
      return new ProviderError.MalformedResponseError(fields)
    case "ContentPolicyError":
    case "UnsupportedSchemaError":
    case "ToolConfigurationError":
    case "ToolkitRequiredError":
    case "InvalidUserInputError":
      return new ProviderError.InvalidRequestError(fields)
  }
}

/** {@link fromAiError} of whatever an `error` part of a stream, or a failed channel, holds. */
export const fromUnknown = (error: unknown, target: Target): ProviderError.ProviderError => {
  if (ProviderError.isProviderError(error)) return error
  if (isAiError(error)) return fromAiError(error, target)
  if (isReason(error)) {
    return fromAiError(AiError.make({ module: "LanguageModel", method: "streamText", reason: error }), target)
  }
  const fields = { ...target, message: messageOf(error) }
  return Result.getOrElse(
    Result.try(() => new ProviderError.ModelFailedError({ ...fields, cause: error })),
    // A proxy that throws is no cause.
    () => new ProviderError.ModelFailedError(fields)
  )
}

// By the schema, since a value of any kind may come from a model made by hand.
const isAiError = (u: unknown): u is AiError.AiError => Check.holds(Schema.is(AiError.AiError), u)

const isReason = (u: unknown): u is AiError.AiErrorReason => Check.holds(Schema.is(AiError.AiErrorReason), u)

const messageOf = (error: unknown): string =>
  Result.getOrElse(
    Result.try(() => [error, Predicate.hasProperty(error, "message") && error.message].find(isText) ?? untold),
    () => untold
  )

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""

const untold = "The model reported an error without a message"

const codec = Schema.toCodecJson(ProviderError.ProviderError)

const encode = Schema.encodeUnknownResult(codec)

const decode = Schema.decodeUnknownResult(codec)

const metadataOf = (error: ProviderError.ProviderError): { readonly metadata: AiError.ProviderMetadata } => ({
  metadata: Result.match(encode(error), {
    onFailure: () => ({}),
    // What a JSON codec encodes is JSON, of which nothing else holds a reference.
    onSuccess: (json) => ({ strata: json as Schema.MutableJson })
  })
})

const refusal = (error: ProviderError.PlacedError | ProviderError.ModelNotFoundError) => {
  const parameter = error._tag === "ModelNotFoundError" ? "model" : error.field
  return new AiError.InvalidRequestError({
    description: error.message,
    ...(parameter !== undefined && { parameter }),
    ...metadataOf(error)
  })
}

const described = (error: ProviderError.ProviderError) => ({ description: error.message, ...metadataOf(error) })

const network = (error: ProviderError.ConnectionError | ProviderError.TimeoutError) =>
  new AiError.NetworkError({
    reason: "TransportError",
    method: "POST",
    url: error.server ?? error.provider,
    description: error.message,
    cause: error
  })

const reasons: {
  readonly [T in Tag]: (error: Extract<ProviderError.ProviderError, { readonly _tag: T }>) => Reasons[T]
} = {
  AuthenticationError: (error) => new AiError.AuthenticationError({ kind: "Unknown", ...described(error) }),
  PermissionDeniedError: (error) =>
    new AiError.AuthenticationError({ kind: "InsufficientPermissions", ...described(error) }),
  InvalidRequestError: refusal,
  ContextLengthExceededError: refusal,
  ModelNotFoundError: refusal,
  UnsupportedFeatureError: refusal,
  RateLimitError: (error) => throttled(error),
  QuotaExceededError: (error) => new AiError.QuotaExhaustedError(metadataOf(error)),
  BudgetExceededError: (error) => new AiError.QuotaExhaustedError(metadataOf(error)),
  ModelUnavailableError: (error) => new AiError.InternalProviderError(described(error)),
  ProviderInternalError: (error) => new AiError.InternalProviderError(described(error)),
  CircuitOpenError: (error) => new AiError.InternalProviderError(described(error)),
  QueueFullError: (error) => throttled(error),
  ModelFailedError: (error) => new AiError.UnknownError(described(error)),
  TimeoutError: network,
  ConnectionError: network,
  StreamInterruptedError: (error) => new AiError.InvalidResponseError(described(error)),
  MalformedResponseError: (error) => new AiError.InvalidResponseError(described(error)),
  StructuredOutputError: (error) => new AiError.StructuredOutputError({ ...described(error), responseText: error.text })
}

const throttled = (error: ProviderError.RateLimitError | ProviderError.QueueFullError) =>
  new AiError.RateLimitError({
    ...(error.retryAfter !== undefined && { retryAfter: error.retryAfter }),
    ...metadataOf(error)
  })

interface Hinted {
  readonly provider: string
  readonly model?: string
  readonly message: string
  readonly cause: unknown
  readonly retryAfter?: Duration.Duration
}

/** Statuses that say more than the reason. */
const statuses: ReadonlyMap<number, (fields: Hinted) => ProviderError.CallError> = new Map([
  [402, (fields: Hinted): ProviderError.CallError => new ProviderError.QuotaExceededError(fields)],
  [404, (fields) => new ProviderError.ModelNotFoundError(fields)],
  [408, (fields) => new ProviderError.TimeoutError({ ...fields, phase: "model" })],
  [413, (fields) => new ProviderError.ContextLengthExceededError(fields)],
  [424, (fields) => new ProviderError.ModelFailedError(fields)],
  [429, (fields) => new ProviderError.RateLimitError(fields)],
  [503, (fields) => new ProviderError.ModelUnavailableError(fields)],
  [504, (fields) => new ProviderError.TimeoutError({ ...fields, phase: "model" })],
  [529, (fields) => new ProviderError.ModelUnavailableError(fields)]
])

/** The seconds of a `retry-after` header. A date is not read: it needs a clock that agrees with the server's. */
const hintOf = (reason: AiError.AiErrorReason): Duration.Duration | undefined => {
  const headers = "http" in reason ? reason.http?.response?.headers : undefined
  const value = headers?.["retry-after"]
  const text = Redacted.isRedacted(value) ? undefined : value
  return text !== undefined && /^\d{1,9}(\.\d+)?$/.test(text) ? Duration.seconds(Number(text)) : undefined
}
