import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as Policy from "../src/policy/Policy.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const Numbers = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 80 }))).check(
  Schema.isMaxLength(120)
)
const MaxItems = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 }))
const Modulus = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 }))

const textOf = (number: number) => `text ${number}`

const tooLong = new ProviderError.ContextLengthExceededError({ provider: "probe", message: "too many tokens" })
const invalid = new ProviderError.InvalidRequestError({ provider: "probe", message: "malformed input" })

/** Refuses a request that holds a bad text, as services do: without saying which. */
const refusing =
  (isBad: (input: string) => boolean, error: ProviderError.CallError): EmbeddingProbe.Answer => (batch) =>
    batch.inputs.some(isBad) ? Effect.fail(error) : EmbeddingProbe.numbered(batch)

const outcome = (result: Result.Result<Embedding.Embedding, ProviderError.CallError>) =>
  Result.isSuccess(result) ? result.success.vector[0] : result.failure._tag

describe("EmbeddingService, when a request is refused", () => {
  it.effect.prop("gives every input exactly one result, in order, and fails only bad ones, within every limit", {
    numbers: Numbers,
    maxItems: MaxItems,
    maxBatchLength: Schema.Int.check(Schema.isBetween({ minimum: 8, maximum: 200 })),
    modulus: Modulus
  }, ({ maxBatchLength, maxItems, modulus, numbers }) =>
    Effect.gen(function*() {
      const isBad = (input: string) => EmbeddingProbe.numberOf(input) % modulus === 0
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems, maxBatchLength },
        answer: refusing(isBad, tooLong)
      })
      const { results } = yield* service.embedEach(numbers.map(textOf))
      assert.deepStrictEqual(
        results.map(outcome),
        numbers.map((number) => isBad(textOf(number)) ? "ContextLengthExceededError" : number)
      )
      for (const inputs of probe.sent) {
        assert.isAtLeast(inputs.length, 1)
        assert.isAtMost(inputs.length, maxItems)
        assert.isAtMost(inputs.join("").length, maxBatchLength)
        assert.strictEqual(new Set(inputs).size, inputs.length)
      }
      const answered = probe.sent.filter((inputs) => !inputs.some(isBad)).flat()
      assert.strictEqual(new Set(answered).size, answered.length)
    }), { arbitrary: { runs: 200, size: 120 } })

  it.effect.prop("needs no more requests than the count requires when all is well", {
    numbers: Numbers,
    maxItems: MaxItems
  }, ({ maxItems, numbers }) =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxItems } })
      const batch = yield* service.embedMany(numbers.map(textOf))
      const expected = Math.ceil(new Set(numbers).size / maxItems)
      assert.strictEqual(probe.sent.length, expected)
      assert.strictEqual(batch.requests, expected)
      assert.strictEqual(batch.usage.inputTokens, [...new Set(numbers)].reduce((sum, number) => sum + number, 0))
    }))

  it.effect.prop("finds one bad input among n with 2 × ceil(log2(n)) more requests at most", {
    size: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 })),
    place: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 299 })),
    error: Schema.Literals(["invalid", "tooLong"])
  }, ({ error, place, size }) =>
    Effect.gen(function*() {
      const bad = textOf(1 + place % size)
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 300 },
        answer: refusing((input) => input === bad, error === "invalid" ? invalid : tooLong)
      })
      const { results } = yield* service.embedEach(EmbeddingProbe.texts(size))
      assert.deepStrictEqual(
        results.flatMap((result, index) => Result.isFailure(result) ? [textOf(index + 1)] : []),
        [bad]
      )
      assert.isAtMost(probe.sent.length, 1 + 2 * Math.ceil(Math.log2(size)))
    }))

  it.effect.prop("fails only bad inputs of an invalid request too, in batches no larger than the probes", {
    numbers: Numbers,
    maxItems: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 8 })),
    modulus: Modulus
  }, ({ maxItems, modulus, numbers }) =>
    Effect.gen(function*() {
      const isBad = (input: string) => EmbeddingProbe.numberOf(input) % modulus === 0
      const { service } = yield* EmbeddingProbe.make({ limits: { maxItems }, answer: refusing(isBad, invalid) })
      const { results } = yield* service.embedEach(numbers.map(textOf))
      assert.deepStrictEqual(
        results.map(outcome),
        numbers.map((number) => isBad(textOf(number)) ? "InvalidRequestError" : number)
      )
    }))

  it.effect("fails only the bad half of a large batch, also when it comes first", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 96 },
        answer: refusing((input) => EmbeddingProbe.numberOf(input) <= 60, invalid)
      })
      const { results } = yield* service.embedEach(EmbeddingProbe.texts(96))
      assert.deepStrictEqual(results.map(Result.isFailure), Array.from({ length: 96 }, (_, index) => index < 60))
    }))

  it.effect("gives every refused input the place it has in the call", () =>
    Effect.gen(function*() {
      const bad = new ProviderError.InvalidRequestError({
        provider: "probe",
        field: "inputs[0]",
        message: "inputs[0]: not a text"
      })
      const { service } = yield* EmbeddingProbe.make({ answer: refusing((input) => input === "text 2", bad) })
      const { results } = yield* service.embedEach(["text 1", "text 2", "text 3", "text 2"])
      assert.deepStrictEqual(
        results.flatMap((result) => Result.isFailure(result) ? [result.failure.message] : []),
        ["inputs[1]: not a text", "inputs[3]: not a text"]
      )
    }))

  it.effect("stops bisecting when the options are invalid", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 100 },
        answer: () => Effect.fail(invalid)
      })
      const { results } = yield* service.embedEach(EmbeddingProbe.texts(100))
      assert.isTrue(
        results.every((result) => Result.isFailure(result) && result.failure._tag === "InvalidRequestError")
      )
      assert.strictEqual(probe.sent.length, 1 + 2 + 8)
    }))

  it.effect("stops searching also when each refusal names its own request", () =>
    Effect.gen(function*() {
      let requests = 0
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 128, maxBatchLength: 4096 },
        answer: () =>
          Effect.fail(
            new ProviderError.InvalidRequestError({
              provider: "probe",
              providerMessage: "malformed input",
              message: `a model: "malformed input" (request ${++requests}). Correct the request.`
            })
          )
      })
      yield* service.embedEach(EmbeddingProbe.texts(128))
      assert.isAtMost(probe.sent.length, 11)
    }))

  it.effect("sends later batches once when the options are invalid", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 100 },
        policy: Policy.make({ concurrency: 1 }),
        answer: () => Effect.fail(invalid)
      })
      yield* service.embedEach(EmbeddingProbe.texts(1000))
      assert.strictEqual(probe.sent.length, 1 + 2 + 8 + 9)
    }))

  it.effect("sends no probes once an answer has proved the options valid", () =>
    Effect.gen(function*() {
      const bad = ["text 129", "text 256"]
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 128 },
        policy: Policy.make({ concurrency: 1 }),
        answer: refusing((input) => bad.includes(input), invalid)
      })
      const { results } = yield* service.embedEach(EmbeddingProbe.texts(256))
      assert.deepStrictEqual(results.flatMap((result, index) => Result.isFailure(result) ? [index] : []), [128, 255])
      // Each bad text and its neighbour in the last halving.
      assert.strictEqual(probe.sent.filter((inputs) => inputs.length === 1).length, 4)
    }))

  it.effect("continues bisecting when refusals differ", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 40 },
        answer: (batch) =>
          batch.inputs.length === 1 && batch.inputs[0] === "text 40"
            ? EmbeddingProbe.numbered(batch)
            : Effect.fail(
              new ProviderError.InvalidRequestError({ provider: "probe", message: `no: ${batch.inputs[0]}` })
            )
      })
      const { results } = yield* service.embedEach(EmbeddingProbe.texts(40))
      assert.deepStrictEqual(
        results.flatMap((result, index) => Result.isSuccess(result) ? [index] : []),
        [39]
      )
    }))

  it.effect("does not bisect when the error names another field", () =>
    Effect.gen(function*() {
      const wrong = ProviderError.invalidRequest({
        provider: "probe",
        field: "purpose",
        problem: "no",
        remedy: "Leave it"
      })
      const { probe, service } = yield* EmbeddingProbe.make({ answer: () => Effect.fail(wrong) })
      assert.strictEqual(yield* Effect.flip(service.embedMany(["a", "b", "c"])), wrong)
      assert.strictEqual(probe.sent.length, 1)
    }))

  it.effect("does not bisect when the failure has another cause", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        answer: () => Effect.fail(new ProviderError.AuthenticationError({ provider: "probe", message: "no key" }))
      })
      const { results } = yield* service.embedEach(["a", "b", "c"])
      assert.deepStrictEqual(results.map(outcome), Array(3).fill("AuthenticationError"))
      assert.strictEqual(probe.sent.length, 1)
    }))

  it.effect("`embedMany` fails soon, whatever is invalid", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 100 },
        answer: () => Effect.fail(invalid)
      })
      const error = yield* Effect.flip(service.embedMany(EmbeddingProbe.texts(100)))
      assert.strictEqual(error.message, "inputs[0]: malformed input")
      assert.isAtMost(probe.sent.length, 4)
    }))

  it.effect("counts the tokens of answered requests only", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 4 },
        answer: (batch) => batch.inputs.length > 2 ? Effect.fail(tooLong) : EmbeddingProbe.numbered(batch)
      })
      const batch = yield* service.embedMany(EmbeddingProbe.texts(4))
      assert.strictEqual(batch.requests, 2)
      assert.strictEqual(batch.usage.inputTokens, 10)
    }))
})
