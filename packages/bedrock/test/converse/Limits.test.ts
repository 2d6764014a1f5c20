import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import type { BedrockChatOptions } from "../../src/BedrockOptions.ts"
import { converseLimits } from "../../src/catalog/Capabilities.ts"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Limits from "../../src/converse/Limits.ts"
import * as Request from "../../src/converse/Request.ts"

const place = { model: "m", field: "messages[0].content[1]" }

/** The field an error names, as far as it is not the place; `undefined` when there is no error. */
const named = (part: Message.Part, limits: ModelCatalog.Limits = converseLimits) => {
  const result = Limits.checkPart(part, place, limits)
  if (Result.isSuccess(result)) return undefined
  const { field = "", message, remedy } = result.failure
  assert.isString(remedy)
  assert.include(message, field)
  return field.replace(place.field, "")
}

const image = (source: Message.MediaSource): Message.Part => ({ type: "image", mediaType: "image/png", source })

const document = (source: Message.DocumentSource, name = "Report"): Message.Part => ({
  type: "document",
  mediaType: "application/pdf",
  name,
  source
})

const bytes = (length: number) => ({ bytes: new Uint8Array(length) })

/** The option an error names. */
const option = (request: Partial<ChatRequest.Resolved>) => {
  const result = Limits.checkOptions({ model: "amazon.nova-lite-v1:0", messages: [], ...request })
  return Result.isSuccess(result) ? undefined : result.failure.field
}

const own = (bedrock: BedrockChatOptions) => option({ providerOptions: { bedrock } })

