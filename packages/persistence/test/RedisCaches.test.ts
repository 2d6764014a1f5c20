import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { ChatCachePersistence, EmbeddingCachePersistence } from "@strata/persistence"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redis from "effect/persistence/Redis"
import * as Schedule from "effect/Schedule"
import * as RedisServer from "./support/RedisServer.ts"

/** Both caches over a separate connection, like another process. */
const process = Effect.fnUntraced(function*(options?: { readonly disableOfflineQueue?: boolean }) {
  const { url } = yield* RedisServer.RedisServer
  const stores = Layer.merge(ChatCachePersistence.layerRedis(), EmbeddingCachePersistence.layerRedis()).pipe(
    Layer.provideMerge(NodeRedis.layer({ url, ...options }))
  )
  const doubles = Layer.merge(TestChat.layer(() => "Because."), TestEmbedding.layer())
  const caches = Layer.merge(
    ChatService.withCache(doubles, { timeToLive: "1 hour" }),
    EmbeddingService.withCache(doubles, { timeToLive: "1 hour" })
  )
  return yield* Layer.build(Layer.merge(doubles, Layer.provideMerge(caches, stores)))
})

const texts = Array.from({ length: 600 }, (_, index) => `text number ${index}`)

RedisServer.suite("The caches in Redis", (it) => {
  it.effect("serve other processes, and expire in Redis", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* process(), yield* process()]
      const first = yield* Effect.provideContext(ChatService.generate("Why?"), one)
      assert.deepStrictEqual([first.text, first.cached], ["Because.", undefined])
      const redis = yield* Redis.Redis
      // Writes follow the answers.
      const written = (count: number) =>
        Effect.repeat(redis.send<Array<string>>("KEYS", "*"), {
          until: (keys) => keys.length === count,
          schedule: Schedule.spaced("5 millis")
        })
      yield* written(1)
      const second = yield* Effect.provideContext(ChatService.generate("Why?"), other)
      assert.deepStrictEqual([second.text, second.cached], ["Because.", true])

      const sent = yield* Effect.provideContext(EmbeddingService.embedMany(texts), one)
      yield* written(1 + texts.length)
      const kept = yield* Effect.provideContext(EmbeddingService.embedMany(texts), other)
      assert.strictEqual(kept.requests, 0)
      assert.deepStrictEqual(kept.embeddings.map(({ vector }) => vector), sent.embeddings.map(({ vector }) => vector))

      const keys = yield* redis.send<Array<string>>("KEYS", "*")
      assert.strictEqual(keys.length, 1 + texts.length)
      for (const key of keys.slice(0, 20)) {
        const left = yield* redis.send<number>("PTTL", key)
        assert.isAbove(left, 0)
        assert.isAtMost(left, 3_600_000)
      }
    }))
})

describe.skipIf(!RedisServer.isInstalled)("The caches during an outage of Redis", () => {
  it.live.each([false, true])(
    "answer all the same; commands fail at once: %s",
    (disableOfflineQueue) =>
      Effect.gen(function*() {
        const server = yield* Layer.build(RedisServer.layerServer)
        const context = yield* Effect.provideContext(process({ disableOfflineQueue }), server)
        yield* Effect.provideContext(ChatService.text("Why?"), context)
        yield* Effect.flatMap(RedisServer.RedisServer, ({ stop }) => stop).pipe(Effect.provideContext(server))
        for (const question of ["Why?", "How?", "Who?"]) {
          const { cached, text } = yield* Effect.provideContext(ChatService.generate(question), context)
          assert.deepStrictEqual([text, cached], ["Because.", undefined])
        }
        const { embeddings } = yield* Effect.provideContext(EmbeddingService.embedMany(texts), context)
        assert.strictEqual(embeddings.length, texts.length)
        // A client that waits for its server to come back waits to be closed, too.
        yield* Effect.sync(() => Context.get(context, NodeRedis.NodeRedis).client.destroy())
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([]))),
    20_000
  )
})
