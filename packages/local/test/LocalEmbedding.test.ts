import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Result from "effect/Result"
import { fileURLToPath } from "node:url"
import * as LocalEmbedding from "../src/LocalEmbedding.ts"
import * as Ranking from "../src/Ranking.ts"

const embedMany = (inputs: ReadonlyArray<Embedding.Input>, options?: Embedding.EmbeddingOptions) =>
  EmbeddingService.EmbeddingService.use((service) => service.embedMany(inputs, options))

const embedEach = (inputs: ReadonlyArray<Embedding.Input>, options?: Embedding.EmbeddingOptions) =>
  EmbeddingService.EmbeddingService.use((service) => service.embedEach(inputs, options))

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `This is the text with number ${index}.`)

const Services = Layer.merge(LocalEmbedding.layer(), NodeServices.layer)

describe("LocalEmbedding", () => {
  layer(Services, { excludeTestServices: true })((it) => {
    it.effect("makes 512 numbers of unit length and counts tokens", () =>
      Effect.gen(function*() {
        const { embeddings, model, usage } = yield* embedMany(["How do I reset my password?"])
        const vector = embeddings[0]?.vector
        assert.instanceOf(vector, Float32Array)
        assert.lengthOf(vector, LocalEmbedding.dimensions)
        assert.closeTo(vector.reduce((sum, x) => sum + x * x, 0), 1, 1e-5)
        assert.strictEqual(vector.buffer.byteLength, 4 * LocalEmbedding.dimensions)
        assert.strictEqual(model, LocalEmbedding.model)
        assert.strictEqual(usage.inputTokens, 8)
      }))

    it.effect("places related sentences closer than unrelated ones", () =>
      Effect.gen(function*() {
        const { embeddings } = yield* embedMany([
          "How do I reset my password?",
          "I forgot my login",
          "The cake needs two eggs and some butter"
        ])
        const [question = [], related = [], unrelated = []] = embeddings.map(({ vector }) => vector)
        assert.isAbove(Ranking.cosine(question, related), 0.5)
        assert.isBelow(Ranking.cosine(question, unrelated), 0.3)
      }))

    it.effect("keeps the order over several batches", () =>
      Effect.gen(function*() {
        const texts = numbered(40)
        const batch = yield* embedMany(texts)
        const [last] = (yield* embedMany(texts.slice(-1))).embeddings
        const closest = batch.embeddings
          .map(({ vector }, index) => ({ index, closeness: Ranking.cosine(vector, last?.vector ?? []) }))
          .toSorted((a, b) => b.closeness - a.closeness)[0]
        assert.strictEqual(batch.requests, 3)
        assert.strictEqual(closest?.index, 39)
        assert.closeTo(closest?.closeness ?? 0, 1, 1e-5)
      }))

    it.effect("a blank text, in the middle or at the end, spoils only itself", () =>
      Effect.gen(function*() {
        const { results } = yield* embedEach(["one", "", "two", " \n"])
        assert.deepStrictEqual(results.map(Result.isSuccess), [true, false, true, false])
        const [two] = (yield* embedMany(["two"])).embeddings
        assert.closeTo(Ranking.cosine(Result.getOrThrow(results[2]!).vector, two?.vector ?? []), 1, 1e-5)
        assert.strictEqual((yield* Effect.flip(embedMany(["one", ""])))._tag, "InvalidRequestError")
      }))

    it.effect("refuses a text the model would not read to its end, unless the end may be cut", () =>
      Effect.gen(function*() {
        const long = "the ".repeat(129)
        const { results } = yield* embedEach(["short", long])
        assert.deepStrictEqual(results.map(Result.isSuccess), [true, false])
        assert.strictEqual((yield* embedMany([long], { truncate: "end" })).usage.inputTokens, 128)
        assert.lengthOf((yield* embedMany(["the ".repeat(5000)], { truncate: "end" })).embeddings, 1)
        const kept = yield* embedMany([`red blue ${long}`, "short"], { truncate: "start" })
        assert.isAtMost(kept.usage.inputTokens ?? 0, 128 + 3)
        assert.isAtLeast(kept.usage.inputTokens ?? 0, 100)
      }))

    it.effect("embeds a long text in pieces, however many tokens its characters make", () =>
      Effect.gen(function*() {
        const long = "the ".repeat(200)
        const { embeddings: [embedding], requests } = yield* embedMany([long], { truncate: "chunk" })
        assert.strictEqual(requests, 2)
        assert.closeTo(Ranking.cosine(embedding!.vector, embedding!.vector), 1, 1e-5)
      }))

    it.effect("takes no images", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(embedMany([{ image: { bytes: Uint8Array.of(1), mediaType: "image/png" } }]))
        assert.strictEqual(error._tag, "UnsupportedFeatureError")
      }))

    it.effect("says what is wrong with options it has no answer to", () =>
      Effect.gen(function*() {
        const refused = (options: Embedding.EmbeddingOptions) => Effect.flip(embedMany(["text"], options))
        const error = yield* refused({ dimensions: 256 })
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.include(error.message, "dimensions")
        assert.include(error.message, "512")
        assert.strictEqual((yield* refused({ normalize: false }))._tag, "InvalidRequestError")
        assert.include((yield* refused({ vectorType: "int8" })).message, "vectorType")
        assert.strictEqual((yield* refused({ model: "another" }))._tag, "ModelNotFoundError")
        assert.lengthOf(
          (yield* embedMany(["text"], { dimensions: 512, normalize: true, purpose: "query" })).embeddings,
          1
        )
      }))

    it.effect("leaves the event loop free while it works", () =>
      Effect.gen(function*() {
        let ticks = 0
        const ticking = yield* Effect.forkChild(
          Effect.forever(Effect.andThen(Effect.sleep("5 millis"), () => Effect.sync(() => ticks++)))
        )
        yield* embedMany(numbered(32).map((text) => text + " And some more words, so that there is work to do."))
        yield* Fiber.interrupt(ticking)
        assert.isAbove(ticks, 15)
      }))

    it.effect("lets a program end that never closed the layer", () =>
      Effect.gen(function*() {
        const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
        const script = fileURLToPath(new URL("./fixtures/endsByItself.ts", import.meta.url))
        const output = yield* spawner.string(ChildProcess.make(process.execPath, [script])).pipe(
          Effect.timeout("10 seconds")
        )
        assert.strictEqual(output, "512\n")
      }), 15_000)
  })
})
