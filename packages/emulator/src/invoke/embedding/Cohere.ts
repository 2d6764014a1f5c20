/**
 * The bodies of Cohere Embed, versions 3 and 4: up to 96 texts in, as many vectors out; or images, one with version 3 and
 * up to 96 with version 4, which also takes both in one vector.
 */
import * as Embedding from "@strata/core/embedding/Embedding"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../../AwsError.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as Violation from "../../Violation.ts"
import * as Body from "../Body.ts"
import * as Embed from "./Embed.ts"
import * as Image from "./Image.ts"
import * as Vector from "./Vector.ts"

const embeddingTypes = Schema.optionalKey(
  Schema.Array(Body.oneOf(["float", "int8", "uint8", "binary", "ubinary"])).check(Body.itemsBetween(1, 5))
)

const shared = {
  input_type: Body.oneOf(["search_document", "search_query", "classification", "clustering", "image"]),
  embedding_types: embeddingTypes
}

const readV3 = Body.reader(Schema.Struct({
  ...shared,
  texts: Schema.optionalKey(
    Schema.Array(Schema.String.check(Body.textBetween(1, 2048))).check(Body.itemsBetween(1, 96))
  ),
  images: Schema.optionalKey(Schema.Array(Image.dataUri(["jpeg", "png"])).check(Body.itemsBetween(1, 1))),
  truncate: Schema.optionalKey(Body.oneOf(["NONE", "START", "END"]))
}))

const ImageV4 = Image.dataUri(["png", "jpeg", "webp", "gif"])

const Content = Schema.Struct({
  type: Body.oneOf(["text", "image_url"]),
  text: Schema.optionalKey(Schema.String.check(Body.textBetween(1, Infinity))),
  // the service accepts the URI itself and, like Cohere's own API, an object around it
  image_url: Schema.optionalKey(Schema.Union([ImageV4, Schema.Struct({ url: ImageV4 })]))
})

const readV4 = Body.reader(Schema.Struct({
  ...shared,
  texts: Schema.optionalKey(
    Schema.Array(Schema.String.check(Body.textBetween(1, Infinity))).check(Body.itemsBetween(1, 96))
  ),
  inputs: Schema.optionalKey(
    Schema.Array(Schema.Struct({ content: Schema.Array(Content) })).check(Body.itemsBetween(1, 96))
  ),
  images: Schema.optionalKey(Schema.Array(ImageV4).check(Body.itemsBetween(1, 96))),
  output_dimension: Schema.optionalKey(Schema.Int.check(Body.oneOfNumbers([256, 512, 1024, 1536]))),
  max_tokens: Schema.optionalKey(Schema.Int),
  // LEFT and RIGHT are documented, the service also accepts START and END
  truncate: Schema.optionalKey(Body.oneOf(["NONE", "START", "END", "LEFT", "RIGHT"]))
}))

/** Version 3: 1024 dimensions; a bare list of vectors unless `embedding_types` requests them by type. */
export const v3 = Effect.fnUntraced(function*(call: Embed.Call) {
  const id = call.requestId
  const request = yield* Effect.fromResult(readV3(call.body))
  const inputs = yield* Effect.fromResult(inputsOf(request))
  if (request.input_type === "image" && request.images === undefined) return yield* missing("images")
  if (request.input_type !== "image" && request.images !== undefined) return yield* missing("texts")
  const { inputTokens, vectors } = yield* Embed.embed(call, {
    inputs,
    purpose: purposes[request.input_type],
    truncate: truncations[request.truncate ?? "NONE"],
    dimensions: 1024,
    explicit: false
  })
  const texts = request.texts?.map((text) => text.toLowerCase()) ?? []
  return {
    inputTokens,
    body: request.embedding_types === undefined
      ? { id, embeddings: vectors.map((vector) => Array.from(vector)), response_type: "embeddings_floats", texts }
      : { id, embeddings: byType(vectors, request.embedding_types), response_type: "embeddings_by_type", texts }
  }
})

/** Version 4: 1536, 1024, 512 or 256 dimensions, always by type. */
export const v4 = Effect.fnUntraced(function*(call: Embed.Call) {
  const request = yield* Effect.fromResult(readV4(call.body))
  const inputs = yield* Effect.fromResult(inputsOf(request))
  const truncate = truncations[request.truncate ?? "NONE"]
  if (truncate === "none" && inputs.some((input) => Tokens.ofText(Embedding.textOf(input) ?? "") > maxTokens)) {
    return yield* AwsError.inputTooLong
  }
  const { inputTokens, vectors } = yield* Embed.embed(call, {
    inputs,
    purpose: purposes[request.input_type],
    truncate,
    dimensions: request.output_dimension ?? 1536,
    explicit: request.output_dimension !== undefined
  })
  return {
    inputTokens,
    body: {
      id: call.requestId,
      embeddings: byType(vectors, request.embedding_types ?? ["float"]),
      response_type: "embeddings_by_type",
      texts: request.texts ?? []
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

interface Contents {
  readonly texts?: ReadonlyArray<string>
  readonly images?: ReadonlyArray<Embedding.Image>
  readonly inputs?: ReadonlyArray<{ readonly content: ReadonlyArray<typeof Content.Type> }>
}

/** The inputs: texts, images or mixed inputs, exactly one of the three. */
const inputsOf = (
  { images, inputs, texts }: Contents
): Result.Result<ReadonlyArray<Embedding.Input>, AwsError.AwsError> => {
  const given = [images, inputs, texts].filter((list) => list !== undefined).length
  if (given > 1) return Result.fail(Violation.malformedInput(`#: ${given} subschemas matched instead of one`))
  if (inputs !== undefined) return Result.all(inputs.map(({ content }, index) => mixed(content, `#/inputs/${index}`)))
  const list = texts ?? images?.map((image) => ({ image }))
  return list === undefined ? Result.fail(missing("texts")) : Result.succeed(list)
}

const mixed = (
  content: ReadonlyArray<typeof Content.Type>,
  at: string
): Result.Result<Embedding.Input, AwsError.AwsError> => {
  if (content.length === 0) {
    return Result.fail(Violation.malformedInput(`${at}/content: expected minimum item count: 1, found: 0`))
  }
  for (const [index, item] of content.entries()) {
    if (item[item.type] === undefined) return Result.fail(missing(item.type, `${at}/content/${index}`))
  }
  const texts = content.flatMap(({ text }) => text ?? [])
  const [image, ...others] = content.flatMap(({ image_url }) =>
    image_url === undefined ? [] : "url" in image_url ? image_url.url : image_url
  )
  if (others.length > 0) return Result.fail(oneImageOnly)
  const text = texts.length === 0 ? undefined : texts.join("\n")
  return Result.succeed(Embed.inputOf({ text, image }))
}

const missing = (key: string, at = "#") => Violation.malformedInput(`${at}: required key [${key}] not found`)

const oneImageOnly = AwsError.validation("This emulator embeds one image in each of the inputs.")

const byType = (vectors: ReadonlyArray<Float32Array>, types: ReadonlyArray<Vector.NumberType>) =>
  Object.fromEntries(types.map((type) => [type, vectors.map((vector) => Vector.toNumbers(vector, type))]))
