/** One vector for each input, in order, of the type and length that were asked for. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Embedder from "../../../embedding/Embedder.ts"
import type * as Embedding from "../../../embedding/Embedding.ts"
import * as Vector from "../../../embedding/Vector.ts"
import { type Test, test } from "./embeddingModel.ts"
import type * as EmbeddingSubject from "./embeddingSubject.ts"
import { failure, holds, refusal as refused, same } from "./expect.ts"
import * as Media from "./media.ts"

/** Different texts, more of them than a request of any model holds. */
const texts = Array.from({ length: 220 }, (_, index) => `document number ${index} about subject ${index % 7}`)

const image: Embedding.Image = {
  bytes: "bytes" in Media.image.source ? Media.image.source.bytes : new Uint8Array(),
  mediaType: Media.image.mediaType
}

/** The vector of a text by itself. */
const alone = (service: Embedder.Embedder, text: string) => Effect.map(service.embed(text), ({ vector }) => vector)

/** The same direction: a model may round another way in another batch. */
const alike = (self: Embedding.Vector | undefined, that: Embedding.Vector | undefined, what: string) =>
  holds(
    self instanceof Float32Array && that instanceof Float32Array && Vector.cosine(self, that) > 0.999,
    `${what} should be the same vector`
  )

export const tests: ReadonlyArray<Test> = [
  test("embeds a text as numbers of its dimensions", [], (service, { subject }) =>
    Effect.gen(function*() {
      const { model, vector } = yield* service.embed("the quick brown fox")
      yield* holds(vector instanceof Float32Array, "the vector should be a Float32Array")
      yield* same(vector.length, subject.dimensions, "the length of the vector")
      yield* holds(vector.some((value) => value !== 0), "the vector should not be zero")
      yield* holds(vector.every((value) => Number.isFinite(value)), "every number should be finite")
      yield* holds(model.length > 0, "the embedding should name its model")
    })),

  test("keeps the order of many texts", [], (service) =>
    Effect.gen(function*() {
      const { embeddings } = yield* service.embedMany(texts)
      yield* same(embeddings.length, texts.length, "the number of vectors")
      yield* Effect.forEach([0, 1, 100, 219], (index) =>
        Effect.flatMap(alone(service, texts[index] ?? ""), (vector) =>
          alike(embeddings[index]?.vector, vector, `input ${index} of many, and alone,`)))
    })),

  test("gives equal texts equal vectors", [], (service) =>
    Effect.gen(function*() {
      const { embeddings } = yield* service.embedMany(["a b", "c d", "a b", "c d", "a b"])
      const [first, second, third, fourth, fifth] = embeddings.map(({ vector }) => vector)
      yield* alike(first, third, "the first and the third text")
      yield* alike(first, fifth, "the first and the fifth text")
      yield* alike(second, fourth, "the second and the fourth text")
    })),

  test("places texts closer that share their words", [], (service) =>
    Effect.gen(function*() {
      const { embeddings } = yield* service.embedMany([
        "the cat sat on the mat",
        "a cat sat on a mat",
        "quarterly revenue of the steel industry"
      ])
      const [cat, other, steel] = embeddings.map(({ vector }) => vector)
      yield* holds(
        cat instanceof Float32Array && other instanceof Float32Array && steel instanceof Float32Array &&
          Vector.cosine(cat, other) > Vector.cosine(cat, steel),
        "texts with the same words should be closer"
      )
    })),

  test("embeds no texts as none, without a request", [], (service, { seen }) =>
    Effect.gen(function*() {
      const batch = yield* service.embedMany([])
      yield* same([batch.embeddings.length, batch.requests], [0, 0], "vectors and requests")
      yield* same((yield* service.embedEach([])).results.length, 0, "the number of results")
      yield* same((yield* seen).length, 0, "the number of texts that reach the model")
    })),

  test("embeds text of any script", [], (service) =>
    Effect.gen(function*() {
      const { embeddings } = yield* service.embedMany(["東京 🏔️", "שלום", "a\nb\tc", "x\u2028y", "\"quoted\" \\"])
      yield* same(embeddings.length, 5, "the number of vectors")
    })),

  test(
    "takes every purpose",
    [],
    (service, { subject }) =>
      Effect.forEach(
        ["document", "query"] as const,
        (purpose) =>
          Effect.flatMap(service.embed("the quick brown fox", { purpose }), ({ vector }) =>
            same(vector.length, subject.dimensions, "the length of the vector"))
      )
  ),

  test(
    "gives as many dimensions as asked for",
    ["dimensions"],
    (service, { subject: { dimensions, fewer } }) =>
      Effect.gen(function*() {
        const asked = fewer ?? dimensions
        const { vector } = yield* service.embed("the quick brown fox", { dimensions: asked })
        yield* same(vector.length, asked, "the length of the vector")
      })
  ),

  test("gives bytes as int8", ["int8"], (service, { subject }) =>
    Effect.gen(function*() {
      const { vector } = yield* service.embed("the quick brown fox", { vectorType: "int8" })
      yield* holds(vector instanceof Int8Array, "the vector should be an Int8Array")
      yield* same(vector.length, subject.dimensions, "the length of the vector")
    })),

  test("gives bits as binary", ["binary"], (service, { subject }) =>
    Effect.gen(function*() {
      const { vector } = yield* service.embed("the quick brown fox", { vectorType: "binary" })
      yield* holds(vector instanceof Uint8Array, "the vector should be a Uint8Array")
      yield* same(vector.length, Math.ceil(subject.dimensions / 8), "the length of the vector")
    })),

  test(
    "embeds an image",
    ["images"],
    (service, { subject }) =>
      Effect.flatMap(
        service.embed({ image }),
        ({ vector }) => same(vector.length, subject.dimensions, "the length of the vector")
      )
  ),

  test(
    "embeds a text with an image",
    ["combined"],
    (service, { subject }) =>
      Effect.flatMap(
        service.embed({ text: "a pixel", image }),
        ({ vector }) => same(vector.length, subject.dimensions, "the length of the vector")
      )
  ),

  test(
    "counts tokens",
    ["usage"],
    (service) =>
      Effect.flatMap(service.embedMany(["one two three", "four five"]), ({ requests, usage }) =>
        Effect.andThen(
          holds((usage.inputTokens ?? 0) > 0, "the usage should count the tokens"),
          holds(requests > 0, "the requests should be counted")
        ))
  ),

  test("streams embeddings in order, each with its value", [], (service) =>
    Effect.gen(function*() {
      const values = texts.slice(0, 120).map((text, index) => ({ text, index }))
      const embedded = yield* Stream.runCollect(service.embedStream(Stream.fromIterable(values), ({ text }) => text))
      yield* same(embedded.map(({ value }) => value.index), values.map(({ index }) => index), "the order")
      const last = embedded.at(-1)
      yield* alike(last?.embedding.vector, yield* alone(service, last?.value.text ?? ""), "the last, and alone,")
    })),

  test("embeds calls that run at once, each its own", [], (service) =>
    Effect.gen(function*() {
      const some = texts.slice(0, 20)
      const vectors = yield* Effect.forEach(some, (text) => alone(service, text), { concurrency: "unbounded" })
      const { embeddings } = yield* service.embedMany(some)
      yield* Effect.forEach(vectors, (vector, index) => alike(vector, embeddings[index]?.vector, `text ${index}`))
    })),

  test(
    "refuses what is no input, with its place, and sends nothing",
    [],
    (service, { seen }) =>
      Effect.gen(function*() {
        for (const [what, input] of wrong) {
          // A wrong value stands for what a program without types may pass.
          yield* refused(service.embed(input as never), what)
          const error = yield* failure(service.embedMany(["fine", input as never]), `${what} among others`)
          const field = "field" in error ? error.field : undefined
          yield* holds(
            field?.startsWith("inputs[1]") === true,
            `${what} should be refused at inputs[1], not at ${field}`
          )
        }
        yield* same((yield* seen).length, 0, "the number of texts that reach the model")
      })
  ),

  test("fails one bad input of many by itself", [], (service) =>
    Effect.gen(function*() {
      const { results } = yield* service.embedEach(["one", "", "two"])
      yield* same(results.map(Result.isSuccess), [true, false, true], "which inputs have a vector")
    }))
]

