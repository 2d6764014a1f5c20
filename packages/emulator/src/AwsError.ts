/**
 * The exceptions of Bedrock Runtime on the wire: a name, a status, a message.
 *
 * The messages are the service's own, verbatim, because clients match on them.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Data from "effect/Data"
import * as Struct from "effect/Struct"

/** Every exception the emulator can return, with its HTTP status. */
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

/** All exception names. */
export const exceptions = Struct.keys(statuses)

const isException = (name: string): name is Exception => Object.hasOwn(statuses, name)

/** The default message of each exception, from the service or its documentation, when it is not about the request. */
export const texts: Readonly<Record<Exception, string>> = {
  AccessDeniedException: "You don't have access to the model with the specified model ID.",
  ConflictException: "Error occurred because of a conflict while performing an operation.",
  ExpiredTokenException: "The security token included in the request is expired",
  IncompleteSignatureException: "The request signature does not conform to AWS standards.",
  InternalServerException: "The system encountered an unexpected error during processing. Try your request again.",
  InvalidSignatureException:
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  MissingAuthenticationTokenException: "Missing Authentication Token",
  ModelErrorException: "The system encountered an unexpected error during processing. Try your request again.",
  ModelNotReadyException: "Model is not ready for inference. Wait and try your request again.",
  ModelStreamErrorException: "The system encountered an unexpected error during processing. Try your request again.",
  ModelTimeoutException: "Model has timed out in processing the request. Try your request again.",
  RequestEntityTooLargeException: "The request body is too large.",
  ResourceNotFoundException:
    "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
  SerializationException: "The request body is not valid JSON.",
  ServiceQuotaExceededException: "Your request exceeds the service quota for your account.",
  ServiceUnavailableException: "Bedrock is unable to process your request.",
  ThrottlingException: "Too many requests, please wait before trying again.",
  UnknownOperationException: "Unknown operation.",
  UnrecognizedClientException: "The security token included in the request is invalid.",
  ValidationException: "Malformed input request, please reformat your input and try again."
}

/**
 * An error response. `originalStatusCode` belongs to the two model errors; `retryAfter` (seconds) becomes a header,
 * which the real service does not send. `unauthorized`: refused by the authorizer, whose bodies spell the member
 * `Message`. `rule`: the rule of the emulator that refused the request, with its source; it is not sent. `quotes`: the
 * message may quote the prompt or the answer, because it comes from the answering service. `code`: that of S3, whose
 * errors have more `headers` too. `openai`: what OpenAI's dialect says besides. `millis`: the time until the quota has room, which Bedrock keeps to itself. `field`: the
 * path of the field that was refused, and `quota` the quota that was exceeded; neither is sent.
 */
export class AwsError extends Data.TaggedError("AwsError")<{
  readonly exception: Exception
  readonly status: number
  readonly message: string
  readonly unauthorized?: boolean | undefined
  readonly originalStatusCode?: number | undefined
  readonly retryAfter?: number | undefined
  readonly rule?: Rule | undefined
  readonly quotes?: boolean | undefined
  readonly code?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly openai?: OpenAiFields | undefined
  readonly millis?: number | undefined
  readonly field?: string | undefined
  readonly quota?: Exceeded | undefined
}> {}

/**
 * The quota that a request exceeds: its `name`, of what `unit` it is, its `limit` in a window, and what was `left` of it
 * when the request needed `needed`.
 */
export interface Exceeded {
  readonly name: string
  readonly unit: string
  readonly limit: number
  readonly left: number
  readonly needed: number
  readonly windowMillis: number
}

/** What OpenAI's dialect says of an error besides its message, where it does not follow from the exception. */
export interface OpenAiFields {
  readonly type?: string | undefined
  readonly code?: string | undefined
  readonly param?: string | undefined
}

/** What a rule refuses, as the object of that verb, and the evidence for it; see `Rules` in the package. */
export interface Rule {
  readonly refuses: string
  readonly source: string
}

/** The error of a rule. */
export const ofRule = (error: AwsError, { refuses, source }: Rule): AwsError => {
  const { exception, field, message, originalStatusCode, retryAfter, status, unauthorized } = error
  return new AwsError({
    exception,
    field,
    message,
    originalStatusCode,
    retryAfter,
    status,
    unauthorized,
    rule: { refuses, source }
  })
}

/** An exception with its usual status. */
export const make = (exception: Exception, message: string): AwsError =>
  new AwsError({ exception, status: statuses[exception], message })

/** `AccessDeniedException`: the caller lacks permission. */
export const unauthorized = (message: string): AwsError =>
  new AwsError({
    exception: "AccessDeniedException",
    status: statuses.AccessDeniedException,
    message,
    unauthorized: true
  })

/** `ValidationException`: the request is invalid; `field` is the path of what is wrong in it. */
export const validation = (message: string, field?: string): AwsError =>
  new AwsError({ exception: "ValidationException", status: statuses.ValidationException, message, field })

/** Throttling, by requests or by tokens, for some milliseconds. */
export const throttled = (
  unit: "requests" | "tokens" | "tokens per day" | "input tokens" | "output tokens",
  millis?: number,
  quota?: Exceeded
): AwsError =>
  new AwsError({
    exception: "ThrottlingException",
    status: statuses.ThrottlingException,
    message: `Too many ${unit}, please wait before trying again.`,
    millis,
    quota
  })

/** The body of a request exceeds the limit, in bytes. */
export const tooLarge = ({ limit }: { readonly limit: number }): AwsError =>
  make("RequestEntityTooLargeException", `The request body is larger than ${limit} bytes.`)

/** The prompt exceeds the model's context window. */
export const inputTooLong: AwsError = validation("Input is too long for requested model.")

/** The body of the response, as JSON text. */
export const body = (error: AwsError): string =>
  JSON.stringify({
    [error.unauthorized === true ? "Message" : "message"]: error.message,
    ...(error.originalStatusCode === undefined ? undefined : { originalStatusCode: error.originalStatusCode })
  })

/** The headers of the response. */
export const headers = (error: AwsError): Readonly<Record<string, string>> => ({
  "content-type": "application/json",
  "x-amzn-errortype": `${error.exception}:http://internal.amazon.com/coral/${
    ofFramework.has(error.exception) ? "com.amazon.coral.service" : "com.amazon.bedrock"
  }/`,
  ...(error.retryAfter === undefined ? undefined : { "retry-after": String(error.retryAfter) })
})

/** Exceptions of the layer in front of Bedrock. */
const ofFramework: ReadonlySet<Exception> = new Set([
  "ExpiredTokenException",
  "IncompleteSignatureException",
  "InvalidSignatureException",
  "MissingAuthenticationTokenException",
  "RequestEntityTooLargeException",
  "SerializationException",
  "UnknownOperationException",
  "UnrecognizedClientException"
])

/**
 * The name of an exception inside a stream. A Converse stream knows five; others are mapped to the nearest of them.
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
 * Maps an error of the answering service to an exception. An error that names an exception of Bedrock keeps it.
 */
export const fromProviderError = (error: ProviderError.ProviderError): AwsError => {
  // a failed stream: core's message is for its callers, the cause has the service's
  if (error._tag === "StreamInterruptedError" && ProviderError.isProviderError(error.cause)) {
    return fromProviderError(error.cause)
  }
  const exception = error.exception !== undefined && isException(error.exception)
    ? error.exception
    : exceptionOf(error._tag)
  return new AwsError({
    exception,
    status: statuses[exception],
    message: error._tag === "ContextLengthExceededError" ? inputTooLong.message : error.message,
    quotes: true,
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
    case "QueueFullError":
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
