/**
 * The bodies of Cohere Embed, versions 3 and 4: up to 96 texts in, as many vectors out. Images are not embedded here.
 */
import type * as Embedding from "@strata/core/Embedding"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import * as Tokens from "../converse/Tokens.ts"
import * as Violation from "../Violation.ts"
import * as Embed from "./Embed.ts"
import * as Vector from "./Vector.ts"

const embeddingTypes = Schema.optionalKey(
  Schema.Array(Embed.oneOf(["float", "int8", "uint8", "binary", "ubinary"])).check(Embed.itemsBetween(1, 5))
)

const shared = {
  input_type: Embed.oneOf(["search_document", "search_query", "classification", "clustering", "image"]),
  images: Schema.optionalKey(Schema.Array(Schema.String)),
  embedding_types: embeddingTypes
}

const readV3 = Embed.reader(Schema.Struct({
  ...shared,
  texts: Schema.optionalKey(
    Schema.Array(Schema.String.check(Embed.textBetween(1, 2048))).check(Embed.itemsBetween(1, 96))
  ),
  truncate: Schema.optionalKey(Embed.oneOf(["NONE", "START", "END"]))
}))

const readV4 = Embed.reader(Schema.Struct({
  ...shared,
  texts: Schema.optionalKey(
    Schema.Array(Schema.String.check(Embed.textBetween(1, Infinity))).check(Embed.itemsBetween(1, 96))
  ),
  inputs: Schema.optionalKey(
    Schema.Array(Schema.Struct({
      content: Schema.Array(Schema.Struct({
        type: Embed.oneOf(["text", "image_url"]),
        text: Schema.optionalKey(Schema.String),
        image_url: Schema.optionalKey(Schema.Unknown)
      }))
    })).check(Embed.itemsBetween(1, 96))
  ),
  output_dimension: Schema.optionalKey(Schema.Int.check(Embed.oneOfNumbers([256, 512, 1024, 1536]))),
  max_tokens: Schema.optionalKey(Schema.Int),
  // the documentation says LEFT and RIGHT, the service takes START and END as well
  truncate: Schema.optionalKey(Embed.oneOf(["NONE", "START", "END", "LEFT", "RIGHT"]))
}))

/** Version 3: 1024 dimensions; a bare list of vectors unless `embedding_types` asks for them by type. */
export const v3 = Effect.fnUntraced(function*(body: unknown, model: string | undefined, id: string) {
  const request = yield* Effect.fromResult(readV3(body))
  const texts = yield* textsOf(request.texts, request.images)
  const { inputTokens, vectors } = yield* Embed.embed({
    inputs: texts,
    model,
    purpose: purposes[request.input_type],
    truncate: truncations[request.truncate ?? "NONE"],
    dimensions: 1024,
    explicit: false
  })
  return {
    inputTokens,
    body: request.embedding_types === undefined
      ? {
        id,
        embeddings: vectors.map((vector) => Array.from(vector)),
        response_type: "embeddings_floats",
        texts: texts.map((text) => text.toLowerCase())
      }
      : {
        id,
        embeddings: byType(vectors, request.embedding_types),
        response_type: "embeddings_by_type",
        texts: texts.map((text) => text.toLowerCase())
      }
  }
})

/** Version 4: 1536, 1024, 512 or 256 dimensions, always by type. */
export const v4 = Effect.fnUntraced(function*(body: unknown, model: string | undefined, id: string) {
  const request = yield* Effect.fromResult(readV4(body))
  const mixed = request.inputs?.map(({ content }) => content)
  if (mixed?.some((content) => content.some(({ type }) => type === "image_url")) === true) {
    return yield* imagesUnsupported
  }
  const texts = yield* textsOf(
    request.texts ?? mixed?.map((content) => content.map(({ text }) => text ?? "").join("\n")),
    request.images
  )
  const truncate = truncations[request.truncate ?? "NONE"]
  if (truncate === "none" && texts.some((text) => Tokens.ofText(text) > maxTokens)) return yield* AwsError.inputTooLong
  const { inputTokens, vectors } = yield* Embed.embed({
    inputs: texts,
    model,
    purpose: purposes[request.input_type],
    truncate,
    dimensions: request.output_dimension ?? 1536,
    explicit: request.output_dimension !== undefined
  })
  return {
    inputTokens,
    body: {
      id,
      embeddings: byType(vectors, request.embedding_types ?? ["float"]),
      response_type: "embeddings_by_type",
      texts
    }
  }
})

const maxTokens = 128_000

const purposes = {
  search_document: "document",
  search_query: "query",
  classification: "classification",
  clustering: "clustering",
  image: "document"
} as const satisfies Record<string, Embedding.Purpose>

const truncations = { NONE: "none", START: "start", LEFT: "start", END: "end", RIGHT: "end" } as const

const textsOf = (
  texts: ReadonlyArray<string> | undefined,
  images: ReadonlyArray<string> | undefined
): Effect.Effect<ReadonlyArray<string>, AwsError.AwsError> => {
  if (images !== undefined) return Effect.fail(imagesUnsupported)
  return texts === undefined
    ? Effect.fail(Violation.malformedInput("#: required key [texts] not found"))
    : Effect.succeed(texts)
}

const imagesUnsupported = AwsError.validation("This emulator embeds text only: it was asked to embed an image.")

const byType = (vectors: ReadonlyArray<Float32Array>, types: ReadonlyArray<Vector.NumberType>) =>
  Object.fromEntries(types.map((type) => [type, vectors.map((vector) => Vector.toNumbers(vector, type))]))
