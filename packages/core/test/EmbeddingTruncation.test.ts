import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ProviderError from "../src/ProviderError.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

/** Refuses a request with a text longer than `limit` by `measure`, and says how long it is if `unit` is given. */
const refusing = (
  limit: number,
  measure: (text: string) => number,
  unit?: ProviderError.Measured["unit"]
): EmbeddingProbe.Answer =>
(batch) => {
  const actual = Math.max(...batch.inputs.map(measure))
  return actual <= limit ? EmbeddingProbe.numbered(batch) : Effect.fail(
    new ProviderError.ContextLengthExceededError({
      provider: "probe",
      message: "too long",
      measured: unit === undefined ? undefined : { unit, actual, limit }
    })
  )
}

/** Tokens of a tokenizer of the tests: a quarter for a letter of Latin, two for an ideograph, three for anything else. */
const tokens = (text: string) => {
  let count = 0
  for (const character of text) count += /\p{Script=Han}/u.test(character) ? 2 : /[ -~]/.test(character) ? 0.25 : 3
  return Math.ceil(count)
}

const measures = {
  tokens,
  characters: (text: string) => [...text].length,
  bytes: (text: string) => new TextEncoder().encode(text).length
}

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" })

/** Whether a text can be cut at an index without cutting a character. */
const isBoundary = (text: string, index: number) =>
  (segmenter.segment(text).containing(index)?.index ?? index) === index

const Text = Schema.NonEmptyArray(Schema.Literals([
  "a",
  "word ",
  "e\u0301",
  "漢字",
  "नि",
  "กำ",
  "ё",
  "😀",
  "👨‍👩‍👧‍👦",
  "🇫🇷",
  "👍🏽",
  "𝒳",
  "\r\n",
  "o\u0302\u0323"
])).check(Schema.isMaxLength(400))

