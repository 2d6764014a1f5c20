import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Embedding from "../src/embedding/Embedding.ts"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as Policy from "../src/policy/Policy.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Item = Schema.Struct({
  kind: Schema.Literals(["text", "image", "combined", "nothing", "blank", "no bytes", "tiff", "large"]),
  number: between(1, 9)
})
type Item = typeof Item.Type

const Bounds = Schema.Struct({
  texts: between(1, 6),
  length: between(8, 40),
  images: between(1, 4),
  bytes: between(12, 40),
  combined: between(1, 4)
})

const limitsOf = (bounds: typeof Bounds.Type): Embedding.Limits => ({
  maxItems: bounds.texts,
  maxLength: 100,
  maxBatchLength: bounds.length,
  images: { maxItems: bounds.images, maxBytes: 12, maxBatchBytes: bounds.bytes, mediaTypes: ["image/png"] },
  combined: { maxItems: bounds.combined }
})

/** `number` bytes that tell it; a new array each time. */
const png = (number: number): Embedding.Image => ({
  bytes: new Uint8Array(number).fill(number),
  mediaType: "image/png"
})

const inputOf = ({ kind, number }: Item): Embedding.Input => {
  switch (kind) {
    case "text":
      return number % 2 === 0 ? `text ${number}` : { text: `text ${number}` }
    case "image":
      return { image: png(number) }
    case "combined":
      return { text: `text ${number}`, image: png(10 - number) }
    case "nothing":
      return {}
    case "blank":
      return { text: "  ", image: png(number) }
    case "no bytes":
      return { image: png(0) }
    case "tiff":
      return { image: { ...png(number), mediaType: "image/tiff" } }
    case "large":
      return { image: png(12 + number) }
  }
}

const numberOf = (input: Embedding.Input): number => {
  const text = EmbeddingProbe.numberOf(Embedding.textOf(input) ?? "")
  return text + (typeof input === "string" ? 0 : 100 * (input.image?.bytes.length ?? 0))
}

const tooLong = new ProviderError.ContextLengthExceededError({ provider: "probe", message: "too many tokens" })

const make = Effect.fnUntraced(function*(options: {
  readonly limits?: Embedding.Limits
  readonly isBad?: (input: Embedding.Input) => boolean
  readonly vectorOf?: (input: Embedding.Input) => Embedding.Vector
}) {
  const sent: Array<Embedding.ProviderBatch> = []
  const { isBad = () => false, vectorOf = (input) => Float32Array.of(numberOf(input)) } = options
  const service = yield* EmbeddingService.make({
    provider: "probe",
    defaultModel: "probe-1",
    limits: () => Effect.succeed(options.limits ?? { maxItems: 4, maxLength: 100 }),
    policy: Policy.none,
    embedBatch: (batch) =>
      Effect.suspend(() => {
        sent.push(batch)
        const inputs: ReadonlyArray<Embedding.Input> = batch.inputs
        return inputs.some(isBad) ? Effect.fail(tooLong) : Effect.succeed({ vectors: inputs.map(vectorOf) })
      })
  })
  return { service, sent }
})

const length = (batch: ReadonlyArray<Embedding.Input>) =>
  batch.reduce((sum: number, input) => sum + (Embedding.textOf(input)?.length ?? 0), 0)

const bytes = (batch: ReadonlyArray<Embedding.Input>) =>
  batch.reduce((sum: number, input) => sum + (typeof input === "string" ? 0 : input.image?.bytes.length ?? 0), 0)

const fits = (bounds: typeof Bounds.Type, kind: Embedding.Kind, batch: ReadonlyArray<Embedding.Input>) =>
  batch.length <= { text: bounds.texts, image: bounds.images, combined: bounds.combined }[kind] &&
  length(batch) <= bounds.length && bytes(batch) <= bounds.bytes

/** The fewest requests of any division that keeps the order, found by trying them all. */
const fewest = (
  inputs: ReadonlyArray<Embedding.Input>,
  isRequest: (batch: ReadonlyArray<Embedding.Input>) => boolean
) => {
  const best = [0]
  for (let end = 1; end <= inputs.length; end++) {
    best[end] = Infinity
    for (let start = 0; start < end; start++) {
      if (isRequest(inputs.slice(start, end))) best[end] = Math.min(best[end]!, best[start]! + 1)
    }
  }
  return best[inputs.length]!
}

const tag = (result: Result.Result<Embedding.Embedding, ProviderError.CallError>) =>
  Result.isSuccess(result) ? result.success.vector[0] : result.failure._tag

