import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as Cutting from "../src/embedding/internal/cutting.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const chunk = { truncate: "chunk" } as const

/** The vector of a text points where its first letter says; a text has as many tokens as characters. */
const directed: EmbeddingProbe.Answer = ({ inputs }) =>
  Effect.succeed({
    vectors: inputs.map((input) => input.startsWith("x") ? Float32Array.of(1, 0) : Float32Array.of(0, 1)),
    inputTokens: inputs.join("").length
  })

const tooLong = new ProviderError.ContextLengthExceededError({ provider: "probe", message: "too many tokens" })

const close = (vector: Embedding.Vector, ...expected: ReadonlyArray<number>) => {
  assert.strictEqual(vector.length, expected.length)
  expected.forEach((value, index) => assert.approximately(vector[index]!, value, 1e-6))
}

describe("truncate: \"chunk\"", () => {
  it.effect("averages the vectors of the pieces, weighted by their lengths, to unit length", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxLength: 6 }, answer: directed })
      const batch = yield* service.embedMany(["short", "xxxxxxyyy", "y"], chunk)
      assert.deepStrictEqual(probe.sent, [["short", "xxxxxx", "yyy", "y"]])
      close(batch.embeddings[1]!.vector, 2 / Math.sqrt(5), 1 / Math.sqrt(5))
      close(batch.embeddings[2]!.vector, 0, 1)
      assert.strictEqual(batch.requests, 1)
      assert.deepStrictEqual(batch.usage, { inputTokens: 15 })
    }))

  it.effect("leaves the average as it is when normalize is false", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({ limits: { maxLength: 6 }, answer: directed })
      close((yield* service.embed("xxxxxxyyy", { ...chunk, normalize: false })).vector, 2 / 3, 1 / 3)
    }))

  it.effect("counts the requests and tokens of all pieces, and of equal ones once", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxLength: 4, maxItems: 1 },
        answer: directed
      })
      const batch = yield* service.embedMany(["xxxxyyyyxxxx", "xxxxyyyyxxxx", "yyyy"], chunk)
      assert.deepStrictEqual(probe.sent, [["xxxx"], ["yyyy"]])
      assert.strictEqual(batch.requests, 2)
      assert.deepStrictEqual(batch.usage, { inputTokens: 8 })
      close(batch.embeddings[0]!.vector, 2 / Math.sqrt(5), 1 / Math.sqrt(5))
      assert.strictEqual(batch.embeddings[0]!.vector, batch.embeddings[1]!.vector)
      close(batch.embeddings[2]!.vector, 0, 1)
    }))

  it.effect("fails only the inputs a failing piece is part of", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxLength: 4 },
        answer: (batch) =>
          batch.inputs.includes("bad ")
            ? Effect.fail(new ProviderError.InvalidRequestError({ provider: "probe", message: "no" }))
            : directed(batch)
      })
      const { results } = yield* service.embedEach(["xxxxbad yyyy", "xxxxyyyy", "bad xx", "y"], chunk)
      assert.deepStrictEqual(
        results.map((result) => Result.isFailure(result) ? result.failure.message : "good"),
        ["inputs[0]: no", "good", "inputs[2]: no", "good"]
      )
      const many = yield* Effect.flip(service.embedMany(["y", "xxxxbad yyyy"], chunk))
      assert.strictEqual(many.message, "inputs[1]: no")
    }))

  it.effect("fails an input with the failure of its first failing piece", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxLength: 4, maxItems: 1 },
        answer: ({ inputs }) =>
          Effect.fail(new ProviderError.ModelFailedError({ provider: "probe", message: `no: ${inputs[0]}` }))
      })
      const { results: [result] } = yield* service.embedEach(["xxxxyyyy"], chunk)
      assert.strictEqual(Result.isFailure(result!) && result.failure.message, "no: xxxx")
    }))

  it.effect("halves a text the provider refuses as too long", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxLength: 100 },
        answer: (batch) =>
          batch.inputs.some((input) => input.length > (input.startsWith("x") ? 3 : 6))
            ? Effect.fail(tooLong)
            : directed(batch)
      })
      const batch = yield* service.embedMany(["xxxyyyyyyyyy", "y"], chunk)
      assert.deepStrictEqual(probe.sent, [
        ["xxxyyyyyyyyy", "y"],
        ["xxxyyyyyyyyy"],
        ["y"],
        ["xxxyyy"],
        ["xxx"],
        ["yyy"],
        ["yyyyyy"]
      ])
      close(batch.embeddings[0]!.vector, 1 / Math.sqrt(10), 3 / Math.sqrt(10))
      close(batch.embeddings[1]!.vector, 0, 1)
      assert.strictEqual(batch.requests, 4)
      assert.deepStrictEqual(batch.usage, { inputTokens: 13 })
      const hopeless = yield* EmbeddingProbe.make({ answer: () => Effect.fail(tooLong) })
      const error = yield* Effect.flip(hopeless.service.embed("xxxxxxxx", chunk))
      assert.strictEqual(error.message, "input: too many tokens")
    }))

  it.effect("serves embed and embedStream alike", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({ limits: { maxLength: 6 }, answer: directed })
      close((yield* service.embed("xxxxxxyyy", chunk)).vector, 2 / Math.sqrt(5), 1 / Math.sqrt(5))
      const [first, second] = yield* Stream.runCollect(
        service.embedStream(Stream.make("xxxxxxyyy", "x"), (text) => text, chunk)
      )
      close(first!.embedding.vector, 2 / Math.sqrt(5), 1 / Math.sqrt(5))
      close(second!.embedding.vector, 1, 0)
    }))

  it.effect("shares no request with calls without `chunk`", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxLength: 6 }, answer: directed })
      yield* Effect.all([service.embed("x", chunk), service.embed("y")], { concurrency: "unbounded" })
      assert.deepStrictEqual(probe.sent, [["x"], ["y"]])
    }))

  it.effect("is refused with vectors that cannot be averaged", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      const error = yield* Effect.flip(service.embed("a", { ...chunk, vectorType: "binary" }))
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.strictEqual(error.field, "truncate")
      assert.include(error.message, "\"chunk\"")
      assert.include(error.message, "`vectorType` \"binary\"")
      assert.deepStrictEqual(probe.sent, [])
    }))

  it.effect("refuses a text when a piece could not hold a surrogate pair", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({ limits: { maxLength: 1 } })
      assert.strictEqual((yield* Effect.flip(service.embed("😀", chunk)))._tag, "ContextLengthExceededError")
    }))

  it.effect("fails where pieces have vectors of different lengths", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxLength: 4, maxItems: 1 },
        answer: ({ inputs }) => Effect.succeed({ vectors: [new Float32Array(inputs[0] === "xxxx" ? 2 : 3)] })
      })
      const error = yield* Effect.flip(service.embed("xxxxyyyy", chunk))
      assert.strictEqual(error._tag, "MalformedResponseError")
    }))

  it.prop("cuts any text into pieces within the limit that leave out nothing but blanks", {
    characters: Schema.Array(Schema.Literals(["a", "bc", " ", "\n", "é", "😀", "𝒳"])).check(Schema.isMaxLength(80)),
    length: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 20 }))
  }, ({ characters, length }) => {
    const text = characters.join("")
    const pieces = Cutting.pieces(text, length)
    for (const piece of pieces) {
      assert.isAtMost(piece.length, length)
      assert.notMatch(piece, /\p{Surrogate}/u)
      assert.match(piece, /\S/u)
    }
    assert.strictEqual(pieces.join("").replaceAll(/\s/gu, ""), text.replaceAll(/\s/gu, ""))
  })

  it.effect("cuts what the provider refuses into even pieces, at white space, as many as it says", () =>
    Effect.gen(function*() {
      const words = "the quick brown fox ".repeat(2500).slice(0, 49_999)
      const refusing = (limit: number, measured: boolean) =>
        EmbeddingProbe.make({
          limits: { maxLength: 50_000 },
          answer: (batch) => {
            const actual = batch.inputs.join("").length
            return actual > limit
              ? Effect.fail(
                new ProviderError.ContextLengthExceededError({
                  provider: "probe",
                  message: "too many tokens",
                  measured: measured ? { unit: "tokens", actual, limit } : undefined
                })
              )
              : directed(batch)
          }
        })
      for (const [limit, measured, pieces] of [[25_500, false, 2], [25_500, true, 3], [12_800, true, 5]] as const) {
        const { probe, service } = yield* refusing(limit, measured)
        yield* service.embed(words, chunk)
        const sent = probe.sent.slice(1).flat()
        assert.strictEqual(sent.length, pieces)
        assert.strictEqual(sent.join(""), words)
        for (const piece of sent) assert.closeTo(piece.length, 49_999 / pieces, 50)
        for (const piece of sent.slice(0, -1)) assert.match(piece, /\s$/)
      }
    }))

  it("cuts at white space near the limit", () => {
    assert.deepStrictEqual(Cutting.pieces("the quick brown fox jumps", 10), ["the quick ", "brown fox ", "jumps"])
    assert.deepStrictEqual(Cutting.pieces("a bcdefghijklm", 8), ["a bcdefg", "hijklm"])
  })
})
