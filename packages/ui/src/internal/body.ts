/** The body of a request of `useChat`. */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import { hasProperty, isObject } from "effect/Predicate"
import { UiBodyError } from "../UiError.ts"
import * as UiMessage from "../UiMessage.ts"

/** What a page sends; `raw` has all of it. */
export interface Body {
  readonly chatId: string
  readonly messages: ReadonlyArray<UiMessage.UiMessage>
  readonly raw: { readonly [key: string]: unknown }
}

/**
 * Reads the body. JSON only by its type, too: a form of another site can send text with the cookies of the user, but not
 * JSON.
 */
export const read = Effect.fnUntraced(function*(
  request: HttpServerRequest.HttpServerRequest,
  maxSize: number
): Effect.fn.Return<Body, UiBodyError | ProviderError.InvalidRequestError> {
  const type = request.headers["content-type"] ?? ""
  if (!/^application\/json\b/i.test(type.trim())) {
    return yield* new UiBodyError({ reason: "media-type", message: "The body must be of the type application/json" })
  }
  if (Number(request.headers["content-length"]) > maxSize) return yield* tooLarge(maxSize)
  const given = yield* request.json.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(maxSize)),
    Effect.mapError((cause) =>
      hasProperty(cause, "reason") && hasProperty(cause.reason, "reason") && cause.reason.reason === "BodyTooLarge"
        ? tooLarge(maxSize)
        : new UiBodyError({ reason: "malformed", message: "The body is not JSON", cause })
    )
  )
  if (!isObject(given)) {
    return yield* new UiBodyError({ reason: "malformed", message: "The body is not a JSON object" })
  }
  const raw = given as Body["raw"] // of JSON
  const chatId = yield* Check.run(identifier, raw["id"], { provider: "strata", field: "id" })
  const messages = yield* UiMessage.read(raw["messages"])
  if (messages.length === 0) {
    return yield* Check.invalid("messages", "there are none", "Send the messages of the conversation")
  }
  return { chatId, messages, raw }
})

const identifier: Check.Check<string> = (given, at) => {
  const text = Check.filled(given, at)
  return typeof text === "string" && text.length > 512
    ? Check.refuse(at, `it has ${text.length} characters`, "Use at most 512")
    : text
}

const tooLarge = (maxSize: number) =>
  new UiBodyError({ reason: "too-large", message: `The body is larger than ${maxSize} bytes` })
