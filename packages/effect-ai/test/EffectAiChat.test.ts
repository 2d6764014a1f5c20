import { assert, describe, it } from "@effect/vitest"
import {
  Budget,
  ChatEvent,
  ChatService,
  Message,
  Policy,
  Pricing,
  ProviderError,
  Retry,
  Tool,
  ToolLoop
} from "@strata/core"
import { Context, Duration, Effect, Fiber, Layer, Schema, Stream } from "effect"
import { AiError, LanguageModel, Model, type Response } from "effect/ai"
import { TestClock } from "effect/testing"
import { EffectAiChat } from "../src/index.ts"

const usage: typeof Response.Usage.Encoded = {
  inputTokens: { uncached: 3, cacheRead: 2, cacheWrite: 1, total: 6 },
  outputTokens: { total: 4, text: 3, reasoning: 1 }
}

const finish = (reason: Response.FinishReason = "stop"): Response.FinishPartEncoded => ({
  type: "finish",
  reason,
  usage
})

const parts = (...parts: ReadonlyArray<Response.PartEncoded>) => Effect.succeed([...parts])

interface Script {
  readonly generateText?: (
    options: LanguageModel.ProviderOptions
  ) => Effect.Effect<Array<Response.PartEncoded>, AiError.AiError>
  readonly streamText?: (
    options: LanguageModel.ProviderOptions
  ) => Stream.Stream<Response.StreamPartEncoded, AiError.AiError>
}

/** A model of someone else. */
const foreign = ({ generateText, streamText }: Script) =>
  Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({
      generateText: generateText ?? (() => Effect.die("generateText")),
      streamText: streamText ?? (() => Stream.die("streamText"))
    })
  )

const over = (script: Script, options?: EffectAiChat.Options) =>
  EffectAiChat.layer({ policy: Policy.none, ...options }).pipe(Layer.provide(foreign(script)))

const fail = (reason: AiError.AiErrorReason) => AiError.make({ module: "Foreign", method: "ask", reason })

const seen = <A>() => {
  const values: Array<A> = []
  return { values, add: (value: A) => Effect.sync(() => void values.push(value)) }
}

