import { assert, describe, it, layer } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import { Emulator, Script, Statistics } from "@strata/emulator"
import type { Fault } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Fixture from "./Fixture.ts"
import * as OpenAi from "./OpenAiFixture.ts"

const inject = (fault: Fault.Fault) => Emulator.Emulator.use((emulator) => emulator.inject(fault))

/** The same question by each API. */
const apis = [
  ["Chat Completions", (stream: boolean) => OpenAi.chat({ stream })],
  ["Responses", (stream: boolean) => OpenAi.respond({ stream })]
] as const

layer(Fixture.emulator())("Faults of OpenAI's dialect", (it) => {
  for (const [api, ask] of apis) {
    for (const stream of [false, true]) {
      const how = stream ? "streamed" : "in one piece"

      it.effect(`throttle ${api}, ${how}, with the time to wait`, () =>
        Effect.gen(function*() {
          yield* inject({ type: "throttle", retryAfter: "1500 millis" })
          const { headers, json, status } = yield* ask(stream)
          assert.strictEqual(status, 429)
          assert.deepInclude(headers, { "retry-after": "2", "retry-after-ms": "1500" })
          assert.deepStrictEqual(json.error, {
            message: "Too many requests, please wait before trying again.",
            type: "requests",
            param: null,
            code: "rate_limit_exceeded"
          })
          assert.strictEqual((yield* ask(stream)).status, 200)
        }))

      it.effect(`give ${api}, ${how}, the status and the type of any exception`, () =>
        Effect.gen(function*() {
          const expected = [
            ["InternalServerException", 500, "server_error", "server_error"],
            ["ModelErrorException", 500, "server_error", "server_error"],
            ["ServiceUnavailableException", 503, "service_unavailable_error", "service_unavailable"],
            ["ModelTimeoutException", 408, "server_error", "timeout"],
            ["ServiceQuotaExceededException", 429, "insufficient_quota", "insufficient_quota"],
            ["AccessDeniedException", 403, "permission_denied_error", "access_denied"],
            ["UnrecognizedClientException", 401, "invalid_request_error", "invalid_api_key"],
            ["ResourceNotFoundException", 404, "invalid_request_error", "model_not_found"],
            ["ValidationException", 400, "invalid_request_error", null]
          ] as const
          for (const [exception, status, type, code] of expected) {
            yield* inject({ type: "exception", exception, message: "No" })
            const answer = yield* ask(stream)
            assert.deepInclude(answer.json.error, { message: "No", type, code })
            assert.strictEqual(answer.status, status)
          }
        }))
    }
  }

  it.effect("case 8: give any code, such as that of a blocked prompt", () =>
    Effect.gen(function*() {
      yield* inject({ type: "exception", exception: "ValidationException", code: "content_filter", message: "Blocked" })
      const { json, status } = yield* OpenAi.chat({})
      assert.strictEqual(status, 400)
      assert.deepInclude(json.error, { code: "content_filter", message: "Blocked", type: "invalid_request_error" })
    }))

  it.effect("case 2: fail a stream of Chat Completions in the middle, by an event", () =>
    Effect.gen(function*() {
      for (
        const [fault, error] of [
          [{ type: "streamException", exception: "ThrottlingException", afterEvents: 2 }, {
            code: "rate_limit_exceeded"
          }],
          [{ type: "streamException", exception: "ServiceUnavailableException", name: "overloaded", afterEvents: 2 }, {
            code: "overloaded"
          }],
          [{ type: "errorFrame", message: "Oh", afterEvents: 2 }, { message: "Oh", type: "server_error" }]
        ] as const
      ) {
        yield* inject(fault)
        const { status, text } = yield* OpenAi.chat({ stream: true })
        const events = OpenAi.events(text)
        assert.deepStrictEqual([status, events.length], [200, 3])
        assert.deepInclude(events[2]?.data.error, error)
      }
    }))

  it.effect("case 2: fail a stream of Responses by an error and response.failed", () =>
    Effect.gen(function*() {
      yield* inject({ type: "streamException", exception: "ThrottlingException", afterEvents: 3 })
      const { text } = yield* OpenAi.respond({ stream: true })
      const [error, failed] = OpenAi.events(text).slice(-2)
      assert.deepInclude(error?.data, { type: "error" })
      assert.deepInclude(error?.data.error, { code: "rate_limit_exceeded" })
      assert.strictEqual(failed?.name, "response.failed")
      assert.deepInclude(failed?.data.response, { status: "failed" })
      assert.deepInclude(failed?.data.response.error, { code: "rate_limit_exceeded" })
    }))

  it.effect("case 1: end a stream without its reason, without [DONE], or without both", () =>
    Effect.gen(function*() {
      const ends = (text: string) => {
        const events = OpenAi.events(text).map(({ data }) => data)
        return [
          events.some((data) => data.choices?.[0]?.finish_reason === "stop"),
          events.includes("[DONE]"),
          events.map((data) => data.choices?.[0]?.delta.content ?? "").join("")
        ]
      }
      const sound = yield* OpenAi.chat({ stream: true })
      assert.deepStrictEqual(ends(sound.text), [true, true, "Hello"])
      for (
        const [end, reason, done] of [["finish", false, true], ["done", true, false], ["both", false, false]] as const
      ) {
        yield* inject({ type: "missingEnd", end })
        assert.deepStrictEqual(ends((yield* OpenAi.chat({ stream: true })).text), [reason, done, "Hello"])
      }
      yield* inject({ type: "missingEnd" })
      const { text } = yield* OpenAi.respond({ stream: true })
      assert.notInclude(text, "response.completed")
    }))

  it.effect("cut a stream in the middle of an event, or of its JSON", () =>
    Effect.gen(function*() {
      yield* inject({ type: "truncateStream", afterEvents: 2 })
      assert.strictEqual(OpenAi.events((yield* OpenAi.chat({ stream: true })).text).length, 2)
      yield* inject({ type: "truncateStream", afterBytes: 100 })
      assert.strictEqual((yield* OpenAi.chat({ stream: true })).text.length, 100)
      yield* inject({ type: "corruptFrame" })
      const { text } = yield* OpenAi.chat({ stream: true })
      assert.throws(() => OpenAi.events(text))
      yield* inject({ type: "reset", afterBytes: 300 })
      assert.strictEqual((yield* Effect.flip(OpenAi.chat({ stream: true }))).name, "TypeError")
      yield* inject({ type: "garbage", status: 502 })
      const garbage = yield* OpenAi.chat({})
      assert.deepStrictEqual([garbage.status, garbage.text], [502, "<html>Service Unavailable</html>"])
    }))

  it.effect("strike by operation, model and text, and not what they cannot touch", () =>
    Effect.gen(function*() {
      const { clearFaults, faults } = yield* Emulator.Emulator
      yield* inject({ type: "throttle", operation: "CreateEmbeddings" })
      yield* inject({ type: "throttle", model: "gpt-4o" })
      yield* inject({ type: "throttle", text: "storm" })
      yield* inject({ type: "missingEnd" })
      assert.strictEqual((yield* OpenAi.chat({})).status, 200)
      assert.strictEqual((yield* Fixture.converse({ messages: Fixture.hello.messages })).status, 200)
      assert.strictEqual((yield* faults).length, 4)
      assert.strictEqual((yield* OpenAi.chat({ model: "gpt-4o" })).status, 429)
      assert.strictEqual((yield* OpenAi.chat({ messages: [{ role: "user", content: "A storm" }] })).status, 429)
      const embedded = yield* OpenAi.post("embeddings", { model: "text-embedding-3-small", input: "Hi" })
      assert.strictEqual(embedded.status, 429)
      yield* clearFaults
    }))

  it.effect("and requests are counted, kept without keys, and attempts found", () =>
    Effect.gen(function*() {
      const { requests, statistics } = yield* Emulator.Emulator
      const before = yield* statistics
      const body = { messages: [{ role: "user", content: "Once more" }] }
      yield* inject({ type: "throttle", text: "Once more" })
      yield* OpenAi.chat(body)
      yield* OpenAi.chat(body)
      yield* OpenAi.chat({ stream: true })
      const after = yield* statistics
      assert.strictEqual(after.byOperation.CreateChatCompletion - before.byOperation.CreateChatCompletion, 2)
      assert.strictEqual(
        after.byOperation.CreateChatCompletionStream - before.byOperation.CreateChatCompletionStream,
        1
      )
      assert.isAbove(after.byModel[OpenAi.model]?.["CreateChatCompletion"] ?? 0, 1)
      const kept = yield* requests
      assert.deepInclude(kept.at(-1), {
        operation: "CreateChatCompletionStream",
        modelId: OpenAi.model,
        path: "/v1/chat/completions",
        status: 200,
        scheme: "bearer",
        inputTokens: 7,
        outputTokens: 3
      })
      assert.notProperty(kept.at(-1)?.headers, "authorization")
      assert.deepInclude(Statistics.attempts(kept.slice(-3))[0], { statuses: [429, 200] })
      assert.deepInclude(kept.at(-3)?.refusal, { exception: "ThrottlingException" })
    }))
})

