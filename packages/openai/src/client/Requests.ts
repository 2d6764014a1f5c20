/**
 * Sends requests and reads what comes back: JSON, a stream of events, or an error.
 */
import * as Check from "@strata/core/Check"
import * as ExactJson from "@strata/core/ExactJson"
import * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Asked } from "../error/Facts.ts"
import * as Network from "../error/Network.ts"
import * as OpenAiError from "../OpenAiError.ts"
import type { Answer, Head, ServerEvent, StreamAnswer } from "./Answer.ts"
import type { Authentication, Unsigned } from "./Authentication.ts"
import * as Body from "./Body.ts"
import * as ServerAddress from "./ServerAddress.ts"
import * as ServerEvents from "./ServerEvents.ts"

/**
 * - `root`: replaces the path of the base URL, for servers with several.
 * - `floats`: the answer is mostly numbers: large integers are not looked for, which is twice as fast.
 */
export interface PostOptions {
  readonly root?: string | undefined
  readonly floats?: boolean | undefined
}

/** The requests of a client, over the `HttpClient` in the context. */
export const make = Effect.fnUntraced(function*({ address, authentication, provider }: {
  readonly address: ServerAddress.ServerAddress
  readonly authentication: Authentication
  readonly provider: string
}) {
  const http = HttpClient.withScope(yield* HttpClient.HttpClient)

  const send = Effect.fnUntraced(function*(
    given: Given,
    accept: string
  ): Effect.fn.Return<Received, ProviderError.CallError, Scope.Scope> {
    const { body: { fields, json, model }, options = {}, path } = yield* Check.run(givenOf, given, { provider })
    const url = ServerAddress.urlOf(address, path, model, options.root)
    const asked: Asked = {
      provider,
      model,
      server: address.url.host,
      url: ServerAddress.shown(url),
      secrets: authentication.secrets,
      request: fields
    }
    const unsigned: Unsigned = {
      method: "POST",
      url: url.href,
      headers: { "content-type": "application/json", accept },
      body: json
    }
    const headers = yield* authentication.headers(unsigned)
    const request = HttpClientRequest.post(url).pipe(
      HttpClientRequest.setHeaders(headers),
      HttpClientRequest.bodyText(json, "application/json")
    )
    const response = yield* http.execute(request).pipe(
      Effect.updateService(Headers.CurrentRedactedNames, (names) => [...names, ...authentication.names]),
      Effect.mapError((error) => Network.classify(asked, error))
    )
    const received = { asked, head: headOf(response), bytes: Body.bytesOf(response), options }
    return response.status >= 200 && response.status < 300 ? received : yield* refused(received)
  })

  const post = (
    path: string,
    body: object,
    options?: PostOptions
  ): Effect.Effect<Answer, ProviderError.CallError> =>
    Effect.scoped(Effect.flatMap(send({ path, body, options }, "application/json"), whole))

  const postStream = (
    path: string,
    body: object,
    options?: PostOptions
  ): Effect.Effect<StreamAnswer, ProviderError.CallError, Scope.Scope> =>
    Effect.flatMap(
      send({ path, body, options }, "text/event-stream"),
      (received): Effect.Effect<StreamAnswer, ProviderError.CallError> => {
        const { asked, bytes, head } = received
        const type = head.headers["content-type"] ?? ""
        return /json|html/i.test(type)
          // A server that does not stream, or a page.
          ? Effect.map(whole(received), ({ body, ...head }) => ({
            ...head,
            events: Stream.make<[ServerEvent, ServerEvent]>({ type: "data", event: "message", data: body }, {
              type: "done"
            })
          }))
          : Effect.succeed({ ...head, events: ServerEvents.decode(bytes, asked, head) })
      }
    )

  return { post, postStream }
})

interface Received {
  readonly asked: Asked
  readonly head: Head
  readonly bytes: ReturnType<typeof Body.bytesOf>
  readonly options: PostOptions
}

const refused = Effect.fnUntraced(function*({ asked, bytes, head }: Received) {
  const { text } = yield* Effect.orElseSucceed(Body.read(bytes, Body.mostErrorBytes), () => ({ text: "" }))
  return yield* Effect.fail(OpenAiError.fromAnswer(asked, head, text, yield* Clock.currentTimeMillis))
})

const whole = Effect.fnUntraced(function*(
  { asked, bytes, head, options: { floats = false } }: Received
): Effect.fn.Return<Answer, ProviderError.CallError> {
  const { isWhole, text } = yield* Effect.mapError(
    Body.read(bytes, Body.mostBytes),
    (error) => Network.classify(asked, error)
  )
  const { requestId } = head
  if (!isWhole) {
    return yield* Effect.fail(
      OpenAiError.malformed(asked, requestId, `the answer is longer than ${Body.mostBytes} bytes`)
    )
  }
  const json = floats ? ExactJson.parseFloats(text) : ExactJson.parse(text)
  if (Result.isFailure(json)) {
    if (/^\s*</.test(text)) {
      return yield* Effect.fail(OpenAiError.fromAnswer(asked, head, text, yield* Clock.currentTimeMillis))
    }
    return yield* Effect.fail(OpenAiError.malformed(asked, requestId, `the answer is ${json.failure}`))
  }
  const body = json.success
  return isFailure(body)
    ? yield* Effect.fail(OpenAiError.fromAnswer(asked, head, body, yield* Clock.currentTimeMillis))
    : { ...head, body }
})

/** Some gateways answer with an error and status 200. The `error` of a Responses object is `null`, or comes with its `output`. */
const isFailure = (body: unknown): boolean =>
  Predicate.isObject(body) && !("choices" in body) && !("output" in body) && !("data" in body) &&
  (typeof body["error"] === "string" || Predicate.isObject(body["error"]) || body["object"] === "error")

const headOf = ({ headers, status }: HttpClientResponse.HttpClientResponse): Head => ({
  status,
  headers,
  requestId: ids.map((name) => headers[name]).find((id) => id !== undefined && /^[\w.:-]{1,200}$/.test(id))
})

const ids = [
  "x-request-id",
  "x-amzn-requestid",
  "apim-request-id",
  "x-ms-request-id",
  "x-litellm-call-id",
  "request-id"
]

/** What a caller gives, which may be anything. */
interface Given {
  readonly path: string
  readonly body: object
  readonly options: PostOptions | undefined
}

/** A body: its fields, the model among them, and its JSON text. */
interface Written {
  readonly fields: object
  readonly model: string | undefined
  readonly json: string
}

const written: Check.Check<Written> = (given, at) => {
  const fields = Check.jsonObject("Give a plain object")(given, at)
  if (fields === Check.refused) return fields
  const { model } = fields
  return { fields, model: typeof model === "string" ? model : undefined, json: JSON.stringify(fields, wellFormed) }
}

const wellFormed = (_: string, value: unknown): unknown =>
  typeof value === "string" && !value.isWellFormed() ? value.toWellFormed() : value

const givenOf = Check.struct<Omit<Given, "body"> & { readonly body: Written }>({
  path: Check.text,
  body: written,
  options: Check.optional(Check.partial<PostOptions>({ root: Check.optional(Check.text), floats: Check.flag }))
})
