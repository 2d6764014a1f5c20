import { ConverseCommand, ConverseStreamCommand, InvokeModelCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import { Emulator, Model } from "@strata/emulator"
import type { Quota } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Fixture from "./Fixture.ts"

const live = (limit: Quota.Limit, options?: Parameters<typeof Fixture.chat>[0]) =>
  Fixture.emulator({ quota: { "*": limit } }, Layer.merge(Fixture.chat(options), Fixture.embedding()))

const quota = Effect.map(Emulator.Emulator.use(({ statistics }) => statistics), ({ quota }) => quota)

const ofModel = Effect.map(quota, (quota) => quota[Fixture.modelId])

const asking = (maxTokens: number | undefined, text = "four") => ({
  modelId: Fixture.modelId,
  messages: [{ role: "user" as const, content: [{ text }] }],
  ...(maxTokens === undefined ? undefined : { inferenceConfig: { maxTokens } })
})

describe("Quota over HTTP", () => {
  describe.each(Fixture.protocols)("over HTTP/%s", (protocol) => {
    it.effect("refuses requests until tokens are refilled", () =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect(protocol)
        const call = Fixture.attempt(() => client.send(new ConverseCommand(asking(90))))
        for (const _ of [1, 2]) yield* call
        const error = yield* Effect.flip(call)
        assert.deepStrictEqual([error.name, error.status, error.message], [
          "ThrottlingException",
          429,
          "Too many tokens, please wait before trying again."
        ])
        yield* TestClock.adjust("5 seconds")
        yield* call
        assert.include(yield* ofModel, { completed: 3, throttled: 1, used: 30, reserved: 0 })
      }).pipe(Effect.provide(live({ tokensPerMinute: 105 }))))

    it.effect("settles a stream at its end", () =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect(protocol)
        const { stream } = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(asking(500))))
        yield* Fixture.drain(stream)
        assert.include(yield* ofModel, { completed: 1, used: 10, reserved: 0 })
      }).pipe(Effect.provide(live({ tokensPerMinute: 1000 }))))

    it.effect("settles an aborted stream to its prompt and output so far", () =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect(protocol)
        const controller = new AbortController()
        const { stream } = yield* Fixture.attempt(() =>
          client.send(new ConverseStreamCommand(asking(500)), { abortSignal: controller.signal })
        )
        const reading = yield* Effect.forkChild(Effect.exit(Fixture.drain(stream)))
        assert.include(yield* ofModel, { reserved: 501, used: 0 })
        controller.abort()
        yield* Fiber.join(reading)
        const settled = yield* Fixture.eventually(ofModel, (quota) => quota?.reserved === 0)
        assert.include(settled, { completed: 0, unfinished: 1, used: 1 + 3 })
      }).pipe(Effect.provide(live({ tokensPerMinute: 1000 }, {
        stream: () => Stream.concat(Stream.fromIterable(Fixture.deltas("12345678", "1").slice(0, 2)), Stream.never)
      }))))
  })

  it.effect("settles a failed stream to the text that was sent, independent of its chunks", () =>
    Effect.gen(function*() {
      const { inject, requests } = yield* Emulator.Emulator
      // 44 of 80 characters, in 22 chunks after the start of the message; rounded up, each would be a token
      yield* inject({ type: "truncateStream", afterEvents: 23 })
      yield* Fixture.post(`/model/${Fixture.modelId}/converse-stream`, JSON.stringify(asking(500)))
      assert.include(yield* ofModel, { completed: 0, unfinished: 1, reserved: 0, used: 1 + 11 })
      assert.strictEqual((yield* requests)[0]?.outputTokens, 11)
    }).pipe(Effect.provide(live({ tokensPerMinute: 100_000 }, {
      stream: () => Stream.fromIterable(Fixture.deltas(...Array.from({ length: 40 }, () => "ab")))
    }))))

  it.effect("counts the arguments of a whole tool call, and each text once", () =>
    Effect.gen(function*() {
      yield* Fixture.post(`/model/${Fixture.modelId}/converse-stream`, JSON.stringify(asking(500)))
      assert.include(yield* ofModel, { unfinished: 1, used: 1 + 3 })
    }).pipe(Effect.provide(live({ tokensPerMinute: 100_000 }, {
      stream: () =>
        Stream.fromIterable([
          { type: "text-delta", index: 0, delta: "1234" },
          { type: "part", index: 0, part: { type: "text", text: "1234" } },
          { type: "tool-call", index: 1, id: "t1", name: "get", params: { a: 1 } }
        ])
    }))))

  it.effect("reserves nothing for a request that is refused before it runs", () =>
    Effect.gen(function*() {
      const refused = [
        yield* Fixture.converse({ messages: [] }),
        yield* Fixture.post(`/model/${Fixture.modelId}/converse`, JSON.stringify(Fixture.hello), {
          authorization: "Bearer wrong"
        }),
        yield* Fixture.converse({ ...asking(20_000) }),
        yield* Fixture.converse(asking(1), "no.such-model")
      ]
      assert.deepStrictEqual(refused.map(({ status }) => status), [400, 403, 400, 400])
      yield* Emulator.Emulator.use(({ inject }) => inject({ type: "throttle" }))
      assert.strictEqual((yield* Fixture.converse(asking(1))).status, 429)
      assert.deepStrictEqual(yield* quota, {})
    }).pipe(Effect.provide(live({ tokensPerMinute: 1 }))))

  it.effect("reserves the tokens until the answer ends, and refuses others at once", () =>
    Effect.gen(function*() {
      const call = yield* Effect.forkChild(Fixture.converse(asking(90)))
      assert.include(yield* Fixture.eventually(ofModel, (quota) => quota !== undefined), { reserved: 91, used: 0 })
      assert.strictEqual((yield* Fixture.converse(asking(90))).status, 429)
      assert.isUndefined(call.pollUnsafe())
      assert.strictEqual((yield* Fiber.join(call)).status, 200)
      assert.include(yield* ofModel, { reserved: 0, used: 10 })
    }).pipe(Effect.provide(Fixture.emulator({
      latency: "200 millis",
      quota: { "*": { tokensPerMinute: 100 } }
    }))))

  it.effect("charges nothing for failed answers", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Fixture.converse(asking(10))).status, 500)
      assert.include(yield* ofModel, { used: 0, reserved: 0, unfinished: 1 })
    }).pipe(Effect.provide(live({ tokensPerMinute: 1000 }, {
      generate: () => Effect.fail(new ProviderError.ProviderInternalError({ provider: "double", message: "No" }))
    }))))

  it.effect("reserves the model's maximum without maxTokens", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Fixture.converse(asking(undefined))).status, 429, "10,000 tokens of Nova")
      assert.strictEqual((yield* Fixture.converse(asking(undefined), "acme.tiny")).status, 200)
      const other = yield* Fixture.converse(asking(undefined), "acme.unknown")
      assert.strictEqual(other.status, 429, `${Model.defaultMaxOutputTokens} tokens of any other`)
    }).pipe(Effect.provide(Fixture.emulator({
      models: [Model.chat("acme.tiny", { maxOutputTokens: 99 }), Model.chat("acme.unknown")],
      quota: { "*": { tokensPerMinute: 100 }, "acme.unknown": { tokensPerMinute: Model.defaultMaxOutputTokens } }
    }))))

  it.effect("releases tokens read from the prompt cache", () => {
    const prompt = "x".repeat(4000)
    const request = {
      modelId: Fixture.modelId,
      messages: [{ role: "user", content: [{ text: prompt }, { cachePoint: { type: "default" } }, { text: "four" }] }],
      inferenceConfig: { maxTokens: 50 }
    }
    return Effect.gen(function*() {
      yield* Fixture.converse(request)
      assert.strictEqual((yield* ofModel)?.used, 1001 + 5)
      yield* Fixture.converse(request)
      assert.strictEqual((yield* ofModel)?.used, 1001 + 5 + 1 + 5)
      yield* Fixture.post(`/model/${Fixture.modelId}/converse-stream`, JSON.stringify(request))
      assert.strictEqual((yield* ofModel)?.used, 1001 + 5 + 1 + 5 + 1 + 2, "also when the answer is not complete")
    }).pipe(Effect.provide(live({ tokensPerMinute: 10_000 }, {
      stream: () => Stream.fromIterable(Fixture.deltas("12345678", "").slice(0, 1)),
      generate: () =>
        Effect.succeed(Fixture.response([{ type: "text", text: "Hi" }], { usage: Usage.make({ outputTokens: 5 }) }))
    })))
  })

  it.effect("limits requests a minute beside tokens, with the service's own sentence", () =>
    Effect.gen(function*() {
      const statuses = [yield* Fixture.converse(asking(5)), yield* Fixture.converse(asking(5))]
      assert.deepStrictEqual(statuses.map(({ status }) => status), [200, 200])
      const third = yield* Fixture.converse(asking(5))
      assert.deepStrictEqual([third.status, JSON.parse(third.text)], [
        429,
        { message: "Too many requests, please wait before trying again." }
      ])
      assert.include(third.headers["x-amzn-errortype"], "ThrottlingException")
      assert.include(yield* ofModel, {
        requestsPerMinute: 2,
        requestsLeft: 0,
        tokensPerMinute: 1000,
        throttled: 1,
        completed: 2
      })
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fixture.converse(asking(2_000))).status, 429, "too many tokens")
      assert.include(yield* ofModel, { requestsLeft: 1 }, "a refused request is not counted")
      assert.strictEqual((yield* Fixture.converse(asking(5))).status, 200)
    }).pipe(Effect.provide(live({ requestsPerMinute: 2, tokensPerMinute: 1000 }))))

  it.effect("admits exactly as many requests as its limit, however many come at once", () =>
    Effect.gen(function*() {
      const answers = yield* Effect.all(Array.from({ length: 40 }, () => Fixture.converse(asking(5))), {
        concurrency: "unbounded"
      })
      assert.lengthOf(answers.filter(({ status }) => status === 200), 10)
      const { left, requestsLeft, tokensPerMinute } = (yield* ofModel) ?? {}
      assert.deepStrictEqual({ left, requestsLeft, tokensPerMinute }, {
        left: undefined,
        requestsLeft: 0,
        tokensPerMinute: undefined
      })
    }).pipe(Effect.provide(live({ requestsPerMinute: 10, algorithm: "fixed" }))))

  it.effect("refuses an invalid quota at the start, by the name of its field", () =>
    Effect.gen(function*() {
      for (
        const [limit, field] of [
          [{}, "quota: [\"*\"]"],
          [{ requestsPerMinute: -1 }, "requestsPerMinute"],
          [{ tokensPerMinute: NaN }, "tokensPerMinute"],
          [{ tokensPerMinute: 1, window: 0 }, "window"]
        ] as const
      ) {
        const error = yield* Effect.flip(Effect.scoped(Emulator.make({ quota: { "*": limit } })))
        assert.include(error.message, field)
      }
    }).pipe(Effect.provide(Layer.merge(Fixture.chat(), Fixture.embedding()))))

  it.effect("reserves the texts of embeddings", () =>
    Effect.gen(function*() {
      const model = "amazon.titan-embed-text-v2:0"
      const client = yield* Fixture.connect("1.1")
      const embed = (inputText: string) =>
        Fixture.attempt(() =>
          client.send(
            new InvokeModelCommand({
              modelId: model,
              contentType: "application/json",
              body: JSON.stringify({ inputText })
            })
          )
        )
      yield* embed("x".repeat(40))
      assert.include((yield* quota)[model], { used: 40, left: 60, completed: 1 })
      const error = yield* Effect.flip(embed("x".repeat(400)))
      assert.deepStrictEqual([error.name, error.message], [
        "ThrottlingException",
        "Too many tokens, please wait before trying again."
      ])
      assert.include((yield* quota)[model], { used: 40, throttled: 1 })
    }).pipe(Effect.provide(live({ tokensPerMinute: 100 }))))
})
