/**
 * Asking a fake server, whole and streamed.
 */
import {
  type ChatEvent,
  ChatEvent as Events,
  type ChatRequest,
  type ChatResponse,
  ChatService,
  Policy
} from "@strata/core"
import { OpenAiChat, OpenAiClient, type OpenAiProfile } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as FakeServer from "./FakeServer.ts"

export interface Options {
  readonly profile?: OpenAiProfile.Input
  readonly client?: OpenAiClient.Options
  readonly chat?: OpenAiChat.Options
}

/** A chat service of the server, without retries. */
export const chat = (server: FakeServer.FakeServer, { chat, client, profile }: Options = {}) =>
  OpenAiChat.layer({ model: "m", policy: Policy.none, ...chat }).pipe(
    Layer.provide(OpenAiClient.layer({ baseUrl: `${server.url}/v1`, apiKey: "sk-secret-key-1", profile, ...client }))
  )

/** The answer to one reply. */
export const generate = Effect.fnUntraced(function*(
  reply: FakeServer.Reply,
  request: ChatRequest.Input = "Hello",
  options?: Options
) {
  const server = yield* FakeServer.make
  server.reply(reply)
  return yield* ChatService.generate(request).pipe(Effect.provide(chat(server, options)))
}, Effect.scoped)

/** The events of one reply, and how they ended. */
export const stream = Effect.fnUntraced(function*(
  reply: FakeServer.Reply,
  request: ChatRequest.Input = "Hello",
  options?: Options
) {
  const server = yield* FakeServer.make
  server.reply(reply)
  const events: Array<ChatEvent.ChatEvent> = []
  const exit = yield* ChatService.stream(request).pipe(
    Stream.runForEach((event) => Effect.sync(() => events.push(event))),
    Effect.provide(chat(server, options)),
    Effect.result
  )
  return { events, exit }
}, Effect.scoped)

/** The response that a stream amounts to. */
export const collect = (
  reply: FakeServer.Reply,
  request?: ChatRequest.Input,
  options?: Options
) =>
  Effect.flatMap(
    stream(reply, request, options),
    ({ events, exit }) => Effect.andThen(Effect.fromResult(exit), Events.collect(Stream.fromIterable(events)))
  )

/** The bodies that a request becomes, whole and streamed. */
export const sent = Effect.fnUntraced(function*(request: ChatRequest.Input, options?: Options) {
  const server = yield* FakeServer.make
  const layer = chat(server, options)
  server.reply(
    FakeServer.json(FakeServer.completion({ content: "ok" })),
    FakeServer.events(FakeServer.chunk({ content: "ok" }, "stop"), "[DONE]")
  )
  yield* Effect.gen(function*() {
    const answer = yield* ChatService.generate(request)
    yield* Stream.runDrain(ChatService.stream(request))
    return answer
  }).pipe(Effect.provide(layer))
  return server.requests.map(({ body }) => body)
}, Effect.scoped)

export type Response = ChatResponse.ChatResponse
