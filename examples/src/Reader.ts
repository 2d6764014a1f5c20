/**
 * A client of the example `http-endpoint`, and the model it asks offline.
 */
import { Message } from "@strata/core"
import type { ChatRequest } from "@strata/core"
import type { Fault } from "@strata/emulator"
import { Console, Effect, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"

/** Asks four questions, and prints what comes back. */
export const readAll = (url: string) =>
  Effect.gen(function*() {
    yield* read(url, "Why is the sky blue?")
    yield* read(url, " ")
    yield* read(url, "Are you busy?")
    yield* read(url, "Tell me a long story", 2)
  }).pipe(Effect.provide(FetchHttpClient.layer))

/** `events`: it leaves after so many. */
const read = Effect.fnUntraced(function*(url: string, question: string, events = Infinity) {
  yield* Console.log(`? ${question}`)
  const client = yield* HttpClient.HttpClient
  const response = yield* client.execute(
    HttpClientRequest.post(url).pipe(HttpClientRequest.bodyJsonUnsafe({ question }))
  )
  const { "retry-after": after } = response.headers
  yield* Console.log(`  ${response.status}${after === undefined ? "" : `, retry after ${after} s`}`)
  if (response.status !== 200) return yield* Console.log(`  ${yield* response.text}`)
  yield* response.stream.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line !== ""),
    Stream.take(events),
    Stream.runForEach((line) => Console.log(`  ${line}`))
  )
}, Effect.scoped)

/** Offline, this is the model. */
export const script = ({ messages }: ChatRequest.Resolved) =>
  messages.some((message) => Message.textOf(message).includes("long story"))
    ? { content: "Once upon a time ".repeat(100), interval: "20 millis" as const }
    : "Air scatters blue light most."

/** Offline, a question about being busy is refused, as by a service that is. */
export const faults: ReadonlyArray<Fault.Fault> = [
  { type: "throttle", text: "busy", times: Infinity, retryAfter: "3 seconds" }
]
