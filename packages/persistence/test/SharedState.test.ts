import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { assert } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import * as Retry from "@strata/core/policy/Retry"
import { AdaptiveLimits } from "@strata/core/state/AdaptiveLimits"
import * as Telemetry from "@strata/core/Telemetry"
import { SharedState } from "@strata/persistence"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { errors, response, target } from "../../core/test/ChatFixture.ts"
import * as RedisServer from "./support/RedisServer.ts"

/** Services with a connection of their own, as another process has them; `prefix` sets the tests apart. */
const process = Effect.fnUntraced(function*(
  prefix: string,
  options: Policy.Options,
  generate: ChatService.Provider["generate"]
) {
  const { url } = yield* RedisServer.RedisServer
  const shared = SharedState.layerRedis(NodeRedis.layer({ url, disableOfflineQueue: true }), { prefix })
  const { model, provider } = target
  const policy = Policy.make({ retry: Retry.never, ...options })
  const services = Layer.merge(
    Layer.effect(
      ChatService.ChatService,
      ChatService.make({ provider, defaultModel: model, policy, generate, stream: () => Stream.never })
    ),
    Layer.effect(
      EmbeddingService.EmbeddingService,
      EmbeddingService.make({
        provider,
        defaultModel: model,
        policy,
        limits: () => Effect.succeed({ maxItems: 100, maxLength: Infinity }),
        embedBatch: ({ inputs }) =>
          Effect.succeed({ vectors: inputs.map(() => Float32Array.of(1, 0)), inputTokens: inputs.length })
      })
    )
  )
  return yield* Layer.build(Layer.provideMerge(services, shared))
})

RedisServer.suite("SharedState.layerRedis", (it) => {
  it.effect("keeps one quota for the chat of one process and the embeddings of another", () =>
    Effect.gen(function*() {
      const policy = { quota: Quota.tokens({ perMinute: 1000 }), timeouts: { deadline: "300 millis" as const } }
      const one = yield* process("quota:", { quota: policy.quota }, () => Effect.never)
      const other = yield* process("quota:", policy, () => Effect.succeed(response("Because.")))
      const waiting = yield* Effect.forkChild(
        Effect.provideContext(ChatService.generate({ messages: "Why?", maxTokens: 950 }), one)
      )
      yield* Effect.sleep("200 millis")
      const embed = Effect.provideContext(EmbeddingService.embed("word ".repeat(60)), other)
      assert.strictEqual((yield* Effect.flip(embed))._tag, "TimeoutError")
      yield* Fiber.interrupt(waiting)
      assert.lengthOf((yield* embed).vector, 2)
    }))

  it.effect("lets one process see that another found the provider down", () =>
    Effect.gen(function*() {
      let calls = 0
      const policy = { breaker: Breaker.consecutive(2) }
      const one = yield* process("breaker:", policy, () => Effect.fail(errors.ProviderInternalError))
      const other = yield* process("breaker:", policy, () => Effect.sync(() => response(`${++calls}`)))
      const ask = ChatService.generate("Why?")
      yield* Effect.flip(Effect.provideContext(ask, one))
      yield* Effect.provideContext(ask, other)
      yield* Effect.flip(Effect.provideContext(ask, one))
      yield* Effect.flip(Effect.provideContext(ask, one))
      assert.strictEqual((yield* Effect.flip(Effect.provideContext(ask, other)))._tag, "CircuitOpenError")
      assert.strictEqual(calls, 1)
    }))

  it.effect("lets one call of all processes try a provider that was down", () =>
    Effect.gen(function*() {
      const answered = yield* Deferred.make<void>()
      const policy = { breaker: Breaker.consecutive(1, { open: "1 second" }) }
      let isDown = true
      const one = yield* process(
        "probe:",
        policy,
        () => isDown ? Effect.fail(errors.ProviderInternalError) : Effect.succeed(response("Because."))
      )
      const other = yield* process("probe:", policy, () => Effect.as(Deferred.await(answered), response("Because.")))
      const ask = ChatService.text("Why?")
      yield* Effect.flip(Effect.provideContext(ask, one))
      isDown = false
      yield* Effect.sleep("1100 millis")
      const probe = yield* Effect.forkChild(Effect.provideContext(ask, other))
      yield* Effect.sleep("200 millis")
      assert.strictEqual((yield* Effect.flip(Effect.provideContext(ask, one)))._tag, "CircuitOpenError")
      yield* Deferred.succeed(answered, undefined)
      assert.strictEqual(yield* Fiber.join(probe), "Because.")
      assert.strictEqual(yield* Effect.provideContext(ask, one), "Because.")
    }))

  it.effect("lets one process learn from what another was refused", () =>
    Effect.gen(function*() {
      const concurrency = Concurrency.adaptive({ initial: 8 })
      const one = yield* process("adaptive:", { concurrency }, () => Effect.fail(errors.RateLimitError))
      const other = yield* process("adaptive:", { concurrency }, () => Effect.succeed(response("Because.")))
      const calls = Array.from({ length: 8 }, () => Effect.flip(ChatService.generate("Why?")))
      yield* Effect.provideContext(Effect.all(calls, { concurrency: "unbounded" }), one)
      const { limit } = yield* Effect.flatMap(
        AdaptiveLimits,
        ({ read }) => read(Telemetry.keyOf(target), concurrency)
      ).pipe(Effect.provideContext(other))
      assert.isBelow(limit, 8)
    }))
})
