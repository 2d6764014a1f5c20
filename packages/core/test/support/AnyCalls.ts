/**
 * Every public function of the package, called with one value in each of its places, and with what is right in the others.
 */
import {
  Breaker,
  Budget,
  ChatCache,
  ChatEvent,
  ChatRequest,
  ChatResponse,
  ChatService,
  Concurrency,
  Cost,
  Embedding,
  EmbeddingCache,
  EmbeddingService,
  ExactJson,
  Fallback,
  Message,
  OpenAi,
  Policy,
  Pricing,
  ProviderError,
  Quota,
  RerankService,
  Retry,
  RetryBudget,
  StructuredOutput,
  Telemetry,
  Tool,
  ToolLoop,
  Usage,
  Vector
} from "@strata/core"
import * as ChatCachePersistence from "@strata/core/persistence/ChatCachePersistence"
import * as EmbeddingCachePersistence from "@strata/core/persistence/EmbeddingCachePersistence"
import * as SharedState from "@strata/core/persistence/SharedState"
import * as Enforcement from "@strata/core/policy/Enforcement"
import { AnyValue, TestChat, TestEmbedding, TestRerank } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"

/** Calls with a value, which stands for any type: what a call gives is run by whoever tries it. */
export type Calls = (any: never) => ReadonlyArray<() => unknown>

/** What reached a provider so far. */
export const sent = { count: 0 }

const counted = <A>(answer: A) =>
  Effect.sync(() => {
    sent.count++
    return answer
  })

const response = ChatResponse.make([Message.text("{\"n\":1}")], {
  finishReason: "stop",
  usage: Usage.make({ inputTokens: 1, outputTokens: 1 }),
  model: "any-model",
  providerMetadata: {}
})

const chatProvider: ChatService.Provider = {
  provider: "any",
  defaultModel: "any-model",
  policy: Policy.none,
  generate: () => counted(response),
  stream: () => Stream.unwrap(counted(Stream.fromIterable(ChatEvent.fromResponse(response))))
}

const embeddingProvider: EmbeddingService.Provider = {
  provider: "any",
  defaultModel: "any-model",
  policy: Policy.none,
  limits: () => Effect.succeed({ maxItems: 8, maxLength: 1000, images: { maxItems: 2 }, combined: { maxItems: 2 } }),
  embedBatch: ({ inputs }) => counted({ vectors: inputs.map(() => Float32Array.of(1, 0)), inputTokens: 1 })
}

const rerankProvider: RerankService.Provider = {
  provider: "any",
  defaultModel: "any-model",
  policy: Policy.none,
  rerank: ({ documents }) => counted({ results: documents.map((_, index) => ({ index, score: 1 })) })
}

const chat = Layer.effect(ChatService.ChatService, ChatService.make(chatProvider))

const embedding = Layer.effect(EmbeddingService.EmbeddingService, EmbeddingService.make(embeddingProvider))

const reranking = Layer.effect(RerankService.RerankService, RerankService.make(rerankProvider))

/** A service that nobody checked anything for. */
const handMade = Layer.succeed(ChatService.ChatService, {
  generate: () => counted(response),
  stream: () => Stream.unwrap(counted(Stream.fromIterable(ChatEvent.fromResponse(response))))
})

/** What the functions ask. */
export const services = Layer.mergeAll(chat, embedding, reranking)

export type Services = Layer.Success<typeof services>

/** A layer of chat in use; a decorator that took its argument for options wants the layer. */
const chatting = (given: unknown, ask: unknown = "Hi") => {
  const built = (typeof given === "function" ? given(chat) : given) as Layer.Layer<ChatService.ChatService, unknown>
  const asked = ask as ChatRequest.ChatRequest
  return Effect.provide(
    Effect.gen(function*() {
      const service = yield* ChatService.ChatService
      yield* service.generate(asked)
      return yield* Stream.runDrain(service.stream(asked))
    }),
    built,
    { local: true }
  )
}

const request: ChatRequest.ChatRequest = { model: "a-model", messages: "Hi" }

const embedding_ = (layer: Layer.Any) =>
  Effect.provide(
    EmbeddingService.embedMany(["a", "b"]),
    layer as Layer.Layer<EmbeddingService.EmbeddingService, unknown>,
    { local: true }
  )