const wrong: ReadonlyArray<readonly [string, unknown]> = [
  ["no text", ""],
  ["blank text", " \n\t"],
  ["half a surrogate pair", "a\ud800"],
  ["a number", 1],
  ["null", null],
  ["an object of nothing", {}]
]

const asking: { readonly [F in EmbeddingSubject.Feature]?: readonly [Embedding.Input, Embedding.EmbeddingOptions] } = {
  dimensions: ["Hi", { dimensions: 7 }],
  int8: ["Hi", { vectorType: "int8" }],
  binary: ["Hi", { vectorType: "binary" }],
  images: [{ image }, {}],
  combined: [{ text: "Hi", image }, {}]
}

/** The test that a feature is refused. */
export const refusal = (feature: EmbeddingSubject.Feature): Test | undefined => {
  const request = asking[feature]
  return request &&
    test(`refuses ${feature} before anything is sent`, [], (service, { seen }) =>
      Effect.gen(function*() {
        const error = yield* failure(service.embed(...request), feature)
        yield* holds(
          error._tag === "UnsupportedFeatureError" || error._tag === "InvalidRequestError",
          `${feature} should be refused, and fails with ${error._tag}: ${error.message}`
        )
        yield* same((yield* seen).length, 0, "the number of inputs that reach the model")
      }))
}
