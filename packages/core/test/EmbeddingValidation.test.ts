import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

/** The error of a call, after making sure that nothing was sent. */
const refusal = Effect.fnUntraced(function*(
  probe: { readonly sent: ReadonlyArray<unknown> },
  call: Effect.Effect<unknown, ProviderError.CallError>
) {
  const error = yield* Effect.flip(call)
  assert.deepStrictEqual(probe.sent, [])
  return error
})

describe("EmbeddingService, before anything is sent", () => {
  it.effect("refuses a call that names no model", () =>
    Effect.gen(function*() {
      const service = yield* EmbeddingService.make({
        provider: "probe",
        limits: () => Effect.succeed({ maxItems: 1, maxLength: 1 }),
        embedBatch: () => Effect.never
      })
      for (const call of [service.embed("a"), service.embedMany([]), service.embed("a", { model: " " })]) {
        const error = yield* refusal({ sent: [] }, call)
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, "model")
        assert.include(error.remedy, "Set `model`")
      }
    }))

  it.effect("refuses dimensions that are not a positive whole number", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      for (const dimensions of [0, -1, 1.5, Number.NaN, Infinity]) {
        const error = yield* refusal(probe, service.embedMany(["a"], { dimensions }))
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, "dimensions")
      }
    }))

  it.effect("refuses what the provider refuses in its limits, for every input", () =>
    Effect.gen(function*() {
      const wrong = new ProviderError.UnsupportedFeatureError({
        provider: "probe",
        feature: "normalize",
        message: "no"
      })
      const service = yield* EmbeddingService.make({
        provider: "probe",
        defaultModel: "probe-1",
        limits: ({ normalize }) =>
          normalize === false ? Effect.fail(wrong) : Effect.succeed({ maxItems: 1, maxLength: 1 }),
        embedBatch: () => Effect.never
      })
      assert.strictEqual(yield* Effect.flip(service.embed("a", { normalize: false })), wrong)
      assert.strictEqual(yield* Effect.flip(service.embedMany(["a"], { normalize: false })), wrong)
      const { results } = yield* service.embedEach(["a", "b"], { normalize: false })
      assert.deepStrictEqual(results.map((result) => Result.isFailure(result) && result.failure), [wrong, wrong])
    }))

  it.effect("fills in defaults for the provider", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        answer: ({ inputs, options }) => {
          assert.deepStrictEqual(options, {
            model: "probe-1",
            purpose: "document",
            vectorType: "float",
            truncate: "none",
            normalize: true
          })
          return Effect.succeed({ vectors: inputs.map(() => Float32Array.of(1)) })
        }
      })
      yield* service.embed("a", { normalize: true })
      yield* service.embed("a", { normalize: true, truncate: "chunk" })
      yield* Stream.runDrain(
        service.embedStream(Stream.make("a"), (text) => text, { normalize: true, unordered: true, flushAfter: 10 })
      )
    }))

  it.effect("names a blank input and the remedy", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      const many = yield* refusal(probe, service.embedMany(["a", "b", "c", " \n"]))
      assert.instanceOf(many, ProviderError.InvalidRequestError)
      assert.strictEqual(many.field, "inputs[3]")
      assert.strictEqual(
        many.message,
        "inputs[3]: the text is blank. Leave it out, or give it content."
      )
      const one = yield* refusal(probe, service.embed(""))
      assert.instanceOf(one, ProviderError.InvalidRequestError)
      assert.strictEqual(one.field, "input")
    }))

  it.effect("names a text that is too long, its length, the limit and the remedy", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxLength: 5 } })
      const error = yield* refusal(probe, service.embedMany(["short", "longer"]))
      assert.instanceOf(error, ProviderError.ContextLengthExceededError)
      assert.strictEqual(
        error.message,
        "inputs[1]: the text has 6 characters and the model takes 5. " +
          "Split it, or set `truncate` to \"start\" or \"end\" to have it cut, " +
          "or to \"chunk\" to have it embedded in pieces."
      )
    }))

  it.effect("fails only the bad inputs", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxLength: 5 } })
      const { results } = yield* service.embedEach(["", "a 1", "longer", "b 2", "a 1"])
      assert.deepStrictEqual(
        results.map((result) =>
          Result.isSuccess(result) ? result.success.vector[0] : result.failure.message.slice(0, 9)
        ),
        ["inputs[0]", 1, "inputs[2]", 2, 1]
      )
      assert.deepStrictEqual(probe.sent, [["a 1", "b 2"]])
    }))

  it.effect("refuses values that are not inputs by their index, and nothing else", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      const thrower = {
        get text(): string {
          throw new Error("secret")
        }
      }
      const wrong: ReadonlyArray<readonly [input: unknown, field: string, problem: string]> = [
        [null, "", "it is null"],
        [undefined, "", "it is missing"],
        [5, "", "it is 5"],
        [["secret"], "", "it is an array"],
        [{}, "", "the input has no text and no image"],
        [{ text: 7 }, ".text", "it is 7"],
        [{ txt: "secret" }, ".txt", "Did you mean `text`?"],
        [{ image: "data:image/png;base64,AQID" }, ".image", "Give { bytes, mediaType }"],
        [{ image: { bytes: "AQID", mediaType: "image/png" } }, ".image.bytes", "decode the base64"],
        [{ image: { bytes: Uint8Array.of(1) } }, ".image.mediaType", "it is missing"],
        [thrower, ".text", "a getter or a proxy throws"]
      ]
      const inputs = wrong.flatMap(([input], index) => [input, `text ${index}`]) as ReadonlyArray<Embedding.Input>
      const { results } = yield* service.embedEach(inputs)
      assert.deepStrictEqual(probe.sent.flat(), wrong.map((_, index) => `text ${index}`))
      for (const [index, [input, part, problem]] of wrong.entries()) {
        const good = results[2 * index + 1]!
        assert.isTrue(Result.isSuccess(good) && good.success.vector[0] === index)
        const bad = results[2 * index]!
        assert(Result.isFailure(bad) && bad.failure instanceof ProviderError.InvalidRequestError)
        assert.strictEqual(bad.failure.field, `inputs[${2 * index}]${part}`)
        assert.include(bad.failure.message, problem)
        assert.notInclude(bad.failure.message, "secret")
        const one = yield* Effect.flip(service.embed(input as Embedding.Input))
        assert.strictEqual(one._tag === "InvalidRequestError" && one.field, `input${part}`)
      }
    }))

  it.effect("refuses inputs that are not an array, once", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      for (
        const given of [
          null,
          "a text",
          { 0: "a", length: 1 },
          new Set(["a"]),
          Object.assign([], { length: 2 ** 32 - 1 })
        ]
      ) {
        const inputs = given as ReadonlyArray<string>
        const error = yield* refusal(probe, service.embedMany(inputs))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "inputs")
        const { results: [only, ...others] } = yield* service.embedEach(inputs)
        assert.isTrue(only !== undefined && Result.isFailure(only) && only.failure.message === error.message)
        assert.deepStrictEqual(others, [])
      }
    }))

  it.effect.each<readonly [options: unknown, field: string, message: string]>([
    [null, "options", "it is null"],
    ["query", "options", "Give an object of options"],
    [{ purpose: "x" }, "purpose", "there is no \"x\" here. Use `document`, `query`"],
    [{ truncate: "ned" }, "truncate", "Did you mean `end`?"],
    [{ vectorType: "float32" }, "vectorType", "Did you mean `float`?"],
    [{ dimension: 256 }, "dimension", "Did you mean `dimensions`?"],
    [{ dimensions: "256" }, "dimensions", "it is text"],
    [{ normalize: "no" }, "normalize", "Use true or false"],
    [{ model: 5 }, "model", "it is 5"],
    [{ flushAfter: 5 }, "flushAfter", "there is no such field"],
    [{ providerOptions: [] }, "providerOptions", "it is an array"]
  ])("refuses the options %j", ([options, field, message]) =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      const error = yield* refusal(probe, service.embedMany(["a"], options as Embedding.EmbeddingOptions))
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.strictEqual(error.field, field)
      assert.include(error.message, message)
    }))

  it.effect("refuses an invalid stream and invalid stream options, and names the value a function threw for", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      const cause = new Error("no text in this row")
      const throws = (row: number) => row === 1 ? Effect.runSync(Effect.die(cause)) : `text ${row}`
      const calls: ReadonlyArray<readonly [field: string, call: Stream.Stream<unknown, ProviderError.CallError>]> = [
        ["values", service.embedStream(["a"] as never, String)],
        ["input", service.embedStream(Stream.make("a"), "text" as never)],
        ["flushAfter", service.embedStream(Stream.make("a"), String, { flushAfter: -1 })],
        ["unordered", service.embedStream(Stream.make("a"), String, { unordered: 1 as never })],
        ["truncate", service.embedStream(Stream.make("a"), String, { truncate: "x" as never })],
        ["inputs[1]", service.embedStream(Stream.make(0, 1, 2), throws)]
      ]
      for (const [field, call] of calls) {
        const error = yield* refusal(probe, Stream.runDrain(call))
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, field)
        if (field === "inputs[1]") assert.strictEqual(error.cause, cause)
      }
    }))

  it.effect("refuses half a surrogate pair by its place, and nothing else", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxItems: 96 } })
      const inputs = EmbeddingProbe.texts(96).with(40, "bad \udc00").with(41, "whole \ud83d\ude00 42")
      const error = yield* refusal(probe, service.embedMany(inputs))
      assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "inputs[40]")
      assert.include(error.message, "half a surrogate pair at index 4")
      yield* refusal(probe, service.embed("abc \ud83d"))
      yield* refusal(probe, Stream.runDrain(service.embedStream(Stream.make({ text: "\ud83d" }), (input) => input)))
      const { results } = yield* service.embedEach(inputs)
      assert.deepStrictEqual(results.flatMap((result, index) => Result.isFailure(result) ? [index] : []), [40])
      assert.deepStrictEqual(probe.sent, [inputs.toSpliced(40, 1)])
    }))

  it.effect("cuts a long text where `truncate` says, and passes it on to the provider", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxLength: 3 },
        answer: ({ inputs, options }) =>
          Effect.succeed({ vectors: inputs.map(() => Float32Array.of(options.truncate === "none" ? 0 : 1)) })
      })
      assert.strictEqual((yield* service.embed("abcde", { truncate: "end" })).vector[0], 1)
      assert.strictEqual((yield* service.embed("abcde", { truncate: "start" })).vector[0], 1)
      assert.deepStrictEqual(probe.sent, [["abc"], ["cde"]])
    }))

  it.effect("sends texts that are equal once they are cut only once", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxLength: 3 } })
      yield* service.embedMany(["abcd", "abce"], { truncate: "end" })
      assert.deepStrictEqual(probe.sent, [["abc"]])
    }))

  it.effect("refuses a text that is blank once it is cut", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxLength: 3 } })
      const error = yield* refusal(probe, service.embedMany(["   a"], { truncate: "end" }))
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.strictEqual(error.field, "inputs[0]")
    }))

  it.effect.prop("never splits a surrogate pair, and cuts no more than needed", {
    characters: Schema.NonEmptyArray(Schema.Literals(["a", "é", "漢", "😀", "𝒳"])),
    maxLength: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 20 })),
    truncate: Schema.Literals(["start", "end"])
  }, ({ characters, maxLength, truncate }) =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxLength } })
      const text = characters.join("")
      yield* service.embed(text, { truncate })
      const sent = probe.sent[0]![0]!
      assert.notMatch(sent, /\p{Surrogate}/u)
      assert.isTrue(truncate === "end" ? text.startsWith(sent) : text.endsWith(sent))
      assert.isAtMost(sent.length, maxLength)
      assert.isAtLeast(sent.length, Math.min(text.length, maxLength - 1))
    }))
})
