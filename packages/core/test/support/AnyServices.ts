/**
 * Every public function that asks a service, and those that make and decorate one.
 */
import {
  Batch,
  BatchService,
  Budget,
  Chat,
  ChatEvent,
  ChatService,
  Embedder,
  EmbeddingService,
  Policy,
  Reranker,
  RerankService,
  StructuredOutput
} from "@strata/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import {
  batchProvider,
  type Calls,
  chat,
  chatProvider,
  chatting,
  counted,
  embedding,
  embedding_,
  embeddingProvider,
  error,
  fields,
  request,
  reranking,
  rerankProvider,
  response,
  vectorBytes
} from "./AnyCalls.ts"

/** A service that nobody checked anything for. */
const handMade = Layer.succeed(ChatService.ChatService, {
  generate: () => counted(response),
  stream: () => Stream.unwrap(counted(Stream.fromIterable(ChatEvent.fromResponse(response))))
})

const Answer = Schema.Struct({ n: Schema.Finite })

const failing = Layer.effect(
  ChatService.ChatService,
  ChatService.make({ ...chatProvider, generate: () => Effect.fail(error), stream: () => Stream.fail(error) })
)

const embeddingOptions = (any: unknown) =>
  fields(["model", "purpose", "dimensions", "normalize", "vectorType", "truncate", "providerOptions"], any)

