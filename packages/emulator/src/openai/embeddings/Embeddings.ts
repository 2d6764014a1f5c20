/**
 * Handles `POST embeddings`.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as AwsError from "../../AwsError.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as HttpResponse from "../../http/HttpResponse.ts"
import * as Embed from "../../invoke/embedding/Embed.ts"
import type * as Call from "../Call.ts"
import type * as Models from "../Models.ts"
import * as OpenAiError from "../OpenAiError.ts"
import * as Reading from "../request/Reading.ts"

const { integer, list, object, oneOf, optional, text } = Reading

/** A request to a model of vectors. */
export interface EmbeddingCall extends Call.Call {
  readonly model: Models.EmbeddingModel
}

/**
 * The vectors of all inputs. Tokens stand for the text of their numbers, since the emulator has no tokenizer: equal
 * ones have equal vectors.
 */
export const create = Effect.fnUntraced(function*(call: EmbeddingCall) {
  const { answering, model, quirks, requestId, reserve, served } = call
  const body = yield* Effect.fromResult((call.lenient ? lenient : strict)(call.body, ""))
  const problem = problemOf(body, model)
  if (problem !== undefined) return yield* problem
  const dimensions = body.dimensions ?? model.dimensions
  const { inputTokens, vectors } = yield* Embed.embed({ body: call.body, answering, requestId, reserve }, {
    inputs: body.input.texts,
    purpose: "document",
    truncate: "none",
    dimensions,
    explicit: body.dimensions !== undefined
  })
  const base64 = body.encoding_format === "base64" && !quirks.has("float-vectors")
  return HttpResponse.json({
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: base64 ? Base64.encode(littleEndian(vector)) : Array.from(vector)
    })),
    model: served.named,
    ...(quirks.has("no-usage") ? undefined : { usage: { prompt_tokens: inputTokens, total_tokens: inputTokens } })
  })
})

interface Input {
  readonly texts: ReadonlyArray<string>
  readonly tokens: ReadonlyArray<number>
}

const ids = list(integer(0), 1)

/** A text, a list of texts, the tokens of a text, or a list of those. */
const Input: Reading.Reader<Input> = (value, at) => {
  const items: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
  if (items.length === 0 || items.length > maxInputs) {
    return Result.map(list(Reading.anything, 1, maxInputs)(value, at), () => ({ texts: [], tokens: [] }))
  }
  const read = items.some(Predicate.isNumber)
    ? Result.map(ids(items, at), (tokens) => [tokens])
    : items.some(Array.isArray)
    ? list(ids)(items, at)
    : undefined
  if (read !== undefined) {
    return Result.map(read, (inputs) => ({
      texts: inputs.map((tokens) => tokens.join(" ")),
      tokens: inputs.map(({ length }) => length)
    }))
  }
  const isList = Array.isArray(value)
  return Result.map(
    Result.all(items.map((item, index) => text({ min: 1 })(item, isList ? `${at}[${index}]` : at))),
    (texts) => ({ texts, tokens: texts.map(Tokens.ofText) })
  )
}

const fields = {
  input: Input,
  model: optional(text()),
  dimensions: optional(integer(1)),
  encoding_format: optional(oneOf(["float", "base64"])),
  user: optional(text())
}

const strict = object(fields, "unrecognized")

const lenient = object(fields, "ignored")

/** API reference, "Create embeddings". */
const [maxInputs, maxTokens, maxTokensOfAll] = [2048, 8192, 300_000]

const problemOf = (
  { dimensions, input }: Reading.Type<typeof strict>,
  model: Models.EmbeddingModel
): AwsError.AwsError | undefined => {
  const { invalid } = OpenAiError
  const long = input.tokens.findIndex((tokens) => tokens > maxTokens)
  if (long >= 0) {
    return invalid(
      `Invalid 'input${input.tokens.length > 1 ? `[${long}]` : ""}': maximum context length is ${maxTokens} tokens.`,
      "input",
      "context_length_exceeded"
    )
  }
  if (input.tokens.reduce((sum, tokens) => sum + tokens, 0) > maxTokensOfAll) {
    return invalid(
      `Invalid 'input': maximum request size is ${maxTokensOfAll} tokens per request.`,
      "input",
      "max_tokens_per_request"
    )
  }
  if (dimensions === undefined) return undefined
  if (!model.shortens) return invalid("This model does not support specifying dimensions.", "dimensions")
  return dimensions > model.dimensions
    ? invalid(
      `Invalid value for 'dimensions' = ${dimensions}. Must be less than or equal to ${model.dimensions}.`,
      "dimensions"
    )
    : undefined
}

const littleEndian = (vector: Float32Array): Uint8Array => {
  const bytes = new Uint8Array(vector.length * 4)
  const view = new DataView(bytes.buffer)
  vector.forEach((value, index) => view.setFloat32(index * 4, value, true))
  return bytes
}
