import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as ModelCatalog from "../src/catalog/ModelCatalog.ts"
import { facts } from "./catalog/facts.ts"

const account = "123456789012"
const profileArn = `arn:aws:bedrock:eu-west-1:${account}:application-inference-profile/abcdefghijkl`

const ask = (request: Partial<ChatRequest.Resolved>): ChatRequest.Resolved => ({
  model: "acme.thinker-v1:0",
  messages: [Message.user("Hello")],
  ...request
})

const objections = (
  capabilities: ModelCatalog.Capabilities,
  request: Partial<ChatRequest.Resolved>,
  options = { streaming: false }
) => ModelCatalog.check(capabilities, ask(request), options)

const tools: ChatRequest.Resolved["tools"] = [{ name: "weather", inputSchema: { type: "object" } }]

const image: Message.ImagePart = { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array(1) } }

const document: Message.DocumentPart = {
  type: "document",
  mediaType: "text/plain",
  name: "Notes",
  source: { bytes: new Uint8Array(1) }
}

const messageOf = (part: Message.ImagePart | Message.DocumentPart, count: number) =>
  Message.user([Message.text("Look"), ...Array.from({ length: count }, () => part)])

describe("ModelCatalog", () => {
  describe("lookup", () => {
    it.each(facts)("knows %s", (id, expected) => {
      const capabilities: Record<string, unknown> = { ...ModelCatalog.lookup(id) }
      for (const [name, value] of Object.entries(expected)) assert.deepStrictEqual(capabilities[name], value, name)
    })

    it.prop("answers any string, with any hint", [Schema.String, Schema.String], ([id, family]) => {
      assert.isObject(ModelCatalog.lookup(id))
      assert.isObject(ModelCatalog.lookup(id, { family }))
    })

    it.prop(
      "takes a model it does not know to be capable of everything",
      [Schema.String.check(Schema.isPattern(/^[a-z]+$/))],
      ([name]) => {
        const capabilities = ModelCatalog.lookup(`acme.${name}-v1:0`)
        assert.deepStrictEqual(Object.keys(capabilities).toSorted(), ["family", "vendor", "version"])
        assert.deepStrictEqual(ModelCatalog.lookup(name), {})
      }
    )

    it.each([
      ["anthropic.claude-sonnet-4-9-20300101-v1:0", "anthropic.claude-sonnet-4-8"],
      ["anthropic.claude-sonnet-5-1", "anthropic.claude-sonnet-5"],
      ["anthropic.claude-sonnet-6-20300101-v1:0", "anthropic.claude-sonnet-5"],
      ["anthropic.claude-opus-5-4", "anthropic.claude-opus-5"],
      ["anthropic.claude-opus-6", "anthropic.claude-opus-5-5"],
      ["anthropic.claude-fable-5-10", "anthropic.claude-fable-5"],
      ["us.amazon.nova-3-lite-v1:0", "us.amazon.nova-2-lite-v1:0"],
      ["us.meta.llama5-maverick-17b-instruct-v1:0", "us.meta.llama4-maverick-17b-instruct-v1:0"],
      ["qwen.qwen3.5-coder-480b", "qwen.qwen3-coder-480b-a35b-v1:0"],
      ["qwen.qwen4-vl-235b", "qwen.qwen3-vl-235b-a22b"],
      ["deepseek.v4", "deepseek.v3.2"],
      ["openai.gpt-6", "openai.gpt-5.6-terra"],
      ["mistral.mistral-large-4-675b-instruct", "mistral.mistral-large-3-675b-instruct"],
      ["mistral.devstral-3-123b", "mistral.devstral-2-123b"],
      ["minimax.minimax-m3", "minimax.minimax-m2"],
      ["google.gemma-4-27b-it", "google.gemma-3-27b-it"],
      ["moonshotai.kimi-k3", "moonshotai.kimi-k2.5"],
      ["zai.glm-5", "zai.glm-4.6"]
    ])("knows %s as well as %s", (newer, older) => {
      const { version, ...known } = ModelCatalog.lookup(newer)
      const { version: before, ...predecessor } = ModelCatalog.lookup(older)
      assert.notStrictEqual(version, before)
      assert.isAbove(Object.keys(known).length, 2)
      assert.deepStrictEqual(known, predecessor)
    })

    it.prop(
      "finds the same behind every geography and ARN",
      [Schema.Literals(facts.map(([id]) => id.replace(/^(us|eu|apac|jp|global)\./, "")))],
      ([id]) => {
        const direct = ModelCatalog.lookup(id)
        assert.deepStrictEqual(ModelCatalog.lookup(`us-gov.${id}`), direct)
        assert.deepStrictEqual(ModelCatalog.lookup(`arn:aws:bedrock:us-east-1::foundation-model/${id}`), direct)
        assert.deepStrictEqual(
          ModelCatalog.lookup(`arn:aws-us-gov:bedrock:us-gov-west-1:${account}:inference-profile/us-gov.${id}`),
          direct
        )
      }
    )

    it("finds the model a custom model was made from", () => {
      const id = `arn:aws:bedrock:us-east-1:${account}:custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghijkl`
      assert.isFalse(ModelCatalog.lookup(id).systemPrompt)
    })

    it("knows nothing about an application inference profile without the option family", () => {
      assert.deepStrictEqual(ModelCatalog.lookup(profileArn), {})
      assert.deepStrictEqual(
        ModelCatalog.lookup(profileArn, { family: "anthropic.claude-sonnet-4-5" }),
        ModelCatalog.lookup("eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
      )
      assert.deepStrictEqual(ModelCatalog.lookup(profileArn, { family: "no family" }), {})
    })

    it("believes an id that tells its vendor more than the hint", () => {
      assert.strictEqual(
        ModelCatalog.lookup("amazon.nova-lite-v1:0", { family: "anthropic.claude-sonnet-4-5" }).vendor,
        "amazon"
      )
    })

    it("has the reasoning options of each family", () => {
      const reasoning = (id: string) => ModelCatalog.lookup(id).reasoning
      assert.deepStrictEqual(reasoning("anthropic.claude-sonnet-4-5-20250929-v1:0"), {
        control: "budget",
        fields: { thinking: { type: "enabled" } },
        path: ["thinking", "budget_tokens"],
        display: ["thinking", "display"],
        minTokens: 1024,
        sealsToolUse: true,
        interleaved: { anthropic_beta: ["interleaved-thinking-2025-05-14"] }
      })
      const adaptive = {
        control: "effort",
        fields: { thinking: { type: "adaptive" } },
        path: ["output_config", "effort"],
        display: ["thinking", "display"],
        levels: ["low", "medium", "high", "max"],
        adaptive: true,
        interleaved: {}
      } as const
      assert.deepStrictEqual<unknown>(reasoning("anthropic.claude-opus-4-6-v1"), adaptive)
      const levels = ["low", "medium", "high", "xhigh", "max"]
      assert.deepStrictEqual<unknown>(reasoning("anthropic.claude-sonnet-5"), {
        ...adaptive,
        levels,
        off: { thinking: { type: "disabled" } }
      })
      assert.deepStrictEqual<unknown>(reasoning("anthropic.claude-fable-5"), { ...adaptive, levels, alwaysOn: true })
      assert.deepStrictEqual(ModelCatalog.lookup("us.amazon.nova-2-lite-v1:0").reasoning, {
        control: "effort",
        fields: { reasoningConfig: { type: "enabled" } },
        path: ["reasoningConfig", "maxReasoningEffort"],
        levels: ["low", "medium", "high"],
        bareLevels: ["high"]
      })
      assert.deepStrictEqual(ModelCatalog.lookup("openai.gpt-oss-20b-1:0").reasoning, {
        control: "effort",
        fields: {},
        path: ["reasoning_effort"],
        levels: ["low", "medium", "high"],
        adaptive: true,
        alwaysOn: true
      })
    })

    it("has the caching options of each family", () => {
      const cached = (id: string) => ModelCatalog.lookup(id).caching
      assert.deepStrictEqual(cached("anthropic.claude-haiku-4-5-20251001-v1:0"), {
        supported: true,
        where: ["system", "messages", "tools"],
        ttl: ["5m", "1h"],
        maxPoints: 4,
        behindBlankText: true
      })
      assert.deepStrictEqual(cached("anthropic.claude-sonnet-4-20250514-v1:0")?.ttl, ["5m"])
      assert.deepStrictEqual(cached("amazon.nova-pro-v1:0")?.where, ["system", "messages"])
      assert.isFalse(cached("meta.llama3-1-8b-instruct-v1:0")?.supported)
    })

    it("requires nine letters and digits for a tool call id of Mistral", () => {
      const pattern = new RegExp(ModelCatalog.lookup("mistral.mistral-large-2402-v1:0").toolCallIdPattern ?? "")
      assert.match("aB3dE6gH9", pattern)
      assert.notMatch("tooluse_aB3dE6gH9", pattern)
      assert.notMatch("aB3dE6gH", pattern)
    })
  })

  describe("extend", () => {
    it("lets the later entry win, field by field", () => {
      const catalog = ModelCatalog.extend([
        { match: { vendor: "acme" }, capabilities: { tools: false, imageInput: false } },
        { match: { vendor: "acme", words: ["large", "thinker"] }, capabilities: { tools: true } }
      ])
      assert.deepInclude(ModelCatalog.lookup("acme.thinker-small", { catalog }), { tools: false, imageInput: false })
      assert.deepInclude(ModelCatalog.lookup("acme.thinker-large", { catalog }), { tools: true, imageInput: false })
      assert.isTrue(ModelCatalog.lookup("amazon.nova-lite-v1:0", { catalog }).tools)
    })

    it("replaces one limit and leaves the others", () => {
      const id = "anthropic.claude-sonnet-4-5-20250929-v1:0"
      const catalog = ModelCatalog.extend([
        { match: { vendor: "anthropic" }, capabilities: { limits: { imagesPerRequest: undefined } } }
      ])
      const { limits } = ModelCatalog.lookup(id, { catalog })
      assert.isUndefined(limits?.imagesPerRequest)
      assert.strictEqual(limits?.documentsPerMessage, 5)
      assert.strictEqual(ModelCatalog.lookup(id).limits?.imagesPerRequest, 100)
    })

    it("can speak of one ARN", () => {
      const catalog = ModelCatalog.extend([{ match: { id: profileArn }, capabilities: { tools: false } }])
      assert.isFalse(ModelCatalog.lookup(profileArn, { catalog }).tools)
      assert.deepStrictEqual(ModelCatalog.lookup(`${profileArn}2`, { catalog }), {})
    })

    it("lays entries on a catalogue of one's own", () => {
      const catalog = ModelCatalog.extend([{ match: { version: ["1", "2"] }, capabilities: { tools: false } }], [])
      assert.isFalse(ModelCatalog.lookup("amazon.nova-lite-v1:0", { catalog }).tools)
      assert.isUndefined(ModelCatalog.lookup("amazon.nova-lite-v1:0", { catalog }).systemPrompt)
      assert.isUndefined(ModelCatalog.lookup("anthropic.claude-3-haiku-20240307-v1:0", { catalog }).tools)
      assert.deepStrictEqual(ModelCatalog.lookup(profileArn, { catalog }), {})
    })
  })

  describe("resolve", () => {
    it.effect("looks in the built-in catalogue by default", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(
          yield* ModelCatalog.resolve(profileArn, { family: "meta.llama4" }),
          ModelCatalog.lookup(profileArn, { family: "meta.llama4" })
        )
      }))

    it.effect("looks where a layer has laid something over it", () =>
      ModelCatalog.resolve("amazon.nova-lite-v1:0").pipe(
        Effect.map(({ imageInput, tools }) => assert.deepStrictEqual([imageInput, tools], [true, false])),
        Effect.provide(ModelCatalog.layer([{ match: { vendor: "amazon" }, capabilities: { tools: false } }]))
      ))

    it.effect("sees all layers that are provided one to the other", () => {
      const tools = ModelCatalog.layer([{ match: { vendor: "amazon" }, capabilities: { tools: false } }])
      const images = ModelCatalog.layer([{ match: { vendor: "amazon" }, capabilities: { imageInput: false } }])
      return ModelCatalog.resolve("amazon.nova-lite-v1:0").pipe(
        Effect.map(({ imageInput, tools }) => assert.deepStrictEqual([imageInput, tools], [false, false])),
        Effect.provide(images.pipe(Layer.provide(tools)))
      )
    })
  })

  describe("check", () => {
    const everything = {
      tools,
      toolChoice: { name: "weather" },
      messages: [messageOf(image, 200), messageOf(document, 20)],
      temperature: 1,
      topP: 1,
      maxTokens: 1_000_000_000
    }

    it("accepts everything for an unknown model", () => {
      assert.deepStrictEqual(objections({}, everything, { streaming: true }), [])
    })

    it("accepts a plain request for every model", () => {
      const nothing = Object.fromEntries(facts.flatMap(([, known]) => Object.keys(known)).map((name) => [name, false]))
      assert.deepStrictEqual(objections(nothing, { messages: [Message.system("Be brief."), Message.user("Hi")] }), [])
    })

    it("names the model, the field and a remedy", () => {
      const [error, ...others] = objections({ tools: false }, { tools })
      assert.deepStrictEqual(others, [])
      assert.strictEqual(error?._tag, "UnsupportedFeatureError")
      assert.strictEqual(error?.provider, "aws.bedrock")
      assert.strictEqual(error?.model, "acme.thinker-v1:0")
      assert.strictEqual(error?.feature, "tools")
      assert.strictEqual(
        error?.message,
        "tools: acme.thinker-v1:0 cannot call tools. Leave them out, or use a model that can, such as Claude, Nova or Mistral Large."
      )
    })

    it("refuses tools only when they would be sent", () => {
      assert.deepStrictEqual(objections({ tools: false }, { tools: [] }), [])
      assert.deepStrictEqual(objections({ tools: false }, { tools, toolChoice: "none" }), [])
    })

    it("refuses tools while streaming, and only then", () => {
      const capabilities = ModelCatalog.lookup("us.meta.llama3-3-70b-instruct-v1:0")
      assert.deepStrictEqual(objections(capabilities, { tools }), [])
      assert.deepStrictEqual(objections(capabilities, {}, { streaming: true }), [])
      const [error] = objections(capabilities, { tools }, { streaming: true })
      assert.strictEqual(error?.feature, "tools while streaming")
      assert.match(error?.message ?? "", /^tools: .* Use `generate`/)
    })

    it("refuses streaming for a model without it", () => {
      assert.deepStrictEqual(objections({ streaming: false }, {}), [])
      assert.deepStrictEqual(
        objections({ streaming: false }, {}, { streaming: true }).map((error) => error.feature),
        ["streaming"]
      )
    })

    it.each(
      [
        [[], "auto", undefined],
        [["auto"], undefined, undefined],
        [["auto"], "any", "tool choice \"any\""],
        [["auto"], { name: "weather" }, "tool choice \"tool\""],
        [["auto", "any"], "any", undefined],
        [["auto", "any"], { name: "weather" }, "tool choice \"tool\""],
        [["auto", "any", "tool"], { name: "weather" }, undefined],
        [undefined, { name: "weather" }, undefined]
      ] as const
    )("of the tool choices %j, %j gets %s", (toolChoice, asked, feature) => {
      const errors = objections({ toolChoice }, { tools, ...(asked !== undefined && { toolChoice: asked }) })
      assert.deepStrictEqual(errors.map((error) => error.feature), feature === undefined ? [] : [feature])
    })

    it("suggests the nearest supported choice", () => {
      const remedy = (toolChoice: ReadonlyArray<ModelCatalog.ToolChoice>) =>
        objections({ toolChoice }, { tools, toolChoice: { name: "weather" } })[0]?.message ?? ""
      assert.match(remedy(["auto"]), /^toolChoice: .* Use "auto"/)
      assert.match(remedy(["auto", "any"]), /^toolChoice: .* Use "any" with this tool alone/)
    })

    it("ignores the tool choice without tools", () => {
      assert.deepStrictEqual(objections({ toolChoice: ["auto"] }, { toolChoice: "any" }), [])
      assert.strictEqual(objections({ tools: false, toolChoice: ["auto"] }, { tools, toolChoice: "any" }).length, 1)
    })

    it.each([["imageInput", image, "images"], ["documentInput", document, "documents"]] as const)(
      "refuses what the model cannot read: %s",
      (input, part, feature) => {
        const messages = [Message.system("Be brief."), messageOf(part, 2), messageOf(part, 1)]
        assert.deepStrictEqual(objections({ [input]: true }, { messages }), [])
        assert.deepStrictEqual(objections({ [input]: false }, { messages: [Message.user("Hello")] }), [])
        const [error, ...others] = objections({ [input]: false }, { messages })
        assert.deepStrictEqual(others, [])
        assert.strictEqual(error?.feature, feature)
        assert.match(error?.message ?? "", new RegExp(`^messages\\[1\\]\\.content: .* cannot read ${feature}\\.`))
      }
    )

    it("counts images over the whole conversation", () => {
      const limits = { imagesPerRequest: 3 }
      assert.deepStrictEqual(objections({ limits }, { messages: [messageOf(image, 2), messageOf(image, 1)] }), [])
      const [error] = objections({ limits }, { messages: [messageOf(image, 2), messageOf(image, 2)] })
      assert.strictEqual(error?.feature, "more than 3 images")
      assert.match(error?.message ?? "", /^messages: .* at most 3 images in one request, not 4\./)
    })

    it("allows the reference's 20 images for an unknown model", () => {
      const nova = ModelCatalog.lookup("amazon.nova-lite-v1:0")
      assert.deepStrictEqual(objections(nova, { messages: [messageOf(image, 20)] }), [])
      assert.strictEqual(objections(nova, { messages: [messageOf(image, 21)] })[0]?.feature, "more than 20 images")
      assert.deepStrictEqual(objections({}, { messages: [messageOf(image, 21)] }), [])
    })

    it("counts documents message by message", () => {
      const capabilities = ModelCatalog.lookup("amazon.nova-lite-v1:0")
      assert.deepStrictEqual(
        objections(capabilities, { messages: [messageOf(document, 5), messageOf(document, 5)] }),
        []
      )
      const [error] = objections(capabilities, { messages: [messageOf(document, 5), messageOf(document, 6)] })
      assert.strictEqual(error?.feature, "more than 5 documents")
      assert.match(error?.message ?? "", /^messages\[1\]\.content: .* at most 5 documents in one message, not 6\./)
    })

    it("refuses temperature and topP where the model supports neither", () => {
      const features = (request: Partial<ChatRequest.Resolved>) =>
        objections(ModelCatalog.lookup("anthropic.claude-opus-4-7"), request).map((error) => error.feature)
      assert.deepStrictEqual(features({}), [])
      assert.deepStrictEqual(features({ temperature: 0 }), ["temperature"])
      assert.deepStrictEqual(features({ temperature: 0, topP: 1 }), ["temperature", "topP"])
    })

    it("refuses temperature together with topP where the model supports only one of them", () => {
      const features = (request: Partial<ChatRequest.Resolved>) =>
        objections(ModelCatalog.lookup("anthropic.claude-haiku-4-5-20251001-v1:0"), request)
          .map((error) => error.feature)
      assert.deepStrictEqual(features({ temperature: 0 }), [])
      assert.deepStrictEqual(features({ topP: 1 }), [])
      assert.deepStrictEqual(features({ temperature: 0, topP: 1 }), ["temperature with topP"])
    })

    it("leaves a missing system prompt and a high `maxTokens` to others", () => {
      const capabilities = ModelCatalog.lookup("mistral.mistral-7b-instruct-v0:2")
      assert.isFalse(capabilities.systemPrompt)
      const messages = [Message.system("Be brief."), Message.user("Hello")]
      assert.deepStrictEqual(objections({ ...capabilities, maxOutputTokens: 1 }, { messages, maxTokens: 2 }), [])
    })

    it("reports everything at once", () => {
      const errors = objections(
        { tools: false, imageInput: false, limits: { documentsPerMessage: 5 }, sampling: false },
        everything,
        { streaming: true }
      )
      assert.deepStrictEqual(
        errors.map((error) => error.feature),
        ["tools", "images", "more than 5 documents", "temperature", "topP"]
      )
    })
  })
})
