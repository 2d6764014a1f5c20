import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Capabilities } from "../../src/catalog/Capabilities.ts"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Request from "../../src/converse/Request.ts"

const native = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const forced = "amazon.nova-lite-v1:0"
const withoutStreamedTools = "us.meta.llama3-3-70b-instruct-v1:0"
const withoutTools = "mistral.mistral-7b-instruct-v0:2"

const schema = {
  type: "object",
  description: "Who it is",
  properties: { age: { type: "integer", minimum: 0 } },
  required: ["age"],
  additionalProperties: false
}
const responseFormat: ChatRequest.JsonFormat = { type: "json", schema }

type Asked = Partial<ChatRequest.Resolved> & { readonly streaming?: boolean; readonly capabilities?: Capabilities }

const encode = ({ capabilities, streaming, ...request }: Asked) => {
  const asked = { model: forced, messages: [Message.user("Who?")], responseFormat, ...request }
  return Result.getOrThrow(Request.encode(asked, {
    capabilities: { ...ModelCatalog.lookup(asked.model), ...capabilities },
    history: "strict",
    streaming
  }))
}

const weather = { name: "weather", inputSchema: { type: "object" } }
const weatherSpec = { toolSpec: { name: "weather", inputSchema: { json: { type: "object" } } } }

describe("converse/ResponseFormat", () => {
  it("adds nothing for text", () => {
    for (const responseFormat of [undefined, { type: "text" as const }]) {
      for (const model of [native, forced, withoutTools]) {
        const { answerTool, input } = encode({ model, responseFormat })
        assert.isUndefined(answerTool)
        assert.deepStrictEqual(input, { modelId: model, messages: [{ role: "user", content: [{ text: "Who?" }] }] })
      }
    }
  })

  describe("where the service knows JSON schemas", () => {
    it("sends the schema as a string, in the supported subset", () => {
      const { answerTool, input } = encode({ model: native, responseFormat: { ...responseFormat, name: "person" } })
      assert.isUndefined(answerTool)
      assert.isUndefined(input.toolConfig)
      const jsonSchema = input.outputConfig?.textFormat?.structure?.jsonSchema
      assert.strictEqual(input.outputConfig?.textFormat?.type, "json_schema")
      assert.strictEqual(jsonSchema?.name, "person")
      assert.deepStrictEqual(JSON.parse(jsonSchema?.schema ?? ""), {
        ...schema,
        properties: { age: { type: "integer", description: "a whole number of at least 0" } }
      })
    })

    it("does so beside tools, and while the model reasons", () => {
      const { input } = encode({ model: native, tools: [weather], reasoning: { budgetTokens: 2000 } })
      assert.isDefined(input.outputConfig?.textFormat)
      assert.deepStrictEqual(input.toolConfig, { tools: [weatherSpec] })
    })

    it("leaves the rest of the output configuration alone", () => {
      const { input } = encode({ model: native, providerOptions: { bedrock: { outputConfig: { effort: "low" } } } })
      assert.strictEqual(input.outputConfig?.effort, "low")
      assert.isDefined(input.outputConfig?.textFormat)
    })

    it("uses a tool for an unsupported schema, and with citations", () => {
      const record = { type: "object", additionalProperties: { type: "number" } }
      const { input } = encode({ model: native, responseFormat: { type: "json", schema: record } })
      assert.isUndefined(input.outputConfig)
      assert.deepStrictEqual<unknown>(input.toolConfig?.tools?.[0]?.toolSpec?.inputSchema?.json, record)
      const cited = encode({
        model: native,
        messages: [Message.user([
          { type: "document", mediaType: "text/plain", name: "report", source: { text: "It grew." }, citations: true },
          Message.text("Did it?")
        ])]
      })
      assert.strictEqual(cited.answerTool, "answer")
      assert.isUndefined(cited.input.outputConfig)
      // what the service holds the model to has to be in its part of the language, in a tool as well
      const tool = cited.input.toolConfig?.tools?.[0]?.toolSpec
      assert.isTrue(tool?.strict)
      assert.include(JSON.stringify(tool?.inputSchema), "a whole number of at least 0")
    })
  })

  describe("by a tool", () => {
    it("forces the call of an answer tool, with a plain schema", () => {
      const { answerTool, input } = encode({})
      assert.strictEqual(answerTool, "answer")
      assert.deepStrictEqual(input.toolConfig, {
        tools: [{
          toolSpec: {
            name: "answer",
            description: "Gives the answer: Who it is",
            inputSchema: { json: { type: "object", properties: schema.properties, required: ["age"] } }
          }
        }],
        toolChoice: { tool: { name: "answer" } }
      })
      assert.isUndefined(input.system)
    })

    it("names the tool after the format, as a valid tool name", () => {
      const named = encode({ responseFormat: { ...responseFormat, name: "a person!", description: "Of today" } })
      assert.strictEqual(named.answerTool, "a_person_")
      assert.strictEqual(named.input.toolConfig?.tools?.[0]?.toolSpec?.description, "Gives the answer: Of today")
      const taken = encode({ tools: [{ ...weather, name: "answer" }] })
      assert.strictEqual(taken.answerTool, "answer_")
    })

    it("forces any call where the model cannot be made to call one by name", () => {
      assert.deepStrictEqual(encode({ capabilities: { toolChoice: ["auto", "any"] } }).input.toolConfig?.toolChoice, {
        any: {}
      })
    })

    it("asks for the call where the model cannot be forced", () => {
      const { answerTool, input } = encode({
        model: withoutStreamedTools,
        messages: [Message.system("Be brief."), Message.user("Who?")]
      })
      assert.strictEqual(answerTool, "answer")
      assert.isUndefined(input.toolConfig?.toolChoice)
      assert.strictEqual(input.system?.[0]?.text, "Be brief.")
      assert.include(input.system?.[1]?.text, `the tool "answer"`)
    })

    it("offers it beside the request's own tools, one of which has to be called", () => {
      const { input } = encode({ tools: [weather] })
      assert.deepStrictEqual(input.toolConfig?.tools?.map(({ toolSpec }) => toolSpec?.name), ["weather", "answer"])
      assert.deepStrictEqual(input.toolConfig?.toolChoice, { any: {} })
    })

    it("offers it alone where the others must not be called", () => {
      const { input } = encode({ tools: [weather], toolChoice: "none" })
      assert.deepStrictEqual(input.toolConfig?.tools?.map(({ toolSpec }) => toolSpec?.name), ["answer"])
    })

    it("leaves a call that the request forces to the request's own tools", () => {
      for (const toolChoice of ["any", { name: "weather" }] as const) {
        const { answerTool, input } = encode({ tools: [weather], toolChoice })
        assert.isUndefined(answerTool)
        assert.deepStrictEqual(input.toolConfig?.tools, [weatherSpec])
      }
    })
  })

  describe("while the model reasons", () => {
    const model = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
    const thinking = { type: "enabled", budget_tokens: 2000 }

    it("never forces a call", () => {
      const asked: ReadonlyArray<Asked> = [
        { model, reasoning: { budgetTokens: 2000 } },
        { model, providerOptions: { bedrock: { additionalModelRequestFields: { thinking } } } },
        { model: "some.model", reasoning: { effort: "low" } },
        { model: "openai.gpt-oss-120b-1:0" },
        { model, tools: [weather], reasoning: { budgetTokens: 2000 } }
      ]
      for (const request of asked) {
        const { answerTool, input } = encode(request)
        assert.strictEqual(answerTool, "answer")
        assert.isUndefined(input.toolConfig?.toolChoice)
        assert.include(input.system?.[0]?.text, `the tool "answer"`)
      }
    })

    it("forces it again where reasoning is off, or known to go with it", () => {
      const asked: ReadonlyArray<Asked> = [
        { model },
        { model, reasoning: false },
        { model, providerOptions: { bedrock: { additionalModelRequestFields: { thinking: { type: "disabled" } } } } },
        { model, reasoning: { budgetTokens: 2000 }, capabilities: { forcedToolWithReasoning: true } }
      ]
      for (const request of asked) {
        assert.deepStrictEqual(encode(request).input.toolConfig?.toolChoice, { tool: { name: "answer" } })
      }
    })
  })

  describe("by an instruction", () => {
    it("tells a model without tools the schema, in the system prompt", () => {
      const { answerTool, input } = encode({ model: withoutStreamedTools, streaming: true })
      assert.isUndefined(answerTool)
      assert.isUndefined(input.toolConfig)
      assert.include(input.system?.[0]?.text, JSON.stringify(schema))
    })

    it("tells the user's side where there is no system prompt", () => {
      const { input } = encode({ model: withoutTools })
      assert.isUndefined(input.system)
      assert.include(input.messages?.[0]?.content?.[0]?.text, JSON.stringify(schema))
      assert.strictEqual(input.messages?.[0]?.content?.[1]?.text, "Who?")
    })

    it("keeps tools of providerOptions", () => {
      const toolConfig = { tools: [weatherSpec] }
      const { answerTool, input } = encode({ providerOptions: { bedrock: { toolConfig } } })
      assert.isUndefined(answerTool)
      assert.deepStrictEqual(input.toolConfig, toolConfig)
      assert.include(input.system?.[0]?.text, JSON.stringify(schema))
    })
  })

  const Known = Schema.UndefinedOr(Schema.Boolean)
  it.prop(
    "asks for JSON in exactly one way, and never forces a call of a model that thinks or has no such choice",
    [
      Schema.Struct({
        nativeJson: Known,
        tools: Known,
        toolsWhileStreaming: Known,
        systemPrompt: Known,
        toolChoice: Schema.UndefinedOr(Schema.Array(Schema.Literals(["auto", "any", "tool"]))),
        forcedToolWithReasoning: Known
      }),
      Schema.Boolean,
      Schema.Boolean,
      Schema.Boolean
    ],
    ([capabilities, reasons, streaming, hasTools]) => {
      const { answerTool, input } = encode({
        model: "some.model",
        capabilities,
        streaming,
        tools: hasTools && capabilities.tools !== false ? [weather] : undefined,
        reasoning: reasons ? { effort: "low" } : undefined
      })
      const { toolChoice, tools = [] } = input.toolConfig ?? {}
      const isNative = input.outputConfig?.textFormat !== undefined
      const told = JSON.stringify([input.system, input.messages]).includes("additionalProperties")
      assert.strictEqual(Number(isNative) + Number(answerTool !== undefined) + Number(told), 1)
      assert.strictEqual(tools.some(({ toolSpec }) => toolSpec?.name === "answer"), answerTool !== undefined)
      if (toolChoice === undefined) return
      assert.isTrue(!reasons || capabilities.forcedToolWithReasoning === true)
      assert.isTrue(capabilities.toolChoice?.includes(toolChoice.tool === undefined ? "any" : "tool") ?? true)
      assert.strictEqual(toolChoice.tool?.name ?? "answer", answerTool)
    }
  )
})
