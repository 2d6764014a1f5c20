import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import {
  base64,
  cohere3,
  cohere4,
  dataUri,
  invoke,
  marengo27,
  marengo30,
  nova,
  novaImage,
  novaText,
  png,
  single,
  titan
} from "./EmbeddingBodies.ts"
import * as Fixture from "./Fixture.ts"

describe("Embedding families", () => {
  const malformed = (finding: string) =>
    `Malformed input request: ${finding}, please reformat your input and try again.`
  const s3Location = { uri: "s3://bucket/key" }
  const inStorage = "This emulator does not read from S3: send the content in the body."
  const tooLong = "Input is too long for requested model."

  it.effect.each<readonly [string, string, unknown, string]>([
    [
      "nothing to embed, Titan",
      titan,
      {},
      malformed("#: required key [inputText] not found#: required key [inputImage] not found")
    ],
    ["bad base64, Titan", titan, { inputImage: "?" }, malformed("#/inputImage: the text is not valid base64")],
    ["no bytes, Titan", titan, { inputImage: "" }, malformed("#/inputImage: expected minLength: 1, actual: 0")],
    [
      "white space for base64, Titan",
      titan,
      { inputImage: "\n" },
      malformed("#/inputImage: expected minLength: 1, actual: 0")
    ],
    ["a number, Titan", titan, { inputImage: 1 }, malformed("#/inputImage: expected type: String, found: Integer")],
    [
      "other dimensions, Titan",
      titan,
      { inputText: "a", embeddingConfig: { outputEmbeddingLength: 512 } },
      malformed("#/embeddingConfig/outputEmbeddingLength: 512 is not a valid enum value")
    ],
    [
      "a text of 257 tokens, Titan",
      titan,
      { inputText: "x".repeat(1025) },
      "400 Bad Request: Too many input tokens. Max input tokens: 256, request input token count: 257 "
    ],
    [
      "no parameters, Nova",
      nova,
      {},
      malformed(
        "#: required key [taskType] not found#: required key [singleEmbeddingParams] not found"
      )
    ],
    [
      "segments, Nova",
      nova,
      { ...single(novaText("a")), taskType: "SEGMENTED_EMBEDDING" },
      malformed("#/taskType: SEGMENTED_EMBEDDING is not a valid enum value")
    ],
    [
      "other dimensions, Nova",
      nova,
      single(novaText("a"), { embeddingDimension: 512 }),
      malformed("#/singleEmbeddingParams/embeddingDimension: 512 is not a valid enum value")
    ],
    [
      "an unknown purpose, Nova",
      nova,
      single(novaText("a"), { embeddingPurpose: "toString" }),
      malformed("#/singleEmbeddingParams/embeddingPurpose: toString is not a valid enum value")
    ],
    [
      "a text and an image, Nova",
      nova,
      single({ ...novaText("a"), ...novaImage(png) }),
      malformed("#/singleEmbeddingParams: 2 subschemas matched instead of one")
    ],
    ["nothing, Nova", nova, single({}), malformed("#/singleEmbeddingParams: 0 subschemas matched instead of one")],
    [
      "no text, Nova",
      nova,
      single({ text: { truncationMode: "END" } }),
      malformed("#/singleEmbeddingParams/text: required key [value] not found")
    ],
    [
      "no bytes, Nova",
      nova,
      single({ image: { format: "png", source: {} } }),
      malformed("#/singleEmbeddingParams/image/source: required key [bytes] not found")
    ],
    [
      "an unknown format, Nova",
      nova,
      single({ image: { format: "tiff", source: { bytes: base64(png) } } }),
      malformed("#/singleEmbeddingParams/image/format: tiff is not a valid enum value")
    ],
    ["an image in S3, Nova", nova, single({ image: { format: "png", source: { s3Location } } }), inStorage],
    ["a text of 8,193 tokens, Nova", nova, single(novaText("x".repeat(32_769))), tooLong],
    [
      "audio, Nova",
      nova,
      single({ audio: { format: "mp3", source: { s3Location } } }),
      "This emulator embeds texts and images only, not audio or video."
    ],
    ["no text, Marengo 2.7", marengo27, { inputType: "text" }, malformed("#: required key [inputText] not found")],
    ["no image, Marengo 2.7", marengo27, { inputType: "image" }, malformed("#: required key [mediaSource] not found")],
    [
      "an empty source, Marengo 2.7",
      marengo27,
      { inputType: "image", mediaSource: {} },
      malformed("#/mediaSource: required key [base64String] not found")
    ],
    [
      "both, Marengo 2.7",
      marengo27,
      { inputType: "text_image" },
      malformed("#/inputType: text_image is not a valid enum value")
    ],
    [
      "a text of 78 tokens, Marengo 2.7",
      marengo27,
      { inputType: "text", inputText: "x".repeat(309), textTruncate: "none" },
      tooLong
    ],
    [
      "the id alone, Marengo 2.7",
      "twelvelabs.marengo-embed-2-7-v1:0",
      { inputType: "text", inputText: "a" },
      "Invocation of model ID twelvelabs.marengo-embed-2-7-v1:0 with on-demand throughput isn’t supported. " +
      "Retry your request with the ID or ARN of an inference profile that contains this model."
    ],
    [
      "the body of 2.7, Marengo 3.0",
      marengo30,
      { inputType: "text", inputText: "a" },
      malformed("#: extraneous key [inputText] is not permitted")
    ],
    [
      "no content, Marengo 3.0",
      marengo30,
      { inputType: "text_image", text: { inputText: "a" } },
      malformed("#: required key [text_image] not found")
    ],
    [
      "an image in S3, Marengo 3.0",
      marengo30,
      { inputType: "image", image: { mediaSource: { s3Location } } },
      inStorage
    ],
    [
      "a text of 501 tokens, Marengo 3.0",
      marengo30,
      { inputType: "text", text: { inputText: "x".repeat(2001) } },
      tooLong
    ],
    [
      "two images, Cohere 3",
      cohere3,
      { images: [dataUri(png), dataUri(png)], input_type: "image" },
      malformed("#/images: expected maximum item count: 1, found: 2")
    ],
    [
      "a format it does not read, Cohere 3",
      cohere3,
      { images: [dataUri(png, "image/webp")], input_type: "image" },
      malformed(
        "#/images/0: string [data:image/webp;base64,iVBORwE=] does not match pattern ^data:image/(jpeg|png);base64,"
      )
    ],
    [
      "an image without input_type image, Cohere 3",
      cohere3,
      { images: [dataUri(png)], input_type: "search_document" },
      malformed("#: required key [texts] not found")
    ],
    [
      "a text with input_type image, Cohere 3",
      cohere3,
      { texts: ["a"], input_type: "image" },
      malformed("#: required key [images] not found")
    ],
    [
      "97 images, Cohere 4",
      cohere4,
      { images: Array.from({ length: 97 }, () => dataUri(png)), input_type: "image" },
      malformed("#/images: expected maximum item count: 96, found: 97")
    ],
    [
      "bad base64, Cohere 4",
      cohere4,
      { images: [dataUri(png), "data:image/png;base64,?"], input_type: "image" },
      malformed("#/images/1: the text is not valid base64")
    ],
    [
      "an address, Cohere 4",
      cohere4,
      {
        inputs: [{ content: [{ type: "image_url", image_url: { url: "https://example.com/a.png" } }] }],
        input_type: "image"
      },
      malformed(
        "#/inputs/0/content/0/image_url/url: string [https://example.com/a.png] does not match pattern " +
          "^data:image/(png|jpeg|webp|gif);base64,"
      )
    ],
    [
      "texts beside images, Cohere 4",
      cohere4,
      { texts: ["a"], images: [dataUri(png)], input_type: "image" },
      malformed("#: 2 subschemas matched instead of one")
    ],
    [
      "content without its own key, Cohere 4",
      cohere4,
      { inputs: [{ content: [{ type: "text", text: "a" }, { type: "image_url" }] }], input_type: "image" },
      malformed("#/inputs/0/content/1: required key [image_url] not found")
    ],
    [
      "an input without content, Cohere 4",
      cohere4,
      { inputs: [{ content: [] }], input_type: "image" },
      malformed("#/inputs/0/content: expected minimum item count: 1, found: 0")
    ],
    [
      "an unknown type, Cohere 4",
      cohere4,
      { texts: ["a"], input_type: "search_query", embedding_types: ["base64"] },
      malformed("#/embedding_types/0: base64 is not a valid enum value")
    ]
  ])("refuses %s", ([, model, body, message]) =>
    Effect.gen(function*() {
      const { status, text } = yield* invoke(model, body)
      assert.deepStrictEqual([status, JSON.parse(text)], [400, { message }])
    }).pipe(Effect.provide(Fixture.emulator())))
})
