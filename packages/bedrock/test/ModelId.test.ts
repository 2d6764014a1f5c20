import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as ModelId from "../src/catalog/ModelId.ts"

const geographies = ["us", "eu", "apac", "jp", "au", "ca", "global", "us-gov"] as const

/** id, vendor, family, generation */
const models = [
  ["anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", "claude", "4.5"],
  ["anthropic.claude-opus-4-20250514-v1:0", "anthropic", "claude", "4"],
  ["anthropic.claude-opus-4-6-v1", "anthropic", "claude", "4.6"],
  ["anthropic.claude-3-7-sonnet-20250219-v1:0", "anthropic", "claude", "3.7"],
  ["anthropic.claude-3-haiku-20240307-v1:0", "anthropic", "claude", "3"],
  ["anthropic.claude-3-sonnet-20240229-v1:0:200k", "anthropic", "claude", "3"],
  ["anthropic.claude-v2:1", "anthropic", "claude", "2"],
  ["anthropic.claude-instant-v1:2:100k", "anthropic", "claude", "1"],
  ["amazon.nova-lite-v1:0", "amazon", "nova", "1"],
  ["amazon.nova-lite-v1:0:24k", "amazon", "nova", "1"],
  ["amazon.nova-2-lite-v1:0", "amazon", "nova", "2"],
  ["amazon.nova-2-multimodal-embeddings-v1:0", "amazon", "nova", "2"],
  ["amazon.titan-embed-text-v2:0", "amazon", "titan-embed-text", "2"],
  ["amazon.titan-embed-text-v1", "amazon", "titan-embed-text", "1"],
  ["amazon.titan-embed-text-v1:2:8k", "amazon", "titan-embed-text", "1"],
  ["amazon.titan-embed-g1-text-02", "amazon", "titan-embed-text", "1"],
  ["amazon.titan-embed-image-v1", "amazon", "titan-embed-image", "1"],
  ["amazon.titan-text-lite-v1", "amazon", "titan-text-lite", "1"],
  ["cohere.embed-english-v3", "cohere", "embed", "3"],
  ["cohere.embed-multilingual-v3:0:512", "cohere", "embed", "3"],
  ["cohere.embed-v4:0", "cohere", "embed", "4"],
  ["cohere.command-r-plus-v1:0", "cohere", "command-r", "1"],
  ["cohere.command-text-v14", "cohere", "command", "14"],
  ["cohere.rerank-v3-5:0", "cohere", "rerank", "3.5"],
  ["meta.llama3-8b-instruct-v1:0", "meta", "llama", "3"],
  ["meta.llama3-1-70b-instruct-v1:0:128k", "meta", "llama", "3.1"],
  ["meta.llama4-maverick-17b-instruct-v1:0", "meta", "llama", "4"],
  ["mistral.mistral-7b-instruct-v0:2", "mistral", "mistral", "0"],
  ["mistral.mistral-large-2402-v1:0", "mistral", "mistral", "1"],
  ["mistral.voxtral-mini-3b-2507", "mistral", "voxtral", undefined],
  ["deepseek.r1-v1:0", "deepseek", "deepseek", "1"],
  ["deepseek.v3.2", "deepseek", "deepseek", "3.2"],
  ["openai.gpt-oss-120b-1:0", "openai", "gpt", "1"],
  ["qwen.qwen3-coder-480b-a35b-v1:0", "qwen", "qwen", "3"],
  ["zai.glm-4.6", "zai", "glm", "4.6"],
  ["qwen.qwen3.5-vl-122b-a10b", "qwen", "qwen", "3.5"],
  ["moonshotai.kimi-k2.5", "moonshotai", "kimi", "2.5"],
  ["minimax.minimax-m2.1", "minimax", "minimax", "2.1"],
  ["nvidia.nemotron-super-3-120b", "nvidia", "nemotron", "3"],
  ["google.gemma-3-27b-it", "google", "gemma", "3"],
  ["openai.gpt-5.6-terra", "openai", "gpt", "5.6"],
  ["ai21.jamba-1-5-mini-v1:0", "ai21", "jamba", "1.5"],
  ["twelvelabs.marengo-embed-2-7-v1:0", "twelvelabs", "marengo", "2.7"]
] as const

const modelIds = models.map(([id]) => id)

const account = "123456789012"

