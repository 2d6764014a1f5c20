/**
 * The errors of S3 on the wire: a code, a status, a message, in XML.
 *
 * They are `AwsError`s with a `code`, so that faults, statistics and the log treat them like those of Bedrock.
 */
import * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import * as Xml from "./Xml.ts"

/** The codes the emulator fails with, with their statuses and messages: Amazon S3 API Reference, "Error responses". */
const codes = {
  AccessDenied: [403, "Access Denied"],
  AuthorizationHeaderMalformed: [400, "The authorization header that you provided is not valid."],
  BadDigest: [400, "The Content-MD5 or checksum value that you specified did not match what the server received."],
  BucketAlreadyExists: [409, "The requested bucket name is not available. Select a different name and try again."],
  BucketAlreadyOwnedByYou: [
    409,
    "Your previous request to create the named bucket succeeded and you already own it."
  ],
  BucketNotEmpty: [409, "The bucket that you tried to delete is not empty."],
  EntityTooLarge: [400, "Your proposed upload exceeds the maximum allowed object size."],
  EntityTooSmall: [400, "Your proposed upload is smaller than the minimum allowed object size."],
  ExpiredToken: [400, "The provided token has expired."],
  IncompleteBody: [400, "You did not provide the number of bytes specified by the Content-Length HTTP header."],
  InternalError: [500, "We encountered an internal error. Please try again."],
  InvalidAccessKeyId: [403, "The AWS access key ID that you provided does not exist in our records."],
  InvalidArgument: [400, "Invalid Argument"],
  InvalidBucketName: [400, "The specified bucket is not valid."],
  InvalidDigest: [400, "The Content-MD5 or checksum value that you specified is not valid."],
  InvalidPart: [
    400,
    "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
  ],
  InvalidPartOrder: [
    400,
    "The list of parts was not in ascending order. Parts must be ordered by part number."
  ],
  InvalidRange: [416, "The requested range is not satisfiable"],
  InvalidRequest: [400, "Invalid Request"],
  InvalidURI: [400, "Couldn't parse the specified URI."],
  KeyTooLongError: [400, "Your key is too long"],
  MalformedXML: [400, "The XML you provided was not well-formed or did not validate against our published schema"],
  MethodNotAllowed: [405, "The specified method is not allowed against this resource."],
  MissingContentLength: [411, "You must provide the Content-Length HTTP header."],
  NoSuchBucket: [404, "The specified bucket does not exist"],
  NoSuchKey: [404, "The specified key does not exist."],
  NoSuchUpload: [
    404,
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
  ],
  NotFound: [404, "Not Found"],
  PermanentRedirect: [
    301,
    "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint."
  ],
  PreconditionFailed: [412, "At least one of the pre-conditions you specified did not hold"],
  ServiceUnavailable: [503, "Service is unable to handle request."],
  SignatureDoesNotMatch: [
    403,
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
  ],
  SlowDown: [503, "Please reduce your request rate."],
  TooManyBuckets: [400, "You have attempted to create more buckets than allowed"],
  XAmzContentSHA256Mismatch: [
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed."
  ]
} as const satisfies Record<string, readonly [number, string]>

/** A code of S3. */
export type Code = keyof typeof codes

/** An error; `message` replaces the usual one. */
export const make = (code: Code, message?: string, headers?: Exchange.Headers): AwsError.AwsError => {
  const [status, usual] = codes[code]
  return new AwsError.AwsError({
    exception: exceptionOf(status),
    status,
    message: message ?? usual,
    code,
    ...(headers === undefined ? undefined : { headers })
  })
}

/** The bucket is in another region, which the header names: SDKs may follow it. */
export const redirect = (region: string): AwsError.AwsError =>
  make("PermanentRedirect", undefined, { "x-amz-bucket-region": region })

/** The response. The sender omits the body for a HEAD request. */
export const response = (
  error: AwsError.AwsError,
  { requestId, resource }: { readonly requestId: string; readonly resource: string }
): HttpResponse.Whole => {
  const [code, status] = codeOf(error)
  return {
    type: "whole",
    status,
    headers: {
      "content-type": "application/xml",
      ...error.headers,
      ...(error.retryAfter === undefined ? undefined : { "retry-after": String(error.retryAfter) })
    },
    body: Xml.document("Error", { Code: code, Message: error.message, Resource: resource, RequestId: requestId })
  }
}

/** The exceptions of the other services, which authentication and faults fail with, as codes of S3. */
const codeOf = ({ code, exception, status }: AwsError.AwsError): readonly [string, number] => {
  if (code !== undefined) return [code, status]
  const known = byException[exception]
  return known === undefined ? [exception.replace(/Exception$/, ""), status] : [known, codes[known][0]]
}

const byException: { readonly [Name in AwsError.Exception]?: Code } = {
  AccessDeniedException: "AccessDenied",
  ExpiredTokenException: "ExpiredToken",
  IncompleteSignatureException: "AuthorizationHeaderMalformed",
  InternalServerException: "InternalError",
  InvalidSignatureException: "SignatureDoesNotMatch",
  MissingAuthenticationTokenException: "AccessDenied",
  RequestEntityTooLargeException: "EntityTooLarge",
  ServiceUnavailableException: "ServiceUnavailable",
  ThrottlingException: "SlowDown",
  UnknownOperationException: "MethodNotAllowed",
  UnrecognizedClientException: "InvalidAccessKeyId",
  ValidationException: "InvalidRequest"
}

const exceptionOf = (status: number): AwsError.Exception =>
  status === 403
    ? "AccessDeniedException"
    : status === 404
    ? "ResourceNotFoundException"
    : status === 409
    ? "ConflictException"
    : status === 500
    ? "InternalServerException"
    : status === 503
    ? "ServiceUnavailableException"
    : "ValidationException"
