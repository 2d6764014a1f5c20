/**
 * What the tests of any value have in common: services over providers that count what they are asked.
 */
import {
  BatchService,
  ChatEvent,
  ChatRequest,
  ChatResponse,
  ChatService,
  EmbeddingService,
  Message,
  Policy,
  ProviderError,
  RerankService,
  Usage
} from "@strata/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

/** Calls with a value, which stands for any type: what a call gives is run by whoever tries it. */
export type Calls = (any: never) => ReadonlyArray<() => unknown>

/** What reached a provider so far. */
export const sent = { count: 0 }

export const counted = <A>(answer: A) =>
  Effect.sync(() => {
    sent.count++
    return answer
  })

export const response = ChatResponse.make([Message.text("{\"n\":1}")], {
  finishReason: "stop",
  usage: Usage.make({ inputTokens: 1, outputTokens: 1 }),
  model: "any-model",
  providerMetadata: {}
})

export const chatProvider: ChatService.Provider = {
  provider: "any",
  defaultModel: "any-model",
  policy: Policy.none,
  generate: () => counted(response),
  stream: () => Stream.unwrap(counted(Stream.fromIterable(ChatEvent.fromResponse(response))))
}

export const embeddingProvider: EmbeddingService.Provider = {
  provider: "any",
  defaultModel: "any-model",
  policy: Policy.none,
  limits: () => Effect.succeed({ maxItems: 8, maxLength: 1000, images: { maxItems: 2 }, combined: { maxItems: 2 } }),
  embedBatch: ({ inputs }) => counted({ vectors: inputs.map(() => Float32Array.of(1, 0)), inputTokens: 1 })
}

export const rerankProvider: RerankService.Provider = {
  provider: "any",
  defaultModel: "any-model",
  policy: Policy.none,
  rerank: ({ documents }) => counted({ results: documents.map((_, index) => ({ index, score: 1 })) })
}

export const chat = Layer.effect(ChatService.ChatService, ChatService.make(chatProvider))

export const embedding = Layer.effect(EmbeddingService.EmbeddingService, EmbeddingService.make(embeddingProvider))

export const reranking = Layer.effect(RerankService.RerankService, RerankService.make(rerankProvider))

const batchJob = { id: "1", name: "a", model: "any-model", kind: "chat", counts: {}, submittedAt: 0 } as const

export const batchProvider: BatchService.Provider = {
  provider: "any",
  defaultModel: "any-model",
  limits: () => ({
    minRecords: 1,
    maxRecords: 8,
    maxRecordBytes: 1_000,
    maxFileBytes: 8_000,
    maxJobBytes: 8_000,
    minTimeout: Duration.hours(24),
    maxTimeout: Duration.hours(168),
    timeout: Duration.hours(24),
    maxOpenJobs: 20
  }),
  embeddingLimits: () => Effect.succeed({ maxItems: 1, maxLength: 1000 }),
  encode: () => Effect.succeed(Uint8Array.of(123, 125)),
  preflight: () => counted([]),
  submit: ({ lines }) =>
    Effect.andThen(
      Stream.runDrain(lines),
      counted({ outcome: "created", job: { ...batchJob, state: "submitted" } } as const)
    ),
  status: () => counted({ ...batchJob, state: "completed" }),
  find: () => counted(undefined),
  stop: () => counted({ ...batchJob, state: "stopped" }),
  results: () => Stream.make({ kind: "chat", recordId: "a", result: Result.succeed(response) }),
  totals: () => counted({ counts: {}, usage: response.usage })
}

export const batch = Layer.effect(BatchService.BatchService, BatchService.make(batchProvider))

/** What the functions ask. */
export const services = Layer.mergeAll(chat, embedding, reranking, batch)

export type Services = Layer.Success<typeof services>

/** A layer of chat in use; a decorator that took its argument for options wants the layer. */
export const chatting = (given: unknown, ask: unknown = "Hi") => {
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

export const request: ChatRequest.ChatRequest = { model: "a-model", messages: "Hi" }

export const embedding_ = (layer: Layer.Any) =>
  Effect.provide(
    EmbeddingService.embedMany(["a", "b"]),
    layer as Layer.Layer<EmbeddingService.EmbeddingService, unknown>,
    { local: true }
  )

export const error = ProviderError.invalidRequest({ provider: "any", field: "f", problem: "p", remedy: "r" })

/** Each field of options by itself. */
export const fields = (names: ReadonlyArray<string>, any: unknown): ReadonlyArray<never> =>
  names.map((name) => ({ [name]: any }) as never)

export const vectorBytes = Uint8Array.of(1, 2, 3)
