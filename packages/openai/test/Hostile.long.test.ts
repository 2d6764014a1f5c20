import { assert, describe, it } from "@effect/vitest"
import type { ChatEvent } from "@strata/core"
import { Cause, Effect, Exit, Schema, Stream } from "effect"
import * as ChatCompletions from "../src/chat/ChatCompletions.ts"
import * as ServerEvents from "../src/client/ServerEvents.ts"
import * as Vectors from "../src/embedding/Vectors.ts"
import * as OpenAiError from "../src/OpenAiError.ts"
import * as OpenAiProfile from "../src/OpenAiProfile.ts"
import { chunk } from "./support/FakeServer.ts"

const asked = { provider: "openai", model: "m", server: "a.example" }

const head = { status: 200, headers: {}, requestId: undefined }

const profile: OpenAiProfile.Profile = { ...OpenAiProfile.of("openai"), reasoningTags: true, recoverToolCalls: true }

const exchange = (streaming: boolean) =>
  Effect.fromResult(ChatCompletions.codec.encode({
    model: "m",
    messages: [{ role: "user", content: "Hello" }],
    tools: [{
      name: "look",
      inputSchema: { type: "object", properties: { a: { type: "string" } }, additionalProperties: false },
      strict: true
    }],
    responseFormat: {
      type: "json",
      schema: { type: "object", properties: { b: { type: "string" } }, additionalProperties: false }
    }
  }, { profile, provider: "openai", server: "a.example", seed: "s", streaming }))

/** What a stream of these bytes gives, and how it ends: never with a defect. */
const read = Effect.fnUntraced(function*(pieces: ReadonlyArray<Uint8Array>) {
  const { stream } = yield* exchange(true)
  const given: Array<ChatEvent.ChatEvent> = []
  const events = ServerEvents.decode(Stream.fromIterable(pieces).pipe(Stream.rechunk(1)), asked, head)
  const exit = yield* stream({ ...head, events }).pipe(
    Stream.runForEach((event) => Effect.sync(() => given.push(event))),
    Effect.exit
  )
  if (Exit.isFailure(exit)) assert.isFalse(Cause.hasDies(exit.cause), Cause.pretty(exit.cause))
  const finishes = given.filter(({ type }) => type === "finish").length
  assert.strictEqual(finishes, Exit.isSuccess(exit) ? 1 : 0)
  return given
})

const encode = (text: string) => new TextEncoder().encode(text)

/** Values where a server would write something else. */
const Odd = Schema.Union([
  Schema.Json,
  Schema.Literals(["", "look", "{\"a\":null}", "<think>", "{\"name\":\"look\"}", "stop", "```"]),
  Schema.Natural
])

const OddChunk = Schema.Struct({
  choices: Schema.Union([
    Odd,
    Schema.Array(Schema.Struct({
      index: Schema.optionalKey(Odd),
      finish_reason: Schema.optionalKey(Odd),
      delta: Schema.Union([
        Odd,
        Schema.Struct({
          content: Schema.optionalKey(Odd),
          reasoning: Schema.optionalKey(Odd),
          refusal: Schema.optionalKey(Odd),
          annotations: Schema.optionalKey(Schema.Array(Schema.Struct({ url_citation: Odd }))),
          tool_calls: Schema.optionalKey(Schema.Union([
            Odd,
            Schema.Array(Schema.Struct({
              index: Schema.optionalKey(Odd),
              id: Schema.optionalKey(Odd),
              function: Schema.Union([
                Odd,
                Schema.Struct({ name: Schema.optionalKey(Odd), arguments: Schema.optionalKey(Odd) })
              ])
            }))
          ]))
        })
      ])
    }))
  ]),
  usage: Schema.optionalKey(Schema.Union([Odd, Schema.Struct({ prompt_tokens: Odd, completion_tokens: Odd })])),
  error: Schema.optionalKey(Odd)
})

describe("hostile servers", () => {
  it.effect.prop(
    "any bytes give typed events and a typed end",
    [Schema.Array(Schema.Uint8Array)],
    ([pieces]) => read(pieces),
    {
      arbitrary: { runs: 300 }
    }
  )

  it.effect.prop(
    "any chunks give typed events and a typed end",
    [Schema.Array(OddChunk)],
    ([chunks]) =>
      read([...chunks.map((each) => encode(`data: ${JSON.stringify(each)}\n\n`)), encode("data: [DONE]\n\n")]),
    {
      arbitrary: { runs: 500 }
    }
  )

  it.effect.prop(
    "any answer is decoded or refused",
    [Schema.Union([OddChunk, Schema.Json])],
    ([body]) =>
      Effect.gen(function*() {
        const { decode } = yield* exchange(false)
        const whole = JSON.parse(JSON.stringify(body).replaceAll("\"delta\"", "\"message\""))
        const exit = yield* Effect.exit(Effect.suspend(() => Effect.fromResult(decode({ ...head, body: whole }))))
        if (Exit.isFailure(exit)) assert.isFalse(Cause.hasDies(exit.cause), Cause.pretty(exit.cause))
      }),
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "any error is one of ours",
    [Schema.Union([Schema.String, Schema.Json]), Schema.Natural],
    ([body, status]) => {
      const bodies = [body, { error: body }, { error: { message: body, code: body, type: body } }, { detail: body }]
      for (const each of bodies) {
        const error = OpenAiError.fromAnswer(asked, { ...head, status: status % 600 }, each, 0)
        assert.isString(error.message)
        assert.isBelow(error.message.length, 5000)
      }
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "any vectors are numbers, or a problem",
    [Schema.Json, Schema.Natural, Schema.Array(Odd)],
    ([body, count, list]) => {
      Vectors.read(body, count, undefined)
      const data = list.map((embedding, index) => ({ index, embedding }))
      Vectors.read({ data }, data.length, undefined)
    },
    { arbitrary: { runs: 300 } }
  )

  it.effect("a stream that never ends a line, and one of a million calls, end in bounded memory", () =>
    Effect.gen(function*() {
      const block = encode("x".repeat(1024 * 1024))
      let sent = 0
      const endless = Stream.fromEffectRepeat(Effect.sync(() => {
        sent++
        return block
      }))
      for (const opening of ["data: ", ": ", "event: "]) {
        sent = 0
        const events = ServerEvents.decode(Stream.concat(Stream.make(encode(opening)), endless), asked, head)
        const error = yield* Effect.flip(Stream.runDrain(events))
        assert.strictEqual(error._tag, "MalformedResponseError")
        assert.isBelow(sent, 40)
      }
      const { stream } = yield* exchange(true)
      const calls = Stream.fromEffectRepeat(Effect.sync(() => ({
        type: "data" as const,
        event: "message",
        data: chunk({ tool_calls: [{ index: 0, id: `c${sent++}`, function: { name: "look", arguments: "" } }] })
      })))
      const error = yield* Effect.flip(Stream.runDrain(stream({ ...head, events: calls })))
      assert.strictEqual(error._tag, "MalformedResponseError")
    }))
})
