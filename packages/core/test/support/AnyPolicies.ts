/**
 * Every public function that makes a policy, a cache, a store or a double: what it makes is put to use.
 */
import {
  AdaptiveLimits,
  Breaker,
  Budget,
  ChatCache,
  ChatService,
  Concurrency,
  type Documents,
  EmbeddingCache,
  Fallback,
  Key,
  Ledger,
  Policy,
  Pool,
  Pricing,
  ProviderError,
  Quota,
  RequestMetadata,
  RerankService,
  Retry,
  RetryBudget,
  Usage,
  UsageEvents
} from "@strata/core"
import { TestChat, TestEmbedding, TestRerank } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Enforcement from "../../src/policy/internal/enforcement.ts"
import { type Calls, chat, chatting, embedding_, fields, request } from "./AnyCalls.ts"

/** A policy in force, for one call. */
const inForce = (policy: Policy.Policy) => chatting(ChatService.withPolicy(chat, policy), request)

const keyed: Key.Call = { operation: "chat", provider: "test", model: "m", metadata: { tenant: "a" } }

/** A key of a budget, for one call. */
const inForceKey = (key: Key.Key) => chatting(ChatService.withBudget(chat, Budget.make({ perRun: 1, key })), request)

/** A call whose event is read. */
const listened = Effect.gen(function*() {
  const { subscribe } = yield* UsageEvents.UsageEvents
  const queue = yield* subscribe
  yield* chatting(ChatService.withPolicy(chat, Policy.none), request)
  return yield* Queue.clear(queue)
}).pipe(Effect.scoped)

const written = (...writer: Parameters<typeof UsageEvents.layerWriter<unknown>>) =>
  Layer.provideMerge(UsageEvents.layerWriter(...writer), UsageEvents.layer())

/** Stores of texts that are, do or answer any value, or call back with it. */
const stores = (any: never): ReadonlyArray<never> => [
  any,
  { change: any } as never,
  { change: () => any } as never,
  { change: () => Effect.fail(any) } as never,
  {
    change: (_: string, change: Parameters<Documents.Documents<never>["change"]>[1]) =>
      Effect.fromResult(change(any, any))
  } as never
]