describe.each(["start", "end"] as const)("truncate: %j", (truncate) => {
  /** The length that was kept, where the provider has a limit of 8,192 tokens. */
  const kept = Effect.fnUntraced(function*(text: string, unit?: ProviderError.Measured["unit"]) {
    const { probe, service } = yield* EmbeddingProbe.make({
      limits: { maxLength: 50_000 },
      answer: refusing(8192, tokens, unit)
    })
    yield* service.embed(text, { truncate })
    const sent = probe.sent.at(-1)![0]!
    assert.isTrue(truncate === "end" ? text.startsWith(sent) : text.endsWith(sent))
    return { requests: probe.sent.length, tokens: tokens(sent) }
  })

  it.effect.each<readonly [script: string, text: string]>([
    ["English", "The quick brown fox jumps over the lazy dog. ".repeat(1400)],
    ["Chinese", "敏捷的棕色狐狸跳過懶狗".repeat(4500)],
    ["half English, half Chinese", "The quick brown fox. ".repeat(900) + "敏捷的棕色狐狸".repeat(900)],
    ["emoji", "👨‍👩‍👧‍👦".repeat(4000)]
  ])("cuts %s by the figures of the provider, and not much more than it must", ([, text]) =>
    Effect.gen(function*() {
      const { requests, tokens } = yield* kept(text, "tokens")
      assert.isAtMost(requests, 3)
      assert.isAtLeast(tokens, 8192 * 0.6)
    }))

  it.effect("cuts by half where the provider has no figures", () =>
    Effect.gen(function*() {
      const { requests, tokens } = yield* kept("The quick brown fox jumps over the lazy dog. ".repeat(1400))
      assert.strictEqual(requests, 2)
      assert.isAtLeast(tokens, 8192 * 0.5)
    }))

  it.effect.prop("sends a part of any text, cut between characters, after few requests", {
    characters: Text,
    limit: Schema.Int.check(Schema.isBetween({ minimum: 60, maximum: 400 })),
    unit: Schema.Literals(["tokens", "characters", "bytes"]),
    isMeasured: Schema.Boolean
  }, ({ characters, isMeasured, limit, unit }) =>
    Effect.gen(function*() {
      const text = `x${characters.join("")}x`
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxLength: 10_000 },
        answer: refusing(limit, measures[unit], isMeasured ? unit : undefined)
      })
      yield* service.embedMany([text], { truncate })
      const sent = probe.sent.at(-1)![0]!
      assert.isTrue(sent.isWellFormed())
      assert.isTrue(truncate === "end" ? text.startsWith(sent) : text.endsWith(sent))
      assert.isTrue(isBoundary(text, truncate === "end" ? sent.length : text.length - sent.length))
      assert.isAtMost(probe.sent.length, isMeasured ? 4 : 1 + Math.ceil(Math.log2(text.length)))
      // Without need nothing is cut.
      if (measures[unit](text) <= limit) assert.strictEqual(sent, text)
    }))

  it.effect.prop("ends after few requests whatever the limit, and never inside a surrogate pair", {
    characters: Text,
    limit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })),
    unit: Schema.Literals(["tokens", "characters", "bytes"]),
    isMeasured: Schema.Boolean
  }, ({ characters, isMeasured, limit, unit }) =>
    Effect.gen(function*() {
      const text = characters.join("")
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxLength: 10_000 },
        answer: refusing(limit, measures[unit], isMeasured ? unit : undefined)
      })
      yield* Effect.exit(service.embed(text, { truncate }))
      for (const [sent = ""] of probe.sent) {
        assert.isTrue(sent.isWellFormed())
        assert.isTrue(truncate === "end" ? text.startsWith(sent) : text.endsWith(sent))
      }
      assert.isAtMost(probe.sent.length, 3 + Math.ceil(Math.log2(text.length + 1)))
    }))

  it.effect("cuts the one text of many that is too long, wherever it is asked for", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 96 },
        answer: refusing(20, (text) => text.length, "characters")
      })
      const texts = EmbeddingProbe.texts(96).with(40, "a text of many words that are too many 1")
      const { embeddings } = yield* service.embedMany(texts, { truncate })
      const { results: each } = yield* service.embedEach(texts, { truncate })
      const streamed = yield* Stream.runCollect(
        service.embedStream(Stream.fromIterable(texts), (text) => text, { truncate })
      )
      const expected = texts.map((_, index) => index === 40 ? truncate === "end" ? 0 : 1 : index + 1)
      for (const given of [embeddings, each.map(Result.getOrThrow), streamed.map(({ embedding }) => embedding)]) {
        assert.deepStrictEqual(given.map(({ vector }) => vector[0]), expected)
      }
      assert.include(probe.sent.flat(), truncate === "end" ? "a text of many words" : " that are too many 1")
    }))

  it.effect("is not misled by figures that are wrong", () =>
    Effect.gen(function*() {
      for (const [actual, limit] of [[1e9, 1], [1e9, -1], [1, 1e9], [101, 100]] as const) {
        const { probe, service } = yield* EmbeddingProbe.make({
          limits: { maxLength: 1000 },
          answer: (batch) =>
            batch.inputs[0]!.length <= 10 ? EmbeddingProbe.numbered(batch) : Effect.fail(
              new ProviderError.ContextLengthExceededError({
                provider: "probe",
                message: "too long",
                measured: { unit: "tokens", actual, limit }
              })
            )
        })
        const text = "x".repeat(1000)
        yield* service.embed(text, { truncate })
        assert.isAtMost(probe.sent.length, 13)
        yield* service.embed(text, { truncate: "chunk" })
        assert.isAtMost(probe.sent.length, 13 + 2 * 256)
      }
    }))

  it.effect("fails with the refusal where nothing is left, and does not cut for other refusals", () =>
    Effect.gen(function*() {
      const hopeless = yield* EmbeddingProbe.make({ answer: refusing(0, (text) => text.length) })
      const error = yield* Effect.flip(hopeless.service.embedMany(["a text"], { truncate }))
      assert.strictEqual(error.message, "inputs[0]: too long")
      const other = yield* EmbeddingProbe.make({
        answer: () => Effect.fail(new ProviderError.InvalidRequestError({ provider: "probe", message: "no" }))
      })
      yield* Effect.flip(other.service.embed("a text", { truncate }))
      assert.strictEqual(other.probe.sent.length, 1)
    }))
})

describe("truncate: \"none\"", () => {
  it.effect("cuts nothing", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ answer: refusing(3, (text) => text.length, "tokens") })
      const error = yield* Effect.flip(service.embed("a text"))
      assert.strictEqual(error._tag, "ContextLengthExceededError")
      assert.deepStrictEqual(probe.sent, [["a text"]])
    }))
})
