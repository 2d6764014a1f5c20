/**
 * What the embedding families share: asking the embedding service for vectors of the right size, under the quota of the
 * model.
 */
import * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as AwsError from "../../AwsError.ts"
import * as Tokens from "../../converse/Tokens.ts"
import type * as Quota from "../../Quota.ts"
import * as Image from "./Image.ts"
import * as Vector from "./Vector.ts"

/**
 * One request for vectors.
 *
 * - `answering`: the model name the embedding service is told, if any.
 * - `reserve`: finds room for its texts in the quota of the model.
 */
export interface Call {
  readonly body: unknown
  readonly answering: string | undefined
  readonly requestId: string
  readonly reserve: Quota.Reserve
}

/** What a family responds: the body, and the tokens for the header, where the service sends it. */
export interface Invoked {
  readonly body: unknown
  readonly inputTokens: number | undefined
}

/** How the body of a request becomes vectors, and these the body of the response. */
export type Family = (
  call: Call
) => Effect.Effect<Invoked, AwsError.AwsError, EmbeddingService.EmbeddingService | Scope.Scope>

/**
 * What is embedded, and how. Texts are within the limits of the emulated model already; `truncate` is for an embedding
 * service with lower ones. `explicit`: the request itself named the number of dimensions.
 */
export interface Question {
  readonly inputs: ReadonlyArray<Embedding.Input>
  readonly purpose: Embedding.Purpose
  readonly truncate: "none" | "start" | "end"
  readonly dimensions: number
  readonly explicit: boolean
}

/** A text alone is the text itself. */
export const inputOf = ({ image, text }: Embedding.ContentInput): Embedding.Input =>
  image === undefined ? text ?? "" : { text, image }

/** One vector for each input, of the asked size, and the tokens of all of them. */
export interface Embedded {
  readonly vectors: ReadonlyArray<Float32Array>
  readonly inputTokens: number
}

/**
 * Reserves the texts in the quota, asks the embedding service, and settles what it counted.
 *
 * Inputs with images are asked for by themselves: a service that refuses images is asked for their texts, and
 * {@link Image.vectorOf} makes the vectors of the images. No other input is embedded again for that.
 */
export const embed = Effect.fnUntraced(function*(call: Call, question: Question) {
  const { inputs } = question
  const reservation = yield* call.reserve({ input: tokensOf(inputs), output: 0 })
  const texts = yield* ask(call, question, inputs.filter((input) => imageOf(input) === undefined))
  const pictured = inputs.filter((input) => imageOf(input) !== undefined)
  const others = yield* ask(call, question, pictured).pipe(
    Effect.catchTag(["InvalidRequestError", "UnsupportedFeatureError"], () => askForTexts(call, question, pictured))
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
 * A service that refuses the options is asked again without them: its vectors are fitted to the asked dimensions in any
 * case. It never refuses a text for its length, which would have the whole batch embedded again: what is too long for the
 * emulated model was refused before, and what is too long for the service is cut.
 */
const ask = (call: Call, question: Question, inputs: ReadonlyArray<Embedding.Input>) =>
  inputs.length === 0 ? Effect.succeed(nothing) : askAll(call, question, inputs)

const nothing: Embedded = { vectors: [], inputTokens: 0 }

const askAll = Effect.fnUntraced(function*(
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

/** A text and its image count alike in the vector of both; an image has no tokens. */
const askForTexts = Effect.fnUntraced(function*(
  call: Call,
  question: Question,
  inputs: ReadonlyArray<Embedding.Input>
) {
  const { inputTokens, vectors } = yield* ask(call, question, inputs.flatMap((input) => Embedding.textOf(input) ?? []))
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
