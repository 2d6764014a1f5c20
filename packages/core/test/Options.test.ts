import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Budget from "@strata/core/policy/Budget"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Quota from "@strata/core/policy/Quota"
import * as Retry from "@strata/core/policy/Retry"
import * as RetryBudget from "@strata/core/policy/RetryBudget"
import * as ProviderError from "@strata/core/ProviderError"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"

const chat = TestChat.layer(() => "Hello")

const embedding = TestEmbedding.layer()

/** Options as plain JavaScript has them. */
const given = (options: unknown) => options as never

/** What cannot be right in a policy, and the field that is named. */
const policies: ReadonlyArray<readonly [name: string, policy: () => Policy.Policy, field: string]> = [
  ["nothing", () => Policy.make(given(null)), "policy"],
  ["a word", () => given("standard"), "policy"],
  ["a slip of the pen", () => Policy.make(given({ concurency: 5 })), "policy.concurency"],
  ["options that cannot be read", () => Policy.make(unreadable), "policy"],
  ["no calls at all", () => Policy.make({ concurrency: 0 }), "policy.concurrency"],
  ["fewer calls than none", () => Policy.make({ concurrency: -1 }), "policy.concurrency"],
  ["calls that are no number", () => Policy.make({ concurrency: Number.NaN }), "policy.concurrency"],
  ["a number in words", () => Policy.make(given({ concurrency: "many" })), "policy.concurrency"],
  ["a policy made by hand", () => ({ ...Policy.standard, concurrency: -1 }), "policy.concurrency"],
  ["a time that is none", () => Policy.make(given({ hedge: "x" })), "policy.hedge"],
  ["a negative time", () => Policy.make({ timeouts: { attempt: -5 } }), "policy.timeouts.attempt"],
  ["a time that is no number", () => Policy.make({ timeouts: { idle: Number.NaN } }), "policy.timeouts.idle"],
  [
    "an unknown unit",
    () => Policy.make(given({ timeouts: { deadline: { hour: 1 } } })),
    "policy.timeouts.deadline"
  ],
  ["an unknown clock", () => Policy.make(given({ timeouts: { total: "1 minute" } })), "policy.timeouts.total"],
  ["clocks that are none", () => Policy.make(given({ timeouts: 5 })), "policy.timeouts"],
  ["a retry that is no schedule", () => Policy.make(given({ retry: 3 })), "policy.retry"],
  ["options of a retry that are a number", () => Policy.make({ retry: Retry.exponential(given(3)) }), "policy.retry"],
  ["fewer retries than none", () => Policy.make({ retry: Retry.exponential({ times: -1 }) }), "policy.retry.times"],
  [
    "a first delay that is none",
    () => Policy.make({ retry: Retry.exponential(given({ base: "soon" })) }),
    "policy.retry.base"
  ],
  [
    "retries with a misspelled field",
    () => Policy.make({ retry: Retry.exponential(given({ tries: 3 })) }),
    "policy.retry.tries"
  ],
  [
    "a share that is no number",
    () => Policy.make({ retryBudget: RetryBudget.make({ share: Number.NaN }) }),
    "policy.retryBudget.share"
  ],
  ["a budget in a word", () => Policy.make(given({ retryBudget: "unlimitted" })), "policy.retryBudget"],
  [
    "a reserve of nothing",
    () => Policy.make({ retryBudget: RetryBudget.make({ reserve: 0 }) }),
    "policy.retryBudget.reserve"
  ],
  ["no failures at all", () => Policy.make({ breaker: Breaker.consecutive(0) }), "policy.breaker.trip.failures"],
  [
    "a share above the whole",
    () => Policy.make({ breaker: Breaker.rate({ threshold: 7, size: 2 }) }),
    "policy.breaker.trip.threshold"
  ],
  [
    "half a call",
    () => Policy.make({ breaker: Breaker.rate({ threshold: 0.5, size: 2.5 }) }),
    "policy.breaker.trip.size"
  ],
  [
    "more calls than are looked at",
    () => Policy.make({ breaker: Breaker.rate({ threshold: 0.5, size: 2, minimumCalls: 3 }) }),
    "policy.breaker.trip"
  ],
  [
    "a breaker that stays open for ever",
    () => Policy.make({ breaker: Breaker.consecutive(3, { open: "Infinity" }) }),
    "policy.breaker.open"
  ],
  [
    "an unknown trip",
    () => Policy.make({ breaker: given({ trip: { type: "sum" }, open: Duration.seconds(1) }) }),
    "policy.breaker.trip.type"
  ],
  ["no tokens", () => Policy.make({ quota: Quota.tokens({ perMinute: 0 }) }), "policy.quota.windows[0].tokens"],
  [
    "fewer tokens than none",
    () => Policy.make({ quota: Quota.tokens({ perDay: -5 }) }),
    "policy.quota.windows[0].tokens"
  ],
  [
    "tokens that are no number",
    () => Policy.make({ quota: Quota.tokens({ perMinute: Number.NaN }) }),
    "policy.quota.windows[0].tokens"
  ],
  [
    "a window of no time",
    () => Policy.make({ quota: Quota.tokens({ windows: [{ tokens: 5, per: 0 }] }) }),
    "policy.quota.windows[0].window"
  ],
  [
    "a window without a limit",
    () => Policy.make({ quota: Quota.make({ windows: [{ per: "1 hour" }] }) }),
    "policy.quota.windows[0]"
  ],
  [
    "a window of tokens that are none",
    () => Policy.make({ quota: Quota.make({ windows: [{ tokens: -1, per: "1 hour" }] }) }),
    "policy.quota.windows[0].tokens"
  ],
  [
    "a window of a time that is none",
    () => Policy.make({ quota: Quota.make({ windows: [{ tokens: 5, per: given("soon") }] }) }),
    "policy.quota.windows[0].window"
  ],
  [
    "windows that are no list",
    () => Policy.make({ quota: Quota.make(given({ windows: 5 })) }),
    "policy.quota.windows"
  ],
  [
    "less than a request",
    () => Policy.make({ quota: Quota.make({ requestsPerMinute: 0.5 }) }),
    "policy.quota.windows[0].requests"
  ],
  [
    "an unknown way to count",
    () => Policy.make({ quota: Quota.tokens(given({ count: "roughly" })) }),
    "policy.quota.count"
  ],
  [
    "a quota with a misspelled field",
    () => Policy.make({ quota: Quota.tokens(given({ perMinutes: 5 })) }),
    "policy.quota.perMinutes"
  ],
  [
    "a burndown of nothing",
    () => Policy.make({ quota: Quota.tokens({ outputBurndown: 0 }) }),
    "policy.quota.outputBurndown"
  ],
  [
    "a limit whose start exceeds its maximum",
    () => Policy.make({ concurrency: Concurrency.adaptive({ initial: 9, max: 8 }) }),
    "policy.concurrency"
  ],
  [
    "a start below its bounds",
    () => Policy.make({ concurrency: Concurrency.adaptive({ initial: 1, min: 2 }) }),
    "policy.concurrency"
  ],
  ["a limit of none", () => Policy.make({ concurrency: Concurrency.adaptive({ min: 0 }) }), "policy.concurrency.min"],
  [
    "a decrease that does not decrease",
    () => Policy.make({ concurrency: Concurrency.adaptive({ decrease: 1 }) }),
    "policy.concurrency.decrease"
  ]
]

