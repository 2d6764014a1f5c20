import { assert, describe, it } from "@effect/vitest"
import { type ChatEvent, ProviderError } from "@strata/core"
import { Effect, Result } from "effect"
import * as Asking from "./support/Asking.ts"
import { bytes, chunk, completion, events, json, usage } from "./support/FakeServer.ts"

const textOf = (events: ReadonlyArray<ChatEvent.ChatEvent>) =>
  events.map((event) => event.type === "text-delta" ? event.delta : "").join("")

const finishes = (events: ReadonlyArray<ChatEvent.ChatEvent>) => events.filter(({ type }) => type === "finish").length

const call = (text: string) =>
  chunk({ tool_calls: [{ index: 0, id: "c1", function: { name: "look", arguments: text } }] })

describe("the end of a stream", () => {
  it.live("case 1: a finish reason alone is the end", () =>
    Effect.gen(function*() {
      const { events: given, exit } = yield* Asking.stream(events(chunk({ content: "Hi" }), chunk({}, "stop")))
      assert.isTrue(Result.isSuccess(exit))
      assert.strictEqual(textOf(given), "Hi")
      assert.strictEqual(finishes(given), 1)
    }))

  it.live("case 1: [DONE] alone is the end", () =>
    Effect.gen(function*() {
      const { events: given, exit } = yield* Asking.stream(events(chunk({ content: "Hi" }), "[DONE]"))
      assert.isTrue(Result.isSuccess(exit))
      assert.strictEqual(textOf(given), "Hi")
      assert.strictEqual(finishes(given), 1)
    }))

  it.live("case 1: both are one end, and usage may come between them", () =>
    Effect.gen(function*() {
      const { events: given } = yield* Asking.stream(
        events(chunk({ content: "Hi" }), chunk({}, "stop"), { choices: [], ...usage }, "[DONE]")
      )
      const last = given.at(-1)
      assert.strictEqual(finishes(given), 1)
      assert.isTrue(last?.type === "finish" && last.usage.totalTokens === 15)
    }))

  it.live("case 1: with neither the stream fails, what arrived was delivered, and no call is handed out", () =>
    Effect.gen(function*() {
      for (const end of ["end", "cut"] as const) {
        const text = `data: ${JSON.stringify(chunk({ content: "Hi" }))}\n\ndata: ${
          JSON.stringify(call("{\"a\":1}"))
        }\n\n`
        const { events: given, exit } = yield* Asking.stream(bytes(text, end))
        assert.isTrue(Result.isFailure(exit))
        if (Result.isFailure(exit)) {
          assert.strictEqual(exit.failure._tag, "StreamInterruptedError")
          assert.isTrue(exit.failure._tag === "StreamInterruptedError" && exit.failure.delivered === given.length)
        }
        assert.strictEqual(textOf(given), "Hi")
        assert.isFalse(given.some(({ type }) => type === "tool-call" || type === "finish"))
      }
    }))

  it.live("case 1: a connection that is lost after the finish reason loses nothing", () =>
    Effect.gen(function*() {
      const text = [chunk({ content: "Hi" }), chunk({}, "stop")].map((each) => `data: ${JSON.stringify(each)}\n\n`)
      const { events: given, exit } = yield* Asking.stream(bytes(text, "cut"))
      assert.isTrue(Result.isSuccess(exit))
      assert.strictEqual(finishes(given), 1)
    }))

  it.live("case 1: a body that is cut is no answer", () =>
    Effect.gen(function*() {
      const text = JSON.stringify(completion({ content: "Hello there" }))
      const error = yield* Effect.flip(Asking.generate({ body: text.slice(0, 60) }))
      assert.strictEqual(error._tag, "MalformedResponseError")
      const lost = yield* Effect.flip(Asking.generate({ body: text.slice(0, 60), end: "cut" }))
      assert.strictEqual(lost._tag, "ConnectionError")
    }))

  it.live("case 1: what comes after [DONE] is not read as an answer", () =>
    Effect.gen(function*() {
      const { events: given, exit } = yield* Asking.stream(
        events(chunk({ content: "Hi" }), "[DONE]", chunk({ content: " there" }), "garbage")
      )
      assert.isTrue(Result.isSuccess(exit))
      assert.strictEqual(textOf(given), "Hi")
    }))

  it.live("the events of a whole answer and of a stream are the same response", () =>
    Effect.gen(function*() {
      const message = {
        reasoning_content: "Let me see.",
        content: "It is warm.",
        tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: "{\"where\":\"Paris\"}" } }]
      }
      const whole = yield* Asking.generate(json(completion(message, "tool_calls")))
      const pieces = yield* Asking.collect(events(
        chunk({ role: "assistant", content: "" }),
        chunk({ reasoning_content: "Let me " }),
        chunk({ reasoning_content: "see." }),
        chunk({ content: "It is " }),
        chunk({ content: "warm." }),
        chunk({ tool_calls: [{ index: 0, id: "c1", type: "function", function: { name: "look", arguments: "" } }] }),
        chunk({ tool_calls: [{ index: 0, function: { arguments: "{\"where\":" } }] }),
        chunk({ tool_calls: [{ index: 0, function: { arguments: "\"Paris\"}" } }] }),
        chunk({}, "tool_calls"),
        { choices: [], ...usage },
        "[DONE]"
      ))
      assert.deepStrictEqual(pieces, whole)
      assert.strictEqual(whole.finishReason, "tool-calls")
      assert.deepStrictEqual(whole.toolCalls.map(({ params }) => params), [{ where: "Paris" }])
    }))

  it.live("a server that does not stream gives its answer as a stream all the same", () =>
    Effect.gen(function*() {
      const response = yield* Asking.collect(json(completion({ content: "Hi" })))
      assert.strictEqual(response.text, "Hi")
      assert.strictEqual(response.usage.totalTokens, 15)
    }))
})

