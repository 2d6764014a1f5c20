import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Request from "../../src/converse/Request.ts"
import { encode, model, refuse, sent } from "./RequestFixture.ts"

describe("converse/Request and fields of Claude", () => {
  describe("stop sequences", () => {
    const stopSequences = ["\n", "END", " \t", "\nObservation:"]

    it("of white space are left out for Claude, which refuses them", () => {
      const { changes, input } = sent({ stopSequences })
      assert.deepStrictEqual(input.inferenceConfig?.stopSequences, ["END", "\nObservation:"])
      assert.deepStrictEqual(changes.map(({ field, type }) => [type, field]), [
        ["omitted-stop-sequence", "stopSequences[0]"],
        ["omitted-stop-sequence", "stopSequences[2]"]
      ])
      assert.isUndefined(encode({ stopSequences: ["\n\n"] }).inferenceConfig)
      const own = { bedrock: { inferenceConfig: { stopSequences: ["\n"], maxTokens: 5 } } }
      assert.deepStrictEqual(encode({ providerOptions: own }).inferenceConfig, { maxTokens: 5 })
      const both = sent({
        providerOptions: { bedrock: { inferenceConfig: { stopSequences: ["\n", "END"], maxTokens: 5 } } }
      })
      assert.deepStrictEqual(both.input.inferenceConfig, { stopSequences: ["END"], maxTokens: 5 })
      assert.deepStrictEqual(both.changes.map(({ field }) => field), [
        "providerOptions.bedrock.inferenceConfig.stopSequences[0]"
      ])
      const error = refuse({ stopSequences }, "strict")
      assert(error._tag === "InvalidRequestError")
      assert.strictEqual(error.field, "stopSequences[0]")
    })

    it("go to other models as they are", () => {
      const { changes, input } = sent({ model: "us.amazon.nova-lite-v1:0", stopSequences })
      assert.deepStrictEqual(input.inferenceConfig?.stopSequences, stopSequences)
      assert.deepStrictEqual(changes, [])
    })
  })

  describe("parallel calls", () => {
    const tools = [{ name: "look", inputSchema: { type: "object" } }]
    const fields = (request: Partial<ChatRequest.Resolved>) => encode(request).additionalModelRequestFields

    it("are turned off by Claude's own field", () => {
      assert.deepStrictEqual(fields({ tools, parallelToolCalls: false }), {
        tool_choice: { type: "auto", disable_parallel_tool_use: true }
      })
      const forced = encode({ tools, parallelToolCalls: false, toolChoice: "any" })
      assert.deepStrictEqual(forced.additionalModelRequestFields, {
        tool_choice: { disable_parallel_tool_use: true }
      })
      assert.deepStrictEqual(forced.toolConfig?.toolChoice, { any: {} })
      assert.deepStrictEqual(fields({ tools, parallelToolCalls: false, toolChoice: { name: "look" } }), {
        tool_choice: { disable_parallel_tool_use: true }
      })
      assert.deepStrictEqual(
        fields({
          tools,
          parallelToolCalls: false,
          providerOptions: { bedrock: { additionalModelRequestFields: { top_k: 5 } } }
        }),
        { top_k: 5, tool_choice: { type: "auto", disable_parallel_tool_use: true } }
      )
    })

    it("are turned off for tools of providerOptions too", () => {
      const toolConfig = { tools: [{ toolSpec: { name: "look", inputSchema: { json: { type: "object" } } } }] }
      assert.deepStrictEqual(fields({ parallelToolCalls: false, providerOptions: { bedrock: { toolConfig } } }), {
        tool_choice: { type: "auto", disable_parallel_tool_use: true }
      })
    })

    it("are not mentioned without tools, or when allowed", () => {
      assert.isUndefined(fields({ parallelToolCalls: false }))
      assert.isUndefined(fields({ tools, parallelToolCalls: true }))
      assert.isUndefined(fields({ tools }))
      assert.isUndefined(fields({ tools, parallelToolCalls: false, toolChoice: "none" }))
      assert.isUndefined(fields({ tools, parallelToolCalls: false, model: "us.amazon.nova-lite-v1:0" }))
      for (const providerOptions of [undefined, {}]) {
        const { input } = Result.getOrThrow(Request.encode({
          model,
          messages: [Message.user("Hi")],
          parallelToolCalls: false,
          providerOptions,
          responseFormat: { type: "json", schema: { type: "object" } }
        }, { capabilities: { disableParallelToolUse: true }, history: "repair" }))
        assert.isDefined(input.toolConfig, "an answer tool")
        assert.isUndefined(input.additionalModelRequestFields)
      }
    })

    it.each(["us.amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0", "acme.oracle-v1:0"])(
      "cannot be turned off for %s",
      (model) => {
        const check = (request: Partial<ChatRequest.Resolved>) =>
          ModelCatalog.check(
            ModelCatalog.lookup(model),
            { model, messages: [], parallelToolCalls: false, ...request },
            {
              streaming: false
            }
          ).map(({ feature }) => feature)
        assert.deepStrictEqual(check({ tools }), ["parallel tool calls turned off"])
        assert.deepStrictEqual(check({}), [])
        assert.deepStrictEqual(check({ tools, parallelToolCalls: true }), [])
      }
    )
  })
})