const unreadable = new Proxy({}, {
  get: () => Object.defineProperty({}, "x", { value: 1 }),
  ownKeys: () => [Symbol.iterator, "concurrency", "concurrency"]
})

const refusalOf = (layer: Layer.Any) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(layer as Layer.Layer<never, unknown>))), (error) => {
    assert.instanceOf(error, ProviderError.InvalidRequestError)
    assert.isNotEmpty(error.remedy)
    return error
  })

describe("An invalid policy", () => {
  it.effect.each(policies)(
    "is refused when the layer is built, and named: %s",
    ([, policy, field]) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* refusalOf(ChatService.withPolicy(chat, policy()))).field, field)
        assert.strictEqual((yield* refusalOf(EmbeddingService.withPolicy(embedding, policy()))).field, field)
        assert.strictEqual((yield* refusalOf(TestChat.layer([], { policy: policy() }))).field, field)
      })
  )

  it.effect("is refused with the problem, the remedy and the provider", () =>
    Effect.gen(function*() {
      const error = yield* refusalOf(TestChat.layer([], { policy: Policy.make(given({ concurency: 5 })) }))
      assert.strictEqual(error.provider, "test")
      const around = yield* refusalOf(ChatService.withPolicy(chat, Policy.make({ concurrency: 0 })))
      assert.strictEqual(around.provider, "test")
      assert.strictEqual(
        error.message,
        "policy.concurency: there is no such field. Did you mean `concurrency`? Else leave it out."
      )
    }))

  it.effect("counts as left out where its schedule has become a part of another", () =>
    Effect.gen(function*() {
      const retry = Schedule.max([Retry.exponential({ times: -1 }), Schedule.recurs(2)])
      assert.strictEqual(
        yield* Effect.provide(ChatService.text("Hi"), ChatService.withPolicy(chat, Policy.make({ retry }))),
        "Hello"
      )
    }))

  it.effect("leaves all others as they are", () =>
    Effect.gen(function*() {
      const policy = Policy.make({
        concurrency: Concurrency.adaptive({ max: 4 }),
        hedge: "Infinity",
        retry: Schedule.recurs(1),
        retryBudget: "unlimited",
        quota: Quota.tokens({
          perMinute: 1e6,
          windows: [{ tokens: 1e6, per: { hours: 1, minutes: 30 } }, { requests: 5, per: "1 second" }]
        }),
        breaker: Breaker.rate({ threshold: 1, size: 3 }),
        timeouts: { attempt: [1, 5], firstEvent: 10n ** 10n, idle: 0, deadline: Duration.infinity }
      })
      assert.deepStrictEqual(policy.timeouts, {
        attempt: Duration.fromInputUnsafe([1, 5]),
        firstEvent: Duration.nanos(10n ** 10n),
        idle: Duration.zero,
        deadline: Duration.infinity
      })
      assert.strictEqual(yield* Effect.provide(ChatService.text("Hi"), ChatService.withPolicy(chat, policy)), "Hello")
    }))
})