/** A policy in force, for one call. */
const inForce = (policy: Policy.Policy) => chatting(ChatService.withPolicy(chat, policy), request)

const Answer = Schema.Struct({ n: Schema.Finite })

const clock = Tool.make("clock", { handler: () => Effect.succeed("noon") })

const target: Telemetry.Target = { operation: "chat", provider: "any", model: "any-model" }

const error = ProviderError.invalidRequest({ provider: "any", field: "f", problem: "p", remedy: "r" })

const failing = Layer.effect(
  ChatService.ChatService,
  ChatService.make({ ...chatProvider, generate: () => Effect.fail(error), stream: () => Stream.fail(error) })
)

const vector = Float32Array.of(1, 2)

const matrix: Vector.Matrix = { data: vector, dimensions: 2, rows: 1 }

const persisted = <A, E>(layer: Layer.Layer<A, E, Persistence.BackingPersistence | KeyValueStore.KeyValueStore>) =>
  Layer.provide(layer, [Persistence.layerBackingMemory, KeyValueStore.layerMemory])

const redis = Layer.succeed(
  Redis.Redis,
  // Nothing is asked of it while layers are built.
  { eval: () => () => Effect.never, send: () => Effect.succeed([]) } as unknown as Redis.Redis["Service"]
)

/** Each field of options by itself. */
const fields = (names: ReadonlyArray<string>, any: unknown): ReadonlyArray<never> =>
  names.map((name) => ({ [name]: any }) as never)

const codec = (schema: Schema.Top): Calls => (any) => [
  () => Schema.decodeUnknownEffect(schema as Schema.Codec<unknown>)(any),
  () => Schema.encodeUnknownEffect(schema as Schema.Codec<unknown>)(any)
]