describe("EmbeddingService, with inputs of several kinds", () => {
  it.effect.prop("gives one result for each input of any mix, in order, in as few valid requests as possible", {
    items: Schema.Array(Item).check(Schema.isMaxLength(50)),
    bounds: Bounds,
    modulus: between(2, 12)
  }, ({ bounds, items, modulus }) =>
    Effect.gen(function*() {
      const isBad = (input: Embedding.Input) => modulus < 10 && numberOf(input) % modulus === 0
      const { sent, service } = yield* make({ limits: limitsOf(bounds), isBad })
      const { results } = yield* service.embedEach(items.map(inputOf))
      const isSound = ({ kind }: Item) => kind === "text" || kind === "image" || kind === "combined"
      assert.deepStrictEqual(
        results.map(tag),
        items.map((item) => {
          if (!isSound(item)) return "InvalidRequestError"
          return isBad(inputOf(item)) ? "ContextLengthExceededError" : numberOf(inputOf(item))
        })
      )
      for (const { inputs, kind } of sent) {
        assert.isTrue(inputs.every((input) => Embedding.kindOf(input) === kind))
        assert.isTrue(kind !== "text" || inputs.every((input) => typeof input === "string"))
        assert.isTrue(fits(bounds, kind, inputs))
      }
      const answered = sent.flatMap(({ inputs }): ReadonlyArray<Embedding.Input> =>
        inputs.some((input) => isBad(input)) ? [] : inputs
      ).map(numberOf)
      assert.strictEqual(new Set(answered).size, answered.length)
      if (items.some((item) => isSound(item) && isBad(inputOf(item)))) return
      for (const kind of ["text", "image", "combined"] as const) {
        const different = [...new Map(
          items.filter((item) => item.kind === kind).map((item) => [item.number, inputOf(item)])
        ).values()]
        assert.strictEqual(
          sent.filter((batch) => batch.kind === kind).length,
          fewest(different, (batch) => fits(bounds, kind, batch))
        )
      }
    }), { arbitrary: { runs: 300, size: 50 } })

  it.effect("embeds equal images once: one object, one array or equal bytes", () =>
    Effect.gen(function*() {
      const { sent, service } = yield* make({ limits: { maxItems: 1, maxLength: 9, images: { maxItems: 9 } } })
      const large = Uint8Array.from({ length: 10_000 }, (_, index) => index)
      const other = large.with(5_001, 7)
      const image = { bytes: large, mediaType: "image/png" }
      const { embeddings } = yield* service.embedMany([
        { image },
        { image },
        { image: { ...image } },
        { image: { ...image, bytes: large.slice() } },
        { image: { ...image, bytes: other } },
        { image: { ...image, bytes: other.slice() } },
        { image: { ...image, mediaType: "image/webp" } }
      ])
      assert.deepStrictEqual(sent.map(({ inputs }) => inputs.length), [3])
      assert.deepStrictEqual(embeddings.map(({ vector }) => embeddings.findIndex((each) => each.vector === vector)), [
        0,
        0,
        0,
        0,
        4,
        4,
        6
      ])
    }))

  it.effect("names an invalid input, and the remedy", () =>
    Effect.gen(function*() {
      const images = { maxItems: 4, maxBytes: 12, mediaTypes: ["image/png", "image/jpeg"] }
      const { sent, service } = yield* make({
        limits: { maxItems: 4, maxLength: 8, images, combined: { maxItems: 4 } }
      })
      const { results } = yield* service.embedEach([
        {},
        { text: " " },
        { image: png(0) },
        { image: { ...png(1), mediaType: "image/tiff" } },
        { image: png(13) },
        { text: "", image: png(1) },
        { text: "too long a text", image: png(1) }
      ])
      assert.deepStrictEqual(results.map((result) => Result.isFailure(result) ? result.failure.message : ""), [
        "inputs[0]: the input has no text and no image. Give it one of the two, or both.",
        "inputs[1]: the text is blank. Leave it out, or give it content.",
        "inputs[2].image: the image has no bytes. Leave it out, or give it content.",
        "inputs[3].image: the model does not read image/tiff. Use image/png, image/jpeg.",
        "inputs[4].image: the image has 13 bytes and the model takes 12. Make it smaller.",
        "inputs[5].text: the text is blank. Leave it out, or give it content.",
        "inputs[6].text: the text has 15 characters and the model takes 8. " +
        "Split it, or set `truncate` to \"start\" or \"end\" to have it cut."
      ])
      const error = yield* Effect.flip(service.embed({ image: png(0) }))
      assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "input.image")
      assert.deepStrictEqual(sent, [])
    }))

  it.effect("reads a media type in any case", () =>
    Effect.gen(function*() {
      const images = { maxItems: 1, mediaTypes: ["image/png"] }
      const { sent, service } = yield* make({ limits: { maxItems: 1, maxLength: 9, images } })
      yield* service.embed({ image: { ...png(1), mediaType: "Image/PNG" } })
      assert.strictEqual(sent.length, 1)
    }))

  it.effect("refuses images, and texts beside them, where the model takes none", () =>
    Effect.gen(function*() {
      const texts = yield* make({})
      const image = yield* Effect.flip(texts.service.embedMany(["a 1", { image: png(1) }]))
      assert.instanceOf(image, ProviderError.UnsupportedFeatureError)
      assert.strictEqual(image.message, "inputs[1].image: the model takes no images. Use one that does.")
      const images = yield* make({ limits: { maxItems: 4, maxLength: 9, images: { maxItems: 1 } } })
      const both = yield* Effect.flip(images.service.embedMany([{ text: "a", image: png(1) }]))
      assert.instanceOf(both, ProviderError.UnsupportedFeatureError)
      assert.include(both.message, "inputs[0]: the model makes no vector of a text and an image together.")
      assert.deepStrictEqual([...texts.sent, ...images.sent], [])
    }))

  it.effect("cuts the text beside an image as it cuts a text", () =>
    Effect.gen(function*() {
      const { sent, service } = yield* make({ limits: { maxItems: 1, maxLength: 4, combined: { maxItems: 1 } } })
      yield* service.embed({ text: "abcdef", image: png(2) }, { truncate: "end" })
      assert.deepStrictEqual(sent[0]!.inputs, [{ text: "abcd", image: png(2) }])
      const chunk = yield* Effect.flip(service.embed({ text: "abcdef", image: png(2) }, { truncate: "chunk" }))
      assert.strictEqual(chunk._tag, "ContextLengthExceededError")
    }))

  it.effect("keeps the part of an input the provider names", () =>
    Effect.gen(function*() {
      const service = yield* EmbeddingService.make({
        provider: "probe",
        defaultModel: "probe-1",
        limits: () => Effect.succeed({ maxItems: 4, maxLength: 9, images: { maxItems: 1 } }),
        embedBatch: (batch) =>
          batch.kind === "text"
            ? Effect.succeed({ vectors: batch.inputs.map(() => Float32Array.of(1)) })
            : Effect.fail(ProviderError.invalidRequest({
              provider: "probe",
              field: "inputs[0].image",
              problem: "not an image",
              remedy: "Send one"
            }))
      })
      const error = yield* Effect.flip(service.embedMany(["a", "b", { image: png(1) }]))
      assert.strictEqual(error.message, "inputs[2].image: not an image. Send one.")
    }))

  const answer = (
    vectorType: Embedding.VectorType,
    vector: Embedding.Vector,
    problem: string | undefined
  ) =>
    it.effect(`takes ${vector.constructor.name}(${vector.length}) for 16 ${vectorType}: ${problem === undefined}`, () =>
      Effect.gen(function*() {
        const { service } = yield* make({ vectorOf: () => vector })
        const result = yield* Effect.result(service.embed("a", { vectorType, dimensions: 16 }))
        if (problem === undefined) return assert.strictEqual(Result.getOrThrow(result).vector, vector)
        assert.isTrue(Result.isFailure(result) && result.failure._tag === "MalformedResponseError")
        assert.include(Result.isFailure(result) ? result.failure.message : "", problem)
      }))

  answer("float", new Float32Array(16), undefined)
  answer("float", new Int8Array(16), "vectors of another type than the float asked for")
  answer("int8", new Int8Array(16), undefined)
  answer("int8", new Uint8Array(16), "vectors of another type than the int8 asked for")
  answer("int8", new Int8Array(8), "vectors of length 8 instead of 16 for 16 dimensions")
  answer("uint8", new Uint8Array(16), undefined)
  answer("uint8", new Float32Array(16), "vectors of another type than the uint8 asked for")
  answer("binary", new Uint8Array(2), undefined)
  answer("binary", new Uint8Array(16), "vectors of length 16 instead of 2 for 16 dimensions")
  answer("binary", new Int8Array(2), "vectors of another type than the binary asked for")
})
