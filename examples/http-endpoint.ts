/**
 * An HTTP endpoint that streams an answer as server-sent events. A failure before the first word has a status of its own,
 * one after it is an event; a client that leaves interrupts the call of the model.
 *
 * `node examples/http-endpoint.ts --serve` serves on http://localhost:3000, or on `PORT`. Without it the program asks itself
 * four questions: one that is answered, one that is blank, one that the model refuses because it is busy, and one whose
 * answer it does not read to its end. Offline, a script plays the model.
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { BedrockChat } from "@strata/bedrock"
import { ChatService, Policy, ProviderError, Retry } from "@strata/core"
import { Config, Console, Duration, Effect, Exit, Layer, Schema, Sink, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import * as Provider from "./src/Provider.ts"
import * as Reader from "./src/Reader.ts"

const Question = Schema.Struct({ question: Schema.String })

const answer = Effect.gen(function*() {
  const { question } = yield* HttpServerRequest.schemaBodyJson(Question)
  const text = ChatService.textStream({ messages: question, maxTokens: 300 })
  // Waits for the first piece. The rest is open until the response has been sent, or the client has left.
  const [first, rest] = yield* Stream.peel(text, Sink.take<string>(1))
  const events = Stream.concat(Stream.fromIterable(first), rest).pipe(
    Stream.map((piece) => `data: ${JSON.stringify(piece)}\n\n`),
    Stream.concat(Stream.succeed("event: end\ndata:\n\n")),
    Stream.catch((error) => Stream.succeed(`event: failure\ndata: ${error._tag}\n\n`)),
    Stream.onExit((exit) =>
      Exit.hasInterrupts(exit)
        ? Console.log("  the client has left: the call of the model is interrupted")
        : Effect.void
    )
  )
  return HttpServerResponse.stream(Stream.encodeText(events), { contentType: "text/event-stream" })
}).pipe(
  Effect.catchTag(["SchemaError", "HttpServerError"], () => refuse(400, "Send { \"question\": \"…\" }")),
  Effect.catchTag("InvalidRequestError", ({ message }) => refuse(400, message)),
  Effect.catchTag(
    ["RateLimitError", "CircuitOpenError"],
    (error) => refuse(429, "Busy", ProviderError.retryAfter(error))
  ),
  Effect.catchTag(["QuotaExceededError", "BudgetExceededError"], () => refuse(503, "Used up")),
  Effect.catchTag("TimeoutError", () => refuse(504, "Too slow")),
  // What is left is between this server and Bedrock: in the log, not in the response.
  Effect.catch((error) => Effect.andThen(Effect.logError(error), refuse(502, "No answer")))
)

const refuse = (status: number, message: string, after?: Duration.Duration) =>
  HttpServerResponse.json({ message }, {
    status,
    headers: after === undefined ? {} : { "retry-after": `${Math.ceil(Duration.toSeconds(after))}` }
  }).pipe(Effect.orDie)

// A person waits: no second try, and five seconds for the first word. The client may try again.
const Chat = BedrockChat.layer({
  model: "us.amazon.nova-lite-v1:0",
  policy: Policy.make({ retry: Retry.never, timeouts: { firstEvent: "5 seconds" } })
}).pipe(Layer.provide(Provider.scriptedBedrock(Reader.script, { faults: Reader.faults })))

const isServing = process.argv.includes("--serve")

const Listening = Layer.unwrap(Effect.map(
  Config.Number("PORT").pipe(Config.withDefault(isServing ? 3000 : 0)),
  (port) => NodeHttpServer.layer(createServer, { port, gracefulShutdownTimeout: "1 second" })
))

const Server = HttpRouter.serve(HttpRouter.add("POST", "/answer", answer), {
  disableLogger: true,
  disableListenLog: true
})
  .pipe(Layer.provide(Chat), Layer.provideMerge(Listening))

export const main = Effect.gen(function*() {
  const { address } = yield* HttpServer.HttpServer
  const url = `http://localhost:${"port" in address ? address.port : 0}/answer`
  if (!isServing) return yield* Reader.readAll(url)
  yield* Console.log(`curl -N ${url} -H "content-type: application/json" -d '{"question": "Why is the sky blue?"}'`)
  return yield* Effect.never
}).pipe(Effect.provide(Server))

if (import.meta.main) NodeRuntime.runMain(main)