describe("converse/Limits", () => {
  describe("of parts", () => {
    it("accepts images and documents up to the model's maximum size", () => {
      assert.isUndefined(named(image(bytes(3_750_000))))
      assert.strictEqual(named(image(bytes(3_750_001))), ".source.bytes")
      assert.isUndefined(named(document(bytes(4_500_000))))
      assert.strictEqual(named(document(bytes(4_500_001))), ".source.bytes")
      assert.isUndefined(named(image(bytes(9_000_000)), {}), "nothing is known of this model")
    })

    it("reports the size and the maximum", () => {
      const result = Limits.checkPart(image(bytes(3_750_001)), place, converseLimits)
      assert(Result.isFailure(result))
      assert.include(result.failure.message, "3.76 MB exceed the model's maximum of 3.75 MB")
    })

    it("refuses empty bytes", () => {
      assert.strictEqual(named(image(bytes(0))), ".source.bytes")
      assert.strictEqual(named({ type: "audio", mediaType: "audio/wav", source: bytes(0) }), ".source.bytes")
      assert.strictEqual(named({ type: "video", mediaType: "video/mp4", source: bytes(0) }), ".source.bytes")
    })

    it.each([
      ["s3://bucket/a/key with blanks", undefined],
      ["s3://my.bucket-1", undefined],
      ["https://example.org/a.png", ".source.uri"],
      ["s3://b/too-short", ".source.uri"],
      ["s3://Bucket/key", ".source.uri"],
      ["s3://bucket_1/key", ".source.uri"],
      ["file:s3://bucket/key", ".source.uri"],
      ["", ".source.uri"],
      [`s3://bucket/${"k".repeat(1012)}`, undefined],
      [`s3://bucket/${"k".repeat(1013)}`, ".source.uri"]
    ])("looks at the location %s", (uri, field) => {
      assert.strictEqual(named(image({ uri })), field)
      assert.strictEqual(named({ type: "video", mediaType: "video/mp4", source: { uri } }), field)
    })

    it("requires the 12 digits of an account", () => {
      assert.isUndefined(named(image({ uri: "s3://bucket/key", bucketOwner: "123456789012" })))
      for (const bucketOwner of ["me", "1234567890123", "a123456789012", "123456789012a"]) {
        assert.strictEqual(named(image({ uri: "s3://bucket/key", bucketOwner })), ".source.bucketOwner")
      }
    })

    it("requires document names of 1 to 200 characters", () => {
      assert.isUndefined(named(document({ text: "Hello" }, "n".repeat(200))))
      assert.strictEqual(named(document({ text: "Hello" }, "")), ".name")
      assert.strictEqual(named(document({ text: "Hello" }, "n".repeat(201))), ".name")
    })

    it("requires an object of a block in the provider's own words", () => {
      assert.isUndefined(named({ type: "provider", provider: "aws.bedrock", value: { text: "…" } }))
      assert.strictEqual(named({ type: "provider", provider: "aws.bedrock", value: "…" }), ".value")
    })

    it("looks into results of tools", () => {
      const result: Message.Part = {
        type: "tool-result",
        id: "a",
        result: "",
        parts: [Message.text("See"), { type: "image", mediaType: "image/png", source: { uri: "file:///a" } }]
      }
      assert.strictEqual(named(result), ".parts[1].source.uri")
    })

    it("requires valid call ids and tool names", () => {
      const call = { type: "tool-call", id: "a:b.c-d_1", name: "get-weather_1", params: {} } as const
      assert.isUndefined(named(call))
      assert.strictEqual(named({ ...call, id: "a b" }), ".id")
      assert.strictEqual(named({ ...call, id: "a".repeat(65) }), ".id")
      assert.strictEqual(named({ ...call, name: "get weather" }), ".name")
      assert.strictEqual(named({ type: "tool-result", id: "", result: "" }), ".id")
      assert.strictEqual(named({ type: "tool-addition", name: "" }), ".name")
      assert.strictEqual(named({ type: "tool-removal", name: "a", kind: "k".repeat(65) }), ".kind")
      assert.strictEqual(named({ type: "tool-removal", name: "a", serverName: "" }), ".serverName")
    })

    it("requires integer positions in citations", () => {
      const cited = (start: number): Message.Part => ({
        type: "text",
        text: "So it is.",
        citations: [{ location: { type: "web" } }, { location: { type: "document-char", start } }]
      })
      assert.isUndefined(named(cited(0)))
      assert.strictEqual(named(cited(-1)), ".citations[1].location.start")
      assert.strictEqual(named(cited(0.5)), ".citations[1].location.start")
    })
  })

  describe("of options", () => {
    it.each([
      "amazon.nova-lite-v1:0",
      "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
      "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
      "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.amazon.nova-lite-v1:0",
      "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghijkl",
      "arn:aws:bedrock:us-east-1:123456789012:prompt/PROMPT1234:1",
      "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1",
      "arn:aws:sagemaker:us-east-1:123456789012:endpoint/my-endpoint",
      "m".repeat(2048)
    ])("takes the model %s", (model) => assert.isUndefined(option({ model })))

    it.each(["a model", "../secrets", "https://example.org", "arn:aws:s3:::bucket/key", "m".repeat(2049)])(
      "does not take %s for a model",
      (model) => assert.strictEqual(option({ model }), "model")
    )

    it("checks inference options, its own and those of providerOptions", () => {
      assert.strictEqual(option({ temperature: 1.5 }), "temperature")
      assert.strictEqual(option({ topP: -0.1 }), "topP")
      assert.strictEqual(option({ maxTokens: 0 }), "maxTokens")
      assert.isUndefined(option({ maxTokens: 1, temperature: 1, topP: 0 }))
      assert.strictEqual(option({ stopSequences: ["a", ""] }), "stopSequences[1]")
      assert.isUndefined(option({ stopSequences: Array.from({ length: 2500 }, String) }))
      assert.strictEqual(option({ stopSequences: Array.from({ length: 2501 }, String) }), "stopSequences")
      const prefix = "providerOptions.bedrock.inferenceConfig"
      assert.strictEqual(own({ inferenceConfig: { maxTokens: 1.5 } }), `${prefix}.maxTokens`)
      assert.strictEqual(own({ inferenceConfig: { temperature: 2 } }), `${prefix}.temperature`)
      assert.strictEqual(own({ inferenceConfig: { stopSequences: [""] } }), `${prefix}.stopSequences[0]`)
    })

    it("requires 1 to 16 entries of metadata, with valid characters", () => {
      const field = "providerOptions.bedrock.requestMetadata"
      const entries = (count: number) =>
        Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, ""]))
      assert.isUndefined(own({ requestMetadata: entries(16) }))
      assert.strictEqual(own({ requestMetadata: entries(17) }), field)
      assert.strictEqual(own({ requestMetadata: { a: "b".repeat(257) } }), `${field}.a`)
      assert.strictEqual(own({ requestMetadata: { "ключ": "a" } }), `${field}.ключ`)
      assert.strictEqual(own({ requestMetadata: { a: "b!" } }), `${field}.a`)
      assert.strictEqual(own({ requestMetadata: { "": "b" } }), `${field}[""]`)
    })

    it("allows up to 10 JSON Pointers", () => {
      const field = "providerOptions.bedrock.additionalModelResponseFieldPaths"
      const paths = (count: number) => Array.from({ length: count }, (_, index) => `/${index}`)
      assert.isUndefined(own({ additionalModelResponseFieldPaths: paths(10) }))
      assert.strictEqual(own({ additionalModelResponseFieldPaths: paths(11) }), field)
      assert.strictEqual(own({ additionalModelResponseFieldPaths: ["/a", "stop"] }), `${field}[1]`)
      assert.isUndefined(own({ additionalModelResponseFieldPaths: [`/${"a".repeat(255)}`] }))
      for (const path of ["", "/", `/${"a".repeat(256)}`]) {
        assert.strictEqual(own({ additionalModelResponseFieldPaths: [path] }), `${field}[0]`)
      }
    })

    it("requires objects of the model's own fields and of prompt variables", () => {
      const any = (options: Record<string, unknown>) => own(options as BedrockChatOptions) // as from JavaScript
      const field = "providerOptions.bedrock"
      assert.isUndefined(any({ additionalModelRequestFields: {}, promptVariables: { x: { text: "a" } } }))
      assert.strictEqual(any({ additionalModelRequestFields: [] }), `${field}.additionalModelRequestFields`)
      assert.strictEqual(any({ additionalModelRequestFields: "x" }), `${field}.additionalModelRequestFields`)
      assert.strictEqual(any({ promptVariables: "x" }), `${field}.promptVariables`)
      assert.strictEqual(any({ promptVariables: { w: { text: "a" }, x: 5 } }), `${field}.promptVariables.x`)
      assert.strictEqual(
        any({ promptVariables: { w: { text: "a" }, x: { text: 5 } } }),
        `${field}.promptVariables.x.text`
      )
      assert.strictEqual(any({ promptVariables: {}, requestMetadata: 5 }), `${field}.requestMetadata`)
    })

    it("takes every option of Converse", () => {
      const every = {
        family: "amazon.nova-lite-v1:0",
        system: [{ text: "Be brief." }],
        inferenceConfig: { maxTokens: 1, temperature: 0, topP: 1, stopSequences: ["."] },
        toolConfig: { tools: [{ cachePoint: { type: "default" } }], toolChoice: { auto: {} } },
        guardrailConfig: {
          guardrailIdentifier: "gr1",
          guardrailVersion: "1",
          trace: "enabled",
          streamProcessingMode: "async"
        },
        additionalModelRequestFields: { top_k: 1 },
        promptVariables: { x: { text: "a" } },
        additionalModelResponseFieldPaths: ["/stop_sequence"],
        requestMetadata: { a: "b" },
        performanceConfig: { latency: "optimized" },
        serviceTier: { type: "flex" },
        outputConfig: {
          textFormat: {
            type: "json_schema",
            structure: { jsonSchema: { schema: "{}", name: "n", description: "d" } }
          },
          effort: "low"
        }
      } satisfies Required<BedrockChatOptions>
      assert.isUndefined(own(every))
    })

    it("looks at the guardrail", () => {
      const field = "providerOptions.bedrock.guardrailConfig"
      const guard = (guardrailIdentifier: string, guardrailVersion: string) =>
        own({ guardrailConfig: { guardrailIdentifier, guardrailVersion } })
      assert.isUndefined(guard("gr1", "DRAFT"))
      assert.isUndefined(guard("arn:aws:bedrock:us-east-1:123456789012:guardrail/gr1", "12"))
      assert.isUndefined(guard("arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/gr1", "1"))
      assert.strictEqual(guard("gr-1", "1"), `${field}.guardrailIdentifier`)
      assert.isUndefined(guard("g".repeat(2048), "1"))
      assert.strictEqual(guard("g".repeat(2049), "1"), `${field}.guardrailIdentifier`)
      assert.strictEqual(guard("gr1", "v1"), `${field}.guardrailVersion`)
    })
  })

  it("names the field of the original request", () => {
    const model = "amazon.nova-lite-v1:0"
    const result = Request.encode({
      model,
      messages: [
        Message.user("One"),
        Message.user([Message.text("Two"), { type: "image", mediaType: "image/png", source: bytes(4_000_000) }])
      ]
    }, { capabilities: ModelCatalog.lookup(model), history: "repair" })
    assert(Result.isFailure(result) && result.failure._tag === "InvalidRequestError")
    assert.strictEqual(result.failure.field, "messages[1].content[1].source.bytes")
  })
})
