/**
 * An emulated Bedrock in a process of its own, so that client and server do not share an event loop.
 *
 * Run as a program it serves until it is stopped, with the options of its one argument; imported, it starts that
 * program, waits for its address, and speaks to it afterwards.
 */
import { NodeRuntime } from "@effect/platform-node"
import { TestChat } from "@strata/core/testing"
import { Emulator, Fault, Quota, Statistics } from "@strata/emulator"
import { Console, Effect, Layer, Option, Schema, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ChildProcess } from "effect/process"
import * as ForgetfulEmbedding from "./ForgetfulEmbedding.ts"

/**
 * - `latency`: milliseconds before every answer.
 * - `region`: us-east-1 unless told otherwise.
 * - `faults`, `quota`: those of the emulator. {@link inject} adds faults later.
 * - `answer`: what the chat model says, "Paris" unless told otherwise: whole or in `chunks`, with so many tokens, `delay`
 *   milliseconds before it and `interval` milliseconds between its events.
 */
export type Options = typeof Options.Type
/** @see {@link Options} */
export const Options = Schema.Struct({
  latency: Schema.Finite,
  region: Schema.optional(Schema.String),
  faults: Schema.optional(Schema.Array(Fault.Fault)),
  quota: Schema.optional(Quota.Limits),
  answer: Schema.optional(Schema.Struct({
    content: Schema.optional(Schema.String),
    chunks: Schema.optional(Schema.Array(Schema.String)),
    usage: Schema.optional(Schema.Struct({ inputTokens: Schema.Finite, outputTokens: Schema.Finite })),
    delay: Schema.optional(Schema.Finite),
    interval: Schema.optional(Schema.Finite)
  }))
})

class NotStarted extends Schema.TaggedError<NotStarted>()("NotStarted", { message: Schema.String }) {}

/** The address of a new emulator, stopped with the scope. */
export const start = Effect.fnUntraced(function*(options: Options) {
  const argument = yield* Schema.encodeEffect(OptionsJson)(options)
  const child = yield* ChildProcess.make(process.execPath, [import.meta.filename, argument], { stderr: "inherit" })
  const line = yield* child.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runHead)
  return yield* Option.match(line, {
    onNone: () => Effect.fail(new NotStarted({ message: "The emulator did not start" })),
    onSome: Effect.succeed
  })
})

/** What the emulator at this address has seen so far. */
export const statistics = Effect.fnUntraced(function*(url: string) {
  const response = yield* HttpClient.get(`${url}/_strata/statistics`)
  return yield* HttpClientResponse.schemaBodyJson(Schema.toCodecJson(Statistics.Statistics))(response)
}, Effect.provide(FetchHttpClient.layer))

/** Injects faults into the emulator at this address. */
export const inject = Effect.fnUntraced(function*(url: string, faults: ReadonlyArray<Fault.Fault>) {
  const body = yield* Schema.encodeEffect(Schema.toCodecJson(Schema.Array(Fault.Fault)))(faults)
  const request = yield* HttpClientRequest.bodyJson(HttpClientRequest.post(`${url}/_strata/faults`), body)
  yield* Effect.flatMap(HttpClient.execute(request), HttpClientResponse.filterStatusOk)
}, Effect.provide(FetchHttpClient.layer))

/** No faults from now on. */
export const clearFaults = Effect.fnUntraced(function*(url: string) {
  yield* Effect.flatMap(HttpClient.del(`${url}/_strata/faults`), HttpClientResponse.filterStatusOk)
}, Effect.provide(FetchHttpClient.layer))

const OptionsJson = Schema.fromJsonString(Schema.toCodecJson(Options))

const serve = ({ answer = { content: "Paris" }, ...options }: Options) =>
  Effect.gen(function*() {
    const { url } = yield* Emulator.Emulator
    yield* Console.log(url)
    return yield* Effect.never
  }).pipe(
    Effect.provide(
      Emulator.layer({ inputTokens: "counted", ...options }).pipe(
        Layer.provide(Layer.merge(TestChat.layer(() => answer), ForgetfulEmbedding.layer))
      )
    )
  )

const main = Effect.flatMap(Schema.decodeEffect(OptionsJson)(process.argv[2] ?? `{"latency":0}`), serve)

if (import.meta.main) NodeRuntime.runMain(main)
