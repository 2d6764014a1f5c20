/**
 * A chat page with a server: the answer streams in, tools are seen at work, sources are links, and a person approves what
 * has consequences. `useChat` of the AI SDK talks to the same server.
 *
 * `pnpm example web-chat`, then open http://localhost:3000. `PORT` names another port; with `--once` it asks itself a
 * question, prints what a page would show, and ends. Offline, a script plays the model.
 */
import { NodeHttpServer, NodeRuntime, NodeServices } from "@effect/platform-node"
import { EmbeddingService } from "@strata/core"
import { UiChat, type UiMessage, UiRuns } from "@strata/ui"
import { Config, Console, Effect, Layer, Schema, Stream } from "effect"
import { Sse } from "effect/encoding"
import {
  FetchHttpClient,
  HttpClient,
  HttpClientRequest,
  HttpRouter,
  HttpServer,
  HttpServerResponse,
  HttpStaticServer
} from "effect/http"
import { createServer } from "node:http"
import * as Provider from "./src/Provider.ts"
import * as Library from "./src/web-chat/Library.ts"
import { script } from "./src/web-chat/Script.ts"

/** A model that cites search results. */
const model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

/** The conversations, as pages show them; a database in a real one. */
const conversations = new Map<string, ReadonlyArray<UiMessage.UiMessage>>()
const save = (key: string, messages: ReadonlyArray<UiMessage.UiMessage>) =>
  Effect.sync(() => void conversations.set(key, messages))

const Chat = Layer.unwrap(Effect.map(Library.tools, (tools) =>
  UiChat.layer({
    tools,
    // A page that is closed, or loaded again, loses nothing: only its stop button stops the answer.
    whenReadersLeave: "continue",
    // The question is kept before the model is asked, the answer before the page is told that it is complete.
    request: ({ key, messages, uiMessages }) =>
      Effect.as(save(key, uiMessages), { model, messages: [Library.system, ...messages], maxTokens: 500 }),
    onEnd: ({ key, messages }) => save(key, messages)
  })))

/** What a page shows when it is opened again. */
const Stored = HttpRouter.add(
  "GET",
  "/api/chat/:id/messages",
  Effect.flatMap(HttpRouter.params, ({ id = "" }) => HttpServerResponse.json(conversations.get(id) ?? []))
)

const Page = HttpStaticServer.layer({ root: `${import.meta.dirname}/src/web-chat/page` })

/** The embeddings, by a model also offline: the script is for the chat alone. */
const Search = Layer.effect(EmbeddingService.EmbeddingService, Effect.service(EmbeddingService.EmbeddingService)).pipe(
  Layer.provide(Provider.layer)
)

const Server = HttpRouter.serve(Layer.mergeAll(Chat, Stored, Page), { disableLogger: true, disableListenLog: true })
  .pipe(
    Layer.provide(UiRuns.layerMemory()),
    Layer.provide([Provider.scripted(script), Search])
  )

const isSelfCheck = process.argv.includes("--once")

const Listening = Layer.unwrap(
  Effect.map(
    Config.Number("PORT").pipe(Config.withDefault(isSelfCheck ? 0 : 3000)),
    (port) => NodeHttpServer.layer(createServer, { port, gracefulShutdownTimeout: "1 second" })
  )
)

/** The members of chunks that `ask` prints. */
const Chunk = Schema.fromJsonString(Schema.Struct({
  type: Schema.String,
  delta: Schema.optional(Schema.String),
  toolName: Schema.optional(Schema.String),
  input: Schema.optional(Schema.Unknown),
  title: Schema.optional(Schema.String),
  url: Schema.optional(Schema.String)
}))

/** What a page does with a question; prints what the page would show. */
const ask = Effect.fnUntraced(function*(url: string, text: string) {
  const client = yield* HttpClient.HttpClient
  const request = HttpClientRequest.post(`${url}/api/chat`).pipe(
    HttpClientRequest.bodyJsonUnsafe({
      id: "self-check",
      messages: [{ id: "q", role: "user", parts: [{ type: "text", text }] }]
    })
  )
  const response = yield* client.execute(request)
  let written = ""
  yield* response.stream.pipe(
    Stream.decodeText(),
    Stream.pipeThroughChannel(Sse.decode()),
    Stream.filter(({ data }) => data !== "[DONE]"),
    Stream.mapEffect(({ data }) => Schema.decodeEffect(Chunk)(data)),
    Stream.runForEach(({ delta = "", input, title, toolName, type, url }) => {
      written = type === "text-start" ? "" : written + delta
      if (type === "text-end") return Console.log(written)
      if (type === "tool-input-available") return Console.log(`[${toolName} ${JSON.stringify(input)}]`)
      return type === "source-url" ? Console.log(`  (${title}: ${url})`) : Effect.void
    })
  )
})

const program = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  const url = `http://localhost:${"port" in address ? address.port : 0}`
  if (isSelfCheck) return yield* ask(url, "How much is a late book?")
  yield* Console.log(`Open ${url}`)
  return yield* Effect.never
})

export const main = program.pipe(
  Effect.provide([Server.pipe(Layer.provideMerge(Listening)), FetchHttpClient.layer]),
  Effect.scoped
)

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
