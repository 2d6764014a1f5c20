/**
 * The calls for a mutated answer, and their allowed outcomes: values of their declared types, or typed errors with our
 * own messages.
 */
import { BedrockClient, BedrockTokens, Guardrail } from "@strata/bedrock"
import type { ProviderError } from "@strata/core"
import { ChatEvent, ChatService, EmbeddingService, RerankService } from "@strata/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { checkTypes } from "../decode/ChatAnswer.ts"
import * as Invoked from "../decode/Invoked.ts"
import * as EmbeddingRequest from "../encode/EmbeddingRequest.ts"
import * as Recording from "../Recording.ts"
import { describe } from "../Report.ts"
import type { Product } from "../subject/Product.ts"

/** The problems of a value; empty when it has its type. */
export type Problems = ReadonlyArray<string>

/** One call, and the problems of its result. */
export type Call = Effect.Effect<Problems, ProviderError.ProviderError, Product>

/** The calls for an answer of this operation. */
export const callsFor = (recording: Recording.Recording): ReadonlyArray<Call> => {
  const { model, op } = recording
  const question = { model, messages: "Hello" }
  switch (op) {
    case "converse":
      return [Effect.map(ChatService.generate(question), (response) => checkTypes(response).map(describe))]
    case "converse-stream":
      return [streamed(question)]
    case "invoke":
      return invoked(recording)
    case "invoke-with-response-stream":
      return [
        Effect.map(
          Invoked.askStream(recording),
          ({ chunks = [] }) => chunks.every(isBytes) ? [] : ["a chunk is not bytes"]
        )
      ]
    case "count-tokens":
      return [Effect.map(BedrockTokens.count(question), (tokens) => isCount(tokens) ? [] : [`a count of ${tokens}`])]
    case "apply-guardrail":
      return [
        Effect.map(
          Guardrail.apply({ guardrail: { id: "gr0fixture2", version: "1" }, source: "input", content: "Hello" }),
          (outcome) => isOutcome(outcome) ? [] : [`no Outcome: ${JSON.stringify(outcome)}`]
        )
      ]
    default:
      return []
  }
}

const isEvent = Schema.is(ChatEvent.ChatEvent)

/** Checks each event as it arrives, also before a failure, and the collected answer. */
const streamed = (question: { readonly model: string; readonly messages: string }): Call =>
  Effect.suspend(() => {
    const problems: Array<string> = []
    const events = Stream.map(ChatService.stream(question), (event) => {
      const { type } = event
      if (!isEvent(event)) problems.push(`no ChatEvent, ${type}: ${print(event)}`)
      return event
    })
    return ChatEvent.collect(events).pipe(
      Effect.map((response) => [...problems, ...checkTypes(response).map(describe)]),
      Effect.catch((error) => problems.length > 0 ? Effect.succeed(problems) : Effect.fail(error))
    )
  })

const invoked = (recording: Recording.Recording): ReadonlyArray<Call> => {
  const { model, request } = recording
  const body = Recording.requestOf(recording)
  const embedding = EmbeddingRequest.embedding(model, body)
  if (embedding !== undefined) {
    return [
      Effect.map(
        Effect.flatMap(
          EmbeddingService.EmbeddingService,
          (service) => service.embedMany(embedding.inputs, embedding.options)
        ),
        ({ embeddings, usage }) => [
          ...(embeddings.every(({ vector }) => isVector(vector)) ? [] : ["a vector of a wrong type"]),
          ...(usage.inputTokens === undefined || isCount(usage.inputTokens) ? [] : [`a count of ${usage.inputTokens}`])
        ]
      )
    ]
  }
  const rerank = EmbeddingRequest.rerank(model, body)
  if (rerank !== undefined) {
    return [
      Effect.map(
        Effect.flatMap(
          RerankService.RerankService,
          (service) => service.rerank(rerank.query, rerank.documents, rerank.options)
        ),
        ({ results }) =>
          results.every(({ index, score }) => rerank.documents[index] !== undefined && Number.isFinite(score))
            ? []
            : ["an invalid score"]
      )
    ]
  }
  return [
    Effect.map(
      Effect.flatMap(BedrockClient.BedrockClient, (client) => client.invokeModel({ modelId: model, body: request })),
      ({ body, inputTokens, latency }) => [
        ...(isBytes(body) ? [] : ["a body is not bytes"]),
        ...(inputTokens === undefined || isCount(inputTokens) ? [] : [`a count of ${inputTokens}`]),
        ...(latency === undefined || Duration.toMillis(latency) >= 0 && Number.isFinite(Duration.toMillis(latency))
          ? []
          : [`a latency of ${String(latency)}`])
      ]
    )
  ]
}

const isBytes = (value: unknown): boolean => value instanceof Uint8Array

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0

const isVector = (vector: unknown): boolean =>
  (vector instanceof Float32Array || vector instanceof Int8Array || vector instanceof Uint8Array) &&
  vector.length > 0 && vector.every(Number.isFinite)

const verdict = { action: Schema.Literals(["none", "masked", "blocked"]), detected: Schema.optional(Schema.Boolean) }

const level = Schema.optional(Schema.Literals(["none", "low", "medium", "high"]))

const covered = Schema.optional(Schema.Struct({ guarded: Schema.Finite, total: Schema.Finite }))

const isOutcome = Schema.is(Schema.Struct({
  intervened: Schema.Boolean,
  action: verdict.action,
  outputs: Schema.Array(Schema.String),
  assessments: Schema.Array(Schema.Union([
    Schema.Struct({ policy: Schema.Literal("topic"), name: Schema.String, ...verdict }),
    Schema.Struct({
      policy: Schema.Literal("content"),
      filter: Schema.String,
      confidence: level,
      strength: level,
      ...verdict
    }),
    Schema.Struct({ policy: Schema.Literal("word"), match: Schema.String, list: Schema.String, ...verdict }),
    Schema.Struct({ policy: Schema.Literal("pii"), entity: Schema.String, match: Schema.String, ...verdict }),
    Schema.Struct({
      policy: Schema.Literal("regex"),
      name: Schema.optional(Schema.String),
      match: Schema.optional(Schema.String),
      regex: Schema.optional(Schema.String),
      ...verdict
    }),
    Schema.Struct({
      policy: Schema.Literal("grounding"),
      check: Schema.String,
      score: Schema.Finite,
      threshold: Schema.Finite,
      ...verdict
    }),
    Schema.Struct({ policy: Schema.Literal("automated-reasoning"), finding: Schema.Unknown, ...verdict })
  ])),
  policies: Schema.Array(Schema.String),
  usage: Schema.Record(Schema.String, Schema.Finite),
  coverage: Schema.Struct({ textCharacters: covered, images: covered }),
  reason: Schema.optional(Schema.String),
  requestId: Schema.optional(Schema.String)
}))

/** Messages of JavaScript engines, which an error must not repeat. */
export const rawMessage =
  /Cannot (?:read|set|convert|access|destructure|mix|use)\b|is not (?:a function|iterable|an? object|defined|a constructor|valid JSON)|Unexpected (?:token|end|non-whitespace)|(?:undefined|null) is not|Invalid (?:array|typed array|string) length|BigInt|Maximum call stack|Do not know how|offset is out of bounds|out of (?:range|memory)|\[object Object\]/

const print = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => typeof inner === "bigint" ? `BigInt(${inner})` : inner).slice(0, 300)
