import { assert, layer } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as Message from "@strata/core/chat/Message"
import { Emulator } from "@strata/emulator"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Fixture from "./Fixture.ts"
import * as OpenAi from "./OpenAiFixture.ts"

const stage = Fixture.stage()

/** A part of an answer, and how many pieces a stream has of it. */
const Said = Schema.Struct({
  kind: Schema.Literals(["text", "reasoning", "call", "whole"]),
  text: Schema.String,
  pieces: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))
})

const Answer = Schema.Struct({
  said: Schema.Array(Said).check(Schema.isMaxLength(5)),
  // calls at once come in turns, as some models write them
  interleaved: Schema.Boolean
})

const partsOf = ({ said }: typeof Answer.Type): ReadonlyArray<Message.AssistantPart> =>
  said.map(({ kind, text }, index): Message.AssistantPart => {
    switch (kind) {
      case "text":
      case "whole":
        return { type: "text", text }
      case "reasoning":
        return { type: "reasoning", text }
      case "call":
        return { type: "tool-call", id: `call_${index}`, name: "get_weather", params: { city: text } }
    }
  })

/** The characters of a text in so many pieces; no half of a character. */
const cut = (text: string, pieces: number): ReadonlyArray<string> => {
  const characters = [...text]
  const size = Math.max(1, Math.ceil(characters.length / pieces))
  return Array.from({ length: pieces }, (_, at) => characters.slice(at * size, (at + 1) * size).join(""))
}

const eventsOf = ({ interleaved, said }: typeof Answer.Type): ReadonlyArray<ChatEvent.ChatEvent> => {
  const blocks = said.map(({ kind, pieces, text }, index): ReadonlyArray<ChatEvent.ChatEvent> => {
    switch (kind) {
      case "text":
        return cut(text, pieces).map((delta) => ({ type: "text-delta", index, delta }))
      case "whole":
        return [{ type: "part", index, part: { type: "text", text } }]
      case "reasoning":
        return [
          ...cut(text, pieces).map((delta) => ({ type: "reasoning-delta", index, delta }) as const),
          { type: "reasoning-end", index }
        ]
      case "call": {
        const [id, name, params] = [`call_${index}`, "get_weather", { city: text }]
        return [
          { type: "tool-params-start", index, id, name },
          ...cut(JSON.stringify(params), pieces).map((delta) =>
            ({ type: "tool-params-delta", index, id, delta }) as const
          ),
          { type: "tool-call", index, id, name, params }
        ]
      }
    }
  })
  const calls = blocks.filter((_, index) => said[index]?.kind === "call")
  const inTurns = Array.from(
    { length: Math.max(0, ...calls.map(({ length }) => length)) },
    (_, turn) => calls.flatMap((events) => events[turn] ?? [])
  )
  return interleaved
    ? [...blocks.filter((events) => !calls.includes(events)).flat(), ...inTurns.flat(), Fixture.finish]
    : [...blocks.flat(), Fixture.finish]
}

const answers = Arbitrary.sampleEffect(Arbitrary.schema(Answer), { count: Number(process.env["RUNS"] ?? 40) })

const without = (items: ReadonlyArray<OpenAi.Json>) => items.map(({ id: _, item_id: __, ...item }) => item)

layer(Emulator.layer().pipe(Layer.provide(stage.layer)))("Any answer is the same, streamed and in one piece", (it) => {
  it.effect("by Chat Completions", () =>
    Effect.gen(function*() {
      for (const answer of yield* answers) {
        const events = eventsOf(answer)
        for (
          const [model, root] of [["openai.gpt-oss-20b", "mantle/v1"], [
            "openai.gpt-oss-20b-1:0",
            "runtimeUrl"
          ]] as const
        ) {
          const body = { model, tools: [OpenAi.weather] }
          yield* stage.says(Fixture.response(partsOf(answer)))
          const { json } = yield* OpenAi.chat(body, root)
          yield* stage.says(events)
          const { text } = yield* OpenAi.chat({ ...body, stream: true }, root)
          const chunks = OpenAi.events(text).flatMap(({ data }) => data.choices ?? [])
          const calls: Array<OpenAi.Json> = []
          for (const { delta } of chunks) {
            for (const { index, ...piece } of delta.tool_calls ?? []) {
              if (calls[index] === undefined) calls[index] = piece
              else calls[index].function.arguments += piece.function.arguments
            }
          }
          const join = (key: string) => chunks.map(({ delta }) => delta[key] ?? "").join("")
          const [{ finish_reason: reason, message }] = json.choices
          // calls in turns begin in the same order
          assert.deepStrictEqual(calls, message.tool_calls ?? [])
          assert.deepStrictEqual(join("reasoning"), message.reasoning ?? "")
          if (root === "mantle/v1") assert.strictEqual(join("content"), message.content ?? "")
          assert.strictEqual(chunks.at(-1).finish_reason, reason)
        }
      }
    }))

  it.effect("by Responses, of both forms", () =>
    Effect.gen(function*() {
      for (const answer of yield* answers) {
        const events = eventsOf({ ...answer, interleaved: false })
        for (const [model, root] of [["gpt-5-mini", "baseUrl"], ["openai.gpt-oss-20b", "mantle/v1"]] as const) {
          const body = { model, tools: [OpenAi.weatherTool], reasoning: { summary: "auto" } }
          yield* stage.says(events)
          const { json } = yield* OpenAi.respond(body, root)
          const { text } = yield* OpenAi.respond({ ...body, stream: true }, root)
          const streamed = OpenAi.events(text).map(({ data }) => data)
          assert.deepStrictEqual(without(streamed.at(-1).response.output), without(json.output))
          // what was said of each item while it was made is what it became
          const done = streamed.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item)
          assert.deepStrictEqual(streamed.at(-1).response.output, done)
          for (const item of done) {
            const ofItem = streamed.filter(({ item_id: id }) => id === (item.id ?? item.item_id))
            const deltas = ofItem.map(({ delta = "" }) => delta).join("")
            const said = item.arguments ?? item.content?.[0]?.text ?? item.summary?.[0]?.text ?? ""
            assert.strictEqual(deltas, said)
          }
          assert.deepStrictEqual(streamed.map(({ sequence_number: at }) => at), streamed.map((_, at) => at))
        }
      }
    }))

  it.effect("by Responses, whose calls come in turns", () =>
    Effect.gen(function*() {
      for (const answer of yield* answers) {
        yield* stage.says(eventsOf({ ...answer, interleaved: true }))
        const { text } = yield* OpenAi.respond({ tools: [OpenAi.weatherTool], stream: true })
        const { output } = OpenAi.lastOf(text).response
        const calls = output.filter(({ type }: OpenAi.Json) => type === "function_call")
        assert.deepStrictEqual(
          calls.map(({ arguments: text, call_id: id }: OpenAi.Json) => [id, JSON.parse(text)]),
          partsOf(answer).flatMap((part) => part.type === "tool-call" ? [[part.id, part.params]] : [])
        )
      }
    }))
})
