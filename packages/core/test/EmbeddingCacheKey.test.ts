import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as ProviderError from "../src/ProviderError.ts"
import { TestEmbedding } from "../src/testing/index.ts"
import * as Cached from "./EmbeddingCacheFixture.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

describe("The key of an embedding", () => {
  const variants: ReadonlyArray<Embedding.EmbeddingOptions> = [
    {},
    { model: "another" },
    { purpose: "query" },
    { dimensions: 8 },
    { normalize: true },
    { normalize: false },
    { truncate: "end" },
    { vectorType: "int8" },
    // Providers add their own options here.
    { providerOptions: { test: { a: 1, b: [1, 2] } } as Embedding.ProviderOptions },
    { providerOptions: { test: { a: 1, b: [1, "2"] } } as Embedding.ProviderOptions },
    { providerOptions: { test: { a: 1, b: Uint8Array.of(1, 2) } } as Embedding.ProviderOptions }
  ]

  it.effect("depends on every option", () => {
    const { kept, store } = Cached.openStore()
    return Effect.gen(function*() {
      for (const [index, options] of variants.entries()) {
        yield* EmbeddingService.embedMany(["a"], options)
        assert.strictEqual(kept.size, index + 1)
      }
      for (const options of variants) yield* EmbeddingService.embed("a", options)
      assert.strictEqual((yield* Cached.sent).length, variants.length)
    }).pipe(Effect.provide(Cached.layer({ store })))
  })

  it.effect("does not depend on spelled-out defaults, nor on the order of options", () =>
    Effect.gen(function*() {
      yield* EmbeddingService.embed("a", { providerOptions: { x: 1, y: 2 } as Embedding.ProviderOptions })
      yield* EmbeddingService.embed("a", {
        providerOptions: { y: 2, x: 1, z: undefined } as Embedding.ProviderOptions,
        truncate: "none",
        purpose: "document",
        vectorType: "float",
        model: "test-embedding",
        dimensions: undefined
      })
      assert.strictEqual((yield* Cached.sent).length, 1)
    }).pipe(Effect.provide(Cached.layer())))

  it.effect("does not depend on request metadata, of a call or among the defaults", () => {
    const { kept, store } = Cached.openStore()
    const tagged = (team: string) => ({
      providerOptions: { test: { requestMetadata: { team } } } as Embedding.ProviderOptions
    })
    const test = TestEmbedding.layer()
    const embed = (
      layer: Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError>,
      options?: Embedding.EmbeddingOptions
    ) =>
      EmbeddingService.embed("a", options).pipe(
        Effect.provide(Layer.provide(EmbeddingService.withCache(layer), store))
      )
    return Effect.gen(function*() {
      yield* embed(test)
      yield* embed(test, tagged("a"))
      yield* embed(test, tagged("b"))
      assert.strictEqual(kept.size, 1)
      yield* embed(EmbeddingService.withDefaults(test, { ...tagged("a"), dimensions: 8 }))
      yield* embed(EmbeddingService.withDefaults(test, { ...tagged("b"), dimensions: 8 }))
      assert.strictEqual(kept.size, 2)
    })
  })

  it.effect("depends on provider, default model and namespace", () => {
    const { kept, store } = Cached.openStore()
    const embed = (
      layer: Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError>,
      options?: Embedding.EmbeddingOptions
    ) => EmbeddingService.embed("a", options).pipe(Effect.provide(Layer.provide(layer, store)))
    const probe = Layer.effect(
      EmbeddingService.EmbeddingService,
      Effect.map(EmbeddingProbe.make({}), ({ service }) => service)
    )
    return Effect.gen(function*() {
      yield* embed(EmbeddingService.withCache(TestEmbedding.layer()))
      assert.strictEqual(kept.size, 1)
      yield* embed(EmbeddingService.withCache(TestEmbedding.layer({ model: "another" })))
      assert.strictEqual(kept.size, 2)
      yield* embed(EmbeddingService.withCache(probe), { model: "test-embedding" })
      assert.strictEqual(kept.size, 3)
      yield* embed(EmbeddingService.withCache({ namespace: "2" })(TestEmbedding.layer()))
      assert.strictEqual(kept.size, 4)
      yield* embed(EmbeddingService.withCache(TestEmbedding.layer()))
      assert.strictEqual(kept.size, 4)
    })
  })

  it.effect("tells similar texts apart, and has none for half a surrogate pair", () => {
    const { kept, store } = Cached.openStore()
    return Effect.gen(function*() {
      const texts = ["a", "A", "a ", "\ufffd", "\"a\"", "a\n"]
      yield* EmbeddingService.embedEach([...texts, "\ud800", "\udc00"])
      assert.strictEqual(kept.size, texts.length)
    }).pipe(Effect.provide(Cached.layer({ store })))
  })

  it.effect("does not exist for options with a function, which are not cached", () => {
    const { kept, store } = Cached.openStore()
    return Effect.gen(function*() {
      for (const odd of [() => 1, new Map([["a", 1]]), new Date(0), Symbol("a")]) {
        const options = { providerOptions: { odd } as Embedding.ProviderOptions }
        yield* EmbeddingService.embed("a", options)
        yield* EmbeddingService.embedMany(["a"], options)
        yield* EmbeddingService.embedEach(["a"], options)
      }
      assert.strictEqual(kept.size, 0)
      assert.strictEqual((yield* Cached.sent).length, 12)
    }).pipe(Effect.provide(Cached.layer({ store })))
  })

  it.effect("depends on bytes and media type of an image, and on the text beside it", () => {
    const { kept, store } = Cached.openStore()
    const image = (bytes: ReadonlyArray<number>, mediaType = "image/png") => ({
      bytes: Uint8Array.from(bytes),
      mediaType
    })
    const inputs: ReadonlyArray<() => Embedding.Input> = [
      () => "a",
      () => ({ image: image([1, 2]) }),
      () => ({ image: image([1, 3]) }),
      () => ({ image: image([1, 2], "image/jpeg") }),
      () => ({ image: image([1, 2]), text: "a" }),
      () => ({ image: image([1, 2]), text: "b" })
    ]
    return Effect.gen(function*() {
      for (const [index, input] of inputs.entries()) {
        const { vector } = yield* EmbeddingService.embed(input())
        assert.strictEqual(kept.size, index + 1)
        assert.deepStrictEqual((yield* EmbeddingService.embed(input())).vector, vector)
      }
      yield* EmbeddingService.embed({ text: "a" })
      assert.strictEqual(kept.size, inputs.length)
    }).pipe(
      Effect.provide(EmbeddingService.withCache(elsewhere("some-model")).pipe(Layer.provide(store)))
    )
  })

  it.effect("depends on the default model of a hand-made service, which is not cached without one", () => {
    const { kept, store } = Cached.openStore()
    const embed = (model: string | undefined) =>
      EmbeddingService.embed("a").pipe(
        Effect.provide(EmbeddingService.withCache(elsewhere(model)).pipe(Layer.provide(store)))
      )
    return Effect.gen(function*() {
      yield* embed(undefined)
      assert.strictEqual(kept.size, 0)
      yield* embed("one")
      yield* embed("two")
      yield* embed("one")
      assert.strictEqual(kept.size, 2)
    })
  })
})

/** A hand-made service: it takes anything but blank texts, and numbers its vectors. */
const elsewhere = (model: string | undefined) => {
  let count = 0
  const embed = (input: Embedding.Input) =>
    input === ""
      ? Effect.fail(new ProviderError.InvalidRequestError({ provider: "elsewhere", model, message: "blank" }))
      : Effect.sync((): Embedding.Embedding => ({ vector: Float32Array.of(count++), model: model ?? "?" }))
  return Layer.succeed(EmbeddingService.EmbeddingService, {
    defaultModel: model,
    embed,
    embedMany: (inputs) =>
      Effect.map(
        Effect.forEach(inputs, embed),
        (embeddings) => ({ embeddings, usage: { inputTokens: undefined }, model: model ?? "?", requests: 1 })
      ),
    embedEach: () => Effect.die("not asked for here"),
    embedStream: () => Stream.die("not asked for here")
  })
}
