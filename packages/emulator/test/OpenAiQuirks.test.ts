import { assert, describe, it } from "@effect/vitest"
import { Emulator, OpenAi as Dialect } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fixture from "./Fixture.ts"
import * as OpenAi from "./OpenAiFixture.ts"

const model = "llama3.2:3b"

const called = Fixture.response([
  { type: "reasoning", text: "Hm" },
  ...["Paris", "Rome"].map((city, index) =>
    ({ type: "tool-call", id: `call_${index}`, name: "get_weather", params: { city } }) as const
  )
], { finishReason: "tool-calls" })

const said = Fixture.response([{ type: "reasoning", text: "Hm" }, { type: "text", text: "{\"city\": \"Paris\"}" }])

/** The server of these quirks, and its answer to one question. */
const server = (
  quirks: ReadonlyArray<Dialect.Quirk>,
  answer: Parameters<ReturnType<typeof Fixture.stage>["says"]>[0],
  test: Effect.Effect<void, unknown, Emulator.Emulator>
) => {
  const stage = Fixture.stage()
  return Effect.andThen(stage.says(answer), test).pipe(
    Effect.provide(Emulator.layer({ openai: { models: "any", quirks } }).pipe(Layer.provide(stage.layer)))
  )
}

const ask = (body: object = {}) => OpenAi.chat({ model, tools: [OpenAi.weather], ...body })

const chunks = Effect.map(ask({ stream: true }), ({ text }) => OpenAi.events(text).map(({ data }) => data))

const pieces = Effect.map(chunks, (events) => events.flatMap((data) => data.choices?.[0]?.delta.tool_calls ?? []))

