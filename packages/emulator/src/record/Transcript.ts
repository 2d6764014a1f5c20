/**
 * The recorded parts of a request and its response: their content, without credentials.
 */
import * as OpenAiRoute from "../openai/Route.ts"
import * as Operation from "../Operation.ts"
import type * as Responder from "../Responder.ts"
import * as Content from "./Content.ts"
import type * as Recording from "./Recording.ts"
import * as Secret from "./Secret.ts"

/** The request without its query and credentials, scrubbed by `scrub`. */
export const request = (
  { body, headers, method, target }: Responder.Request,
  scrub: Secret.Scrubber = Secret.scrubber(Secret.ofRequest(headers))
): Recording.Request => {
  const read = Content.fromBytes(body)
  const { modelId, operation } = nameOf({ method, target, headers }, read.body)
  return {
    method,
    path: scrub.text(target.replace(/\?.*$/s, "")),
    ...(operation === undefined ? undefined : { operation }),
    ...(modelId === undefined ? undefined : { modelId: scrub.text(modelId) }),
    headers: scrub.headers(Secret.requestHeaders(headers)),
    ...content(read, scrub)
  }
}

/** The operation of a request and its model, as far as it has them. */
const nameOf = (
  request: Omit<Responder.Request, "body">,
  body: unknown
): { readonly operation?: Operation.Operation; readonly modelId?: string | undefined } => {
  const route = Operation.fromTarget(request.method, request.target)
  if (route !== undefined) {
    return { operation: route.operation, modelId: "modelId" in route ? route.modelId : undefined }
  }
  const spoken = OpenAiRoute.of(request, body)
  return spoken === undefined ? {} : { operation: spoken.operation, modelId: OpenAiRoute.modelOf(spoken, body) }
}

/** The response: its status, and when it arrived; its content is scrubbed already. */
export const response = (
  { at, headers, status }: Pick<Recording.Response, "at" | "headers" | "status">,
  said: Pick<Recording.Response, "body" | "bytes" | "text" | "events" | "end">,
  scrub: Secret.Scrubber
): Recording.Response => ({ status, at, headers: scrub.headers(Secret.responseHeaders(headers)), ...said })

/** A scrubbed body; bytes are unchanged. */
export const content = ({ body, bytes, text }: Recording.Content, scrub: Secret.Scrubber): Recording.Content => ({
  ...(body === undefined ? undefined : { body: scrub.json(body) }),
  ...(text === undefined ? undefined : { text: scrub.text(text) }),
  ...(bytes === undefined ? undefined : { bytes })
})

/** A scrubbed event. */
export const event = (event: Recording.Event, scrub: Secret.Scrubber): Recording.Event => {
  if ("frame" in event) return event
  if ("chunk" in event) return { ...event, chunk: scrub.json(event.chunk) }
  if ("payload" in event) return { ...event, payload: scrub.object(event.payload) }
  return { ...event, message: scrub.text(event.message) }
}
