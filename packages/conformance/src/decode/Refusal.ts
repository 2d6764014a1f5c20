/**
 * The expected error for an error of the service: type, exception name, message.
 */
import type { ProviderError } from "@strata/core"
import { compare, type Difference } from "../Difference.ts"
import * as Recording from "../Recording.ts"

/** Compares an error with the answer it was decoded from. */
export const check = (
  error: ProviderError.ProviderError,
  recording: Recording.Recording
): ReadonlyArray<Difference> => {
  const exception = Recording.exceptionOf(recording)
  const message = Recording.messageOf(recording)
  return [
    ...compare(
      {
        _tag: tagOf(exception, message, recording.status),
        ...(exception !== undefined && { exception }),
        requestId: recording.headers["x-amzn-requestid"]
      },
      error,
      "at least"
    ),
    ...checkMessage(error.message, message)
  ]
}

/** The service's message must be included; advice may follow. For an invalid signature the first line suffices. */
export const checkMessage = (actual: string, expected: string): ReadonlyArray<Difference> => {
  const [line = ""] = expected.split("\n")
  return actual.includes(line.trim()) ? [] : [{ path: "message", problem: "different", expected, actual }]
}

/** The type of error. Where the exception name is ambiguous, the message decides. */
export const tagOf = (exception: string | undefined, message: string, status: number): string => {
  const [, , tag] = byText.find(([name, text]) => name === exception && text.test(message)) ?? []
  return tag ?? byName[exception ?? ""] ?? byStatus[status] ?? (status < 500 ? "InvalidRequestError" : internal)
}

const internal = "ProviderInternalError"

const byText: ReadonlyArray<readonly [exception: string, text: RegExp, tag: string]> = [
  ["ValidationException", /model identifier is invalid/i, "ModelNotFoundError"],
  [
    "ValidationException",
    /too long|input tokens exceeded|too many (?:total text bytes|input tokens)|maximum context length|exceed\w* .*context/i,
    "ContextLengthExceededError"
  ],
  ["ValidationException", /data retention mode|operation not allowed/i, "PermissionDeniedError"],
  ["ValidationException", /on-demand throughput/i, "InvalidRequestError"],
  ["ValidationException", /(?:doesn['’]t|does not) support/i, "UnsupportedFeatureError"],
  ["AccessDeniedException", /api key|bearer token|security token|authentication failed/i, "AuthenticationError"],
  ["ResourceNotFoundException", /use case details/i, "PermissionDeniedError"],
  ["ResourceNotFoundException", /guardrail/i, "InvalidRequestError"],
  ["ThrottlingException", /per day/i, "QuotaExceededError"]
]

const byName: Readonly<Record<string, string>> = {
  AccessDeniedException: "PermissionDeniedError",
  ConflictException: "InvalidRequestError",
  ExpiredTokenException: "AuthenticationError",
  IncompleteSignatureException: "AuthenticationError",
  InternalServerException: internal,
  InvalidSignatureException: "AuthenticationError",
  MissingAuthenticationTokenException: "AuthenticationError",
  ModelErrorException: "ModelFailedError",
  ModelNotReadyException: "ModelUnavailableError",
  ModelTimeoutException: "TimeoutError",
  ResourceNotFoundException: "ModelNotFoundError",
  ServiceQuotaExceededException: "QuotaExceededError",
  ServiceUnavailableException: "ModelUnavailableError",
  ThrottlingException: "RateLimitError",
  UnrecognizedClientException: "AuthenticationError",
  ValidationException: "InvalidRequestError"
}

const byStatus: Readonly<Record<number, string>> = {
  401: "AuthenticationError",
  403: "PermissionDeniedError",
  404: "ModelNotFoundError",
  408: "TimeoutError",
  424: "ModelFailedError",
  429: "RateLimitError",
  503: "ModelUnavailableError"
}
