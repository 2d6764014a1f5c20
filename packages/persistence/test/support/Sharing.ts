/**
 * Two processes that share everything: each over a connection of its own.
 */
import { assert } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import type * as ProviderError from "@strata/core/ProviderError"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Ledger from "@strata/core/state/Ledger"
import { TestEmbedding } from "@strata/core/testing"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Redis from "effect/persistence/Redis"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import { errors, response, target, type Watched } from "../../../core/test/ChatFixture.ts"
import { between } from "../../../core/test/PermitsFixture.ts"

/** A layer that connects to Redis. */
export type Connection = Layer.Layer<Redis.Redis, Redis.RedisError | ProviderError.InvalidRequestError>

/** What a process shares, such as `SharedState.layerRedis`. */
export type Shared = Layer.Layer<never, ProviderError.InvalidRequestError>

/** The services of a process. Of the chat service the message `Fail` breaks down. */
export const process = (shared: Shared) => {
  const { model, provider } = target
  const chat = Layer.effect(
    ChatService.ChatService,
    ChatService.make({
      provider,
      defaultModel: model,
      policy: Policy.make({ retry: Retry.never, breaker: Breaker.consecutive(1) }),
      generate: ({ messages }) =>
        JSON.stringify(messages).includes("Fail")
          ? Effect.fail(errors.ProviderInternalError)
          : Effect.succeed(response("Because.")),
      stream: () => Stream.never
    })
  )
  return Layer.build(Layer.fresh(
    Layer.merge(
      ChatService.withCache(chat, { timeToLive: "1 hour" }),
      EmbeddingService.withCache(TestEmbedding.layer())
    )
      .pipe(Layer.provideMerge(shared))
  ))
}

type Process = Effect.Success<ReturnType<typeof process>>

/**
 * Uses every store from two processes; each sees what the other did, and neither finds a store that fails. `caches`: whether
 * they are among the stores.
 */
export const assertShared = (shared: Shared, caches: boolean) =>
  Effect.suspend(() => {
    const outages: Array<string> = []
    const logger = Logger.make<unknown, void>(({ cause, message }) => {
      const text = `${String(message)} ${Cause.pretty(cause)}`
      // On a busy machine a second may be too little.
      if (text.includes("cannot be reached") && !text.includes("No answer within")) outages.push(text)
    })
    return Effect.gen(function*() {
      const [one, other] = [yield* process(shared), yield* process(shared)]
      const inOne = Effect.provideContext(one)
      const inOther = Effect.provideContext(other)

      if (caches) yield* assertCaches(one, other)

      const limits = [{ name: "minute", unit: "tokens" as const, amount: 100, window: Duration.minutes(1) }]
      const reserve = (id: string, tokens: number) =>
        Effect.flatMap(Ledger.Ledger, (ledger) =>
          ledger.reserve({ key: "k", id, amounts: { tokens }, limits, lease: Duration.minutes(1) }))
      const ledger = Ledger.Ledger
      assert.strictEqual((yield* inOne(reserve("a", 60)))._tag, "granted")
      assert.strictEqual((yield* inOther(reserve("b", 60)))._tag, "wait")
      yield* inOne(Effect.flatMap(ledger, ({ renew }) =>
        renew([{ key: "k", id: "a" }], Duration.minutes(1))))
      yield* inOne(
        Effect.flatMap(ledger, ({ settle }) => settle({ key: "k", id: "a", amounts: { tokens: 7 }, limits }))
      )
      assert.strictEqual((yield* inOther(reserve("b", 60)))._tag, "granted")
      yield* inOther(Effect.flatMap(ledger, ({ leave }) => leave({ key: "k", id: "b" })))
      assert.deepStrictEqual(yield* inOther(Effect.flatMap(ledger, ({ balances }) => balances("k", limits))), [
        { limit: "minute", spent: 7, reserved: 0 }
      ])

      const store = AdaptiveLimits.AdaptiveLimits
      yield* inOne(Effect.flatMap(store, ({ decrease }) => decrease("k", between, 0, 1)))
      yield* inOne(Effect.flatMap(store, ({ increase }) => increase("k", between, 1)))
      assert.strictEqual((yield* inOther(Effect.flatMap(store, ({ read }) => read("k", between)))).epoch, 1)

      yield* Effect.flip(inOne(ChatService.generate("Fail")))
      assert.strictEqual((yield* Effect.flip(inOther(ChatService.generate("How?"))))._tag, "CircuitOpenError")
      assert.deepStrictEqual(outages, [])
    }).pipe(Effect.provideService(Logger.CurrentLoggers, new Set([logger])))
  })

const assertCaches = Effect.fnUntraced(function*(one: Process, other: Process) {
  const inOne = Effect.provideContext(one)
  const inOther = Effect.provideContext(other)
  assert.isUndefined((yield* inOne(ChatService.generate("Why?"))).cached)
  yield* Effect.repeat(inOther(ChatService.generate("Why?")), { until: ({ cached }) => cached === true, ...soon })

  const texts = Array.from({ length: 40 }, (_, index) => `text number ${index}`)
  const { embeddings } = yield* inOne(EmbeddingService.embedMany(texts))
  const again = yield* Effect.repeat(inOther(EmbeddingService.embedMany(texts)), {
    until: ({ requests }) => requests === 0,
    ...soon
  })
  assert.deepStrictEqual(again.embeddings.map(({ vector }) => vector), embeddings.map(({ vector }) => vector))
})

/** A program without the server neither logs the password nor fails with it. */
export const assertDiscreet = (shared: Shared) =>
  Effect.gen(function*() {
    const seen: Array<string> = []
    const see = (given: unknown) => void seen.push(inspect(given, { depth: Infinity, showHidden: true }))
    const logger = Logger.make<unknown, void>(({ cause, message }) => see([cause, message]))
    const exit = yield* Effect.exit(
      Effect.gen(function*() {
        const one = yield* process(shared)
        yield* Effect.provideContext(ChatService.text("Why?"), one)
        yield* Effect.provideContext(EmbeddingService.embed("Why?"), one)
        yield* Effect.flatMap(Ledger.Ledger, ({ balances }) => balances("k", [])).pipe(Effect.provideContext(one))
      })
    ).pipe(Effect.provideService(Logger.CurrentLoggers, new Set([logger])))
    see(exit)
    assert.isAtLeast(seen.length, 2)
    assert.notInclude(seen.join("\n"), "hunter2")
  })

/** What was logged of stores that fail. */
export const outages = ({ logs }: Watched) =>
  logs.filter(({ message }) => String(message).includes("reached")).map(({ message }) => String(message))

/** Writes of caches follow the answers. */
const soon = { times: 1_500, schedule: Schedule.spaced("10 millis") }
