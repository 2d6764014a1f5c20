import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Fallback from "@strata/core/chat/Fallback"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import { TestChat } from "@strata/core/testing"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { errors, watched } from "./ChatFixture.ts"
import { answerOf, busy, stage, takeAsked } from "./FallbackFixture.ts"

const tags = (predicate: (error: ProviderError.ProviderError) => boolean) =>
  Object.values(errors).filter(predicate).map((error) => error._tag)

describe("Fallback.isUnavailable", () => {
  it("is about services that cannot serve, not about requests, budgets and credentials", () => {
    assert.sameMembers(tags((error) => !Fallback.isUnavailable(error)), [
      "AuthenticationError",
      "InvalidRequestError",
      "ContextLengthExceededError",
      "UnsupportedFeatureError",
      "StreamInterruptedError",
      "StructuredOutputError",
      "BudgetExceededError"
    ])
  })

  it("holds for everything transient", () => {
    assert.isTrue(Object.values(errors).filter(ProviderError.isTransient).every(Fallback.isUnavailable))
  })
})

describe("ChatService.withFallback", () => {
  it.effect("asks nobody else while the first answers", () =>
    Effect.gen(function*() {
      const services = yield* stage(3)
      const response = yield* services.chat.generate({ messages: "Hi" })
      assert.strictEqual(response.text, "from 0")
      assert.isUndefined(response.fallback)
      assert.deepStrictEqual(services.asked, [0])
    }))

  it.effect("asks one after the other until one answers, and says who did and who did not", () =>
    Effect.gen(function*() {
      const services = yield* stage(4)
      services.fails.push(busy, errors.ModelNotFoundError)
      const response = yield* services.chat.generate({ messages: "Hi" })
      assert.deepStrictEqual(services.asked, [0, 1, 2])
      assert.strictEqual(response.text, "from 2")
      assert.strictEqual(response.provider, "provider-2")
      assert.strictEqual(response.model, "model-2")
      const fallen = { provider: "test.provider", model: "test-model", message: "it went wrong" }
      assert.deepStrictEqual(response.fallback, [
        { error: "ModelUnavailableError", ...fallen },
        { error: "ModelNotFoundError", ...fallen }
      ])
    }))

  it.effect("leaves the errors of the caller to the caller", () =>
    Effect.gen(function*() {
      for (
        const error of Object.values(errors).filter(ProviderError.isCallError).filter((error) =>
          !Fallback.isUnavailable(error)
        )
      ) {
        const services = yield* stage(2)
        services.fails.push(error)
        assert.strictEqual(yield* Effect.flip(answerOf(services)), error)
        assert.deepStrictEqual(services.asked, [0])
      }
    }))

  it.effect("falls back for the errors it is told to", () =>
    Effect.gen(function*() {
      const services = yield* stage(2, { when: (error) => error._tag === "ContextLengthExceededError" })
      services.fails.push(errors.ContextLengthExceededError)
      assert.strictEqual(yield* answerOf(services), "from 1")
      services.fails[0] = busy
      assert.strictEqual(yield* Effect.flip(answerOf(services)), busy)
    }))

  it.effect("lets each service repeat by its own policy first", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ retry: Retry.exponential({ times: 2 }) })
      const services = yield* stage(2, {}, { policy })
      services.fails.push(busy)
      const fiber = yield* Effect.forkChild(answerOf(services))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "from 1")
      assert.deepStrictEqual(services.asked, [0, 0, 0, 1])
    }))

  describe("when nobody answers", () => {
    it.effect("fails with the last error, and logs the others", () =>
      watched((seen) =>
        Effect.gen(function*() {
          const services = yield* stage(2)
          services.fails.push(busy, errors.RateLimitError)
          assert.strictEqual(yield* Effect.flip(answerOf(services)), errors.RateLimitError)
          const last = seen.logs.at(-1)
          assert.deepStrictEqual(last?.message, ["None of 2 services can answer"])
          assert.match(JSON.stringify(last?.annotations), /ModelUnavailableError.*RateLimitError/)
        })
      ))

    it.effect("does not let a fallback that cannot take the request hide that the first was only busy", () =>
      Effect.gen(function*() {
        const services = yield* stage(3)
        services.fails.push(busy, errors.UnsupportedFeatureError, errors.InvalidRequestError)
        assert.strictEqual(yield* Effect.flip(answerOf(services)), busy)
        assert.deepStrictEqual(services.asked, [0, 1, 2])
      }))

    it.effect("does not ask around for money", () =>
      Effect.gen(function*() {
        const services = yield* stage(3)
        services.fails.push(busy, errors.BudgetExceededError)
        assert.strictEqual(yield* Effect.flip(answerOf(services)), errors.BudgetExceededError)
        assert.deepStrictEqual(services.asked, [0, 1])
      }))
  })

  describe("a request that names a model", () => {
    it.effect("asks the first for it, and a fallback for its own", () =>
      Effect.gen(function*() {
        const services = yield* stage(2)
        services.fails.push(busy)
        yield* answerOf(services, { model: "special", messages: "Hi", maxTokens: 7 })
        assert.deepStrictEqual(services.requests.map(({ maxTokens, model }) => [model, maxTokens]), [
          ["special", 7],
          ["model-1", 7]
        ])
      }))

    it.effect("asks a fallback for what the options say", () =>
      Effect.gen(function*() {
        const services = yield* stage(3, {
          model: (model, fallback) => fallback === 0 ? undefined : `${model} of ${fallback}`
        })
        services.fails.push(busy, busy)
        yield* answerOf(services, { model: "special", messages: "Hi" })
        assert.deepStrictEqual(services.requests.map(({ model }) => model), ["special", "model-1", "special of 1"])
      }))

    it.effect("does not move requests for another", () =>
      Effect.gen(function*() {
        const services = yield* stage(2)
        services.fails.push(errors.ModelNotFoundError)
        yield* answerOf(services, { model: "mistyped", messages: "Hi" })
        services.fails.length = 0
        takeAsked(services)
        yield* answerOf(services)
        assert.deepStrictEqual(takeAsked(services), [0])
        yield* answerOf(services, { model: "mistyped", messages: "Hi" })
        assert.deepStrictEqual(takeAsked(services), [1])
      }))
  })

  describe("layers", () => {
    const failing = TestChat.layer([busy])

    it.effect("takes one fallback, or several, piped or not", () =>
      Effect.gen(function*() {
        const other = TestChat.layer(["other"])
        const layers = [
          failing.pipe(ChatService.withFallback(other)),
          failing.pipe(ChatService.withFallback(other, { stickFor: "1 second" })),
          failing.pipe(ChatService.withFallback([other])),
          ChatService.withFallback(failing, other),
          ChatService.withFallback(failing, [TestChat.layer([busy]), other], {})
        ]
        for (const layer of layers) {
          assert.strictEqual(yield* Effect.provide(ChatService.text("Hi"), Layer.fresh(layer)), "other")
        }
      }))

    it.effect("tells who could not answer, also of fallbacks inside", () =>
      Effect.gen(function*() {
        const inner = TestChat.layer([errors.ModelFailedError]).pipe(
          ChatService.withFallback(TestChat.layer(["other"]))
        )
        const response = yield* ChatService.generate("Hi").pipe(
          Effect.provide(failing.pipe(Layer.fresh, ChatService.withFallback(inner)))
        )
        assert.deepStrictEqual(response.fallback?.map(({ error }) => error), [
          "ModelUnavailableError",
          "ModelFailedError"
        ])
      }))

    it.effect("asks for what all of them need, fails with what one of them fails with, and builds what they share once", () =>
      Effect.gen(function*() {
        class Account extends Context.Service<Account, string>()("test/Account") {}
        let built = 0
        const account = Layer.effect(Account, Effect.sync(() => `account ${++built}`))
        const chat = (error?: "no key") =>
          Layer.effect(
            ChatService.ChatService,
            Effect.gen(function*() {
              yield* Account
              if (error !== undefined) return yield* Effect.fail(error)
              return yield* ChatService.make({
                provider: "p",
                defaultModel: "m",
                generate: () => Effect.fail(busy),
                stream: () => Stream.fail(busy)
              })
            })
          )
        const typed: Layer.Layer<
          ChatService.ChatService,
          "no key" | ProviderError.InvalidRequestError,
          Account
        > = ChatService.withFallback(
          chat().pipe(Layer.provide(account)),
          [chat(), chat("no key")]
        )
        const context = yield* Effect.flip(Layer.build(Layer.provide(typed, account)))
        assert.strictEqual(context, "no key")
        assert.strictEqual(built, 1)
      }))
  })

  it.effect("interrupts the one at work", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      let interrupted = -1
      const services = yield* stage(3, {}, {
        before: (number) =>
          number === 0 ? Effect.void : Deferred.succeed(begun, undefined).pipe(
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() => Effect.sync(() => interrupted = number))
          )
      })
      services.fails.push(busy)
      const fiber = yield* Effect.forkChild(answerOf(services))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(interrupted, 1)
      assert.deepStrictEqual(services.asked, [0, 1])
    }))

  it.effect("counts every request handed on, by the error", () =>
    watched(() =>
      Effect.gen(function*() {
        const services = yield* stage(2)
        services.fails.push(errors.ModelFailedError)
        yield* answerOf(services)
        yield* answerOf(services)
        const counter = Metric.withAttributes(Fallback.fallbacks, {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "test.provider",
          "gen_ai.request.model": "test-model",
          "error.type": "ModelFailedError"
        })
        assert.strictEqual((yield* Metric.value(counter)).count, 2)
      })
    ))
})