describe("failures within a stream", () => {
  const limited = {
    message: "Rate limit reached. Please try again in 2s.",
    type: "requests",
    code: "rate_limit_exceeded"
  }

  it.live("case 2: an error event fails with the error of its HTTP status", () =>
    Effect.gen(function*() {
      const asStatus = yield* Effect.flip(Asking.generate(json({ error: limited }, 429)))
      assert.strictEqual(asStatus._tag, "RateLimitError")
      const shapes = [
        bytes(`data: ${JSON.stringify({ error: limited })}\n\n`),
        bytes(`event: error\ndata: ${JSON.stringify({ error: limited })}\n\n`),
        bytes(`event: error\ndata: ${JSON.stringify(limited)}\n\n`),
        bytes(`data: ${JSON.stringify({ object: "error", ...limited })}\n\n`)
      ]
      for (const shape of shapes) {
        const { exit } = yield* Asking.stream(shape)
        assert.isTrue(Result.isFailure(exit) && exit.failure._tag === "RateLimitError", JSON.stringify(shape.body))
        if (Result.isFailure(exit)) {
          assert.deepStrictEqual(ProviderError.retryAfter(exit.failure), ProviderError.retryAfter(asStatus))
        }
      }
    }))

  it.live("case 2: what came before the error is delivered", () =>
    Effect.gen(function*() {
      const { events: given, exit } = yield* Asking.stream(
        events(chunk({ content: "Hi" }), { error: { message: "Overloaded", type: "overloaded_error" } })
      )
      assert.strictEqual(textOf(given), "Hi")
      assert.isTrue(Result.isFailure(exit) && exit.failure._tag === "StreamInterruptedError")
      if (Result.isFailure(exit)) {
        assert.strictEqual((exit.failure.cause as { _tag: string })._tag, "ModelUnavailableError")
      }
    }))

  it.live("case 2: an error with status 200 instead of an answer is an error", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Asking.generate(json({ error: { message: "no", code: "insufficient_quota" } })))
      assert.strictEqual(error._tag, "QuotaExceededError")
      const text = yield* Effect.flip(Asking.generate(json({ error: "Model crashed" })))
      assert.strictEqual(text._tag, "ProviderInternalError")
    }))

  it.live("case 2: a stream without any event is an error", () =>
    Effect.gen(function*() {
      for (const body of ["", ": keepalive\n\n", "\n\n", "data: [DONE]\n\n"]) {
        const { events: given, exit } = yield* Asking.stream(bytes(body))
        assert.deepStrictEqual(given, [])
        assert.isTrue(Result.isFailure(exit) && exit.failure._tag === "ConnectionError")
      }
    }))
})
