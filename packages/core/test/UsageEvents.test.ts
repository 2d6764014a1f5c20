import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Budget from "@strata/core/policy/Budget"
import * as Key from "@strata/core/policy/Key"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import type * as Quota from "@strata/core/policy/Quota"
import * as UsageEvents from "@strata/core/policy/UsageEvents"
import * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import * as Lane from "../src/policy/internal/lane.ts"
import * as Fixture from "./BudgetFixture.ts"
import { errors, target, throughJson, watched } from "./ChatFixture.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"
import * as RerankProbe from "./RerankProbe.ts"
import { brief, chat, dropped, listening } from "./UsageFixture.ts"

const { as, request, rounded } = Fixture

describe("UsageEvents", () => {
  it.effect("has an event for an answer, with all that is known of its call", () =>
    listening(
      (events) =>
        Effect.gen(function*() {
          yield* TestClock.setTime(1000)
          const service = yield* chat({ metering: { scope: () => "somewhere" } })
          const asked = request({ inputTokens: 10, outputTokens: 20 })
          yield* as("a")(service.generate(asked)).pipe(Effect.provideService(Lane.Lane, "spot"))
          yield* as("b")(ChatEvent.collect(service.stream(asked)))
          const [first, second] = yield* events
          assert.deepStrictEqual(first, {
            at: 1000,
            operation: "chat",
            provider: "test.provider",
            model: "test-model",
            scope: "somewhere",
            lane: "spot",
            key: "a",
            metadata: { tenant: "a" },
            usage: Usage.make({ inputTokens: 10, outputTokens: 20 }),
            cost: Pricing.cost(Usage.make({ inputTokens: 10, outputTokens: 20 }), Fixture.price),
            cached: false,
            estimated: false
          })
          const { lane: _, ...rest } = first!
          assert.deepStrictEqual(second, { ...rest, key: "b", metadata: { tenant: "b" } })
          assert.deepStrictEqual(yield* throughJson(UsageEvents.UsageEvent, first!), first)
        }),
      { key: Key.metadata("tenant") }
    ))

  it.effect("has one for each attempt that is billed, retries included, and none for what was refused", () =>
    listening((events) =>
      Effect.gen(function*() {
        const script = [Fixture.refused, Fixture.broken]
        const asked = request({ inputTokens: 10, outputTokens: 0 })
        for (const budgets of [[], [Budget.make({ perRun: 100 })]]) {
          const errors = [...script]
          const { service } = yield* Fixture.make(budgets, {
            policy: Policy.make({ retry: Schedule.recurs(3) }),
            generate: (request) =>
              Effect.suspend(() => {
                const error = errors.shift()
                return error === undefined ? Fixture.makeProvider().generate(request) : Effect.fail(error)
              })
          })
          yield* service.generate(asked)
          assert.deepStrictEqual(brief(yield* events), [
            { tokens: Fixture.promptTokens(asked), dollars: rounded(Fixture.promptDollars(asked)), estimated: true },
            { tokens: 10, dollars: 0.01 }
          ])
        }
        const { service } = yield* Fixture.make(Budget.make({ perRun: 0 }))
        assert.strictEqual((yield* Effect.flip(service.generate(asked)))._tag, "BudgetExceededError")
        assert.deepStrictEqual(yield* events, [])
      })
    ))

  it.effect("estimates what was interrupted: the prompt, and what arrived of a stream", () =>
    listening((events) =>
      Effect.gen(function*() {
        const service = yield* chat()
        const slow = request({ delay: "1 hour" })
        const fiber = yield* Effect.forkChild(service.generate(slow))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(brief(yield* events), [
          { tokens: Fixture.promptTokens(slow), dollars: rounded(Fixture.promptDollars(slow)), estimated: true }
        ])
        const words = request({ words: ["one ", "two ", "three "] })
        const half = yield* Effect.forkChild(Stream.runDrain(Stream.take(service.stream(words), 2)))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(half)
        const [event] = yield* events
        const { inputTokens, outputTokens } = event!.usage
        assert.strictEqual(inputTokens, Fixture.promptTokens(words))
        assert.isTrue(event?.estimated)
        assert.isAbove(outputTokens, 0)
        assert.strictEqual(
          rounded(event?.cost?.total ?? 0),
          rounded(inputTokens * Fixture.inputDollars + outputTokens * Fixture.outputDollars)
        )
      })
    ))

  it.effect("has one for each answer of a cache, and for each call that shares one in progress", () =>
    listening((events) =>
      Effect.gen(function*() {
        const layer = Layer.effect(ChatService.ChatService, ChatService.make(Fixture.makeProvider())).pipe(
          ChatService.withCache({ namespace: "events" }),
          ChatService.withBudget(Budget.make({ perRun: 10 })),
          Layer.provide([Fixture.prices, ChatCache.layerMemory()])
        )
        const service = Context.get(yield* Layer.build(layer), ChatService.ChatService)
        const asked = request({ inputTokens: 10, outputTokens: 0 })
        const cached = { tokens: 10, dollars: 0, cached: true as const }
        yield* service.generate(asked)
        yield* service.generate(asked)
        yield* ChatEvent.collect(service.stream(asked))
        assert.deepStrictEqual(brief(yield* events), [{ tokens: 10, dollars: 0.01 }, cached, cached])
        for (const outputTokens of [1, 2]) {
          const slow = request({ inputTokens: 10, outputTokens, delay: "1 second" })
          const ask = outputTokens === 1 ? service.generate(slow) : ChatEvent.collect(service.stream(slow))
          const fibers = yield* Effect.replicateEffect(Effect.forkChild(ask), 3)
          yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
          yield* TestClock.adjust("1 second")
          yield* Effect.forEach(fibers, Fiber.join)
          const share = { tokens: 10 + outputTokens, dollars: 0, cached: true as const }
          assert.deepStrictEqual(brief(yield* events), [
            { tokens: 10 + outputTokens, dollars: rounded(0.01 + 0.002 * outputTokens) },
            share,
            share
          ])
        }
      })
    ))

  it.effect("has one for each request of embeddings, and one for each call of which some were cached", () =>
    listening((events) =>
      Effect.gen(function*() {
        const layer = Layer.effect(
          EmbeddingService.EmbeddingService,
          Effect.map(EmbeddingProbe.make({ limits: { maxItems: 1 } }), ({ service }) => service)
        ).pipe(
          EmbeddingService.withCache({ namespace: "events" }),
          Layer.provide([
            Pricing.layer([{ model: "probe-*", price: { input: 1e6 } }]),
            EmbeddingCache.layerMemory()
          ])
        )
        const service = Context.get(yield* Layer.build(layer), EmbeddingService.EmbeddingService)
        yield* service.embedMany(["text 1", "text 2"])
        assert.deepStrictEqual(brief(yield* events), [{ tokens: 1, dollars: 1 }, { tokens: 2, dollars: 2 }])
        const cached = { tokens: 0, dollars: 0, cached: true as const }
        yield* service.embedMany(["text 1", "text 3"])
        assert.deepStrictEqual(brief(yield* events), [cached, { tokens: 3, dollars: 3 }])
        yield* service.embed("text 3")
        yield* service.embedEach(["text 1"])
        yield* Stream.runDrain(service.embedStream(Stream.make("text 2"), (text) => text))
        assert.deepStrictEqual(brief(yield* events), [cached, cached, cached])
      })
    ))

  it.effect("has one for each request of a reranker that counts tokens", () =>
    listening((events) =>
      Effect.gen(function*() {
        const counting = yield* RerankProbe.make({ limits: RerankProbe.atMost(2) })
        yield* counting.service.rerank("query", ["1", "2", "3"])
        const [first, second] = yield* events
        assert.deepStrictEqual([first?.usage.inputTokens, second?.usage.inputTokens], [2, 1])
        assert.deepInclude(first, { operation: "rerank", requestId: "request-1", estimated: false })
        const silent = yield* RerankProbe.make({
          rerank: (request) => Effect.map(RerankProbe.numbered(request), ({ results }) => ({ results }))
        })
        yield* silent.service.rerank("query", ["1", "2"])
        assert.deepStrictEqual(yield* events, [])
      })
    ))

  it.effect("counts a service within another once, by what is nearer to the provider", () =>
    listening((events) =>
      Effect.gen(function*() {
        const { generate, stream } = yield* chat()
        const layer = Layer.succeed(ChatService.ChatService, { generate, stream }).pipe(
          ChatService.withPolicy(Policy.none)
        )
        const service = Context.get(yield* Layer.build(layer), ChatService.ChatService)
        const asked = request({ inputTokens: 10, outputTokens: 0 })
        yield* service.generate(asked)
        yield* ChatEvent.collect(service.stream(asked))
        const [first, second, ...others] = yield* events
        assert.deepStrictEqual(others, [])
        assert.deepStrictEqual([first?.provider, second?.provider], ["test.provider", "test.provider"])
      })
    ))

  it.effect("is provided around services, or to them when they are built", () =>
    Effect.gen(function*() {
      const services = Layer.effect(ChatService.ChatService, ChatService.make(Fixture.makeProvider())).pipe(
        ChatService.withPolicy(Policy.none),
        Layer.provideMerge(UsageEvents.layer())
      )
      const context = yield* Layer.build(services)
      const { subscribe } = Context.get(context, UsageEvents.UsageEvents)
      const queue = yield* subscribe
      yield* Context.get(context, ChatService.ChatService).generate(request({}))
      assert.strictEqual((yield* Queue.take(queue)).usage.totalTokens, 2)
    }))

  it.effect("does not fail a call whose key or metadata cannot be told, and logs it once a minute", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const keys: ReadonlyArray<Key.Key> = [() => JSON.parse("{"), () => "", Key.metadata("tenant")]
        for (const key of keys) {
          logs.length = 0
          yield* listening((events) =>
            Effect.gen(function*() {
              const service = yield* chat()
              yield* service.generate(request({}))
              yield* service.generate(request({}))
              yield* TestClock.adjust("1 minute")
              yield* service.generate(request({}))
              const found = yield* events
              assert.strictEqual(found.length, 3)
              assert.isTrue(found.every((event) => !("key" in event)))
              assert.deepStrictEqual(logs.map(({ message }) => String(message).slice(0, 25)), [
                "1 events of usage have no",
                "2 events of usage have no"
              ])
            }), { key })
        }
        const wrong = new ProviderError.InvalidRequestError({ provider: "test.provider", message: "no" })
        for (const metadata of [Effect.fail(wrong), Effect.succeed(null as never), Effect.die("broken")]) {
          for (const options of [{ key: () => "key" }, {}]) {
            logs.length = 0
            yield* listening((events) =>
              Effect.gen(function*() {
                const service = yield* chat({ metering: { metadata: () => metadata } })
                yield* service.generate(request({}))
                assert.deepStrictEqual((yield* events).map(({ key, metadata }) => [key, metadata]), [[undefined, {}]])
                assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
              }), options)
          }
        }
      })
    ))

  it.effect("leaves out metadata that are no text", () =>
    listening((events) =>
      Effect.gen(function*() {
        const service = yield* chat({ metering: { metadata: () => Effect.succeed({ tenant: "a", size: 1 as never }) } })
        yield* service.generate(request({}))
        assert.deepStrictEqual((yield* events).map(({ metadata }) => metadata), [{ tenant: "a" }])
      })
    ))

  it.effect("estimates an answer of which the provider counted nothing", () =>
    listening((events) =>
      Effect.gen(function*() {
        const asked = request({ inputTokens: 0, outputTokens: 0 })
        yield* Effect.flatMap(chat(), ({ generate }) => generate(asked))
        assert.deepStrictEqual(brief(yield* events), [
          { tokens: Fixture.promptTokens(asked), dollars: rounded(Fixture.promptDollars(asked)), estimated: true }
        ])
      })
    ))

  it.effect("has no cost where the call knows no prices, and no event where its prompt cannot be estimated", () =>
    listening((events) =>
      Effect.gen(function*() {
        const { call } = yield* Enforcement.make(Policy.none)
        const failing = Effect.fail(errors.ConnectionError)
        const ask = (load: Effect.Effect<Quota.Load, ProviderError.CallError>) =>
          Effect.flip(call(failing, target, { load: () => load, outputBurndown: 1, consumed: () => undefined }))
        assert.strictEqual(yield* ask(Effect.succeed({ inputTokens: 3, outputTokens: 1 })), errors.ConnectionError)
        assert.deepStrictEqual(brief(yield* events), [{ tokens: 3, dollars: undefined, estimated: true }])
        assert.strictEqual(yield* ask(Effect.fail(errors.InvalidRequestError)), errors.ConnectionError)
        assert.deepStrictEqual(yield* events, [])
      })
    ))

  it.effect("asks for no key while there is no subscriber", () => {
    let asked = 0
    const key = () => {
      asked++
      return "key"
    }
    return Effect.gen(function*() {
      const { subscribe } = yield* UsageEvents.UsageEvents
      const service = yield* chat()
      const ask = service.generate(request({}))
      yield* ask
      assert.strictEqual(asked, 0)
      yield* Effect.scoped(Effect.andThen(subscribe, ask))
      assert.strictEqual(asked, 1)
      yield* ask
      assert.strictEqual(asked, 1)
    }).pipe(Effect.provide(UsageEvents.layer({ key })))
  })

  it.effect("drops nothing of a subscriber that has left", () =>
    watched(({ logs }) =>
      listening((events) =>
        Effect.gen(function*() {
          const { subscribe } = yield* UsageEvents.UsageEvents
          const service = yield* chat()
          const ask = Effect.andThen(service.generate(request({})), events)
          yield* Effect.scoped(Effect.andThen(subscribe, ask))
          assert.strictEqual((yield* ask).length, 1)
          assert.strictEqual(yield* dropped("buffer"), 0)
          assert.deepStrictEqual(logs, [])
        }), { capacity: 1 })
    ))

  it.effect("drops the oldest events of a subscriber that is too slow, and says so", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        yield* listening((events) =>
          Effect.gen(function*() {
            const fast = yield* Effect.flatMap(UsageEvents.UsageEvents, ({ subscribe }) => subscribe)
            const service = yield* chat()
            for (let inputTokens = 1; inputTokens <= 5; inputTokens++) {
              yield* service.generate(request({ inputTokens, outputTokens: 0 }))
              yield* Queue.take(fast)
            }
            assert.deepStrictEqual((yield* events).map(({ usage }) => usage.inputTokens), [4, 5])
            assert.strictEqual(yield* dropped("buffer"), 3)
            assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
          }), { capacity: 2 })
        assert.deepStrictEqual(logs.map(({ message }) => String(message).slice(0, 33)), [
          "1 events of usage were dropped: a",
          "2 events of usage were dropped: a"
        ])
      })
    ))

  it.effect("ends its streams when the layer is closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(UsageEvents.layer(), scope)
      const { stream } = Context.get(context, UsageEvents.UsageEvents)
      const fiber = yield* Effect.forkChild(Stream.runCollect(stream))
      yield* Effect.yieldNow
      const service = yield* chat()
      yield* Effect.provide(service.generate(request({ inputTokens: 7, outputTokens: 0 })), context)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(({ usage }) => usage.inputTokens), [7])
    }))

  it.effect("refuses options that cannot be right", () =>
    Effect.gen(function*() {
      const wrong = [
        [{ capacity: 0 }, "capacity"],
        [{ capacity: 1.5 }, "capacity"],
        [{ capacity: 1_000_001 }, "capacity"],
        [{ key: "tenant" }, "key"]
      ] as const
      for (const [options, field] of wrong) {
        const error = yield* Effect.flip(Layer.build(UsageEvents.layer(options as never)))
        assert.strictEqual(error.field, `options.${field}`)
      }
      const writer = (options: object) =>
        Effect.flip(Layer.build(Layer.provide(
          UsageEvents.layerWriter(() => Effect.void, options),
          UsageEvents.layer()
        )))
      const wrongly = [["batch", "never"], ["batch", 0], ["batch", 1.5], ["every", "never"], [
        "retry",
        "never"
      ]] as const
      for (const [field, given] of wrongly) {
        assert.strictEqual((yield* writer({ [field]: given })).field, `options.${field}`)
      }
    }))
})
