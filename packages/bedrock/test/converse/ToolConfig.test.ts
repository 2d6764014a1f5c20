import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Result from "effect/Result"
import type { Capabilities } from "../../src/catalog/Capabilities.ts"
import * as Request from "../../src/converse/Request.ts"

const encode = (request: Partial<ChatRequest.Resolved>, capabilities: Capabilities = {}) =>
  Request.encode({ model: "acme.oracle-v1:0", messages: [Message.user("Hi")], ...request }, {
    capabilities,
    history: "repair"
  })

const look = { name: "look", inputSchema: { type: "object", properties: { at: { type: "string" } } } }

/** A tool as it is sent, and what is reported of it. */
const sent = (tool: object, capabilities?: Capabilities) => {
  const given = { ...look, ...tool } as ToolDefinition.RequestTool // as from JavaScript
  const { changes, input } = Result.getOrThrow(encode({ tools: [given] }, capabilities))
  return {
    tool: input.toolConfig?.tools?.[0]?.toolSpec,
    changes: changes.map(({ field, type }) => `${type} ${field}`)
  }
}

const refused = (request: Partial<ChatRequest.Resolved>) => {
  const result = encode(request)
  assert(Result.isFailure(result))
  return result.failure
}

describe("converse/ToolConfig", () => {
  it("sends the description of a tool, unless it is blank", () => {
    assert.strictEqual(sent({ description: "Looks " }).tool?.description, "Looks ")
    for (const description of [undefined, null, "", " "]) {
      assert.notProperty(sent({ description }).tool, "description")
    }
  })

  it("adds the description of the schema, unless the tool's includes it", () => {
    const joined = (description: string) =>
      sent({ description, inputSchema: { type: "object", minProperties: 1 } }, {
        toolSchemas: { topKeywords: ["type"] }
      }).tool?.description ?? ""
    const more = joined("")
    assert.isAbove(more.length, 0)
    assert.strictEqual(joined("Looks."), `Looks. ${more}`)
    assert.strictEqual(joined(`So: ${more}!`), `So: ${more}!`)
  })

  it("says whether a tool is strict, where the model may know", () => {
    const closed = {
      type: "object",
      properties: { at: { type: "string" } },
      required: ["at"],
      additionalProperties: false
    }
    const strict = (strict: boolean | undefined, strictTools: boolean | undefined, inputSchema: object = closed) => {
      const { changes, tool } = sent({ strict, inputSchema }, { strictTools })
      return [tool?.strict, ...changes]
    }
    assert.deepStrictEqual(strict(true, true), [true])
    assert.deepStrictEqual(strict(true, false), [undefined])
    assert.deepStrictEqual(strict(false, true), [false])
    assert.deepStrictEqual(strict(false, false), [undefined])
    assert.deepStrictEqual(strict(undefined, true), [undefined])
    const dropped = [undefined, "omitted-strict tools[0].strict"]
    assert.deepStrictEqual(strict(true, true, { type: "object", patternProperties: { "^x": {} } }), dropped)
    assert.deepStrictEqual(strict(true, true, { type: "object", additionalProperties: { type: "string" } }), dropped)
  })

  it("closes the schema of a strict tool that has no arguments", () => {
    const { tool } = sent({ strict: true, inputSchema: { type: "object" } }, { strictTools: true })
    assert.isTrue(tool?.strict)
    assert.deepInclude(tool?.inputSchema?.json, { additionalProperties: false })
  })

  it("merges what a strict tool with arguments adds to them", () => {
    const { tool } = sent({
      strict: true,
      inputSchema: { ...look.inputSchema, allOf: [{ properties: { on: { type: "string" } } }] }
    }, { strictTools: true })
    assert.isTrue(tool?.strict)
    assert.deepStrictEqual<unknown>(tool?.inputSchema?.json, {
      type: "object",
      properties: { at: { type: "string" }, on: { type: "string" } },
      additionalProperties: false
    })
  })

  it("makes tools strict in order, while the limits of the model allow it", () => {
    const wild = { type: "object", patternProperties: { "^x": {} } }
    const tools = ["a", "b", "c"].map((name) => ({ ...look, name, strict: true }))
    const { changes, input } = Result.getOrThrow(encode(
      { tools: [{ ...look, name: "wild", strict: true, inputSchema: wild }, ...tools] },
      { strictTools: true, strictLimits: { tools: 2 } }
    ))
    assert.deepStrictEqual(input.toolConfig?.tools?.map(({ toolSpec }) => toolSpec?.strict), [
      undefined,
      true,
      true,
      undefined
    ])
    assert.deepStrictEqual(changes.map(({ field }) => field), ["tools[0].strict", "tools[3].strict"])
  })

  it("reports a schema of which parts become text", () => {
    const inputSchema = { type: "object", properties: { at: { $ref: "https://example.org/schema" } } }
    assert.deepStrictEqual(sent({ inputSchema }).changes, ["told-schema tools[0].inputSchema"])
    assert.deepStrictEqual(sent({}).changes, [])
  })

  it("offers tools of the service, and refuses those of others", () => {
    const search = { type: "provider", provider: "aws.bedrock", name: "search" } as const
    const { input } = Result.getOrThrow(encode({ tools: [search] }))
    assert.deepStrictEqual(input.toolConfig?.tools, [{ systemTool: { name: "search" } }])
    const error = refused({ tools: [{ ...search, provider: "openai" }] })
    assert(error._tag === "UnsupportedFeatureError")
    assert.strictEqual(error.feature, "tools of openai")
    assert.include(error.message, "tools[0]")
    assert.include(error.message, "\"openai\"")
  })

  it("refuses names, descriptions and schemas that cannot be sent, and names the field", () => {
    const field = (tool: object) => {
      const error = refused({ tools: [look, { ...look, ...tool } as ToolDefinition.RequestTool] }) // as from JavaScript
      assert(error._tag === "InvalidRequestError")
      assert.isString(error.remedy)
      return error.field
    }
    for (const name of ["", "not a name", "n".repeat(65)]) assert.strictEqual(field({ name }), "tools[1].name")
    assert.strictEqual(field({ description: 5 }), "tools[1].description")
    assert.match(field({ inputSchema: { type: "string" } }) ?? "", /^tools\[1\]\.inputSchema/)
    assert.isUndefined(sent({ name: "n".repeat(64) }).changes[0])
  })

  it("keeps tools of `providerOptions` without a schema, and checks the others", () => {
    const own = (tools: ReadonlyArray<object>) =>
      encode({ providerOptions: { bedrock: { toolConfig: { tools: tools as Array<never> } } } }) // as from JavaScript
    const kept = [{ systemTool: { name: "search" } }, { toolSpec: { name: "bare" } }]
    assert.deepStrictEqual<unknown>(Result.getOrThrow(own(kept)).input.toolConfig?.tools, kept)
    const wrong = own([...kept, { toolSpec: { name: "look", inputSchema: { json: { type: "string" } } } }])
    assert(Result.isFailure(wrong) && wrong.failure._tag === "InvalidRequestError")
    assert.match(
      wrong.failure.field ?? "",
      /^providerOptions\.bedrock\.toolConfig\.tools\[2\]\.toolSpec\.inputSchema\.json/
    )
  })

  it("offers no tools for the choice none, unless the conversation calls some", () => {
    const offered = (...messages: ReadonlyArray<Message.Message>) =>
      Result.getOrThrow(encode({ tools: [look], toolChoice: "none", messages })).input.toolConfig?.tools?.length
    const call = { type: "tool-call", id: "a", name: "look", params: {} } as const
    const result = { type: "tool-result", id: "a", result: "x" } as const
    assert.isUndefined(offered(Message.user("Hi")))
    assert.strictEqual(offered(Message.user("Hi"), Message.assistant([call]), Message.tool([result])), 1)
    assert.strictEqual(offered(Message.user("Hi"), Message.assistant([call])), 1)
    const found = { ...result, providerExecuted: true }
    assert.strictEqual(offered(Message.user("Hi"), Message.assistant([found]), Message.user("And?")), 1)
  })
})
