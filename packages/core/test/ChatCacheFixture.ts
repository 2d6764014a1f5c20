/**
 * Cached chat services for tests: what reached the service behind the cache, and stores that show their entries.
 */
import * as ChatCache from "@strata/core/chat/ChatCache"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import type * as ProviderError from "@strata/core/ProviderError"
import { TestChat } from "@strata/core/testing"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as CacheStore from "../src/chat/internal/cache/store.ts"

/** The service of {@link TestChat} behind a cache, and the double. */
export const layer = (script?: TestChat.Script, options: {
  readonly cache?: ChatCache.Options
  readonly store?: Layer.Layer<never, ProviderError.InvalidRequestError>
} = {}): Layer.Layer<ChatService.ChatService | TestChat.TestChat, ProviderError.InvalidRequestError> => {
  const test = TestChat.layer(script)
  return Layer.mergeAll(test, ChatService.withCache(test, options.cache)).pipe(
    Layer.provide(options.store ?? ChatCache.layerMemory())
  )
}

/** How many requests reached the provider. */
export const sent: Effect.Effect<number, never, TestChat.TestChat> = Effect.flatMap(
  TestChat.TestChat,
  ({ requests }) => Effect.map(requests, ({ length }) => length)
)

/** A store in memory that shows its entries. */
export const openStore = () => {
  const kept = new Map<string, Uint8Array>()
  const store = Layer.succeed(ChatCache.ChatCache, {
    get: (key) => Effect.sync(() => kept.get(key)),
    set: (key, value) => Effect.sync(() => void kept.set(key, value))
  })
  return { kept, store }
}

/** The value of a metric of the cache, by default for {@link TestChat}. */
export const counted = (
  metric: Metric.Counter<number>,
  provider = "test",
  model = "test-model"
): Effect.Effect<number> =>
  Effect.map(
    Metric.value(Metric.withAttributes(metric, {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": provider,
      "gen_ai.request.model": model
    })),
    ({ count }) => count
  )

/** The effect with metrics of its own. */
export const alone = Effect.provideServiceEffect(Metric.MetricRegistry, Effect.sync(() => new Map()))

/** Waits in real time for a condition: keys are hashed outside of the runtime. */
export const until = (condition: () => boolean): Effect.Effect<void> => untilEffect(Effect.sync(condition))

const untilEffect = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (!(yield* condition)) yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
  })

/** A call that was sent. */
export interface Call {
  readonly kind: "generate" | "stream"
  readonly state: "open" | "interrupted" | "over"
}

/**
 * A cached service whose answers the test gives. `calls` are those that were sent, in their order; `joined`
 * waits until so many others have joined one of them, in a test that is {@link alone}.
 */
export const gated = Effect.fnUntraced(function*() {
  const calls: Array<Call> = []
  const answers: Array<Deferred.Deferred<ChatResponse.ChatResponse, ProviderError.CallError>> = []
  const streams: Array<Queue.Queue<ChatEvent.ChatEvent, ProviderError.CallError | Cause.Done>> = []
  const open = (kind: Call["kind"]) => {
    const call: { -readonly [Key in keyof Call]: Call[Key] } = { kind, state: "open" }
    calls.push(call)
    return (exit: Exit.Exit<unknown, unknown>) =>
      Effect.sync(() => {
        call.state = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "over"
      })
  }
  const provider = Layer.effect(
    ChatService.ChatService,
    ChatService.make({
      provider: "gated",
      defaultModel: "model",
      policy: Policy.none,
      generate: () =>
        Effect.suspend(() => {
          const answer = Deferred.makeUnsafe<ChatResponse.ChatResponse, ProviderError.CallError>()
          answers[calls.length] = answer
          return Effect.onExit(Deferred.await(answer), open("generate"))
        }),
      stream: () =>
        Stream.unwrap(Effect.gen(function*() {
          const events = yield* Queue.unbounded<ChatEvent.ChatEvent, ProviderError.CallError | Cause.Done>()
          streams[calls.length] = events
          return Stream.onExit(Stream.fromQueue(events), open("stream"))
        }))
    })
  )
  const context = yield* Layer.build(Layer.provide(ChatService.withCache(provider), ChatCache.layerMemory()))
  return {
    calls,
    service: yield* Effect.provideContext(ChatService.ChatService, context),
    joined: (count: number) =>
      untilEffect(Effect.map(counted(CacheStore.metrics.hits, "gated", "model"), (joined) => joined >= count)),
    answer: (call: number, response: ChatResponse.ChatResponse) => Deferred.succeed(answers[call]!, response),
    fail: (call: number, error: ProviderError.CallError) => Deferred.fail(answers[call]!, error),
    deliver: (call: number, ...events: ReadonlyArray<ChatEvent.ChatEvent>) => Queue.offerAll(streams[call]!, events),
    end: (call: number) => Queue.end(streams[call]!),
    broken: (call: number, error: ProviderError.CallError) => Queue.fail(streams[call]!, error)
  }
})

/** A response as plain JSON: what counts as equal, whatever has been left out or is said to be `undefined`. */
export const plain = (response: ChatResponse.ChatResponse): unknown =>
  JSON.parse(JSON.stringify(Schema.encodeSync(Schema.toCodecJson(ChatResponse.ChatResponse))(response)))

/** A cached answer as plain JSON. */
export const free = (response: ChatResponse.ChatResponse): unknown =>
  plain({ ...response, cached: true, cost: { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, total: 0 } })
