/**
 * Errors in OpenAI's dialect: `{ error: { message, type, param, code } }`.
 *
 * The exceptions of Bedrock are the emulator's own errors here too, so that faults, scripts, quotas and statistics are
 * the same; this is how they are written.
 */
import * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import * as Sse from "./Sse.ts"

/** An exception with OpenAI's fields. */
export const make = (
  exception: AwsError.Exception,
  message: string,
  openai?: AwsError.OpenAiFields
): AwsError.AwsError => new AwsError.AwsError({ exception, status: AwsError.statuses[exception], message, openai })

/** A request that is refused: 400 `invalid_request_error`. */
export const invalid = (message: string, param?: string, code?: string): AwsError.AwsError =>
  make("ValidationException", message, { param, code })

/** The body of an error, as JSON. */
export const body = (error: AwsError.AwsError) => {
  const { code = null, param = null, type } = { ...spelled(error), ...error.openai }
  return { error: { message: error.message, type, param, code } }
}

/** The response, with the status of OpenAI where it has another one. */
export const whole = (error: AwsError.AwsError): HttpResponse.Whole => ({
  type: "whole",
  status: statusOf(error),
  headers: {
    "content-type": "application/json",
    ...(error.retryAfter === undefined ? undefined : {
      "retry-after": String(Math.ceil(error.retryAfter)),
      "retry-after-ms": String(Math.ceil(error.retryAfter * 1000))
    })
  },
  body: encoder.encode(JSON.stringify(body(error)))
})

/** The last event of a stream of Chat Completions that fails. */
export const frame = (error: AwsError.AwsError): Uint8Array => Sse.data(body(error))

/** The headers of every response. */
export const headers = (requestId: string): Exchange.Headers => ({
  "x-request-id": requestId,
  "x-amzn-requestid": requestId
})

/** The refusal of a key or of a signature, by its header. */
export const unauthorized = (authorization: string | undefined) => (error: AwsError.AwsError): AwsError.AwsError => {
  if (authorization === undefined) {
    return make(
      "MissingAuthenticationTokenException",
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password.",
      { code: undefined }
    )
  }
  if (error.unauthorized !== true) return error
  return new AwsError.AwsError({
    exception: error.exception,
    status: 401,
    message: "Incorrect API key provided. You can find your API key in the output of the emulator.",
    unauthorized: true
  })
}

/** A refusal by a quota of OpenAI, which tells when to come back. */
export const throttled = (error: AwsError.AwsError): AwsError.AwsError => {
  const { exception, message, millis = Infinity, quota, status } = error
  return Number.isFinite(millis)
    ? new AwsError.AwsError({ exception, message, status, millis, quota, retryAfter: millis / 1000 })
    : error
}

/** A body that is not JSON. */
export const unreadable = ({ exception, message }: AwsError.AwsError): AwsError.AwsError =>
  make(exception, `We could not parse the JSON body of your request. ${message}`)

/** How the dialect writes errors. */
export const format: HttpResponse.ErrorFormat = { whole, frame }

const statusOf = ({ exception, status, unauthorized }: AwsError.AwsError): number => {
  if (unauthorized === true) return 401
  switch (exception) {
    case "MissingAuthenticationTokenException":
    case "UnrecognizedClientException":
    case "ExpiredTokenException":
      return 401
    case "ServiceQuotaExceededException":
      return 429
    case "ModelErrorException":
    case "ModelStreamErrorException":
      return 500
    case "ModelNotReadyException":
      return 503
    default:
      return status
  }
}

const spelled = ({ exception, message, unauthorized }: AwsError.AwsError): AwsError.OpenAiFields => {
  if (unauthorized === true) return { type: "invalid_request_error", code: "invalid_api_key" }
  switch (exception) {
    case "AccessDeniedException":
      return { type: "permission_denied_error", code: "access_denied" }
    case "MissingAuthenticationTokenException":
    case "UnrecognizedClientException":
    case "ExpiredTokenException":
    case "InvalidSignatureException":
    case "IncompleteSignatureException":
      return { type: "invalid_request_error", code: "invalid_api_key" }
    case "ThrottlingException":
      return { type: /\btokens\b/.test(message) ? "tokens" : "requests", code: "rate_limit_exceeded" }
    case "ServiceQuotaExceededException":
      return { type: "insufficient_quota", code: "insufficient_quota" }
    case "ResourceNotFoundException":
      return { type: "invalid_request_error", code: "model_not_found", param: "model" }
    case "ServiceUnavailableException":
    case "ModelNotReadyException":
      return { type: "service_unavailable_error", code: "service_unavailable" }
    case "InternalServerException":
    case "ModelErrorException":
    case "ModelStreamErrorException":
      return { type: "server_error", code: "server_error" }
    case "ModelTimeoutException":
      return { type: "server_error", code: "timeout" }
    default:
      return {
        type: "invalid_request_error",
        ...(message === AwsError.inputTooLong.message ? { code: "context_length_exceeded", param: "messages" } : {})
      }
  }
}

const encoder = new TextEncoder()
