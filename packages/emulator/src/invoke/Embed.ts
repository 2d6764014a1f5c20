/**
 * What the embedding families share: reading a body by its JSON schema, and asking the embedding service for vectors of
 * the right size.
 */
import * as Embedding from "@strata/core/Embedding"
import * as EmbeddingService from "@strata/core/EmbeddingService"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Answer from "../Answer.ts"
import * as AwsError from "../AwsError.ts"
import * as Tokens from "../converse/Tokens.ts"
import * as Violation from "../Violation.ts"
import * as Image from "./Image.ts"
import * as Vector from "./Vector.ts"

/** A reader of request bodies that fails the way a model's own JSON schema does. */
export const reader = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })
  return (body: unknown): Result.Result<S["Type"], AwsError.AwsError> =>
    Result.mapError(decode(body), ({ issue }) => Violation.toMalformedInput(Violation.collect(issue, body)))
}

/** One of these numbers. */
export const oneOfNumbers = (values: ReadonlyArray<number>) =>
  Schema.makeFilter<number>((value) => values.includes(value) || `${value} is not a valid enum value`)

/** A text between so many characters. */
export const textBetween = (minimum: number, maximum: number) =>
  Schema.makeFilter<string>((text) =>
    text.length < minimum
      ? `expected minLength: ${minimum}, actual: ${text.length}`
      : text.length <= maximum || `expected maxLength: ${maximum}, actual: ${text.length}`
  )

/** A list between so many items. */
export const itemsBetween = (minimum: number, maximum: number) =>
  Schema.makeFilter<ReadonlyArray<unknown>>((items) =>
    items.length < minimum
      ? `expected minimum item count: ${minimum}, found: ${items.length}`
      : items.length <= maximum || `expected maximum item count: ${maximum}, found: ${items.length}`
  )

/** One of these texts. */
export const oneOf = <const Values extends ReadonlyArray<string>>(values: Values) =>
  Schema.String.pipe(
    Schema.refine((text): text is Values[number] => values.includes(text), {
      message: "{value} is not a valid enum value"
    })
  )

/** What is embedded, and how. `explicit`: the request itself named the number of dimensions. */
export interface Question {
  readonly inputs: ReadonlyArray<Embedding.Input>
  readonly model: string | undefined
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
 * Asks the embedding service. One that refuses the options is asked again without them: its vectors are fitted to the
 * asked dimensions in any case, and the limits of the emulated model were checked before. Instead of one that refuses
 * images, {@link Image.vectorOf} makes the vectors of the images.
 */
export const embed = (question: Question): Effect.Effect<
  Embedded,
  AwsError.AwsError,
  EmbeddingService.EmbeddingService
> => {
  const refusable = question.inputs.some((input) => imageOf(input) !== undefined)
  return ask(question).pipe(
    Effect.catchTag(
      ["InvalidRequestError", "UnsupportedFeatureError"],
      (error) => refusable ? askForTexts(question) : Effect.fail(error)
    ),
    Effect.mapError(AwsError.fromProviderError)
  )
}

const ask = Effect.fnUntraced(function*(question: Question) {
  const { dimensions, explicit, inputs, model, purpose, truncate } = question
  const service = yield* EmbeddingService.EmbeddingService
  const options = { model, purpose, truncate, ...(explicit ? { dimensions } : undefined) }
  const batch = yield* service.embedMany(inputs, options).pipe(
    Effect.catchTag(
      ["InvalidRequestError", "UnsupportedFeatureError", "ContextLengthExceededError"],
      () => service.embedMany(inputs, { model, truncate: "end" })
    )
  )
  const embedded: Embedded = {
    vectors: batch.embeddings.map(({ vector }) => Vector.resize(vector, dimensions)),
    inputTokens: batch.usage.inputTokens ??
      inputs.reduce((sum, input) => sum + Tokens.ofText(Embedding.textOf(input) ?? ""), 0)
  }
  return embedded
})

/** A text and its image count alike in the vector of both; an image has no tokens. */
const askForTexts = Effect.fnUntraced(function*(question: Question) {
  const { dimensions, inputs } = question
  const texts = inputs.flatMap((input) => Embedding.textOf(input) ?? [])
  const answered: Embedded = texts.length === 0
    ? { vectors: [], inputTokens: 0 }
    : yield* ask({ ...question, inputs: texts })
  const ofTexts = answered.vectors.values()
  const vectors = inputs.map((input) => {
    const ofText = Embedding.textOf(input) === undefined ? undefined : ofTexts.next().value
    const image = imageOf(input)
    if (image === undefined) return ofText ?? new Float32Array(dimensions)
    const ofImage = Image.vectorOf(image, dimensions)
    return ofText === undefined ? ofImage : Vector.between(ofText, ofImage)
  })
  const embedded: Embedded = { vectors, inputTokens: answered.inputTokens }
  return embedded
})

const imageOf = (input: Embedding.Input) => typeof input === "string" ? undefined : input.image

/** What a family answers: the body, and the tokens for the header, where the service sends it. */
export interface Invoked {
  readonly body: unknown
  readonly inputTokens: number | undefined
}

/** The answer, with the headers of InvokeModel. */
export const toAnswer = ({ body, inputTokens }: Invoked, latencyMs: number): Answer.Answer =>
  Answer.json(body, {
    ...(inputTokens === undefined ? undefined : { "x-amzn-bedrock-input-token-count": String(inputTokens) }),
    "x-amzn-bedrock-invocation-latency": String(latencyMs)
  })
