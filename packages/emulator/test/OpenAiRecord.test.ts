import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Emulator, Recorder, Replay } from "@strata/emulator"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Fixture from "./Fixture.ts"
import * as OpenAi from "./OpenAiFixture.ts"

const services = Layer.merge(Fixture.chat(), Fixture.embedding())

const ask = Effect.all([
  OpenAi.chat({}),
  OpenAi.chat({ stream: true }),
  OpenAi.respond({}),
  OpenAi.respond({ stream: true })
])

describe("Recording OpenAI's dialect", () => {
  it.effect("forwards answers and streams, and Replay returns the same ones", () =>
    Effect.gen(function*() {
      const service = Context.get(yield* Layer.build(Fixture.emulator()), Emulator.Emulator)
      const recorder = yield* Recorder.make({ upstream: service.url, credentials: service.client.credentials })
      const recorded = yield* ask.pipe(
        Effect.provide(Emulator.layer({ responder: recorder.responder }).pipe(Layer.provide(services)))
      )
      assert.deepStrictEqual(recorded.map(({ status }) => status), [200, 200, 200, 200])
      assert.include(recorded[1].text, "[DONE]")
      const exchanges = yield* recorder.exchanges
      assert.deepStrictEqual(exchanges.map(({ request }) => [request.operation, request.modelId]), [
        ["CreateChatCompletion", OpenAi.model],
        ["CreateChatCompletionStream", OpenAi.model],
        ["CreateResponse", "gpt-5-mini"],
        ["CreateResponseStream", "gpt-5-mini"]
      ])
      assert.notInclude(JSON.stringify(exchanges), Redacted.value(service.apiKey))
      const replay = yield* Replay.make(exchanges)
      const replayed = yield* Effect.gen(function*() {
        const answers = yield* ask
        const unknown = yield* OpenAi.chat({ model: "gpt-4o" })
        assert.strictEqual(unknown.status, 400)
        assert.include(unknown.json.error.message, "recording")
        return answers
      }).pipe(Effect.provide(Emulator.layer({ responder: replay.responder }).pipe(Layer.provide(services))))
      assert.deepStrictEqual(replayed.map(({ text }) => text), recorded.map(({ text }) => text))
    }).pipe(Effect.provide([FetchHttpClient.layer, NodeFileSystem.layer])))

  it.effect("passes the events of a stream on as they come, and records what a client heard before it left", () =>
    Effect.gen(function*() {
      const service = Context.get(yield* Layer.build(Fixture.emulator()), Emulator.Emulator)
      yield* service.inject({ type: "stall", afterEvents: 2 })
      const recorder = yield* Recorder.make({ upstream: service.url, credentials: service.client.credentials })
      const heard = yield* Effect.gen(function*() {
        const { openai } = yield* Emulator.Emulator
        const { body } = yield* Fixture.attempt((signal) =>
          fetch(`${openai.baseUrl}/chat/completions`, {
            method: "POST",
            headers: { authorization: `Bearer ${Redacted.value(openai.apiKey)}` },
            body: JSON.stringify({ ...OpenAi.hello, stream: true }),
            signal
          })
        )
        const reader = body?.getReader()
        const first = yield* Fixture.attempt(async () => await reader?.read())
        yield* Fixture.attempt(async () => await reader?.cancel())
        const [exchange] = yield* Fixture.eventually(recorder.exchanges, ({ length }) => length === 1)
        assert.strictEqual(exchange?.response.end, "abandoned")
        assert.include(exchange?.response.text, "\"role\":\"assistant\"")
        return new TextDecoder().decode(first?.value)
      }).pipe(Effect.provide(Emulator.layer({ responder: recorder.responder }).pipe(Layer.provide(services))))
      assert.include(heard, "\"role\":\"assistant\"")
    }).pipe(Effect.scoped, Effect.provide([FetchHttpClient.layer, NodeFileSystem.layer])))
})