/** By module and name. */
export const calls: Readonly<Record<string, Calls>> = {
  "Breaker.consecutive": (any) => [
    () => inForce(Policy.make({ breaker: Breaker.consecutive(any) })),
    () => inForce(Policy.make({ breaker: Breaker.consecutive(3, any) })),
    () => inForce(Policy.make({ breaker: Breaker.consecutive(3, { open: any }) }))
  ],
  "Breaker.rate": (any) => [
    () => inForce(Policy.make({ breaker: Breaker.rate(any) })),
    ...fields(["threshold", "size", "minimumCalls", "open"], any).map((field) => () =>
      inForce(Policy.make({ breaker: Breaker.rate({ threshold: 0.5, size: 4, ...(field as object) }) }))
    )
  ],
  "Budget.make": (any) =>
    [any, ...fields(["name", "run", "perRun", "perDay", "key", "currency"], any)].flatMap((options) => [
      () => Budget.spent(Budget.make(options)),
      () => chatting(ChatService.withBudget(chat, Budget.make(options)), request)
    ]),
  "Budget.spent": (any) => [
    () => Budget.spent(any),
    () => Budget.spent(Budget.make({ perRun: 1 }), any),
    () => Budget.spent(Budget.make({ perRun: 1, key: () => "key" }), any)
  ],
  "AdaptiveLimits.fromDocuments": (any) =>
    stores(any).map((store) => () => AdaptiveLimits.fromDocuments(store).read("k", Concurrency.adaptive())),
  "Ledger.fromDocuments": (any) => stores(any).map((store) => () => Ledger.fromDocuments(store).balances("k", [])),
  "ChatCache.layerMemory": (any) =>
    [any, ...fields(["capacity", "maxBytes"], any)].map((options) => () => ChatCache.layerMemory(options)),
  "Concurrency.adaptive": (any) =>
    [any, ...fields(["initial", "min", "max", "decrease", "key"], any)].map((options) => () =>
      inForce(Policy.make({ concurrency: Concurrency.adaptive(options) }))
    ),
  "Concurrency.fixed": (any) => [
    () => inForce(Policy.make({ concurrency: Concurrency.fixed(any) })),
    () => inForce(Policy.make({ concurrency: Concurrency.fixed(2, any) })),
    () => inForce(Policy.make({ concurrency: Concurrency.fixed(2, { key: any }) })),
    () => inForce(Policy.make({ concurrency: Concurrency.fixed(2, { key: () => any }) }))
  ],
  "Concurrency.most": (any) => [() => Concurrency.most(any)],
  "EmbeddingCache.layerMemory": (any) =>
    [any, ...fields(["capacity", "maxBytes"], any)].map((options) => () => EmbeddingCache.layerMemory(options)),
  "Enforcement.make": (any) => [
    () => Enforcement.make(any),
    ...fields(["retry", "retryBudget", "hedge", "breaker", "quota", "concurrency", "timeouts"], any).map(
      (field) => () => Enforcement.make({ ...Policy.standard, ...(field as object) })
    )
  ],
  "Fallback.isUnavailable": (any) => [() => Fallback.isUnavailable(any)],
  "Key.of": (any) => [() => Key.of(any, keyed, "key"), () => Key.of(() => any as never, keyed, "key")],
  "Pool.isUnavailable": (any) => [() => Pool.isUnavailable(any)],
  "Pool.interactive": (any) => [
    () => Effect.provideService(chatting(ChatService.withPool({ a: chat }), request), Pool.Interactive, any)
  ],
  "ProviderError.isUnavailable": (any) => [() => ProviderError.isUnavailable(any)],
  "Policy.make": (any) =>
    [
      any,
      ...fields(["retry", "retryBudget", "hedge", "breaker", "quota", "concurrency", "timeouts"], any),
      ...fields(["attempt", "firstEvent", "idle", "deadline"], any).map((timeouts) =>
        ({ retry: Retry.never, timeouts }) as never
      )
    ].map((options) => () => inForce(Policy.make(options))),
  "Pricing.cost": (any) => [() => Pricing.cost(any, { input: 1 }), () => Pricing.cost(Usage.empty, any)],
  "Pricing.inBatch": (any) => [
    () => Pricing.inBatch(any),
    ...fields(["input", "output", "batch", "currency"], any).map((part) => () =>
      Pricing.inBatch({ input: 1, batch: 0.5, ...(part as object) })
    )
  ],
  "Pricing.layer": (any) => [
    () => Pricing.layer(any),
    () => Pricing.layer([any]),
    () => Pricing.layer([{ model: any, price: { input: 1 } }]),
    () => Pricing.layer([{ model: "m", price: any }]),
    ...fields(["validFrom", "validUntil", "currency"], any).map((field) => () =>
      Pricing.layer([{ model: "m", price: { input: 1 }, ...(field as object) }])
    )
  ],
  "Pricing.layerFile": (any) => [
    () => Pricing.layerFile(any, Effect.succeed({ readFileString: () => Effect.succeed("[]") })),
    () => Pricing.layerFile("prices.json", Effect.succeed({ readFileString: () => Effect.succeed(any as never) })),
    () => Pricing.layerFile("prices.json", any as never)
  ],
  "Key.metadata": (any) => [
    () => inForceKey(Key.metadata(any as never)),
    () => inForceKey(Key.metadata("tenant", any as never)),
    () => Effect.provideService(inForceKey(Key.metadata("tenant")), RequestMetadata.RequestMetadata, any as never)
  ],
  "Pricing.of": (any) => [
    () => Pricing.of(any),
    () => Pricing.of("m", any),
    () => Effect.provideService(Pricing.of("m"), Pricing.Prices, any),
    () => Effect.provideService(Pricing.of("m"), Pricing.Prices, [any])
  ],
  "Quota.make": (any) =>
    [
      any,
      ...fields(
        ["tokensPerMinute", "requestsPerMinute", "tokensPerDay", "windows", "outputBurndown", "count", "scope", "key"],
        any
      ),
      ...fields(["tokens", "requests", "per"], any).map((field) =>
        ({ windows: [{ tokens: 1000, requests: 1e6, per: "1 hour", ...(field as object) }] }) as never
      ),
      { windows: [any] } as never
    ].map((options) => () => inForce(Policy.make({ quota: Quota.make(options) }))).concat(() =>
      inForce(Policy.make({ quota: Quota.make({ tokensPerMinute: 1e6, key: () => any }) }))
    ),
  "Quota.tokens": (any) =>
    [
      any,
      ...fields(["perMinute", "perDay", "windows", "outputBurndown", "count", "scope", "key"], any),
      ...fields(["tokens", "per"], any).map((field) =>
        ({ windows: [{ tokens: 1000, per: "1 hour", ...(field as object) }] }) as never
      ),
      { windows: [any] } as never
    ].map((options) => () => inForce(Policy.make({ quota: Quota.tokens(options) }))),
  "Retry.exponential": (any) =>
    [any, ...fields(["times", "base", "rateLimitBase", "maxDelay"], any)].flatMap((options) => [
      () => inForce(Policy.make({ retry: Retry.exponential(options) }))
    ]),
  "UsageEvents.layer": (any) =>
    [any, ...fields(["capacity", "key"], any)].map((options) => () =>
      Effect.provide(listened, UsageEvents.layer(options as never))
    ),
  "UsageEvents.layerWriter": (any) => [
    () => Effect.provide(chatting(chat, request), written(any as never)),
    ...[any, ...fields(["batch", "every", "retry"], any)].map((options) => () =>
      Effect.provide(chatting(chat, request), written(() => Effect.void, options as never))
    )
  ],
  "RetryBudget.make": (any) =>
    [any, ...fields(["share", "reserve", "perSecond"], any)].map((options) => () =>
      inForce(Policy.make({ retryBudget: RetryBudget.make(options) }))
    ),
  "TestChat.layer": (any) => [
    () => chatting(TestChat.layer(any)),
    () => chatting(TestChat.layer([any, any])),
    () => chatting(TestChat.layer(() => any)),
    () => chatting(TestChat.layer(["a"], any)),
    ...fields(["model", "policy"], any).map((options) => () => chatting(TestChat.layer(["a"], options))),
    ...fields(
      [
        "message",
        "content",
        "finishReason",
        "usage",
        "model",
        "providerMetadata",
        "chunks",
        "failAfter",
        "error"
      ],
      any
    ).map((field) => () => chatting(TestChat.layer(() => ({ content: "a", ...(field as object) })))),
    // A pause may be long.
    ...fields(["delay", "interval"], any).map((field) => () =>
      Effect.timeoutOption(chatting(TestChat.layer(() => ({ content: "a", ...(field as object) }))), "20 millis")
    )
  ],
  "TestEmbedding.layer": (any) =>
    [any, ...fields(["model", "dimensions", "limits", "refuse", "delay", "policy", "coalesce"], any)].map(
      // A pause may be long.
      (options) => () => Effect.timeoutOption(embedding_(TestEmbedding.layer(options)), "50 millis")
    ),
  "TestRerank.layer": (any) =>
    [any, ...fields(["model", "score", "limits", "delay", "policy"], any)].map((options) => () =>
      Effect.timeoutOption(
        Effect.provide(RerankService.rerank("q", ["a"]), TestRerank.layer(options), { local: true }),
        "50 millis"
      )
    ),
  "TestRerank.overlap": (any) => [() => TestRerank.overlap(any, "a"), () => TestRerank.overlap("a", any)]
}
