/**
 * The service's errors in the form of SDK exceptions: `BedrockError` reads both.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Frame } from "./FrameDecoder.ts"
import * as Json from "./Json.ts"

/** A response without its body. Header names are in lower case. */
export interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/**
 * An exception. `message` is empty when there is no readable reason, such as in a page of a proxy, which is marked
 * `isPage`.
 */
export interface ServiceError {
  readonly name: string
  readonly message: string
  readonly originalStatusCode?: number | undefined
  readonly isPage?: boolean
  readonly $metadata?: { readonly httpStatusCode: number; readonly requestId: string | undefined }
  readonly $response?: { readonly headers: Head["headers"] }
}

/** The exception in an unsuccessful response. */
export const fromResponse = (head: Head, body: Uint8Array): ServiceError => {
  const { headers, status } = head
  const fields = read(body)
  const code = Object.keys(fields).find((name) => name.toLowerCase() === "code")
  const names = [headers["x-amzn-errortype"], code === undefined ? undefined : fields[code], fields["__type"]]
  return {
    ...said(fields),
    name: bare(names.find(Predicate.isString) ?? ""),
    isPage: isPage(head) || body.length > 0 && !isJson(headers["content-type"]) && Object.keys(fields).length === 0,
    $metadata: { httpStatusCode: status, requestId: requestId(head) },
    $response: { headers }
  }
}

/** Whether a response is a page for people: of a proxy, a gateway or a captive portal. */
export const isPage = ({ headers }: Head): boolean =>
  /^(?:text\/html|application\/xhtml)/i.test(headers["content-type"] ?? "")

const isJson = (contentType = ""): boolean => /\bjson\b/i.test(contentType)

/** The exception in a frame of a stream that is not an event. */
export const fromFrame = ({ errorMessage, messageType, name, payload }: Frame): ServiceError =>
  messageType === "error" ? { name, message: errorMessage ?? "" } : { ...said(read(payload)), name }

/** The request id of a response. */
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
