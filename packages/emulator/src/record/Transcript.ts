/**
 * The recorded parts of a request and its response: their content, without credentials.
 */
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
  const route = Operation.fromTarget(method, target)
  return {
    method,
    path: scrub.text(target.replace(/\?.*$/s, "")),
    ...(route === undefined ? undefined : { operation: route.operation }),
    ...(route === undefined || !("modelId" in route) ? undefined : { modelId: scrub.text(route.modelId) }),
    headers: scrub.headers(Secret.requestHeaders(headers)),
    ...content(Content.fromBytes(body), scrub)
  }
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
