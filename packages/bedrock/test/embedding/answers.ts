/**
 * The batches the models get and the bodies they answer, and what else the tests of the families share.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Base64 from "effect/encoding/Base64"
import * as Schema from "effect/Schema"

type Numbers = ReadonlyArray<number>

export const titan = (embedding: Numbers, inputTextTokenCount?: number) => ({ embedding, inputTextTokenCount })

export const titanByType = (float: Numbers, inputTextTokenCount?: number) => ({
  embeddingsByType: { float, binary: float.map((number) => number > 0 ? 1 : 0) },
  inputTextTokenCount
})

/** As Titan V2 answers when it is asked for bits only. */
export const titanBinary = (embedding: Numbers, binary: Numbers, inputTextTokenCount?: number) => ({
  embedding,
  embeddingsByType: { binary },
  inputTextTokenCount
})

export const cohere = (embeddings: ReadonlyArray<Numbers>) => ({
  id: "b5a3",
  embeddings,
  response_type: "embeddings_floats",
  texts: embeddings.map(() => "in lower case")
})

export const cohereByType = (embeddings: ReadonlyArray<Numbers>, type = "float") => ({
  id: "b5a3",
  embeddings: { [type]: embeddings },
  response_type: "embeddings_by_type",
  texts: embeddings.map(() => "in lower case")
})

export const nova = (embedding: Numbers, embeddingType = "TEXT") => ({ embeddings: [{ embeddingType, embedding }] })

export const marengo = (embedding: Numbers) => ({ data: [{ embedding }] })

export const bytes = (answer: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(answer))

/** `length` numbers, the first of them told. */
export const numbers = (length: number, first: number): Numbers =>
  Array.from({ length }, (_, index) => index === 0 ? first : 0)

/** Numbers a 32-bit float can hold. */
export const Float = Schema.Finite.check(Schema.isBetween({ minimum: -3e38, maximum: 3e38 }))

/** Numbers that no vector has: each makes whatever holds it malformed. */
export const notFinite = [NaN, 1e39, -1e39, null, "0.1", {}]

export const Options = Schema.Struct({
  model: Schema.String,
  purpose: Schema.Literals(["document", "query", "classification", "clustering"]),
  truncate: Schema.Literals(["none", "start", "end"]),
  vectorType: Schema.Literal("float"),
  normalize: Schema.optionalKey(Schema.Boolean)
})

export const Image = Schema.Struct({
  bytes: Schema.Uint8Array,
  mediaType: Schema.Literals(["image/png", "image/jpeg"])
})

export const resolved = (options?: Partial<Embedding.ResolvedOptions>): Embedding.ResolvedOptions => ({
  model: "m",
  purpose: "document",
  truncate: "none",
  vectorType: "float",
  ...options
})

type SomeOptions = Partial<Embedding.ResolvedOptions>

export const texts = (inputs: ReadonlyArray<string>, options?: SomeOptions): Embedding.BatchOf<"text", string> => ({
  kind: "text",
  inputs,
  options: resolved(options)
})

export const images = (
  images: ReadonlyArray<Embedding.Image>,
  options?: SomeOptions
): Embedding.BatchOf<"image", Embedding.ImageInput> => ({
  kind: "image",
  inputs: images.map((image) => ({ image })),
  options: resolved(options)
})

export const combined = (
  inputs: ReadonlyArray<Embedding.CombinedInput>,
  options?: SomeOptions
): Embedding.BatchOf<"combined", Embedding.CombinedInput> => ({ kind: "combined", inputs, options: resolved(options) })

/** Written without the code under test. */
export const base64 = ({ bytes }: Embedding.Image): string => Base64.encode(bytes)