/** Other layers with options that cannot be right. */
const layers: ReadonlyArray<readonly [name: string, layer: () => Layer.Any, field: string]> = [
  ["a deadline that is no time", () => ChatService.withDeadline(chat, given("soon")), "deadline"],
  ["a time to live that is none", () => ChatService.withCache(chat, given({ timeToLive: "x" })), "cache.timeToLive"],
  [
    "a cache with a misspelled field",
    () => ChatService.withCache(chat, given({ timeToLife: "1 day" })),
    "cache.timeToLife"
  ],
  ["a condition that is no function", () => ChatService.withCache(chat, given({ when: true })), "cache.when"],
  [
    "a namespace that is a number",
    () => EmbeddingService.withCache(embedding, given({ namespace: 5 })),
    "cache.namespace"
  ],
  ["no room for a negative number of answers", () => ChatCache.layerMemory({ capacity: -1 }), "capacity"],
  ["bytes that are no number", () => EmbeddingCache.layerMemory({ maxBytes: Number.NaN }), "maxBytes"],
  ["a fallback that is no layer", () => ChatService.withFallback(chat, [given(null)]), "fallbacks[0]"],
  [
    "a fallback that builds something else",
    () => ChatService.withFallback(chat, Layer.empty as never as typeof chat),
    "fallbacks"
  ],
  [
    "a word for a function",
    () => ChatService.withFallback(chat, chat, given({ failFast: "429" })),
    "fallback.failFast"
  ],
  ["a decorated value that is no layer", () => ChatService.withPolicy(given(5), Policy.none), "layer"],
  ["a layer that builds nothing", () => EmbeddingService.withPolicy(given(Layer.empty), Policy.none), "layer"],
  ["a budget in words", () => ChatService.withBudget(chat, given("cheap")), "budget"],
  ["less than nothing", () => ChatService.withBudget(chat, Budget.make({ perDay: -1 })), "budget.perDay"],
  ["a name that is a number", () => ChatService.withBudget(chat, Budget.make(given({ name: 5 }))), "budget.name"],
  ["prices that are no list", () => Pricing.layer(given({ model: "m" })), "prices"],
  ["a price without a model", () => Pricing.layer(given([{ price: { input: 1 } }])), "prices[0].model"],
  ["a script that is a number", () => TestChat.layer(given(5)), "script"],
  ["dimensions that are none", () => TestEmbedding.layer({ dimensions: -1 }), "dimensions"]
]

describe("A layer with invalid options", () => {
  it.effect.each(layers)("fails when it is built, and names them: %s", ([, layer, field]) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* refusalOf(layer())).field, field)
    }))

  it.effect("fails as an effect where there is no layer: what a budget has spent", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Budget.spent(given(null)))
      assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "budget")
    }))

  it.effect("fails the call where a callback of the program throws", () =>
    Effect.gen(function*() {
      const oops = () => {
        throw new Error("oops")
      }
      const cached = ChatService.withCache(chat, { when: oops })
      const failing = TestChat.layer(() => new ProviderError.RateLimitError({ provider: "test", message: "slow down" }))
      const conditional = ChatService.withFallback(failing, chat, { when: oops })
      const renaming = ChatService.withFallback(failing, chat, { model: oops })
      for (
        const [layer, field] of [[cached, "cache.when"], [conditional, "fallback.when"], [
          renaming,
          "fallback.model"
        ]] as const
      ) {
        const error = yield* Effect.flip(
          Effect.provide(ChatService.generate({ model: "m", messages: "Hi" }), layer)
        )
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, field)
        assert.propertyVal(error.cause, "message", "oops")
      }
    }))
})
