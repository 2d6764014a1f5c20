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
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { errors, failure, settled, type Watched, watched } from "./ChatFixture.ts"
import { answerOf, busy, stage, takeAsked } from "./FallbackFixture.ts"

const tags = (predicate: (error: ProviderError.ProviderError) => boolean) =>
  Object.values(errors).filter(predicate).map((error) => error._tag)

describe("Fallback.isUnavailable", () => {
  it("accepts errors of services, not of requests, budgets and credentials", () => {
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

  it("accepts all transient errors", () => {
    assert.isTrue(Object.values(errors).filter(ProviderError.isTransient).every(Fallback.isUnavailable))
  })
})

describe("ChatService.withFallback", () => {
  it.effect("calls no fallback while the first service answers", () =>
    Effect.gen(function*() {
      const services = yield* stage(3)
      const response = yield* services.chat.generate({ messages: "Hi" })
      assert.strictEqual(response.text, "from 0")
      assert.isUndefined(response.fallback)
      assert.deepStrictEqual(services.asked, [0])
    }))

  it.effect("calls one service after another until one answers, and records them", () =>
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

  it.effect("fails with the errors of the request", () =>
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

  it.effect("falls back for the errors of `when`", () =>
    Effect.gen(function*() {
      const services = yield* stage(2, { when: (error) => error._tag === "ContextLengthExceededError" })
      services.fails.push(errors.ContextLengthExceededError)
      assert.strictEqual(yield* answerOf(services), "from 1")
      services.fails[0] = busy
      assert.strictEqual(yield* Effect.flip(answerOf(services)), busy)
    }))

  it.effect("lets each service retry by its own policy first", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ retry: Retry.exponential({ times: 2 }) })
      const services = yield* stage(2, {}, { policy })
      services.fails.push(busy)
      const fiber = yield* Effect.forkChild(answerOf(services))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "from 1")
      assert.deepStrictEqual(services.asked, [0, 0, 0, 1])
    }))

  describe("when none answers", () => {
    it.effect("fails with the last error, and logs the others", () =>
      watched((seen) =>
        Effect.gen(function*() {
          const services = yield* stage(2)
          const server = "bedrock-runtime.us-east-1.amazonaws.com"
          services.fails.push(
            new ProviderError.ModelUnavailableError({ provider: "test", message: "busy", server }),
            errors.RateLimitError
          )
          assert.strictEqual(yield* Effect.flip(answerOf(services)), errors.RateLimitError)
          assert.deepStrictEqual(
            seen.logs.map((
              { annotations: { error, server }, level, message }
            ) => [level, String(message), error, server]),
            [
              ["Warn", "A chat service cannot answer: the next one is asked", "ModelUnavailableError", server],
              ["Warn", "None of 2 chat services can answer", "RateLimitError", "example.com:8443"]
            ]
          )
        })
      ))

    it.effect("fails with the transient error of the first service when a fallback refuses the request", () =>
      Effect.gen(function*() {
        const services = yield* stage(3)
        services.fails.push(busy, errors.UnsupportedFeatureError, errors.InvalidRequestError)
        assert.strictEqual(yield* Effect.flip(answerOf(services)), busy)
        assert.deepStrictEqual(services.asked, [0, 1, 2])
      }))

    it.effect("calls no fallback when a budget is spent", () =>
      Effect.gen(function*() {
        const services = yield* stage(3)
        services.fails.push(busy, errors.BudgetExceededError)
        assert.strictEqual(yield* Effect.flip(answerOf(services)), errors.BudgetExceededError)
        assert.deepStrictEqual(services.asked, [0, 1])
      }))
  })

  describe("failFast", () => {
    const policy = Policy.make({ retry: Retry.exponential({ times: 2, base: 0, rateLimitBase: 0 }) })
    const throttled = errors.RateLimitError
    const failFast = (error: ProviderError.ProviderError) => error._tag === "RateLimitError"

    it.effect.each(["generate", "stream"] as const)(
      "asks the next service before the retries are spent: %s",
      (how) =>
        Effect.gen(function*() {
          const services = yield* stage(3, { failFast }, { policy })
          const ask = how === "generate"
            ? services.chat.generate({ messages: "Hi" })
            : Stream.runDrain(services.chat.stream({ messages: "Hi" }))
          services.fails.push(throttled)
          yield* settled(ask)
          assert.deepStrictEqual(takeAsked(services), [0, 1])
          services.fails[0] = busy
          yield* settled(ask)
          assert.deepStrictEqual(takeAsked(services), [0, 0, 0, 1])
        })
    )

    it.effect("lets the last service retry by its policy", () =>
      Effect.gen(function*() {
        const services = yield* stage(3, { failFast }, { policy })
        services.fails.push(throttled, throttled, throttled)
        yield* failure(answerOf(services))
        assert.deepStrictEqual(services.asked, [0, 1, 2, 2, 2])
      }))

    it.effect("does not apply to errors that do not fall back", () =>
      Effect.gen(function*() {
        const services = yield* stage(2, { failFast: () => true, when: (error) => error !== throttled }, { policy })
        services.fails.push(throttled)
        yield* failure(answerOf(services))
        assert.deepStrictEqual(services.asked, [0, 0, 0])
      }))

    it.effect("applies to the services of a nested fallback, but its last", () =>
      Effect.gen(function*() {
        const asked: Array<string> = []
        const failing = (name: string) =>
          Layer.effect(
            ChatService.ChatService,
            ChatService.make({
              provider: name,
              defaultModel: name,
              policy,
              generate: () => Effect.suspend(() => Effect.fail((asked.push(name), throttled))),
              stream: () => Stream.fail(throttled)
            })
          )
        const inner = failing("a").pipe(ChatService.withFallback(failing("b")))
        const outer = inner.pipe(ChatService.withFallback(failing("c"), { failFast }))
        yield* failure(Effect.provide(ChatService.text("Hi"), outer))
        assert.deepStrictEqual(asked, ["a", "b", "c", "c", "c"])
      }))

    it.effect("fails with an InvalidRequestError when it throws", () =>
      Effect.gen(function*() {
        const services = yield* stage(2, {
          failFast: () => {
            throw new Error("bug")
          }
        }, { policy })
        services.fails.push(throttled)
        const error = yield* failure(answerOf(services))
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.include(error.message, "fallback.failFast")
      }))
  })

  describe("a request that names a model", () => {
    it.effect("uses it for the first service, and the default for a fallback", () =>
      Effect.gen(function*() {
        const services = yield* stage(2)
        services.fails.push(busy)
        yield* answerOf(services, { model: "special", messages: "Hi", maxTokens: 7 })
        assert.deepStrictEqual(services.requests.map(({ maxTokens, model }) => [model, maxTokens]), [
          ["special", 7],
          ["model-1", 7]
        ])
      }))

    it.effect("uses the model of the options for a fallback", () =>
      Effect.gen(function*() {
        const services = yield* stage(3, {
          model: (model, fallback) => fallback === 0 ? undefined : `${model} of ${fallback}`
        })
        services.fails.push(busy, busy)
        yield* answerOf(services, { model: "special", messages: "Hi" })
        assert.deepStrictEqual(services.requests.map(({ model }) => model), ["special", "model-1", "special of 1"])
      }))
  })

  describe("layers", () => {
    const failing = TestChat.layer([busy])

    it.effect("accepts one fallback, or several, piped or not", () =>
      Effect.gen(function*() {
        const other = TestChat.layer(["other"])
        const layers = [
          failing.pipe(ChatService.withFallback(other)),
          failing.pipe(ChatService.withFallback(other, { failFast: () => true })),
          failing.pipe(ChatService.withFallback([other])),
          ChatService.withFallback(failing, other),
          ChatService.withFallback(failing, [TestChat.layer([busy]), other], {})
        ]
        for (const layer of layers) {
          assert.strictEqual(yield* Effect.provide(ChatService.text("Hi"), Layer.fresh(layer)), "other")
        }
      }))

    it.effect("records which services failed, also in nested fallbacks", () =>
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

    it.effect("has the requirements and errors of all layers, and builds shared ones once", () =>
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

  it.effect("interrupts the service in use", () =>
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

  describe("its log", () => {
    const lines = (seen: Watched) => seen.logs.map(({ level, message }) => [level, String(message)])
    const lost = ["Warn", "A chat service cannot answer: the next one is asked"]
    const back = ["Info", "A chat service answers again"]

    it.effect("logs one warning for an outage, and one notice when it is over", () =>
      watched((seen) =>
        Effect.gen(function*() {
          const services = yield* stage(3, {}, { before: () => Effect.sleep("1 second") })
          services.fails.push(busy)
          const many = Effect.all(Array.from({ length: 100 }, () => answerOf(services)), { concurrency: "unbounded" })
          for (const error of [busy, errors.CircuitOpenError, errors.RateLimitError]) {
            services.fails[0] = error
            yield* settled(many, "10 seconds")
          }
          assert.deepStrictEqual(lines(seen), [lost])
          services.fails[0] = undefined
          yield* settled(many, "10 seconds")
          assert.deepStrictEqual(lines(seen), [lost])
          yield* TestClock.adjust("30 seconds")
          yield* settled(many, "10 seconds")
          assert.deepStrictEqual(lines(seen), [lost, back])
          services.fails[0] = busy
          yield* settled(many, "10 seconds")
          assert.deepStrictEqual(lines(seen), [lost, back, lost])
        })
      ))

    it.effect("does not log each random failure", () =>
      watched((seen) =>
        Effect.gen(function*() {
          const services = yield* stage(2)
          for (let call = 0; call < 200; call++) {
            services.fails[0] = call % 20 === 0 ? errors.RateLimitError : undefined
            yield* answerOf(services)
            yield* TestClock.adjust("1 second")
          }
          assert.deepStrictEqual(lines(seen), [lost])
        })
      ))

    it.effect("logs an outage although requests for unknown models fail all the time", () =>
      watched((seen) =>
        Effect.gen(function*() {
          const services = yield* stage(2)
          for (let call = 0; call < 500; call++) {
            services.fails[0] = errors.ModelNotFoundError
            yield* answerOf(services, { model: `invented-${call}`, messages: "Hi" })
          }
          services.fails[0] = busy
          yield* answerOf(services)
          assert.deepStrictEqual(lines(seen), [lost, lost])
        })
      ))
  })

  it.effect("counts every request passed on, by the error", () =>
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

describe("ChatService.withFallback, for any services that fail", () => {
  const problems: ReadonlyArray<ProviderError.CallError | undefined> = [
    undefined,
    undefined,
    busy,
    errors.RateLimitError,
    errors.ModelFailedError
  ]
  const Problem = Schema.Literals([0, 1, 2, 3, 4])
  const Failures = Schema.Array(Problem).check(Schema.isMinLength(1), Schema.isMaxLength(5))

  it.effect.prop(
    "the first that answers, in order, gives the answer",
    [Failures],
    ([failures]) =>
      Effect.scoped(Effect.gen(function*() {
        const services = yield* stage(failures.length)
        services.fails.push(...failures.map((problem) => problems[problem]))
        const expected = services.fails.indexOf(undefined)
        const answer = yield* Effect.option(answerOf(services))
        assert.deepStrictEqual(
          answer._tag === "Some" ? answer.value : undefined,
          expected < 0 ? undefined : `from ${expected}`
        )
        assert.deepStrictEqual(
          services.asked,
          Array.from(failures.keys()).slice(0, expected < 0 ? undefined : expected + 1)
        )
      })),
    { arbitrary: { runs: 60 } }
  )
})
