/** A server of the Responses API in memory: answers, their event streams, and the requests that it got. */
import { type ChatRequest, ChatService, Policy } from "@strata/core"
import { OpenAiChat, OpenAiClient } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

export type Json = { readonly [key: string]: unknown }

export interface Received {
  readonly url: string
  readonly headers: { readonly [name: string]: string | undefined }
  readonly body: Json
}

/** What the server answers with, one after the other; the last one again and again. */
export const make = (...answers: ReadonlyArray<() => Response>) => {
  const received: Array<Received> = []
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      const { body } = request
      const text = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "{}"
      const answer = answers[Math.min(received.length, answers.length - 1)]!
      // It is the JSON of an object.
      received.push({ url: request.url, headers: request.headers, body: JSON.parse(text) as Json })
      return HttpClientResponse.fromWeb(request, answer())
    })
  )
  return { received, http: Layer.succeed(HttpClient.HttpClient, client) }
}

/** A service in front of a server, one attempt each. */
export const chat = (
  server: ReturnType<typeof make>,
  { client, ...options }: OpenAiChat.Options & { readonly client?: OpenAiClient.Options } = {}
): Layer.Layer<ChatService.ChatService> =>
  OpenAiChat.layer({ model: "gpt-5.4", api: "responses", policy: Policy.none, ...options }).pipe(
    Layer.provide(OpenAiClient.layerHttpClient({ apiKey: Redacted.make("key"), ...client })),
    Layer.provide(server.http),
    Layer.orDie
  )

/** All values of a stream. */
export const collect = <A, E, R>(events: Stream.Stream<A, E, R>): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Stream.runCollect(events)

export const json = (body: unknown, status = 200) => (): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "x-request-id": "req_1" }
  })

/** A stream in chunks of bytes; of text, in one. */
export const sse = (...chunks: ReadonlyArray<string | Uint8Array>) => (): Response =>
  new Response(
    new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (const chunk of chunks) {
          controller.enqueue(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk)
        }
        controller.close()
      }
    }),
    { headers: { "content-type": "text/event-stream", "x-request-id": "req_1" } }
  )

/** The text of a stream of events, each with its name. */
export const text = (events: ReadonlyArray<Json>): string =>
  events.map((event) => `event: ${String(event["type"])}\ndata: ${JSON.stringify(event)}\n\n`).join("")

export const reasoning = (id: string, options: Json = {}): Json => ({
  type: "reasoning",
  id,
  summary: [],
  encrypted_content: `sealed-${id}`,
  ...options
})

export const call = (id: string, name: string, args: unknown = {}, options: Json = {}): Json => ({
  type: "function_call",
  id: `fc_${id}`,
  call_id: id,
  name,
  arguments: typeof args === "string" ? args : JSON.stringify(args),
  status: "completed",
  ...options
})

export const message = (text: string, options: Json = {}): Json => ({
  type: "message",
  id: `msg_${text.length}`,
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [] }],
  ...options
})

/** A whole answer. */
export const response = (output: ReadonlyArray<Json>, options: Json = {}): Json => ({
  id: "resp_1",
  object: "response",
  status: "completed",
  error: null,
  incomplete_details: null,
  model: "gpt-5.4-2026-03-05",
  output,
  usage: {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 60 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 12 },
    total_tokens: 120
  },
  ...options
})

/** The events of an answer as OpenAI sends them, its texts in pieces of so many characters. */
export const events = (answer: Json, size = 3): ReadonlyArray<Json> => {
  const terminal = answer["status"] === "incomplete" ? "response.incomplete" : "response.completed"
  return [
    { type: "response.created", response: { ...answer, status: "in_progress", output: [], usage: null } },
    ...list(answer["output"]).flatMap((item, output_index) => itemEvents(item, output_index, size)),
    { type: terminal, response: answer }
  ].map((event, sequence_number) => ({ ...event, sequence_number }))
}

const list = (value: unknown): ReadonlyArray<Json> => value as ReadonlyArray<Json>

const pieces = (text: string, size: number): ReadonlyArray<string> =>
  text.match(new RegExp(`[^]{1,${size}}`, "gu")) ?? []

const itemEvents = (item: Json, output_index: number, size: number): ReadonlyArray<Json> => {
  const at = { output_index, item_id: item["id"] }
  const deltas = (type: string, text: string, more: Json = {}) =>
    pieces(text, size).map((delta) => ({ type, ...at, ...more, delta }))
  const begun = { ...item, status: "in_progress" }
  switch (item["type"]) {
    case "message":
      return [
        { type: "response.output_item.added", output_index, item: { ...begun, content: [] } },
        ...list(item["content"]).flatMap((part, content_index) => [
          { type: "response.content_part.added", ...at, content_index, part: { type: part["type"] } },
          ...(part["type"] === "refusal"
            ? deltas("response.refusal.delta", String(part["refusal"]), { content_index })
            : deltas("response.output_text.delta", String(part["text"]), { content_index })),
          ...list(part["annotations"] ?? []).map((annotation, annotation_index) => ({
            type: "response.output_text.annotation.added",
            ...at,
            content_index,
            annotation_index,
            annotation
          })),
          { type: "response.content_part.done", ...at, content_index, part }
        ]),
        { type: "response.output_item.done", output_index, item }
      ]
    case "reasoning":
      return [
        { type: "response.output_item.added", output_index, item: { ...begun, summary: [], encrypted_content: "" } },
        ...list(item["summary"]).flatMap((part, summary_index) =>
          deltas("response.reasoning_summary_text.delta", String(part["text"]), { summary_index })
        ),
        ...list(item["content"] ?? []).flatMap((part, content_index) =>
          deltas("response.reasoning_text.delta", String(part["text"]), { content_index })
        ),
        { type: "response.output_item.done", output_index, item }
      ]
    case "function_call":
      return [
        { type: "response.output_item.added", output_index, item: { ...begun, arguments: "" } },
        ...deltas("response.function_call_arguments.delta", String(item["arguments"])),
        { type: "response.function_call_arguments.done", ...at, arguments: item["arguments"] },
        { type: "response.output_item.done", output_index, item }
      ]
    default:
      return [
        { type: "response.output_item.added", output_index, item: begun },
        { type: "response.output_item.done", output_index, item }
      ]
  }
}

/** A short text. */
export const said = json(response([message("Hi")]))

const called = json(response([call("c1", "weather")]))

/** The body that a request becomes, and the warnings of its answer. */
export const bodyOf = (input: ChatRequest.Input, options?: Parameters<typeof chat>[1]) =>
  Effect.gen(function*() {
    const server = make(called)
    const answer = yield* ChatService.generate(input).pipe(Effect.provide(chat(server, options)))
    return { body: server.received[0]?.body ?? {}, warnings: answer.providerMetadata.openai?.warnings ?? [] }
  })
