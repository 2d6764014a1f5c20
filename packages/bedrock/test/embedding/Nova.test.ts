import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Family from "../../src/embedding/Family.ts"
import * as Nova from "../../src/embedding/Nova.ts"
import * as Answers from "./answers.ts"

const Dimensions = Schema.UndefinedOr(Schema.Literals(Nova.v2.dimensions.allowed))
const Vector = Schema.NonEmptyArray(Answers.Float)

const embeddingPurpose = {
  document: "GENERIC_INDEX",
  query: "GENERIC_RETRIEVAL",
  classification: "CLASSIFICATION",
  clustering: "CLUSTERING"
}
const truncationMode = { none: "NONE", start: "START", end: "END" }

const image = { bytes: Uint8Array.of(3, 4), mediaType: "image/png" }

describe("Nova", () => {
  it.prop(
    "sends a text with its truncation, or an image with its format, and what the vector is for",
    [Schema.String, Answers.Image, Answers.Options, Dimensions],
    ([text, image, some, dimensions]) => {
      const options = { ...some, dimensions }
      const bodies = [Answers.texts([text], options), Answers.images([image], options)].map((batch) =>
        JSON.parse(Family.encode(Nova.v2, batch))
      )
      const shared = {
        embeddingPurpose: embeddingPurpose[options.purpose],
        ...(dimensions !== undefined && { embeddingDimension: dimensions })
      }
      const format = image.mediaType === "image/png" ? "png" : "jpeg"
      assert.deepStrictEqual(bodies, [
        {
          taskType: "SINGLE_EMBEDDING",
          singleEmbeddingParams: {
            ...shared,
            text: { truncationMode: truncationMode[options.truncate], value: text }
          }
        },
        {
          taskType: "SINGLE_EMBEDDING",
          singleEmbeddingParams: { ...shared, image: { format, source: { bytes: Answers.base64(image) } } }
        }
      ])
    }
  )

  it("allows the purpose and the image detail in the body", () => {
    const extra = {
      singleEmbeddingParams: { embeddingPurpose: "DOCUMENT_RETRIEVAL", image: { detailLevel: "DOCUMENT_IMAGE" } }
    }
    assert.isUndefined(Family.findReserved(Nova.v2, extra))
    assert.deepStrictEqual(JSON.parse(Family.encode(Nova.v2, Answers.images([image]), extra)), {
      taskType: "SINGLE_EMBEDDING",
      singleEmbeddingParams: {
        embeddingPurpose: "DOCUMENT_RETRIEVAL",
        image: { format: "png", source: { bytes: "AwQ=" }, detailLevel: "DOCUMENT_IMAGE" }
      }
    })
    assert.deepStrictEqual(JSON.parse(Family.encode(Nova.v2, Answers.texts(["a"]), extra)), {
      taskType: "SINGLE_EMBEDDING",
      singleEmbeddingParams: {
        embeddingPurpose: "DOCUMENT_RETRIEVAL",
        text: { truncationMode: "NONE", value: "a" }
      }
    })
  })

  it.each([
    { singleEmbeddingParams: { embeddingDimension: 256 } },
    { singleEmbeddingParams: { text: { value: "another" } } },
    { singleEmbeddingParams: { text: "another" } },
    { singleEmbeddingParams: { image: { source: { s3Location: { uri: "s3://bucket/key" } } } } },
    { singleEmbeddingParams: { video: {} } },
    { taskType: "SEGMENTED_EMBEDDING" }
  ])("does not let the body say %j", (extra) => {
    assert.isDefined(Family.findReserved(Nova.v2, extra))
  })

  it.prop("reads the vector", [Vector], ([vector]) => {
    const answer = { embeddings: [{ embeddingType: "TEXT", embedding: vector, truncatedCharLength: 12 }] }
    assert.deepStrictEqual(
      Nova.v2.decode(answer, "float"),
      Result.succeed({ vectors: [Float32Array.from(vector)] })
    )
  })

  it.each<readonly [answer: Record<string, unknown>, what: string, path: string]>([
    [{}, "list of vectors", "embeddings"],
    [{ embeddings: null }, "list of vectors", "embeddings"],
    [{ embeddings: { embedding: [0.1] } }, "list of vectors", "embeddings"],
    [{ embeddings: [[0.1]] }, "list of numbers", "embeddings[0].embedding"],
    [{ embeddings: [{ embedding: [] }] }, "list of numbers", "embeddings[0].embedding"],
    [{ embeddings: [{ embedding: "0.1" }] }, "list of numbers", "embeddings[0].embedding"],
    [{ embeddings: [null] }, "list of numbers", "embeddings[0].embedding"],
    [{ embedding: [0.1] }, "list of vectors", "embeddings"]
  ])("refuses %j", (answer, what, path) => {
    assert.deepStrictEqual(
      Nova.v2.decode(answer, "float"),
      Result.fail(`The answer has no ${what} at \`${path}\``)
    )
  })

  it.each(Answers.notFinite)("refuses %j in a vector", (odd) => {
    assert.deepStrictEqual(
      Nova.v2.decode({ embeddings: [{ embedding: [0.1, odd] }] }, "float"),
      Result.fail("The answer has no finite 32-bit number at `embeddings[0].embedding[1]`")
    )
  })

  it.each([
    [{ embeddings: [] }, "The answer has 0 vectors for 1 inputs"],
    [
      { embeddings: [{ embedding: Answers.numbers(3072, 1) }, { embedding: Answers.numbers(3072, 1) }] },
      "The answer has 2 vectors for 1 inputs"
    ],
    [Answers.nova(Answers.numbers(1536, 1)), "The answer has a vector of 1536 numbers instead of 3072"]
  ])("refuses too many vectors, too few, and half a vector (%#)", (answer, message) => {
    assert.deepStrictEqual(
      Family.decode(Nova.v2, Answers.texts(["a"]), Answers.bytes(answer)),
      Result.fail(message)
    )
  })
})
