import { assert, describe, it } from "@effect/vitest"
import { Message, ProviderError } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { Effect, Layer, Result, Schema } from "effect"
import { Decision, DecisionModel } from "effect/ai"
import { StrataAiError, StrataDecisionModel, StrataMetadata } from "../src/index.ts"
import { requests } from "./support/Model.ts"

const Triage = Decision.make({
  input: Schema.Struct({ text: Schema.String, at: Schema.Date }),
  decisions: {
    team: Decision.classify({
      instructions: "Which team handles it",
      criteria: { "billing & payments": "invoices", technical: null }
    }),
    mood: Decision.rate({ instructions: "How content the writer is", criteria: ["angry", "calm", "happy"] }),
    urgent: Decision.probability({ instructions: "It cannot wait" })
  }
})

const input = { text: "I was charged twice", at: new Date(0) }

const answering = (...replies: ReadonlyArray<TestChat.Reply>) =>
  Layer.provideMerge(StrataDecisionModel.layer({ maxTokens: 500 }), TestChat.layer(replies))

const json = (value: unknown) => JSON.stringify(value)

const complete = json({
  d1: { l1: 0.8, l2: 0.2 },
  d2: { l1: 0.5, l2: 0.5, l3: 0 },
  d3: { l1: 0.1, l2: 0.9 }
})

describe("StrataDecisionModel", () => {
  it.effect("answers all decisions in one request, with their probabilities", () =>
    Effect.gen(function*() {
      const { answers, metadata, modelId, usage } = yield* DecisionModel.decide(Triage, { input })
      assert.strictEqual(answers.team.label, "billing & payments")
      assert.deepStrictEqual({ ...answers.team.probabilities }, { "billing & payments": 0.8, technical: 0.2 })
      assert.deepStrictEqual([answers.mood.rating, answers.mood.label], [0.5, "angry"])
      assert.strictEqual(answers.urgent.probability, 0.9)
      assert.deepStrictEqual([modelId, usage.inputTokens, usage.outputTokens], ["test-model", 7, 3])
      assert.isNotNull(metadata["strata"])
      const sent = yield* requests
      assert.lengthOf(sent, 1)
      assert.strictEqual(sent[0]?.maxTokens, 500)
      const [system, user] = sent[0]?.messages ?? []
      assert.include(Message.textOf(system ?? Message.user("")), "\"billing & payments\": invoices")
      assert.strictEqual(
        Message.textOf(user ?? Message.user("")),
        "Input:\n{\"text\":\"I was charged twice\",\"at\":\"1970-01-01T00:00:00.000Z\"}"
      )
    }).pipe(Effect.provide(answering({ content: complete, usage: { inputTokens: 7, outputTokens: 3 } }))))

  it.effect("scales what does not add up to 1, and reads prose around the JSON", () =>
    Effect.gen(function*() {
      const { answers } = yield* DecisionModel.decide(Triage, { input })
      assert.deepStrictEqual({ ...answers.team.probabilities }, { "billing & payments": 0.75, technical: 0.25 })
      assert.strictEqual(answers.urgent.probability, 1)
    }).pipe(Effect.provide(answering(
      `Sure:\n${json({ d1: { l1: 3, l2: 1 }, d2: { l1: 1, l2: 1, l3: 1 }, d3: { l2: 7 } })}`
    ))))

  it.effect("what does not fit fails alone", () =>
    Effect.gen(function*() {
      const { outcomes } = yield* DecisionModel.decideSettled(Triage, { input })
      const failures = Object.values<Result.Result<unknown, Decision.Unanswered>>(outcomes).map((outcome) =>
        Result.isFailure(outcome) ? outcome.failure.reason : "ok"
      )
      assert.deepStrictEqual(failures, ["Refused", "Missing", "ok"])
    }).pipe(Effect.provide(answering(json({ d1: null, d2: { l1: "much" }, d3: { l1: 1, l2: 0 } })))))

  for (const finishReason of ["refusal", "content-filter", "guardrail"] as const) {
    it.effect(`an answer that was withheld refuses every decision: ${finishReason}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(DecisionModel.decide(Triage, { input }))
        assert.strictEqual(error.reason._tag, "ContentPolicyError")
      }).pipe(Effect.provide(answering({ content: "I cannot", finishReason }))))
  }

  it.effect("fails with AiError, which has our error", () =>
    Effect.gen(function*() {
      const throttled = yield* Effect.flip(DecisionModel.decide(Triage, { input }))
      assert.strictEqual(StrataAiError.original(throttled)?._tag, "RateLimitError")
      const misfit = yield* Effect.flip(DecisionModel.decide(Triage, { input }))
      assert.strictEqual(misfit.reason._tag, "StructuredOutputError")
    }).pipe(Effect.provide(answering(
      new ProviderError.RateLimitError({ provider: "test", message: "slow down" }),
      "no JSON at all"
    ))))

  it.effect("images go along, each after its reference", () =>
    Effect.gen(function*() {
      const Photo = Decision.make({
        input: Schema.Struct({ photo: Decision.Image }),
        decisions: { cat: Decision.probability({ instructions: "There is a cat" }) }
      })
      const data = new Uint8Array([1, 2, 3])
      const { answers } = yield* DecisionModel.decide(Photo, { input: { photo: { mediaType: "image/png", data } } })
      assert.strictEqual(answers.cat.probability, 0.5)
      const content = (yield* requests)[0]?.messages[1]?.content
      assert.deepStrictEqual(Array.isArray(content) ? content.at(-1) : undefined, {
        type: "image",
        mediaType: "image/png",
        source: { bytes: data }
      })
    }).pipe(Effect.provide(answering(json({ d1: { l1: 1, l2: 1 } })))))

  it.effect("names of any kind are keys of answers", () =>
    Effect.gen(function*() {
      const Odd = Decision.make({
        input: Schema.String,
        decisions: {
          ["__proto__"]: Decision.classify({ instructions: "x", criteria: { ["__proto__"]: null, "a.b c": null } })
        }
      })
      const { answers } = yield* DecisionModel.decide(Odd, { input: "x" })
      assert.deepStrictEqual(Object.keys(answers), ["__proto__"])
    }).pipe(Effect.provide(answering(json({ d1: { l1: 1, l2: 0 } })))))

  it("keeps the key of metadata", () => assert.strictEqual(StrataMetadata.key, "strata"))
})
