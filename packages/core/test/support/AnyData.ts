/**
 * Every public function over plain data.
 */
import {
  Chat,
  ChatEvent,
  ChatRequest,
  ChatResponse,
  Cost,
  Embedding,
  ExactJson,
  Message,
  ProviderError,
  Telemetry,
  Usage,
  Vector
} from "@strata/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"
import { type Calls, error, fields, response, vectorBytes } from "./AnyCalls.ts"

const target: Telemetry.Target = { operation: "chat", provider: "any", model: "any-model" }

const vector = Float32Array.of(1, 2)

const matrix: Vector.Matrix = { data: vector, dimensions: 2, rows: 1 }

/** By module and name. */
export const calls: Readonly<Record<string, Calls>> = {
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
  "ChatRequest.modelOf": (any) => [() => ChatRequest.modelOf(any), () => ChatRequest.modelOf({ model: any } as never)],
  "Chat.settle": (any) => [() => Chat.settle(any), () => Chat.settle("Hi", any)],
  "ChatResponse.make": (any) => [
    () => ChatResponse.make(any, response),
    () => ChatResponse.make([any], response),
    () => ChatResponse.make([], any)
  ],
  "ChatResponse.outcomeOf": (any) => [() => ChatResponse.outcomeOf(any)],
  "Cost.add": (any) => [() => Cost.add(any, Cost.empty), () => Cost.add(Cost.empty, any)],
  "Cost.currencyOf": (any) => [() => Cost.currencyOf(any)],
  "Cost.make": (any) => [any, ...fields(["input", "output"], any)].map((parts) => () => Cost.make(parts)),
  "Cost.sum": (any) => [() => Cost.sum(any), () => Cost.sum([any])],
  "Embedding.kindOf": (any) => [() => Embedding.kindOf(any), () => Embedding.kindOf({ image: any })],
  "Embedding.textOf": (any) => [() => Embedding.textOf(any), () => Embedding.textOf({ text: any })],
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
  "ProviderError.invalidRequest": (any) => [() => ProviderError.invalidRequest(any)],
  "ProviderError.isCallError": (any) => [() => ProviderError.isCallError(any)],
  "ProviderError.isProviderError": (any) => [() => ProviderError.isProviderError(any)],
  "ProviderError.isRefusal": (any) => [() => ProviderError.isRefusal(any)],
  "ProviderError.isTransient": (any) => [() => ProviderError.isTransient(any)],
  "ProviderError.retryAfter": (any) => [() => ProviderError.retryAfter(any)],
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