describe("Failures of the answering service", () => {
  it.effect("are errors before the first token, and events later", () =>
    Effect.gen(function*() {
      const early = yield* OpenAi.chat({ stream: true })
      assert.deepStrictEqual([early.status, early.json.error?.code], [429, "rate_limit_exceeded"])
      for (const [, ask] of apis) {
        const late = yield* ask(true)
        assert.strictEqual(late.status, 200)
        assert.include(late.text, "Hel")
        assert.include(late.text, "\"code\":\"service_unavailable\"")
      }
      const { requests } = yield* Emulator.Emulator
      assert.deepInclude((yield* requests).at(-1)?.refusal, { exception: "ServiceUnavailableException" })
    }).pipe(
      Effect.provide(Fixture.emulator(
        {},
        Layer.merge(
          Fixture.chat({
            stream: (() => {
              let calls = 0
              return () => {
                const error = new ProviderError.ModelUnavailableError({ provider: "double", message: "Busy" })
                return calls++ === 0
                  ? Stream.fail(new ProviderError.RateLimitError({ provider: "double", message: "Slow down" }))
                  : Stream.concat(
                    Stream.succeed({ type: "text-delta" as const, index: 0, delta: "Hel" }),
                    Stream.fail(error)
                  )
              }
            })()
          }),
          Fixture.embedding()
        )
      ))
    ))

  it.effect("of a script are the exceptions that it names, and its rules match", () =>
    Effect.gen(function*() {
      const say = (content: string) => ({ messages: [{ role: "user", content }] })
      assert.strictEqual((yield* OpenAi.chat(say("weather"))).json.choices[0].finish_reason, "tool_calls")
      assert.strictEqual((yield* OpenAi.chat(say("fail"))).status, 503)
      assert.strictEqual((yield* OpenAi.chat({ model: "gpt-4o" })).json.choices[0].message.content, "I am gpt-4o")
      assert.strictEqual((yield* OpenAi.chat({})).json.choices[0].message.content, "Hello")
      const embedded = yield* OpenAi.post("embeddings", { model: "text-embedding-3-small", input: "x", dimensions: 2 })
      assert.deepStrictEqual(embedded.json.data[0].embedding, [3, 4])
    }).pipe(Effect.provide(Script.layerEmulator({
      rules: [
        { when: { text: "weather" }, answer: { parts: [{ tool: "get_weather", input: { city: "Oslo" } }] } },
        { when: { text: "fail" }, answer: { error: { exception: "ServiceUnavailableException" } } },
        { when: { model: "gpt-4o" }, answer: "I am gpt-4o" },
        { answer: { vector: [3, 4] } }
      ],
      default: "Hello"
    }))))
})