describe("EffectAiChat", () => {
  it.effect("our retries are on a foreign model, with its hint", () => {
    const asked = seen<unknown>()
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(ChatService.text("Hi"))
      yield* TestClock.adjust("29 seconds")
      assert.lengthOf(asked.values, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "Hello")
      assert.lengthOf(asked.values, 2)
    }).pipe(Effect.provide(over({
      generateText: (options) =>
        Effect.andThen(
          asked.add(options),
          asked.values.length === 0
            ? Effect.fail(fail(new AiError.RateLimitError({ retryAfter: Duration.seconds(30) })))
            : parts({ type: "text", text: "Hello" }, finish())
        )
    }, { policy: Policy.make({ retry: Retry.exponential() }) })))
  })

  it.effect("our tool loop runs tools on a foreign model, which sees their JSON schemas", () => {
    const asked = seen<LanguageModel.ProviderOptions>()
    const weather = Tool.make("get_weather", {
      description: "The weather",
      input: Schema.Struct({ city: Schema.String }),
      handler: ({ city }) => Effect.succeed(`Rain in ${city}`)
    })
    return Effect.gen(function*() {
      const outcome = yield* ToolLoop.run("Weather in Oslo?", { tools: [weather] })
      assert.deepStrictEqual([outcome.response.text, outcome.steps, outcome.usage.totalTokens], ["Rain.", 2, 20])
      assert.deepStrictEqual(outcome.messages.map(({ role }) => role), ["assistant", "tool", "assistant"])
      const [first, second] = asked.values
      assert.deepStrictEqual(first?.tools.map(({ description, name }) => [name, description]), [[
        "get_weather",
        "The weather"
      ]])
      assert.deepStrictEqual(
        second?.prompt.content.flatMap(({ content }) =>
          typeof content === "string"
            ? []
            : content.map((part) => part.type === "tool-result" ? part.result : part.type)
        ),
        ["text", "tool-call", "Rain in Oslo"]
      )
      const call = second?.prompt.content[1]?.content[0]
      assert.deepStrictEqual(typeof call === "object" ? call.options : undefined, { foreign: { signature: "s" } })
    }).pipe(Effect.provide(over({
      generateText: (options) =>
        Effect.andThen(
          asked.add(options),
          Effect.suspend(() =>
            asked.values.length === 1
              ? parts(
                {
                  type: "tool-call",
                  id: "1",
                  name: "get_weather",
                  params: { city: "Oslo" },
                  metadata: { foreign: { signature: "s" } }
                },
                finish("tool-calls")
              )
              : parts({ type: "text", text: "Rain." }, finish())
          )
        )
    })))
  })

  it.effect("wrong arguments and unknown tools of a foreign model reach the loop", () => {
    const asked = seen<unknown>()
    const weather = Tool.make("get_weather", {
      input: Schema.Struct({ city: Schema.String }),
      handler: () => Effect.succeed("Rain")
    })
    return Effect.gen(function*() {
      const outcome = yield* ToolLoop.run("x", { tools: [weather] })
      const results = outcome.messages.flatMap((message) =>
        message.role === "tool" ? message.content.map(({ isFailure }) => isFailure) : []
      )
      assert.deepStrictEqual(results, [true, true])
    }).pipe(Effect.provide(over({
      generateText: () =>
        Effect.andThen(
          asked.add(1),
          Effect.suspend(() =>
            asked.values.length === 1
              ? parts(
                { type: "tool-call", id: "1", name: "get_weather", params: { city: 1 } },
                { type: "tool-call", id: "2", name: "shout", params: {} },
                finish("tool-calls")
              )
              : parts(finish())
          )
        )
    })))
  })

  it.effect("a budget bounds a foreign model", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ChatService.text({ messages: "Hi", maxTokens: 1000 }))
      assert.strictEqual(error._tag, "BudgetExceededError")
    }).pipe(Effect.provide(
      over({}, { provider: "openai", model: "gpt", settings: () => Context.empty() }).pipe(
        ChatService.withBudget(Budget.make({ name: "a test", perRun: 0.001 })),
        Layer.provide(Pricing.layer([{ model: "*", price: { input: 10, output: 100, source: "a test" } }]))
      )
    )))

  it.effect("a stream is read part by part; unknown parts pass by", () =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect(ChatService.stream("x"))
      const response = yield* ChatEvent.collect(Stream.fromIterable(events))
      assert.deepStrictEqual(response.message.content, [
        { type: "reasoning", text: "hm, well", providerFields: { foreign: { signature: "s", more: 1 } } },
        {
          type: "text",
          text: "Hello there",
          citations: [{ title: "T", source: "https://a.b/c", location: { type: "web", url: "https://a.b/c" } }]
        },
        { type: "tool-call", id: "1", name: "none", params: { a: 1 } },
        { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1]) } }
      ])
      assert.deepStrictEqual(response.usage, {
        inputTokens: 3,
        cacheReadTokens: 2,
        cacheWriteTokens: 1,
        outputTokens: 4,
        totalTokens: 10
      })
      assert.deepStrictEqual([response.model, response.requestId, response.finishReason], ["m-1", "r", "tool-calls"])
      assert.lengthOf(events.filter(({ type }) => type === "finish"), 1)
    }).pipe(Effect.provide(
      EffectAiChat.layer({ policy: Policy.none }).pipe(Layer.provide(Layer.succeed(LanguageModel.LanguageModel, {
        // Made by hand, so that no schema looks at its parts.
        streamText: () =>
          Stream.fromIterable([
            { type: "invented" },
            null,
            { type: "response-metadata", id: "r", modelId: "m-1", metadata: {} },
            { type: "reasoning-start", id: "0", metadata: { foreign: { signature: "s" } } },
            { type: "reasoning-delta", id: "0", delta: "hm, ", metadata: {} },
            { type: "reasoning-delta", id: "0", delta: "well", metadata: {} },
            { type: "reasoning-end", id: "0", metadata: { foreign: { more: 1 } } },
            { type: "text-delta", id: "0", delta: "Hello", metadata: {} },
            { type: "source", sourceType: "url", id: "s", url: new URL("https://a.b/c"), title: "T", metadata: {} },
            { type: "text-delta", id: "0", delta: " there", metadata: {} },
            { type: "text-end", id: "0", metadata: {} },
            { type: "tool-call", id: "1", name: "none", params: { a: 1 }, providerExecuted: false, metadata: {} },
            { type: "file", mediaType: "image/png", data: new Uint8Array([1]), metadata: {} },
            { type: "finish", reason: "tool-calls", usage, metadata: {} }
          ])
      } as never)))
    )))

  it.effect("an error part fails the stream, after what had arrived", () => {
    const events = seen<string>()
    return Effect.gen(function*() {
      const error = yield* ChatService.stream("x").pipe(
        Stream.runForEach(({ type }) => events.add(type)),
        Effect.flip
      )
      assert.deepStrictEqual(events.values, ["text-delta"])
      assert.strictEqual(error._tag, "StreamInterruptedError")
      assert.include(error.message, "overloaded")
    }).pipe(Effect.provide(over({
      streamText: () =>
        Stream.make<ReadonlyArray<Response.StreamPartEncoded>>(
          { type: "text-start", id: "0" },
          { type: "text-delta", id: "0", delta: "a" },
          { type: "error", error: { message: "overloaded" } },
          { type: "text-delta", id: "0", delta: "b" },
          finish()
        )
    })))
  })

  for (
    const [name, error, tag] of [
      ["an AiError", fail(new AiError.RateLimitError({})), "RateLimitError"],
      ["a reason", new AiError.QuotaExhaustedError({}), "QuotaExceededError"],
      [
        "one of ours",
        new ProviderError.ModelUnavailableError({ provider: "p", message: "m" }),
        "ModelUnavailableError"
      ],
      ["text", "boom", "ModelFailedError"],
      ["nothing", undefined, "ModelFailedError"]
    ] as const
  ) {
    it.effect(`an error part before the first event is that error: ${name}`, () =>
      Effect.gen(function*() {
        const failure = yield* Effect.flip(Stream.runDrain(ChatService.stream("x")))
        assert.strictEqual(failure._tag, tag)
      }).pipe(Effect.provide(over({ streamText: () => Stream.make({ type: "error" as const, error }) }))))
  }

  it.effect("a stream without a finish is not complete", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Stream.runDrain(ChatService.stream("x")))
      assert.include(["ConnectionError", "StreamInterruptedError"], error._tag)
    }).pipe(Effect.provide(over({
      streamText: () =>
        Stream.make({ type: "text-start" as const, id: "0" }, { type: "text-delta" as const, id: "0", delta: "a" })
    }))))

  for (
    const request of [
      { maxTokens: 10 },
      { temperature: 0 },
      { stopSequences: ["x"] },
      { reasoning: { effort: "low" as const } },
      { model: "other" },
      { parallelToolCalls: false }
    ]
  ) {
    it.effect(`without settings a field that the model cannot be told is refused: ${Object.keys(request)[0]}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(ChatService.text({ messages: "x", ...request }))
        assert.deepStrictEqual(
          [error._tag, error._tag === "UnsupportedFeatureError" ? error.field : ""],
          ["UnsupportedFeatureError", Object.keys(request)[0]]
        )
      }).pipe(Effect.provide(over({}))))
  }

  it.effect("settings are a context of one request", () => {
    class Settings extends Context.Service<Settings, { readonly temperature: number | undefined }>()("test/Settings") {}
    const asked = seen<unknown>()
    return Effect.gen(function*() {
      yield* ChatService.text({ messages: "x", temperature: 0.5 })
      assert.deepStrictEqual(asked.values, [0.5])
    }).pipe(Effect.provide(over({
      generateText: () =>
        Effect.serviceOption(Settings).pipe(
          Effect.flatMap((settings) => asked.add(settings._tag === "Some" ? settings.value.temperature : "none")),
          Effect.as([finish()])
        )
    }, { settings: ({ temperature }) => Context.make(Settings, { temperature }) })))
  })

  it.effect("settings that throw, or are no context, are a typed error", () =>
    Effect.gen(function*() {
      for (
        const settings of [() => {
          throw new Error("no")
        }, () => 1 as never]
      ) {
        const error = yield* Effect.provide(Effect.flip(ChatService.text("x")), over({}, { settings }))
        assert.strictEqual(error._tag, "InvalidRequestError")
      }
    }))

  it.effect("a structured answer is asked for with its schema, and repaired", () => {
    const asked = seen<LanguageModel.ProviderOptions>()
    return Effect.gen(function*() {
      const { value } = yield* ChatService.object(Schema.Struct({ a: Schema.Finite }), "x", { repairs: 1 })
      assert.deepStrictEqual(value, { a: 1 })
      assert.lengthOf(asked.values, 2)
      assert.strictEqual(asked.values[0]?.responseFormat.type, "json")
    }).pipe(Effect.provide(over({
      generateText: (options) =>
        Effect.andThen(
          asked.add(options),
          Effect.suspend(() =>
            parts({ type: "text", text: asked.values.length === 1 ? "{\"a\":\"one\"}" : "{\"a\":1}" }, finish())
          )
        )
    })))
  })

  it.effect("takes its names from a Model in the context", () =>
    Effect.gen(function*() {
      const response = yield* ChatService.generate("x")
      assert.deepStrictEqual([response.provider, response.model], ["openai", "gpt-5"])
    }).pipe(Effect.provide(
      EffectAiChat.layer().pipe(Layer.provide(
        Model.make("openai", "gpt-5", foreign({ generateText: () => Effect.succeed([finish()]) }))
      ))
    )))

  it.effect("parts that a foreign model cannot get are refused with their place", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ChatService.text([
        Message.user([{ type: "search-result", source: "s", title: "t", content: ["c"], citations: true }])
      ]))
      assert.strictEqual(error._tag, "UnsupportedFeatureError")
      assert.include(error.message, "messages[0].content[0]")
    }).pipe(Effect.provide(over({}))))
})
