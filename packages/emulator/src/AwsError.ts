/**
 * The exceptions of Bedrock Runtime as the wire carries them: a name, a status, a text.
 *
 * The texts are the service's own, word for word: clients match on them.
 */
import type * as ProviderError from "@strata/core/ProviderError"
import * as Data from "effect/Data"
import * as Struct from "effect/Struct"

/** Every exception the emulator can answer, with its HTTP status. */
export const statuses = {
  AccessDeniedException: 403,
  ConflictException: 400,
  ExpiredTokenException: 403,
  IncompleteSignatureException: 400,
  InternalServerException: 500,
  InvalidSignatureException: 403,
  MissingAuthenticationTokenException: 403,
  ModelErrorException: 424,
  ModelNotReadyException: 429,
  ModelStreamErrorException: 424,
  ModelTimeoutException: 408,
  RequestEntityTooLargeException: 413,
  ResourceNotFoundException: 404,
  SerializationException: 400,
  ServiceQuotaExceededException: 400,
  ServiceUnavailableException: 503,
  ThrottlingException: 429,
  UnknownOperationException: 404,
  UnrecognizedClientException: 403,
  ValidationException: 400
} as const

/** The name of an exception. */
export type Exception = keyof typeof statuses

/** The names of all of them. */
export const exceptions = Struct.keys(statuses)

const isException = (name: string): name is Exception => Object.hasOwn(statuses, name)

/**
 * An answer that is an error. `originalStatusCode` goes with the two model errors; `retryAfter` (seconds) becomes a
 * header, which the real service does not send.
 */
export class AwsError extends Data.TaggedError("AwsError")<{
  readonly exception: Exception
  readonly status: number
  readonly message: string
  readonly originalStatusCode?: number | undefined
  readonly retryAfter?: number | undefined
}> {}

/** An exception with its usual status. */
export const make = (exception: Exception, message: string): AwsError =>
  new AwsError({ exception, status: statuses[exception], message })

/** `ValidationException`: the request cannot be served as it stands. */
export const validation = (message: string): AwsError => make("ValidationException", message)

/** What is known as "rate limited"; quotas are counted in requests or in tokens. */
export const throttled = (unit: "requests" | "tokens" | "tokens per day"): AwsError =>
  make("ThrottlingException", `Too many ${unit}, please wait before trying again.`)

/** The prompt does not fit the model's context window. */
export const inputTooLong: AwsError = validation("Input is too long for requested model.")

/** The body of the answer, as JSON text. */
export const body = (error: AwsError): string =>
  JSON.stringify({
    message: error.message,
    ...(error.originalStatusCode === undefined ? undefined : { originalStatusCode: error.originalStatusCode })
  })

/** The headers of the answer. */
export const headers = (error: AwsError): Readonly<Record<string, string>> => ({
  "content-type": "application/json",
  "x-amzn-errortype": `${error.exception}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
  ...(error.retryAfter === undefined ? undefined : { "retry-after": String(error.retryAfter) })
})

/**
 * The name an exception has inside a stream. A Converse stream knows five; the others come as the nearest of them.
 */
export const streamName = (exception: Exception): string => {
  switch (exception) {
    case "ThrottlingException":
    case "ModelNotReadyException":
      return "throttlingException"
    case "ServiceUnavailableException":
      return "serviceUnavailableException"
    case "ModelErrorException":
    case "ModelStreamErrorException":
    case "ModelTimeoutException":
      return "modelStreamErrorException"
    case "InternalServerException":
      return "internalServerException"
    default:
      return "validationException"
  }
}

/**
 * The exception that means what the answering service's error means. An error that already names an exception of
 * Bedrock keeps it.
 */
export const fromProviderError = (error: ProviderError.ProviderError): AwsError => {
  const exception = error.exception !== undefined && isException(error.exception)
    ? error.exception
    : exceptionOf(error._tag)
  return new AwsError({
    exception,
    status: statuses[exception],
    message: error._tag === "ContextLengthExceededError" ? inputTooLong.message : error.message,
    ...(error._tag === "ModelFailedError" ? { originalStatusCode: error.originalStatus } : undefined)
  })
}

const exceptionOf = (tag: ProviderError.ProviderError["_tag"]): Exception => {
  switch (tag) {
    case "AuthenticationError":
      return "UnrecognizedClientException"
    case "PermissionDeniedError":
      return "AccessDeniedException"
    case "InvalidRequestError":
    case "ContextLengthExceededError":
    case "UnsupportedFeatureError":
      return "ValidationException"
    case "ModelNotFoundError":
      return "ResourceNotFoundException"
    case "RateLimitError":
      return "ThrottlingException"
    case "QuotaExceededError":
    case "BudgetExceededError":
      return "ServiceQuotaExceededException"
    case "ModelUnavailableError":
    case "ConnectionError":
    case "CircuitOpenError":
      return "ServiceUnavailableException"
    case "ProviderInternalError":
      return "InternalServerException"
    case "TimeoutError":
      return "ModelTimeoutException"
    case "ModelFailedError":
    case "StreamInterruptedError":
    case "MalformedResponseError":
    case "StructuredOutputError":
      return "ModelErrorException"
  }
}