describe("ModelId", () => {
  describe("parse", () => {
    it.prop("never fails, and keeps the id", [Schema.String], ([id]) => {
      assert.strictEqual(ModelId.parse(id).id, id)
    })

    it.prop("is total for strings that begin like an ARN", [Schema.Array(Schema.String)], ([rest]) => {
      const id = ["arn", ...rest].join(":")
      assert.strictEqual(ModelId.parse(id).id, id)
    })

    it.each(models)("reads vendor, family and generation of %s", (id, vendor, family, version) => {
      assert.deepStrictEqual(ModelId.parse(id), {
        id,
        kind: "foundation-model",
        vendor,
        family,
        ...(version !== undefined && { version }),
        baseId: id
      })
    })

    it.prop(
      "takes every geography off every model",
      [Schema.Literals(geographies), Schema.Literals(modelIds)],
      ([geo, baseId]) => {
        const id = `${geo}.${baseId}`
        assert.deepStrictEqual(ModelId.parse(id), {
          ...ModelId.parse(baseId),
          id,
          kind: "inference-profile",
          geo
        })
        assert.strictEqual(ModelId.withoutGeo(id), baseId)
      }
    )

    it("reads two letters as a geography", () => {
      const { baseId, geo } = ModelId.parse("mx.anthropic.claude-sonnet-4-5-20250929-v1:0")
      assert.strictEqual(geo, "mx")
      assert.strictEqual(baseId, "anthropic.claude-sonnet-4-5-20250929-v1:0")
    })

    it("reads a prefix without a vendor behind it as the vendor", () => {
      const { geo, vendor } = ModelId.parse("us.anthropic")
      assert.strictEqual(geo, undefined)
      assert.strictEqual(vendor, "us")
    })

    it.prop(
      "reads the ARN of every model, in every partition",
      [Schema.Literals(["aws", "aws-us-gov", "aws-cn"]), Schema.Literals(modelIds)],
      ([partition, baseId]) => {
        const id = `arn:${partition}:bedrock:eu-west-3::foundation-model/${baseId}`
        assert.deepStrictEqual(ModelId.parse(id), { ...ModelId.parse(baseId), id, region: "eu-west-3" })
      }
    )

    it.prop(
      "reads the ARN of every inference profile",
      [Schema.Literals(geographies), Schema.Literals(modelIds)],
      ([geo, baseId]) => {
        const id = `arn:aws:bedrock:us-east-1:${account}:inference-profile/${geo}.${baseId}`
        assert.deepStrictEqual(ModelId.parse(id), {
          ...ModelId.parse(`${geo}.${baseId}`),
          id,
          region: "us-east-1",
          account
        })
      }
    )

    it("knows the model a custom model was made from", () => {
      const id = `arn:aws:bedrock:us-east-1:${account}:custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghijkl`
      assert.deepStrictEqual(ModelId.parse(id), {
        id,
        kind: "custom-model",
        vendor: "amazon",
        family: "titan-text-lite",
        version: "1",
        region: "us-east-1",
        account,
        baseId: "amazon.titan-text-lite-v1:0:4k"
      })
    })

    it("knows the family a default prompt router chooses in", () => {
      const id = `arn:aws:bedrock:us-east-1:${account}:default-prompt-router/anthropic.claude:1`
      assert.deepStrictEqual(ModelId.parse(id), {
        id,
        kind: "default-prompt-router",
        vendor: "anthropic",
        family: "claude",
        region: "us-east-1",
        account
      })
    })

    it.each([
      ["bedrock", "application-inference-profile", "abcdefghijkl"],
      ["bedrock", "provisioned-model", "abcdefghijkl"],
      ["bedrock", "custom-model-deployment", "abcdefghijkl"],
      ["bedrock", "imported-model", "abcdefghijkl"],
      ["bedrock", "prompt", "ABCDEFGHIJ:3"],
      ["bedrock", "prompt-router", "abcdefghijkl"],
      ["sagemaker", "endpoint", "my-endpoint"]
    ])("knows no family behind the ARN of a %s %s", (service, type, name) => {
      const id = `arn:aws-us-gov:${service}:us-gov-west-1:${account}:${type}/${name}`
      assert.deepStrictEqual<unknown>(ModelId.parse(id), {
        id,
        kind: service === "sagemaker" ? "sagemaker-endpoint" : type,
        region: "us-gov-west-1",
        account
      })
    })

    it.each([
      "",
      "claude",
      ".claude",
      "anthropic.",
      "Anthropic.Claude",
      "two words.here",
      "arn:",
      "arn:aws:bedrock",
      "arn:aws:s3:::bucket/key",
      "arn:azure:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
      "arn:aws:sagemaker:us-east-1:123456789012:model/m",
      "arn:aws:bedrock:us-east-1:123456789012:guardrail/g",
      "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/"
    ])("calls \"%s\" unknown", (id) => {
      assert.strictEqual(ModelId.parse(id).kind, "unknown")
    })
  })

  describe("withoutGeo", () => {
    it.each([
      "anthropic.claude-3-haiku-20240307-v1:0",
      `arn:aws:bedrock:us-east-1:${account}:application-inference-profile/abcdefghijkl`,
      `arn:aws:bedrock:us-east-1:${account}:custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghijkl`,
      "whatever"
    ])("leaves %s alone", (id) => {
      assert.strictEqual(ModelId.withoutGeo(id), id)
    })

    it("names the foundation model of an inference profile's ARN", () => {
      assert.strictEqual(
        ModelId.withoutGeo(`arn:aws:bedrock:us-east-1:${account}:inference-profile/us.amazon.nova-lite-v1:0`),
        "amazon.nova-lite-v1:0"
      )
    })
  })

  describe("region", () => {
    it("is the one in an ARN", () => {
      assert.strictEqual(
        ModelId.region(`arn:aws:bedrock:ap-southeast-2:${account}:application-inference-profile/abcdefghijkl`),
        "ap-southeast-2"
      )
    })

    it("is not the geography of an id", () => {
      assert.strictEqual(ModelId.region("us.amazon.nova-lite-v1:0"), undefined)
    })
  })
})