describe("Quirks of compatible servers", () => {
  it.effect("case 3: all calls are at index 0, each whole with an id of its own (Ollama)", () =>
    server(
      Dialect.ollama,
      called,
      Effect.map(pieces, (pieces) =>
        assert.deepStrictEqual(pieces, [
          { index: 0, ...OpenAi.call("call_0", "Paris") },
          { index: 0, ...OpenAi.call("call_1", "Rome") }
        ]))
    ))

  it.effect("case 4: calls have no id", () =>
    server(
      ["calls-without-id"],
      called,
      Effect.gen(function*() {
        for (const piece of yield* pieces) assert.notProperty(piece, "id")
        for (const call of (yield* ask()).json.choices[0].message.tool_calls) assert.notProperty(call, "id")
      })
    ))

  it.effect("case 5: arguments are an object, and case 6: an answer with calls stops by `stop`", () =>
    server(
      Dialect.objects,
      called,
      Effect.gen(function*() {
        const [{ finish_reason: reason, message }] = (yield* ask()).json.choices
        assert.deepStrictEqual([reason, message.tool_calls[0].function.arguments], ["stop", { city: "Paris" }])
        assert.deepStrictEqual((yield* pieces)[1].function, { name: "get_weather", arguments: { city: "Rome" } })
      })
    ))

  it.effect("case 7: a stream has comments, and ends its lines in CRLF", () =>
    server(
      ["comments", "crlf"],
      said,
      Effect.gen(function*() {
        const { text } = yield* ask({ stream: true })
        assert.include(text, "\r\n\r\n: keepalive\r\n\r\n")
        assert.notMatch(text, /[^\r]\n/)
      })
    ))

  it.effect("case 8: a stream begins without choices (Azure)", () =>
    server(Dialect.azure, said, Effect.map(chunks, ([first]) => assert.deepStrictEqual(first.choices, []))))

  it.effect("case 9: reasoning is `reasoning` (vLLM), `reasoning_content`, or in the text", () =>
    Effect.gen(function*() {
      for (const [quirk, key] of [["reasoning", "reasoning"], ["reasoning-content", "reasoning_content"]] as const) {
        yield* server(
          [quirk],
          said,
          Effect.gen(function*() {
            assert.deepInclude((yield* ask()).json.choices[0].message, { [key]: "Hm" })
            assert.include((yield* chunks).map((data) => data.choices?.[0]?.delta[key]), "Hm")
            const back = yield* ask({
              messages: [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hi", [key]: "Hm" }]
            })
            assert.strictEqual(back.status, 200)
          })
        )
      }
      yield* server(
        ["reasoning-in-tags"],
        said,
        Effect.gen(function*() {
          const text = "<think>Hm</think>\n{\"city\": \"Paris\"}"
          assert.strictEqual((yield* ask()).json.choices[0].message.content, text)
          assert.strictEqual((yield* chunks).map((data) => data.choices?.[0]?.delta.content ?? "").join(""), text)
        })
      )
    }))

  it.effect("case 10: calls are text, and the answer stops as if there were none (LM Studio)", () =>
    server(
      Dialect.lmStudio,
      called,
      Effect.gen(function*() {
        const [{ finish_reason: reason, message }] = (yield* ask({ tool_choice: "required" })).json.choices
        assert.strictEqual(reason, "stop")
        assert.notProperty(message, "tool_calls")
        assert.include(
          message.content,
          "<tool_call>\n{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}}\n</tool_call>"
        )
        const events = yield* chunks
        assert.include(events.map((data) => data.choices?.[0]?.delta.content ?? "").join(""), message.content)
        assert.strictEqual(events.at(-2)?.choices[0].finish_reason, "stop")
      })
    ))

  it.effect("case 11: stream_options are refused; usage is missing, or beside text", () =>
    Effect.gen(function*() {
      const options = { stream: true, stream_options: { include_usage: true } }
      yield* server(
        ["no-stream-options"],
        said,
        Effect.map(ask(options), ({ status }) => assert.strictEqual(status, 400))
      )
      yield* server(
        ["no-usage"],
        said,
        Effect.gen(function*() {
          assert.notProperty((yield* ask()).json, "usage")
          assert.notInclude((yield* ask(options)).text, "prompt_tokens")
        })
      )
      yield* server(
        ["usage-beside-text"],
        said,
        Effect.gen(function*() {
          const events = OpenAi.events((yield* ask(options)).text).map(({ data }) => data)
          assert.deepInclude(events.at(-2)?.usage, { prompt_tokens: 7 })
          assert.strictEqual(events.at(-2)?.choices[0].finish_reason, "stop")
        })
      )
    }))

  it.effect("case 15: `developer` is refused", () =>
    server(
      Dialect.vllm,
      said,
      Effect.gen(function*() {
        const { status } = yield* ask({
          messages: [{ role: "developer", content: "Be" }, { role: "user", content: "Hi" }]
        })
        assert.strictEqual(status, 400)
      })
    ))

  it.effect("case 17: JSON is in a fence, in one piece and streamed, by both APIs", () =>
    server(
      ["fenced-json"],
      said,
      Effect.gen(function*() {
        const fenced = "```json\n{\"city\": \"Paris\"}\n```"
        assert.strictEqual((yield* ask()).json.choices[0].message.content, fenced)
        assert.strictEqual((yield* chunks).map((data) => data.choices?.[0]?.delta.content ?? "").join(""), fenced)
        for (const stream of [false, true]) {
          const { json, text } = yield* OpenAi.respond({ model, stream })
          const { output } = stream ? OpenAi.lastOf(text).response : json
          assert.strictEqual(output.at(-1).content[0].text, fenced)
        }
      })
    ))

  it.effect("any name is a model, and unknown parameters are ignored", () =>
    server(
      [],
      said,
      Effect.gen(function*() {
        const { json, status } = yield* ask({ num_ctx: 4096, chat_template_kwargs: {} })
        assert.deepStrictEqual([status, json.model], [200, model])
      })
    ))

  it.effect("options that are none are refused, with their path", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [options: unknown, message: string]> = [
        [{ quirks: ["odd"] }, "openai: quirks[0]"],
        [{ models: [{ kind: "chat" }] }, "openai: models[0].id"],
        [{ models: 5 }, "openai: models"],
        [{ model: "any" }, "openai: model"],
        ["ollama", "openai: "]
      ]
      for (const [openai, message] of wrong) {
        const error = yield* Effect.flip(
          // not typed, as JavaScript is
          Layer.build(Fixture.emulator({ openai: openai as Dialect.Options }))
        )
        assert.strictEqual(error._tag, "EmulatorError")
        assert.include(error.message, message)
      }
    }).pipe(Effect.scoped))
})
