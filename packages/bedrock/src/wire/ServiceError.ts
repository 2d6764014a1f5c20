/**
 * What the service says when it refuses or gives up, in the form of the SDK's exceptions: `BedrockError` reads both.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Frame } from "./FrameDecoder.ts"
import * as Json from "./Json.ts"

/** A response, but for its body. The names of headers are in lower case. */
export interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** An exception. `message` is empty when the service gave no reason, or none that can be read, such as a page of a proxy. */
export interface ServiceError {
  readonly name: string
  readonly message: string
  readonly originalStatusCode?: number | undefined
  readonly $metadata?: { readonly httpStatusCode: number; readonly requestId: string | undefined }
  readonly $response?: { readonly headers: Head["headers"] }
}

/** The exception in a response whose status is no success. */
export const fromResponse = (head: Head, body: Uint8Array): ServiceError => {
  const { headers, status } = head
  const fields = read(body)
  const code = Object.keys(fields).find((name) => name.toLowerCase() === "code")
  const names = [headers["x-amzn-errortype"], code === undefined ? undefined : fields[code], fields["__type"]]
  return {
    ...said(fields),
    name: bare(names.find(Predicate.isString) ?? ""),
    $metadata: { httpStatusCode: status, requestId: requestId(head) },
    $response: { headers }
  }
}

/** The exception in a frame of a stream that is no event. */
export const fromFrame = ({ errorMessage, messageType, name, payload }: Frame): ServiceError =>
  messageType === "error" ? { name, message: errorMessage ?? "" } : { ...said(read(payload)), name }

/** The id a response has, to give to AWS. */
export const requestId = ({ headers }: Head): string | undefined =>
  headers["x-amzn-requestid"] ?? headers["x-amzn-request-id"] ?? headers["x-amz-request-id"]

type Fields = Readonly<Record<string, unknown>>

const read = (body: Uint8Array): Fields =>
  Result.getOrElse(Result.filterOrFail(Json.parseBytes(body), Predicate.isObject, () => "no object"), () => ({}))

const said = ({ Message, message, originalMessage, originalStatusCode }: Fields) => ({
  message: [message, Message, originalMessage].find(Predicate.isString) ?? "",
  originalStatusCode: Predicate.isNumber(originalStatusCode) ? originalStatusCode : undefined
})

/** `ValidationException:http://…`, `com.amazon#ValidationException`, `ValidationException,…` → `ValidationException`. */
const bare = (name: string): string => name.replace(/[,:].*$/s, "").replace(/^.*#/s, "")
