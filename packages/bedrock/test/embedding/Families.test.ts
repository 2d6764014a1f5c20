import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Families from "../../src/embedding/Families.ts"
import * as Family from "../../src/embedding/Family.ts"
import * as Damage from "../support/Damage.ts"
import * as Answers from "./answers.ts"

const applicationProfile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"

describe("Families", () => {
  it.each([
    ["amazon.titan-embed-text-v1", "titan-text-v1"],
    ["amazon.titan-embed-text-v1:2:8k", "titan-text-v1"],
    ["amazon.titan-embed-g1-text-02", "titan-text-v1"],
    ["amazon.titan-embed-text-v2:0", "titan-text-v2"],
    ["arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0", "titan-text-v2"],
    ["amazon.titan-embed-image-v1", "titan-image-v1"],
    ["amazon.titan-embed-image-v1:0", "titan-image-v1"],
    [
      "arn:aws:bedrock:us-west-2:123456789012:custom-model/amazon.titan-embed-image-v1:0/abcdefghijkl",
      "titan-image-v1"
    ],
    ["amazon.nova-2-multimodal-embeddings-v1:0", "nova-2"],
    ["us.amazon.nova-2-multimodal-embeddings-v1:0", "nova-2"],
    ["arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-multimodal-embeddings-v1:0", "nova-2"],
    ["twelvelabs.marengo-embed-2-7-v1:0", "marengo-2.7"],
    ["us.twelvelabs.marengo-embed-2-7-v1:0", "marengo-2.7"],
    ["twelvelabs.marengo-embed-3-0-v1:0", "marengo-3.0"],
    ["arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.twelvelabs.marengo-embed-3-0-v1:0", "marengo-3.0"],
    ["cohere.embed-english-v3", "cohere-v3"],
    ["cohere.embed-multilingual-v3", "cohere-v3"],
    ["cohere.embed-v4:0", "cohere-v4"],
    ["us.cohere.embed-v4:0", "cohere-v4"],
    ["arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.cohere.embed-v4:0", "cohere-v4"]
  ])("finds the family of %s", (model, name) => {
    assert.strictEqual(Families.find(model)?.name, name)
  })

  it.each([
    "amazon.titan-text-express-v1",
    "amazon.titan-image-generator-v1",
    "amazon.nova-2-lite-v1:0",
    "amazon.nova-lite-v1:0",
    "twelvelabs.marengo-embed-4-0-v1:0",
    "twelvelabs.pegasus-1-2-v1:0",
    "amazon.titan-embed-text-v3:0",
    "cohere.embed-v5:0",
    "cohere.command-r-v1:0",
    "cohere.rerank-v3-5:0",
    "anthropic.claude-3-haiku-20240307-v1:0",
    applicationProfile,
    "embed"
  ])("finds none for %s", (model) => {
    assert.strictEqual(Families.find(model), undefined)
  })

  it("uses the hint for an opaque id only", () => {
    for (const name of Families.names) assert.strictEqual(Families.find(applicationProfile, name)?.name, name)
    assert.strictEqual(Families.find("cohere.embed-english-v3", "cohere-v4")?.name, "cohere-v3")
  })

  it("has each name once", () => {
    assert.strictEqual(new Set(Families.names).size, Families.names.length)
  })

  it("has no family whose vectors do not fill whole bytes as bits", () => {
    const odd = Families.all.filter(({ dimensions }) => dimensions.allowed.some((length) => length % 8 !== 0))
    assert.deepStrictEqual(odd, [])
  })
  describe.each(Families.all)("$name", (family) => {
    const length = family.dimensions.default
    const vector = Answers.numbers(length, 1)
    const bits = Array(length).fill(1)
    const answers = {
      float: [
        Answers.titanByType(vector, 3),
        Answers.titan(vector, 3),
        Answers.cohere([vector]),
        Answers.cohereByType([vector]),
        Answers.nova(vector),
        Answers.marengo(vector)
      ],
      int8: [Answers.cohereByType([vector], "int8")],
      uint8: [Answers.cohereByType([vector], "uint8")],
      binary: [Answers.titanBinary(vector, bits, 3), Answers.cohereByType([vector.slice(0, length / 8)], "ubinary")]
    }
    const kinds = { float: Float32Array, int8: Int8Array, uint8: Uint8Array, binary: Uint8Array }

    it.prop(
      "reads vectors of the type that was asked for, or says what is wrong, whatever became of an answer",
      [Schema.Array(Damage.Mutation).check(Schema.isMaxLength(3)), Schema.Array(Damage.ByteDamage)],
      ([mutations, damages]) => {
        for (const vectorType of family.vectorTypes) {
          const batch = Answers.texts(["a"], { vectorType })
          for (const answer of answers[vectorType]) {
            const text = new TextEncoder().encode(Damage.mutate(answer, mutations))
            const decoded = Family.decode(family, batch, Damage.spoil(text, damages))
            if (Result.isFailure(decoded)) {
              assert.match(decoded.failure, /^The (?:answer|model) /)
              continue
            }
            const { inputTokens = 0, vectors } = decoded.success
            assert.isTrue(vectors.every((vector) => vector instanceof kinds[vectorType]))
            assert.isTrue(vectors.every((vector) => vector.every(Number.isFinite)))
            assert.isTrue(Number.isSafeInteger(inputTokens) && inputTokens >= 0)
          }
        }
      },
      { timeout: 60_000, arbitrary: { runs: 30 } }
    )

    it("ignores a failed answer's twin", () => {
      for (const vectorType of family.vectorTypes) {
        const batch = Answers.texts(["a"], { vectorType })
        const decoded = answers[vectorType].map((answer) => Family.decode(family, batch, Answers.bytes(answer)))
        assert.isTrue(decoded.some(Result.isSuccess), vectorType)
      }
    })
  })
})
