import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Families from "../../src/rerank/Families.ts"
import * as Family from "../../src/rerank/Family.ts"
import * as Damage from "../support/Damage.ts"

const applicationProfile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"

const bytes = (answer: unknown) => new TextEncoder().encode(JSON.stringify(answer))

describe("Rerank families", () => {
  it.each([
    ["cohere.rerank-v3-5:0", "cohere"],
    ["us.cohere.rerank-v3-5:0", "cohere"],
    ["arn:aws:bedrock:eu-central-1::foundation-model/cohere.rerank-v3-5:0", "cohere"],
    ["arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.cohere.rerank-v3-5:0", "cohere"],
    ["amazon.rerank-v1:0", "amazon"],
    ["arn:aws:bedrock:ap-northeast-1::foundation-model/amazon.rerank-v1:0", "amazon"]
  ])("are found by the id %s", (model, name) => {
    assert.strictEqual(Families.find(model)?.name, name)
  })

  it.each(["cohere.embed-v4:0", "amazon.titan-embed-text-v2:0", "other.rerank-v1:0", applicationProfile, "rerank"])(
    "are none of %s",
    (model) => {
      assert.strictEqual(Families.find(model), undefined)
    }
  )

  it("use the hint for an opaque id only", () => {
    assert.strictEqual(Families.find(applicationProfile, "amazon")?.name, "amazon")
    assert.strictEqual(Families.find("cohere.rerank-v3-5:0", "amazon")?.name, "cohere")
  })

  it.prop("read what a model wrote", [
    Schema.Array(Schema.Struct({ index: Schema.Int, score: Schema.Finite }))
  ], ([results]) => {
    // JSON has no negative zero.
    const written = results.map(({ index, score }) => ({ index: index + 0, score: score + 0 }))
    const body = bytes({
      id: "b5a3",
      results: written.map(({ index, score }) => ({ index, relevance_score: score, document: { text: "a" } }))
    })
    assert.deepStrictEqual(Family.decode(body), Result.succeed(written))
  })

  it.prop(
    "read indices and finite scores, or say what is wrong, whatever became of an answer",
    [Schema.Array(Damage.Mutation).check(Schema.isMaxLength(3)), Schema.Array(Damage.ByteDamage)],
    ([mutations, damages]) => {
      const answer = { results: [{ index: 1, relevance_score: 0.9 }, { index: 0, relevance_score: 0.1 }] }
      const text = new TextEncoder().encode(Damage.mutate(answer, mutations))
      const decoded = Family.decode(Damage.spoil(text, damages))
      if (Result.isFailure(decoded)) assert.match(decoded.failure, /^The answer /)
      else {
        for (const { index, score } of decoded.success) {
          assert.isTrue(Number.isSafeInteger(index) && Number.isFinite(score))
        }
      }
    }
  )

  it.each(Families.all)("$name never fills a body above 25 MB, even if every character is escaped", (family) => {
    const { maxDocuments, maxLength = Infinity } = family.limits
    const document = "\0".repeat(Math.floor(maxLength / (maxDocuments + 1)))
    const request = {
      query: document,
      documents: Array.from({ length: maxDocuments }, () => document),
      topN: maxDocuments,
      options: { model: "m" }
    }
    assert.isAtMost(bytes(JSON.parse(Family.encode(family, request))).length, 25_000_000)
  })
})
