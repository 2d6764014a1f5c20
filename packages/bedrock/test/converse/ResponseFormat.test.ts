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
const unknown = "acme.oracle-v1:0"

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

const report = (citations?: boolean): Message.DocumentPart => ({
  type: "document",
  mediaType: "text/plain",
  name: "report",
  source: { text: "It grew." },
  ...(citations !== undefined && { citations })
})

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
      const cited = encode({ model: native, messages: [Message.user([report(true), Message.text("Did it?")])] })
      assert.strictEqual(cited.answerTool, "answer")
      assert.isUndefined(cited.input.outputConfig)
      // what the service holds the model to has to be in its part of the language, in a tool as well
      const tool = cited.input.toolConfig?.tools?.[0]?.toolSpec
      assert.isTrue(tool?.strict)
      assert.include(JSON.stringify(tool?.inputSchema), "a whole number of at least 0")
    })

    it("does so for a model that cannot hold tools to a schema, whose answer tool then is not strict", () => {
      const capabilities = { nativeJson: true, strictTools: false }
      assert.isDefined(encode({ model: unknown, capabilities }).input.outputConfig)
      const messages = [Message.user([report(true), Message.text("Did it?")])]
      const { input } = encode({ model: unknown, capabilities, messages })
      assert.strictEqual(input.toolConfig?.tools?.[0]?.toolSpec?.name, "answer")
      assert.notProperty(input.toolConfig?.tools?.[0]?.toolSpec, "strict")
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
      assert.strictEqual(taken.answerTool, "answer_2")
    })

    it("forces any call where the model cannot be made to call one by name", () => {
      assert.deepStrictEqual(encode({ capabilities: { toolChoice: ["auto", "any"] } }).input.toolConfig?.toolChoice, {
        any: {}
      })
    })

    it("forces it where the choices of the model are not known", () => {
      const choice = (tools?: Asked["tools"]) => encode({ model: unknown, tools }).input.toolConfig?.toolChoice
      assert.deepStrictEqual(choice(), { tool: { name: "answer" } })
      assert.deepStrictEqual(choice([weather]), { any: {} })
    })

    it("is used in a stream, too, where the model takes tools there", () => {
      assert.strictEqual(encode({ streaming: true }).answerTool, "answer")
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
      assert.deepStrictEqual(input.toolConfig?.toolChoice, { tool: { name: "answer" } })
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
        { model, providerOptions: { bedrock: { additionalModelRequestFields: { top_k: 5, thinking } } } },
        { model: "some.model", reasoning: { effort: "low" } },
        { model: "openai.gpt-oss-120b-1:0" },
        { model: unknown, capabilities: { reasoning: { control: "always" } } },
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
        { model, providerOptions: {} },
        { model: "amazon.nova-2-lite-v1:0" },
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

  describe("the schema", () => {
    const open = { type: "object", properties: { next: { $ref: "https://example.org/schema" } } }

    it("is refused where it is not of an object", () => {
      const result = Request.encode(
        {
          model: forced,
          messages: [Message.user("Who?")],
          responseFormat: { type: "json", schema: { type: "string" } }
        },
        { capabilities: {}, history: "repair" }
      )
      assert(Result.isFailure(result) && result.failure._tag === "InvalidRequestError")
      assert.match(result.failure.field ?? "", /^responseFormat\.schema/)
      assert.strictEqual(result.failure.model, forced)
    })

    it("is reported once where parts of it become text", () => {
      const changes = (schema: Record<string, unknown>, model: string) =>
        encode({ model, responseFormat: { type: "json", schema } }).changes.map(({ field, type }) => [type, field])
      const told = [["told-schema", "responseFormat.schema"]]
      assert.deepStrictEqual(changes(open, forced), told)
      assert.deepStrictEqual(changes(open, withoutTools), told)
      assert.deepStrictEqual(changes({ type: "object", properties: {}, not: { required: ["a"] } }, forced), told)
      assert.deepStrictEqual(changes(schema, withoutTools), [])
      assert.deepStrictEqual(changes(schema, forced), [])
    })

    it("of an answer tool is strict where the model supports that, and as long as the limits allow", () => {
      const strict = (capabilities: Capabilities, asked: Record<string, unknown> = schema) =>
        encode({ model: unknown, capabilities, responseFormat: { type: "json", schema: asked } })
          .input.toolConfig?.tools?.[0]?.toolSpec?.strict
      assert.isTrue(strict({ strictTools: true }))
      assert.isUndefined(strict({ strictTools: undefined }))
      assert.isUndefined(strict({ strictTools: true }, { ...schema, patternProperties: { "^x": {} } }))
      assert.isUndefined(strict({
        strictTools: true,
        strictLimits: { tools: 0 }
      }))
    })

    it("of an answer tool takes no place of a strict tool where it cannot be strict itself", () => {
      const { input } = encode({
        model: unknown,
        capabilities: { strictTools: true, strictLimits: { tools: 1 } },
        tools: [{ ...weather, inputSchema: schema, strict: true }],
        responseFormat: { type: "json", schema: { ...schema, patternProperties: { "^x": {} } } }
      })
      assert.deepStrictEqual(input.toolConfig?.tools?.map(({ toolSpec }) => toolSpec?.strict), [true, undefined])
    })
  })

  describe("descriptions", () => {
    const described = (responseFormat: ChatRequest.JsonFormat, model = forced) =>
      encode({ model, responseFormat }).input

    it("are those of the format, or else those of the schema", () => {
      const tool = (description?: string, asked: Record<string, unknown> = schema) =>
        described({ type: "json", schema: asked, ...(description !== undefined && { description }) })
          .toolConfig?.tools?.[0]?.toolSpec?.description
      assert.strictEqual(tool("A person"), "Gives the answer: A person")
      assert.strictEqual(tool(), "Gives the answer: Who it is")
      assert.strictEqual(tool(" ", { type: "object" }), "Gives the answer")
      assert.strictEqual(tool(undefined, { type: "object" }), "Gives the answer")
    })

    it("go to a service that knows JSON schemas, and into an instruction", () => {
      const named = { ...responseFormat, description: "A person" }
      const native_ = described(named, native).outputConfig?.textFormat?.structure?.jsonSchema
      assert.strictEqual(native_?.description, "A person")
      assert.notProperty(
        described(responseFormat, native).outputConfig?.textFormat?.structure?.jsonSchema,
        "description"
      )
      const instructed = (format: ChatRequest.JsonFormat) =>
        encode({ model: withoutTools, capabilities: { systemPrompt: true }, responseFormat: format }).input.system
      const intro =
        "Answer with one JSON object that fits this JSON Schema, and with nothing else: no prose, no code fence."
      assert.deepStrictEqual(instructed(named), [{ text: `${intro}\nA person\n${JSON.stringify(schema)}` }])
      assert.deepStrictEqual(instructed(responseFormat), [{ text: `${intro}\n${JSON.stringify(schema)}` }])
    })
  })

  it("names the answer tool with at most 64 characters, different from all others", () => {
    const name = (wanted: string, others: ReadonlyArray<string>) =>
      encode({
        responseFormat: { ...responseFormat, name: wanted },
        tools: others.map((name) => ({ name, inputSchema: { type: "object" } }))
      }).answerTool
    const long = "n".repeat(50)
    assert.strictEqual(name("n".repeat(60), []), long)
    assert.strictEqual(name(long, [long]), `${long}_2`)
    const taken = Array.from({ length: 15 }, (_, index) => `${long}${"_".repeat(index)}`)
    assert.strictEqual(name(long, taken), `${long}_2`)
  })

  it("does not take a citation of one message for one of all, or other documents for cited ones", () => {
    const isNative = (...messages: ReadonlyArray<Message.Message>) =>
      encode({ model: native, messages }).input.outputConfig !== undefined
    const text = Message.text("Who?")
    assert.isTrue(isNative(Message.user([text, report()])))
    assert.isTrue(isNative(Message.user([text, report(false)])))
    assert.isFalse(isNative(Message.user([text, report(true)])))
    assert.isFalse(isNative(Message.user([text, report(true)]), Message.assistant("Ada"), Message.user("And?")))
    const found = { type: "search-result", source: "s", title: "t", content: ["c"] } as const
    assert.isTrue(isNative(Message.user([text, found])))
    assert.isFalse(isNative(Message.user([text, { ...found, citations: true }])))
  })

  it("puts an instruction before the first message of the user only", () => {
    const messages = [Message.user("Who?"), Message.assistant("Ada"), Message.user("Again")]
    const lengths = (messages: ReadonlyArray<Message.Message>) =>
      encode({ model: withoutTools, messages, capabilities: { systemPrompt: false, leadingAssistant: true } })
        .input.messages?.map(({ content }) => content?.length)
    assert.deepStrictEqual(lengths(messages), [2, 1, 1])
    assert.deepStrictEqual(lengths(messages.slice(1)), [1, 2])
  })
})
