import { assert, describe, it } from "@effect/vitest"
import { ChatEvent, ChatService } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Fake from "./support/FakeResponses.ts"

const answer = Fake.response([
  Fake.reasoning("rs_1", { summary: [{ type: "summary_text", text: "Größe?" }] }),
  Fake.message("Straße 🌧️ ends\nhere", { phase: "commentary" }),
  Fake.call("c1", "weather", { city: "Köln 🌧️" }),
  Fake.call("c2", "clock")
])

const sent = Fake.events(answer, 4)

const encoder = new TextEncoder()

const stream = encoder.encode(`${Fake.text(sent)}data: [DONE]\n\n`)

/** What a stream gave before it ended, and how it ended. */
const read = (...chunks: ReadonlyArray<Uint8Array>) =>
  Effect.gen(function*() {
    const events: Array<ChatEvent.ChatEvent> = []
    const exit = yield* ChatService.stream("Hi").pipe(
      Stream.runForEach((event) => Effect.sync(() => void events.push(event))),
      Effect.provide(Fake.chat(Fake.make(Fake.sse(...chunks)))),
      Effect.exit
    )
    return { events, exit }
  })

const pieces = (events: ReadonlyArray<ChatEvent.ChatEvent>) =>
  events.flatMap((event) => "delta" in event ? [event.delta] : []).join("")

/** The deltas in the whole events at the beginning of the bytes, read without the product. */
const arrived = (bytes: Uint8Array) =>
  new TextDecoder().decode(bytes).split("\n\n").slice(0, -1).flatMap((block) => {
    const data = block.split("\n").find((line) => line.startsWith("data: "))?.slice(6) ?? "null"
    const event = data === "[DONE]" ? null : JSON.parse(data) as { readonly delta?: string } | null
    return event?.delta === undefined ? [] : [event.delta]
  }).join("")

describe("Responses: any stream", () => {
  it.effect(
    "cut at any byte, ends complete or with a typed error, and loses nothing that had arrived",
    () =>
      Effect.gen(function*() {
        const complete = encoder.encode(Fake.text(sent)).length
        for (let at = 0; at <= stream.length; at += 29) {
          const { events, exit } = yield* read(stream.subarray(0, at))
          const given = pieces(events)
          assert.isTrue(given.startsWith(arrived(stream.subarray(0, at))), `at ${at}`)
          const finishes = events.filter(({ type }) => type === "finish").length
          if (at >= complete) assert.isTrue(Exit.isSuccess(exit) && finishes === 1, `at ${at}`)
          else assert.isTrue(Exit.isFailure(exit) && Exit.hasFails(exit) && finishes === 0, `at ${at}`)
        }
      }),
    60_000
  )

  it.effect.prop(
    "case 7: the same bytes in any chunks give the same answer",
    { cuts: Schema.Array(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))) },
    ({ cuts }) =>
      Effect.gen(function*() {
        const places = [
          0,
          ...cuts.map((cut) => Math.floor(cut * stream.length)).toSorted((a, b) => a - b),
          stream.length
        ]
        const chunks = places.slice(1).map((end, index) => stream.slice(places[index], end))
        const [{ events }, whole] = yield* Effect.all([read(...chunks), read(stream)])
        assert.strictEqual(pieces(events), pieces(whole.events))
        assert.deepStrictEqual(
          yield* ChatEvent.collect(Stream.fromIterable(events)),
          yield* ChatEvent.collect(Stream.fromIterable(whole.events))
        )
      })
  )

  it.effect.prop(
    "of any events ends complete or with a typed error",
    { seed: Schema.Int, types: Schema.Array(Schema.Literals(types())), values: Schema.Array(Schema.Json) },
    ({ seed, types, values }) =>
      Effect.gen(function*() {
        const hostile = types.map((type, index) => ({
          type,
          output_index: values[index % 3],
          item_id: values[index % 2],
          delta: values[0],
          item: { type: ["message", "reasoning", "function_call"][index % 3], content: values, arguments: values[1] },
          response: { output: [values[2], { type: "function_call", ...asObject(values[0]) }] },
          ...asObject(values[index])
        }))
        const mutants = values.map((value, index) => replaced(sent, seed + index * 7, value) as typeof sent)
        for (const events of [hostile, [...sent.slice(0, 8), ...hostile, ...sent.slice(8)], ...mutants]) {
          const text = events.map((event) => `data: ${JSON.stringify(event) ?? "null"}\n\n`).join("")
          const { events: seen, exit } = yield* read(encoder.encode(text))
          assert.isTrue(Exit.isSuccess(exit) || Exit.hasFails(exit) && !Exit.hasDies(exit))
          assert.strictEqual(seen.filter(({ type }) => type === "finish").length, Exit.isSuccess(exit) ? 1 : 0)
        }
      }),
    { arbitrary: { runs: 40 } }
  )

  it.effect.prop(
    "whole answers of any shape are an answer or a typed error",
    { output: Schema.Json, seed: Schema.Int },
    ({ output, seed }) =>
      Effect.gen(function*() {
        const mutants = [0, 1, 2, 3].map((index) => replaced(answer, seed + index * 7, output))
        for (const body of [{ ...answer, output }, output, ...mutants]) {
          const exit = yield* ChatService.generate("Hi").pipe(
            Effect.provide(Fake.chat(Fake.make(Fake.json(body ?? null)))),
            Effect.exit
          )
          assert.isTrue(Exit.isSuccess(exit) || Exit.hasFails(exit) && !Exit.hasDies(exit))
        }
      })
  )
})

function types() {
  return [...new Set(["response.invented", "error", "response.failed", ...sent.map(({ type }) => String(type))])]
}

const asObject = (value: unknown): object =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value : {}

/** The JSON with one of its values, chosen by the number, replaced. */
const replaced = (json: unknown, number: number, by: unknown): unknown => {
  let count = 0
  const walk = (value: unknown, visit: (at: number) => boolean): unknown => {
    if (visit(count++)) return by
    if (Array.isArray(value)) return value.map((item: unknown) => walk(item, visit))
    return typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, visit)]))
      : value
  }
  walk(json, () => false)
  const chosen = 1 + Math.abs(number) % (count - 1)
  count = 0
  return walk(json, (at) => at === chosen)
}
