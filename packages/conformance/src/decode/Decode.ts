/**
 * Plays recorded answers to the product's clients and compares their results with the bytes.
 *
 * The request is the simplest one for such an answer: encoding is checked in another direction.
 */
import { BedrockClient, BedrockTokens, Guardrail } from "@strata/bedrock"
import type { ChatResponse } from "@strata/core"
import { ChatEvent, ChatService, EmbeddingService, RerankService } from "@strata/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Check from "../Check.ts"
import { compare, type Difference } from "../Difference.ts"
import * as EmbeddingRequest from "../encode/EmbeddingRequest.ts"
import * as Recording from "../Recording.ts"
import type { Product } from "../subject/Product.ts"
import type { Wire } from "../subject/Wire.ts"
import * as ConverseAnswer from "../wire/ConverseAnswer.ts"
import * as Json from "../wire/Json.ts"
import * as ChatAnswer from "./ChatAnswer.ts"
import * as Invoked from "./Invoked.ts"
import * as Refusal from "./Refusal.ts"
import * as Vectors from "./Vectors.ts"
import * as Verdict from "./Verdict.ts"

/** Plays one answer. */
export const decode: Check.Check<Recording.Recording, Product | Wire> = (recording) => {
  const { model } = recording
  const question = { model, messages: "Hello" }
  switch (recording.op) {
    case "converse":
      return playChat(recording, ChatService.generate(question), ConverseAnswer.fromBody(recording.body))
    case "converse-stream":
      return playChat(
        recording,
        ChatEvent.collect(ChatService.stream(question)),
        ConverseAnswer.fromStream(recording.body)
      )
    case "invoke":
      return playInvoke(recording)
    case "invoke-with-response-stream":
      return play(recording, Invoked.askStream(recording), (answer) => Invoked.checkStream(answer, recording))
    case "count-tokens":
      return play(
        recording,
        BedrockTokens.count(question),
        (tokens) => compare(countOf(recording), tokens, "at least", "inputTokens")
      )
    case "apply-guardrail":
      return play(
        recording,
        Guardrail.apply({
          guardrail: { id: model, version: Recording.guardrailVersion(recording) },
          source: "input",
          content: "Hello"
        }),
        (outcome) => Verdict.check(outcome, recording)
      )
    default:
      return Effect.undefined
  }
}

const play = <A, E, R>(
  recording: Recording.Recording,
  call: Effect.Effect<A, E, R>,
  check: (value: A) => ReadonlyArray<Difference>
): Effect.Effect<Check.Finding, never, R | Wire> =>
  Effect.map(Check.attempt(recording, call), ({ outcome }) => ({
    differences: recording.status >= 400
      ? Check.unlessError(outcome, (error) => Refusal.check(error, recording))
      : Check.unlessValue(outcome, check)
  }))

/** An unreadable answer, or one that ends with an exception, must become an error. */
const playChat = <E, R>(
  recording: Recording.Recording,
  call: Effect.Effect<ChatResponse.ChatResponse, E, R>,
  answer: ConverseAnswer.ConverseAnswer
): Effect.Effect<Check.Finding, never, R | Wire> => {
  const { failure, problem } = answer
  if (recording.status >= 400 || failure === undefined && problem === undefined) {
    return play(recording, call, (response) => ChatAnswer.check(response, answer, recording))
  }
  return Effect.map(Check.attempt(recording, call), ({ outcome }) => ({
    differences: Check.unlessError(outcome, ({ exception, message }) =>
      failure === undefined ? [] : [
        ...compare(capitalized(failure.exception), exception, "at least", "exception"),
        ...Refusal.checkMessage(message, failure.message)
      ])
  }))
}

const capitalized = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)

/** The raw bytes and, where a service supports the model, its result. */
const playInvoke = Effect.fnUntraced(function*(recording: Recording.Recording) {
  const body = Recording.requestOf(recording)
  const raw = yield* play(
    recording,
    Effect.flatMap(
      BedrockClient.BedrockClient,
      (client) => client.invokeModel({ modelId: recording.model, body: recording.request })
    ),
    (answer) => [
      ...compare(recording.body, answer.body, "at least", "body"),
      ...compare(
        {
          requestId: recording.headers["x-amzn-requestid"],
          inputTokens: Vectors.headerNumber(recording, "input-token-count"),
          latency: latencyOf(recording)
        },
        { ...answer, latency: answer.latency && Duration.toMillis(answer.latency) },
        "at least"
      )
    ]
  )
  const embedding = EmbeddingRequest.embedding(recording.model, body)
  const rerank = EmbeddingRequest.rerank(recording.model, body)
  const served = embedding !== undefined
    ? yield* play(
      recording,
      Effect.flatMap(
        EmbeddingService.EmbeddingService,
        (service) => service.embedMany(embedding.inputs, embedding.options)
      ),
      (batch) => Vectors.checkEmbeddings(batch, embedding.options.vectorType ?? "float", recording)
    )
    : rerank !== undefined
    ? yield* play(
      recording,
      Effect.flatMap(
        RerankService.RerankService,
        (service) => service.rerank(rerank.query, rerank.documents, rerank.options)
      ),
      (response) => Vectors.checkRanking(response, recording)
    )
    : { differences: [] }
  return { differences: [...raw.differences, ...served.differences] }
})

const latencyOf = (recording: Recording.Recording) => Vectors.headerNumber(recording, "invocation-latency")

const countOf = ({ body }: Recording.Recording) =>
  Json.number(Result.getOrUndefined(Json.parseBytes(body)), "inputTokens")