/** By module and name. */
export const calls: Readonly<Record<string, Calls>> = {
  "AnyValue.mutants": (any) => [
    () => AnyValue.mutants(any, 1, 1),
    () => AnyValue.mutants({}, any, 1),
    () => AnyValue.mutants({}, 1, any)
  ],
  "AnyValue.troubleOf": (any) => [() => AnyValue.troubleOf(any)],
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
    [any, ...fields(["name", "run", "perRun", "perDay"], any)].flatMap((options) => [
      () => Budget.spent(Budget.make(options)),
      () => chatting(ChatService.withBudget(chat, Budget.make(options)), request)
    ]),
  "Budget.spent": (any) => [() => Budget.spent(any)],
  "ChatCache.layerMemory": (any) =>
    [any, ...fields(["capacity", "maxBytes"], any)].map((options) => () => ChatCache.layerMemory(options)),
  "ChatCachePersistence.layerKeyValueStore": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      persisted(ChatCachePersistence.layerKeyValueStore(options))
    ),
  "ChatCachePersistence.layerPersistence": (any) =>
    [any, ...fields(["storeId"], any)].map((options) => () =>
      persisted(ChatCachePersistence.layerPersistence(options))
    ),
  "ChatEvent.collect": (any) => [() => ChatEvent.collect(any), () => ChatEvent.collect(Stream.make(any))],
  "ChatEvent.fromResponse": (any) => [
    () => ChatEvent.fromResponse(any),
    () => ChatEvent.fromResponse({ ...response, message: any }),
    () => ChatEvent.fromResponse({ ...response, message: { role: "assistant", content: [any] } })
  ],
  "ChatRequest.make": (any) => [() => ChatRequest.make(any)],
  "ChatRequest.messagesOf": (
    any
  ) => [() => ChatRequest.messagesOf(any), () => ChatRequest.messagesOf({ messages: any })],
  "ChatRequest.settle": (any) => [() => ChatRequest.settle(any), () => ChatRequest.settle("Hi", any)],
  "ChatResponse.make": (any) => [
    () => ChatResponse.make(any, response),
    () => ChatResponse.make([any], response),
    () => ChatResponse.make([], any)
  ],
  "ChatResponse.outcomeOf": (any) => [() => ChatResponse.outcomeOf(any)],
  "ChatService.generate": (any) => [() => ChatService.generate(any), () => ChatService.generate([any] as never)],
  "ChatService.make": (any) => [
    () => ChatService.make(any),
    ...fields(["provider", "defaultModel", "generate", "stream", "policy", "budgets"], any).map((field) => () =>
      ChatService.make({ ...chatProvider, ...(field as object) })
    )
  ],
  "ChatService.object": (any) => [
    () => ChatService.object(any, "Hi"),
    () => ChatService.object(Answer, any),
    () => ChatService.object(Answer, "Hi", any),
    ...fields(["name", "description", "repairs"], any).map((options) => () => ChatService.object(Answer, "Hi", options))
  ],
  "ChatService.objectStream": (any) => [
    () => ChatService.objectStream(any, "Hi"),
    () => ChatService.objectStream(Answer, any),
    () => ChatService.objectStream(Answer, "Hi", any)
  ],
  "ChatService.stream": (any) => [() => ChatService.stream(any)],
  "ChatService.text": (any) => [() => ChatService.text(any)],
  "ChatService.textStream": (any) => [() => ChatService.textStream(any)],
  "ChatService.withBudget": (any) => [
    () => chatting(ChatService.withBudget(chat, any)),
    () => chatting(ChatService.withBudget(any)(chat)),
    () => chatting(ChatService.withBudget(any, Budget.make({}))),
    () => chatting(ChatService.withBudget(handMade, Budget.make({ perRun: 1 })), any)
  ],
  "ChatService.withCache": (any) => [
    () => chatting(ChatService.withCache(chat, any)),
    () => chatting((ChatService.withCache as (_: unknown, __?: object) => unknown)(any, {})),
    ...fields(["timeToLive", "namespace", "when"], any).map((options) => () =>
      chatting(ChatService.withCache(chat, options))
    ),
    () => chatting(ChatService.withCache(chat), any),
    () => chatting(ChatService.withCache(handMade), any)
  ],
  "ChatService.withFallback": (any) => [
    () => chatting(ChatService.withFallback(chat, any)),
    () => chatting(ChatService.withFallback(any, chat)),
    () => chatting(ChatService.withFallback(chat, [any])),
    () => chatting(ChatService.withFallback(failing, chat, any), request),
    ...fields(["when", "stickFor", "model"], any).flatMap((options) => [
      () => chatting(ChatService.withFallback(failing, chat, options), request),
      () => chatting(ChatService.withFallback(failing, [chat], { when: () => true, ...(options as object) }), request)
    ]),
    () => chatting(ChatService.withFallback(handMade, chat), any)
  ],
  "ChatService.withPolicy": (any) => [
    () => chatting(ChatService.withPolicy(chat, any)),
    () => chatting(ChatService.withPolicy(any)(chat)),
    () => chatting(ChatService.withPolicy(any, Policy.none)),
    () => chatting(ChatService.withPolicy(handMade, Policy.none), any)
  ],
  "Concurrency.adaptive": (any) =>
    [any, ...fields(["initial", "min", "max", "decrease"], any)].map((options) => () =>
      inForce(Policy.make({ concurrency: Concurrency.adaptive(options) }))
    ),
  "Concurrency.most": (any) => [() => Concurrency.most(any)],
  "Cost.add": (any) => [() => Cost.add(any, Cost.empty), () => Cost.add(Cost.empty, any)],
  "Cost.make": (any) => [any, ...fields(["input", "output"], any)].map((parts) => () => Cost.make(parts)),
  "Cost.sum": (any) => [() => Cost.sum(any), () => Cost.sum([any])],
  "Embedding.kindOf": (any) => [() => Embedding.kindOf(any), () => Embedding.kindOf({ image: any })],
  "Embedding.textOf": (any) => [() => Embedding.textOf(any), () => Embedding.textOf({ text: any })],
  "EmbeddingCache.layerMemory": (any) =>
    [any, ...fields(["capacity", "maxBytes"], any)].map((options) => () => EmbeddingCache.layerMemory(options)),
  "EmbeddingCachePersistence.layerKeyValueStore": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      persisted(EmbeddingCachePersistence.layerKeyValueStore(options))
    ),
  "EmbeddingCachePersistence.layerPersistence": (any) =>
    [any, ...fields(["storeId"], any)].map((options) => () =>
      persisted(EmbeddingCachePersistence.layerPersistence(options))
    ),
  "EmbeddingService.embed": (any) => [
    () => EmbeddingService.embed(any),
    () => EmbeddingService.embed({ text: any }),
    () => EmbeddingService.embed({ image: any }),
    () => EmbeddingService.embed({ image: { bytes: any, mediaType: "image/png" } }),
    () => EmbeddingService.embed({ image: { bytes: vectorBytes, mediaType: any } }),
    () => EmbeddingService.embed("a", any),
    ...embeddingOptions(any).map((options) => () => EmbeddingService.embed("a", options))
  ],
  "EmbeddingService.embedEach": (any) => [
    () => EmbeddingService.embedEach(any),
    () => EmbeddingService.embedEach(["a", any]),
    () => EmbeddingService.embedEach(["a"], any)
  ],
  "EmbeddingService.embedMany": (any) => [
    () => EmbeddingService.embedMany(any),
    () => EmbeddingService.embedMany(["a", any]),
    () => EmbeddingService.embedMany(["a"], any),
    ...embeddingOptions(any).map((options) => () => EmbeddingService.embedMany(["a"], options))
  ],
  "EmbeddingService.embedStream": (any) => [
    () => EmbeddingService.embedStream(any),
    () => EmbeddingService.embedStream(Stream.make("a", any)),
    () => EmbeddingService.embedStream(Stream.make("a"), any),
    () => EmbeddingService.embedStream(Stream.make("a"), () => any),
    () => EmbeddingService.embedStream(Stream.make("a"), (text) => text, any),
    ...fields(["flushAfter", "unordered"], any).map((options) => () =>
      EmbeddingService.embedStream(Stream.make("a"), options)
    )
  ],
  "EmbeddingService.make": (any) => [
    () => EmbeddingService.make(any),
    ...fields(["provider", "defaultModel", "limits", "embedBatch", "policy", "coalesce", "budgets"], any).map(
      (field) => () => EmbeddingService.make({ ...embeddingProvider, ...(field as object) })
    )
  ],
  "EmbeddingService.withBudget": (any) => [
    () => embedding_(EmbeddingService.withBudget(embedding, any)),
    () => embedding_(EmbeddingService.withBudget(any)(embedding)),
    () => embedding_(EmbeddingService.withBudget(any, Budget.make({})))
  ],
  "EmbeddingService.withCache": (any) => {
    const cached = EmbeddingService.withCache(embedding)
    const ask = (call: Effect.Effect<unknown, unknown, EmbeddingService.EmbeddingService>) =>
      Effect.provide(call, cached)
    return [
      () => embedding_(EmbeddingService.withCache(embedding, any)),
      ...fields(["timeToLive", "namespace"], any).map((options) => () =>
        embedding_(EmbeddingService.withCache(embedding, options))
      ),
      () => ask(EmbeddingService.embed(any)),
      () => ask(EmbeddingService.embed("a", any)),
      () => ask(EmbeddingService.embedMany(["a", any])),
      () => ask(EmbeddingService.embedMany(any, any)),
      () => ask(EmbeddingService.embedEach(["a", any])),
      () => ask(EmbeddingService.embedEach(any)),
      () => ask(Stream.runDrain(Stream.take(EmbeddingService.embedStream(Stream.make("a", any)), 9))),
      () => ask(Stream.runDrain(Stream.take(EmbeddingService.embedStream(Stream.make("a"), any), 9))),
      () => ask(Stream.runDrain(EmbeddingService.embedStream(Stream.make("a"), (text) => text, any)))
    ]
  },
  "EmbeddingService.withPolicy": (any) => [
    () => embedding_(EmbeddingService.withPolicy(embedding, any)),
    () => embedding_(EmbeddingService.withPolicy(any)(embedding)),
    () => embedding_(EmbeddingService.withPolicy(any, Policy.none))
  ],
  "Enforcement.make": (any) => [
    () => Enforcement.make(any),
    ...fields(["retry", "retryBudget", "hedge", "breaker", "quota", "concurrency", "timeouts"], any).map(
      (field) => () => Enforcement.make({ ...Policy.standard, ...(field as object) })
    )
  ],
  "Fallback.isUnavailable": (any) => [() => Fallback.isUnavailable(any)],
  "ExactJson.explain": (
    any
  ) => [() => ExactJson.explain(any, {}), () => ExactJson.explain(new SchemaIssue.MissingKey({}), any)],
  "ExactJson.number": (any) => [() => ExactJson.number(any)],
  "ExactJson.params": (any) => [() => ExactJson.params(any)],
  "ExactJson.parse": (any) => [() => ExactJson.parse(any)],
  "ExactJson.parseFloats": (any) => [() => ExactJson.parseFloats(any)],
  "Message.assistant": (any) => [() => Message.assistant(any)],
  "Message.parts": (any) => [() => Message.parts(any), () => Message.parts({ role: "user", content: any })],
  "Message.system": (any) => [() => Message.system(any)],
  "Message.text": (any) => [() => Message.text(any), () => Message.text("a", any)],
  "Message.textOf": (any) => [
    () => Message.textOf(any),
    () => Message.textOf({ role: "user", content: any }),
    () => Message.textOf({ role: "user", content: [any] })
  ],
  "Message.tool": (any) => [() => Message.tool(any)],
  "Message.user": (any) => [() => Message.user(any)],
  "Message.withoutReasoning": (any) => [
    () => Message.withoutReasoning(any),
    () => Message.withoutReasoning([any]),
    () => Message.withoutReasoning([{ role: "assistant", content: any }]),
    () => Message.withoutReasoning([{ role: "assistant", content: [any] }])
  ],
  "OpenAi.Message": codec(OpenAi.Message),
  "OpenAi.Messages": codec(OpenAi.Messages),
  "OpenAi.Request": codec(OpenAi.Request),
  "OpenAi.ToolChoice": codec(OpenAi.ToolChoice),
  "OpenAi.Tools": codec(OpenAi.Tools),
  "OpenAi.withoutMarks": (any) => [
    () => OpenAi.withoutMarks(any),
    () => OpenAi.withoutMarks([any]),
    () => OpenAi.withoutMarks([{ role: "user", content: [any] }])
  ],
  "Policy.make": (any) =>
    [
      any,
      ...fields(["retry", "retryBudget", "hedge", "breaker", "quota", "concurrency", "timeouts"], any),
      ...fields(["attempt", "firstEvent", "idle", "deadline"], any).map((timeouts) =>
        ({ retry: Retry.never, timeouts }) as never
      )
    ].map((options) => () => inForce(Policy.make(options))),
  "Pricing.cost": (any) => [() => Pricing.cost(any, { input: 1 }), () => Pricing.cost(Usage.empty, any)],
  "Pricing.layer": (any) => [
    () => Pricing.layer(any),
    () => Pricing.layer([any]),
    () => Pricing.layer([{ model: any, price: { input: 1 } }]),
    () => Pricing.layer([{ model: "m", price: any }])
  ],
  "Pricing.of": (any) => [
    () => Pricing.of(any),
    () => Pricing.of("m", any),
    () => Effect.provideService(Pricing.of("m"), Pricing.Prices, any),
    () => Effect.provideService(Pricing.of("m"), Pricing.Prices, [any])
  ],
  "ProviderError.invalidRequest": (any) => [() => ProviderError.invalidRequest(any)],
  "ProviderError.isProviderError": (any) => [() => ProviderError.isProviderError(any)],
  "ProviderError.isRefusal": (any) => [() => ProviderError.isRefusal(any)],
  "ProviderError.isTransient": (any) => [() => ProviderError.isTransient(any)],
  "ProviderError.retryAfter": (any) => [() => ProviderError.retryAfter(any)],
  "Quota.tokens": (any) =>
    [
      any,
      ...fields(["perMinute", "perDay", "windows", "outputBurndown", "count", "scope"], any),
      ...fields(["tokens", "per"], any).map((field) =>
        ({ windows: [{ tokens: 1000, per: "1 hour", ...(field as object) }] }) as never
      ),
      { windows: [any] } as never
    ].map((options) => () => inForce(Policy.make({ quota: Quota.tokens(options) }))),
  "RerankService.make": (any) => [
    () => RerankService.make(any),
    ...fields(["provider", "defaultModel", "limits", "rerank", "policy"], any).map((field) => () =>
      RerankService.make({ ...rerankProvider, ...(field as object) })
    )
  ],
  "RerankService.rerank": (any) => [
    () => RerankService.rerank(any, ["a"]),
    () => RerankService.rerank("q", any),
    () => RerankService.rerank("q", ["a", any]),
    () => RerankService.rerank("q", ["a"], any),
    ...fields(["model", "topN", "providerOptions"], any).map((options) => () =>
      RerankService.rerank("q", ["a"], options)
    )
  ],
  "RerankService.rerankBy": (any) => [
    () => RerankService.rerankBy(any, ["a"], (text) => text),
    () => RerankService.rerankBy("q", any, () => "a"),
    () => RerankService.rerankBy("q", ["a"], any),
    () => RerankService.rerankBy("q", ["a"], () => any),
    () => RerankService.rerankBy("q", ["a"], (text) => text, any)
  ],
  "RerankService.withPolicy": (any) => [
    () => RerankService.withPolicy(reranking, any),
    () => RerankService.withPolicy(any)(reranking),
    () => RerankService.withPolicy(any, Policy.none)
  ],
  "Retry.exponential": (any) =>
    [any, ...fields(["times", "base", "rateLimitBase", "maxDelay"], any)].flatMap((options) => [
      () => inForce(Policy.make({ retry: Retry.exponential(options) }))
    ]),
  "RetryBudget.make": (any) =>
    [any, ...fields(["share", "reserve", "perSecond"], any)].map((options) => () =>
      inForce(Policy.make({ retryBudget: RetryBudget.make(options) }))
    ),
  "SharedState.layerRedis": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () => Layer.provide(SharedState.layerRedis(options), redis)),
  "StructuredOutput.decode": (any) => [
    () => StructuredOutput.decode(any, response),
    () => StructuredOutput.decode(Answer, any),
    () => StructuredOutput.decode(Answer, { ...response, text: any })
  ],
  "StructuredOutput.format": (any) => [
    () => StructuredOutput.format(any),
    () => StructuredOutput.format(Answer, any),
    ...fields(["name", "description"], any).map((options) => () => StructuredOutput.format(Answer, options))
  ],
  "Telemetry.annotate": (any) => [() => Telemetry.annotate(any), () => Telemetry.annotate({ key: any })],
  "Telemetry.attempt": (any) => [() => Telemetry.attempt(any)(Effect.void)],
  "Telemetry.attributes": (any) => [() => Telemetry.attributes(any)],
  "Telemetry.keyOf": (any) => [() => Telemetry.keyOf(any)],
  "Telemetry.recordAttempt": (any) => [() => Telemetry.recordAttempt(any)],
  "Telemetry.recordEnd": (any) => [
    () => Telemetry.recordEnd(any, 0, Exit.void),
    () => Telemetry.recordEnd(target, any, Exit.void),
    () => Telemetry.recordEnd(target, 0, any)
  ],
  "Telemetry.recordFirstEvent": (any) => [
    () => Telemetry.recordFirstEvent(any, 0),
    () => Telemetry.recordFirstEvent(target, any)
  ],
  "Telemetry.recordRetry": (any) => [
    () => Telemetry.recordRetry(any, error),
    () => Telemetry.recordRetry(target, any)
  ],
  "Telemetry.recordTokens": (any) => [
    () => Telemetry.recordTokens(any, "input", 1),
    () => Telemetry.recordTokens(target, any, 1),
    () => Telemetry.recordTokens(target, "input", any)
  ],
  "Telemetry.recordWait": (any) => [
    () => Telemetry.recordWait(any, "quota", 1),
    () => Telemetry.recordWait(target, any, 1),
    () => Telemetry.recordWait(target, "quota", any)
  ],
  "Telemetry.span": (any) => [() => Telemetry.span(any, {}), () => Telemetry.span(target, any)],
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
  "TestRerank.overlap": (any) => [() => TestRerank.overlap(any, "a"), () => TestRerank.overlap("a", any)],
  "Tool.call": (any) => [
    () => Tool.call(any, {}),
    () => Tool.call(clock, any),
    () => Tool.call({ ...clock, prepare: any }, {}),
    () => Tool.call({ ...clock, prepare: () => any }, {})
  ],
  "Tool.definition": (any) => [() => Tool.definition(any), () => Tool.definition({ ...clock, input: any })],
  "Tool.parseParams": (any) => [() => Tool.parseParams(any)],
  "Tool.make": (any) => [
    () => Tool.definition(Tool.make(any, { handler: () => Effect.void })),
    () => Tool.definition(Tool.make("clock", any)),
    ...fields(["description", "input", "output", "failureMode", "strict", "handler"], any).map((field) => () =>
      Tool.definition(Tool.make("clock", { handler: () => Effect.void, ...(field as object) }))
    )
  ],
  "ToolLoop.run": (any) => [
    () => ToolLoop.run(any, { tools: [clock] }),
    () => ToolLoop.run("Hi", any),
    ...fields(["tools", "maxSteps", "concurrency", "prepareStep", "onStep"], any).map((field) => () =>
      ToolLoop.run("Hi", { tools: [clock], ...(field as object) })
    ),
    () => ToolLoop.run("Hi", { tools: [any] })
  ],
  "ToolLoop.stream": (any) => [
    () => ToolLoop.stream(any, { tools: [clock] }),
    () => ToolLoop.stream("Hi", any),
    ...fields(["tools", "maxSteps", "concurrency", "prepareStep", "onStep"], any).map((field) => () =>
      ToolLoop.stream("Hi", { tools: [clock], ...(field as object) })
    )
  ],
  "Usage.add": (any) => [() => Usage.add(any, Usage.empty), () => Usage.add(Usage.empty, any)],
  "Usage.make": (any) => [() => Usage.make(any)],
  "Vector.cosine": (any) => [() => Vector.cosine(any, vector), () => Vector.cosine(vector, any)],
  "Vector.dot": (any) => [() => Vector.dot(any, vector), () => Vector.dot(vector, any)],
  "Vector.hamming": (any) => [() => Vector.hamming(any, vectorBytes), () => Vector.hamming(vectorBytes, any)],
  "Vector.hammingTopK": (any) => [
    () => Vector.hammingTopK(any, vectorBytes, 1),
    () => Vector.hammingTopK({ data: vectorBytes, dimensions: 3, rows: 1 }, any, 1),
    () => Vector.hammingTopK({ data: vectorBytes, dimensions: 3, rows: 1 }, vectorBytes, any),
    () => Vector.hammingTopK({ data: vectorBytes, dimensions: 3, rows: 1 }, vectorBytes, 1, any),
    () => Vector.hammingTopK({ data: vectorBytes, dimensions: 3, rows: 1 }, vectorBytes, 1, { filter: any })
  ],
  "Vector.matrix": (any) => [
    () => Vector.matrix(any, [vector]),
    () => Vector.matrix(2, any),
    () => Vector.matrix(2, [vector, any])
  ],
  "Vector.norm": (any) => [() => Vector.norm(any)],
  "Vector.normalize": (any) => [() => Vector.normalize(any)],
  "Vector.normalizeInPlace": (any) => [() => Vector.normalizeInPlace(any)],
  "Vector.topK": (any) => [
    () => Vector.topK(any, vector, 1),
    ...fields(["data", "dimensions", "rows"], any).map((field) => () =>
      Vector.topK({ ...matrix, ...(field as object) }, vector, 1)
    ),
    () => Vector.topK(matrix, any, 1),
    () => Vector.topK(matrix, vector, any),
    () => Vector.topK(matrix, vector, 1, any),
    ...fields(["filter", "metric"], any).map((options) => () => Vector.topK(matrix, vector, 1, options))
  ]
}

const vectorBytes = Uint8Array.of(1, 2, 3)

const embeddingOptions = (any: unknown) =>
  fields(["model", "purpose", "dimensions", "normalize", "vectorType", "truncate", "providerOptions"], any)