/** By module and name. */
export const calls: Readonly<Record<string, Calls>> = {
  "Batch.failureOf": (any) => [() => Batch.failureOf(any), () => Batch.failureOf({ result: any } as never)],
  "Batch.isFinished": (any) => [() => Batch.isFinished(any), () => Batch.isFinished({ state: any } as never)],
  "BatchService.find": (any) => [() => BatchService.find(any)],
  "BatchService.limits": (any) => [() => BatchService.limits(any)],
  "BatchService.make": (any) => [
    () => BatchService.make(any),
    ...fields(Object.keys(batchProvider), any).map((field) => () =>
      BatchService.make({ ...batchProvider, ...(field as object) })
    )
  ],
  "BatchService.preflight": (any) => [() => BatchService.preflight(any)],
  "BatchService.prepare": (any) => [
    () => BatchService.prepare(any),
    ...fields(["recordId", "chat", "embedding", "options"], any).flatMap((field) => [
      () => BatchService.prepare({ recordId: "a", chat: "Hi", ...(field as object) }),
      () => BatchService.prepare({ recordId: "a", embedding: "Hi", ...(field as object) })
    ])
  ],
  "BatchService.results": (any) => [
    () => BatchService.results(any),
    () => BatchService.results("1", any),
    ...fields(["model", "embedding"], any).map((options) => () => BatchService.results("1", options))
  ],
  "BatchService.status": (any) => [() => BatchService.status(any)],
  "BatchService.stop": (any) => [() => BatchService.stop(any)],
  "BatchService.submit": (any) => [
    () => BatchService.submit(any),
    ...fields(["name", "token", "model", "kind", "lines", "timeout"], any).map((field) => () =>
      BatchService.submit({ name: "a", kind: "chat", lines: Stream.make(vectorBytes), ...(field as object) })
    ),
    () => BatchService.submit({ name: "a", kind: "chat", lines: Stream.make(any) })
  ],
  "BatchService.totals": (any) => [
    () => BatchService.totals(any),
    () => BatchService.totals("1", any),
    () => BatchService.totals("1", { model: any })
  ],
  "BatchService.wait": (any) => [() => BatchService.wait(any), () => BatchService.wait("1", any)],
  "BatchService.watch": (any) => [
    () => BatchService.watch(any),
    () => BatchService.watch("1", any),
    () => BatchService.watch("1", { polling: any })
  ],
  "ChatService.generate": (any) => [() => ChatService.generate(any), () => ChatService.generate([any] as never)],
  "Chat.make": (any) => [() => Chat.make(any)],
  "ChatService.make": (any) => [
    () => ChatService.make(any),
    ...fields(["provider", "defaultModel", "identity", "generate", "stream", "policy"], any).map((field) => () =>
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
  "ChatService.transform": (any) => [
    () => chatting(ChatService.transform(chat, any)),
    () => chatting(ChatService.transform(any)(chat)),
    () => chatting(ChatService.transform(any, Effect.succeed)),
    () => chatting(ChatService.transform(chat, () => any)),
    () => chatting(ChatService.transform(chat, () => Effect.succeed(any))),
    ...fields(["provider", "defaultModel", "identity"], any).map((data) => () =>
      chatting(ChatService.transform(chat, (below) => Effect.succeed({ ...below, ...(data as object) })))
    )
  ],
  "ChatService.withDeadline": (any) => [
    () => chatting(ChatService.withDeadline(chat, any)),
    () => chatting(ChatService.withDeadline(any)(chat)),
    () => chatting(ChatService.withDeadline(any, "1 second")),
    () => chatting(ChatService.withDeadline(handMade, "1 second"), any)
  ],
  "ChatService.withDefaults": (any) => [
    () => chatting(ChatService.withDefaults(chat, any)),
    () => chatting(ChatService.withDefaults(any)(chat)),
    () => chatting(ChatService.withDefaults(any, {})),
    ...fields(["system", "model", "maxTokens", "temperature", "tools", "messages", "providerOptions"], any).map((
      defaults
    ) =>
    () => chatting(ChatService.withDefaults(chat, defaults))),
    () => chatting(ChatService.withDefaults(handMade, { maxTokens: 1, system: "Hi" }), any)
  ],
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
    ...fields(["when", "failFast", "model"], any).flatMap((options) => [
      () => chatting(ChatService.withFallback(failing, chat, options), request),
      () => chatting(ChatService.withFallback(failing, [chat], { when: () => true, ...(options as object) }), request)
    ]),
    () => chatting(ChatService.withFallback(handMade, chat), any)
  ],
  "ChatService.withPool": (any) => [
    () => chatting(ChatService.withPool(any)),
    () => chatting(ChatService.withPool({ a: any })),
    () => chatting(ChatService.withPool({ a: chat }, any)),
    ...fields(["weight", "cost", "interactive", "model"], any).map((declared) => () =>
      chatting(ChatService.withPool({ a: { layer: chat, ...(declared as object) } }))
    ),
    ...fields(["when", "model"], any).map((options) => () =>
      chatting(ChatService.withPool({ a: failing, b: chat }, options), request)
    ),
    () => chatting(ChatService.withPool({ a: handMade, b: chat }), any)
  ],
  "ChatService.withPolicy": (any) => [
    () => chatting(ChatService.withPolicy(chat, any)),
    () => chatting(ChatService.withPolicy(any)(chat)),
    () => chatting(ChatService.withPolicy(any, Policy.none)),
    () => chatting(ChatService.withPolicy(handMade, Policy.none), any)
  ],
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
    ...fields(["provider", "defaultModel", "limits", "embedBatch", "policy", "coalesce", "identity"], any).map(
      (field) => () => EmbeddingService.make({ ...embeddingProvider, ...(field as object) })
    )
  ],
  "Embedder.make": (any) => [() => Embedder.make(any)],
  "EmbeddingService.transform": (any) => [
    () => embedding_(EmbeddingService.transform(embedding, any)),
    () => embedding_(EmbeddingService.transform(any)(embedding)),
    () => embedding_(EmbeddingService.transform(any, Effect.succeed)),
    () => embedding_(EmbeddingService.transform(embedding, () => Effect.succeed(any)))
  ],
  "EmbeddingService.withDeadline": (any) => [
    () => embedding_(EmbeddingService.withDeadline(embedding, any)),
    () => embedding_(EmbeddingService.withDeadline(any)(embedding)),
    () => embedding_(EmbeddingService.withDeadline(any, "1 second")),
    () => Effect.provide(EmbeddingService.embedEach(any), EmbeddingService.withDeadline(embedding, 0), { local: true })
  ],
  "EmbeddingService.withDefaults": (any) => [
    () => embedding_(EmbeddingService.withDefaults(embedding, any)),
    () => embedding_(EmbeddingService.withDefaults(any)(embedding)),
    () => embedding_(EmbeddingService.withDefaults(any, {})),
    ...embeddingOptions(any).map((defaults) => () => embedding_(EmbeddingService.withDefaults(embedding, defaults))),
    () =>
      Effect.provide(EmbeddingService.embed("a", any), EmbeddingService.withDefaults(embedding, { dimensions: 2 }), {
        local: true
      })
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
  "EmbeddingService.withPool": (any) => [
    () => embedding_(EmbeddingService.withPool(any)),
    () => embedding_(EmbeddingService.withPool({ a: any })),
    () => embedding_(EmbeddingService.withPool({ a: embedding }, any)),
    ...fields(["weight", "cost", "interactive", "model"], any).map((declared) => () =>
      embedding_(EmbeddingService.withPool({ a: { layer: embedding, ...(declared as object) } }))
    )
  ],
  "EmbeddingService.withPolicy": (any) => [
    () => embedding_(EmbeddingService.withPolicy(embedding, any)),
    () => embedding_(EmbeddingService.withPolicy(any)(embedding)),
    () => embedding_(EmbeddingService.withPolicy(any, Policy.none))
  ],
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
  "Reranker.make": (any) => [() => Reranker.make(any)],
  "RerankService.transform": (any) => [
    () => Layer.build(RerankService.transform(reranking, any)),
    () => Layer.build(RerankService.transform(any)(reranking)),
    () => Layer.build(RerankService.transform(any, Effect.succeed)),
    () => Layer.build(RerankService.transform(reranking, () => Effect.succeed(any)))
  ],
  "RerankService.withDeadline": (any) => [
    () => Layer.build(RerankService.withDeadline(reranking, any)),
    () => Layer.build(RerankService.withDeadline(any)(reranking)),
    () => Layer.build(RerankService.withDeadline(any, "1 second"))
  ],
  "RerankService.withPolicy": (any) => [
    () => RerankService.withPolicy(reranking, any),
    () => RerankService.withPolicy(any)(reranking),
    () => RerankService.withPolicy(any, Policy.none)
  ],
  "StructuredOutput.decode": (any) => [
    () => StructuredOutput.decode(any, response),
    () => StructuredOutput.decode(Answer, any),
    () => StructuredOutput.decode(Answer, { ...response, text: any })
  ],
  "StructuredOutput.format": (any) => [
    () => StructuredOutput.format(any),
    () => StructuredOutput.format(Answer, any),
    ...fields(["name", "description"], any).map((options) => () => StructuredOutput.format(Answer, options))
  ]
}
