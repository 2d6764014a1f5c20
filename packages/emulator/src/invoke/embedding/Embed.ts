/**
 * What the embedding families share: calling the embedding service for vectors of the right size, under the model's
 * quota.
 */
import * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as AwsError from "../../AwsError.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import type * as Quota from "../../quota/Quota.ts"
import * as Image from "./Image.ts"
import * as Vector from "./Vector.ts"

/**
 * One request for vectors.
 *
 * - `answering`: the model name passed to the embedding service, if any.
 * - `reserve`: reserves quota of the model for its texts.
 */
export interface Call {
  readonly body: unknown
  readonly answering: string | undefined
  readonly requestId: string
  readonly reserve: Quota.Reserve
}

/** A family's response: the body, and the token count for the header, where the service sends it. */
export interface Invoked {
  readonly body: unknown
  readonly inputTokens: number | undefined
}

/** Converts the body of a request to vectors, and these to the body of the response. */
export type Family = (
  call: Call
) => Effect.Effect<Invoked, AwsError.AwsError, EmbeddingService.EmbeddingService | Scope.Scope>

/**
 * The inputs and options. Texts are within the limits of the emulated model; `truncate` is for an embedding service
 * with lower limits. `explicit`: the request set the number of dimensions.
 */
export interface Question {
  readonly inputs: ReadonlyArray<Embedding.Input>
  readonly purpose: Embedding.Purpose
  readonly truncate: "none" | "start" | "end"
  readonly dimensions: number
  readonly explicit: boolean
}

/** A text without an image is a string. */
export const inputOf = ({ image, text }: Embedding.ContentInput): Embedding.Input =>
  image === undefined ? text ?? "" : { text, image }

/** One vector for each input, of the requested size, and the tokens of all of them. */
export interface Embedded {
  readonly vectors: ReadonlyArray<Float32Array>
  readonly inputTokens: number
}

/**
 * Reserves quota for the texts, calls the embedding service, and settles its count.
 *
 * Inputs with images are sent separately: for a service that refuses images, their texts are embedded, and {@link
 * Image.vectorOf} makes the vectors of the images. Other inputs are not embedded again.
 */
export const embed = Effect.fnUntraced(function*(call: Call, question: Question) {
  const { inputs } = question
  const reservation = yield* call.reserve({ input: tokensOf(inputs), output: 0 })
  const texts = yield* requestVectors(call, question, inputs.filter((input) => imageOf(input) === undefined))
  const pictured = inputs.filter((input) => imageOf(input) !== undefined)
  const others = yield* requestVectors(call, question, pictured).pipe(
    Effect.catchTag(["InvalidRequestError", "UnsupportedFeatureError"], () => embedTexts(call, question, pictured))
  )
  const inputTokens = texts.inputTokens + others.inputTokens
  reservation.settle({ inputTokens, cacheWriteTokens: 0, outputTokens: 0 })
  const [ofTexts, ofOthers] = [texts.vectors.values(), others.vectors.values()]
  const embedded: Embedded = {
    inputTokens,
    vectors: inputs.map((input) =>
      (imageOf(input) === undefined ? ofTexts : ofOthers).next().value ?? new Float32Array(question.dimensions)
    )
  }
  return embedded
}, Effect.mapError((error) => error._tag === "AwsError" ? error : AwsError.fromProviderError(error)))

/** Like {@link embed}, for the only input of a request. */
export const embedOne = Effect.fnUntraced(
  function*(call: Call, input: Embedding.Input, question: Omit<Question, "inputs">) {
    const { inputTokens, vectors } = yield* embed(call, { ...question, inputs: [input] })
    return { inputTokens, vector: vectors[0] ?? new Float32Array(question.dimensions) }
  }
)

/**
 * A service that refuses the options is called again without them: its vectors are resized anyway. Texts are never too
 * long, which would have the whole batch embedded again: what exceeds the emulated model's limit was refused before,
 * and what exceeds the service's is truncated.
 */
const requestVectors = (call: Call, question: Question, inputs: ReadonlyArray<Embedding.Input>) =>
  inputs.length === 0 ? Effect.succeed(nothing) : callOnce(call, question, inputs)

const nothing: Embedded = { vectors: [], inputTokens: 0 }

const callOnce = Effect.fnUntraced(function*(
  { answering: model }: Call,
  { dimensions, explicit, purpose, truncate }: Question,
  inputs: ReadonlyArray<Embedding.Input>
): Effect.fn.Return<Embedded, ProviderError.ProviderError, EmbeddingService.EmbeddingService> {
  const service = yield* EmbeddingService.EmbeddingService
  const batch = yield* service.embedMany(inputs, {
    model,
    purpose,
    truncate: truncate === "start" ? "start" : "end",
    ...(explicit ? { dimensions } : undefined)
  }).pipe(
    Effect.catchTag(
      ["InvalidRequestError", "UnsupportedFeatureError"],
      () => service.embedMany(inputs, { model, truncate: "end" })
    )
  )
  return {
    vectors: batch.embeddings.map(({ vector }) => Vector.resize(vector, dimensions)),
    inputTokens: batch.usage.inputTokens ?? tokensOf(inputs)
  }
})

/** A text and its image have equal weight in their common vector; an image has no tokens. */
const embedTexts = Effect.fnUntraced(function*(
  call: Call,
  question: Question,
  inputs: ReadonlyArray<Embedding.Input>
) {
  const { inputTokens, vectors } = yield* requestVectors(
    call,
    question,
    inputs.flatMap((input) => Embedding.textOf(input) ?? [])
  )
  const ofTexts = vectors.values()
  const embedded: Embedded = {
    inputTokens,
    vectors: inputs.flatMap((input) => {
      const image = imageOf(input)
      if (image === undefined) return []
      const ofImage = Image.vectorOf(image, question.dimensions)
      const ofText = Embedding.textOf(input) === undefined ? undefined : ofTexts.next().value
      return [ofText === undefined ? ofImage : Vector.between(ofText, ofImage)]
    })
  }
  return embedded
})

const imageOf = (input: Embedding.Input) => typeof input === "string" ? undefined : input.image

const tokensOf = (inputs: ReadonlyArray<Embedding.Input>): number =>
  inputs.reduce((sum, input) => sum + Tokens.ofText(Embedding.textOf(input) ?? ""), 0)
