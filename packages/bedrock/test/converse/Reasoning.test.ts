import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import type { Report } from "../../src/converse/history/Change.ts"
import * as Reasoning from "../../src/converse/Reasoning.ts"

const sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const opus = "anthropic.claude-opus-4-6-v1"
const sonnet5 = "us.anthropic.claude-sonnet-5"
const fable = "us.anthropic.claude-fable-5"
const nova = "amazon.nova-2-lite-v1:0"
const gpt = "openai.gpt-oss-20b-1:0"
const unknown = "acme.oracle-v1:0"

type Request = Omit<ChatRequest.ChatRequest, "model" | "messages">

const encode = (model: string, request: Partial<ChatRequest.Resolved>, report: Report = () => {}) =>
  Reasoning.encode({ model, messages: [Message.user("Hi")], ...request }, ModelCatalog.lookup(model), report)

const encoded = (model: string, request: Partial<ChatRequest.Resolved>) => Result.getOrThrow(encode(model, request))

/** What is left out. */
const omitted = (model: string, request: Partial<ChatRequest.Resolved>) => {
  const changes: Array<string> = []
  Result.getOrThrow(encode(model, request, (type, field) => changes.push(`${type} ${field}`)))
  return changes
}

const refused = (model: string, request: Request) => {
  const result = encode(model, request)
  assert(Result.isFailure(result))
  return result.failure
}

const field = (model: string, request: Request) => {
  const error = refused(model, request)
  assert(error._tag === "InvalidRequestError")
  assert.isString(error.remedy)
  return error.field
}

const thinking = (budget_tokens: number) => ({
  additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens } }
})

describe("converse/Reasoning", () => {
  it("adds nothing by default", () => {
    for (const model of [sonnet, opus, nova, gpt, unknown]) assert.deepStrictEqual(encoded(model, {}), {})
    for (const model of [sonnet, opus, nova, unknown, "amazon.nova-lite-v1:0"]) {
      assert.deepStrictEqual(encoded(model, { reasoning: false }), {})
    }
  })

  describe("of a model with a budget", () => {
    it("sends the budget", () => {
      assert.deepStrictEqual(
        encoded(sonnet, { reasoning: { budgetTokens: 5000 }, maxTokens: 5001 }),
        thinking(5000)
      )
      assert.deepStrictEqual(
        encoded(sonnet, { reasoning: { budgetTokens: 5000 }, providerOptions: {} }),
        thinking(5000)
      )
    })

    it.each([["low", 1024], ["medium", 4096], ["high", 16_384], ["xhigh", 24_576], ["max", 31_999]] as const)(
      "sends a budget for the effort %s: %i",
      (effort, budget) => {
        assert.deepStrictEqual(encoded(sonnet, { reasoning: { effort } }), thinking(budget))
      }
    )

    it("uses the budget when both are given, and a medium effort when neither is", () => {
      assert.deepStrictEqual(encoded(sonnet, { reasoning: { effort: "max", budgetTokens: 2000 } }), thinking(2000))
      assert.deepStrictEqual(encoded(sonnet, { reasoning: {} }), thinking(4096))
    })

    it("leaves a fifth of `maxTokens` for the answer when it chooses the budget itself", () => {
      assert.deepStrictEqual(encoded(sonnet, { reasoning: { effort: "high" }, maxTokens: 10_000 }), thinking(8000))
      assert.deepStrictEqual(encoded(sonnet, { reasoning: { effort: "high" }, maxTokens: 1100 }), thinking(1024))
    })

    it("refuses a budget that does not fit, naming it", () => {
      const budget = "reasoning.budgetTokens"
      assert.strictEqual(field(sonnet, { reasoning: { budgetTokens: 1023 } }), budget)
      assert.strictEqual(field(sonnet, { reasoning: { budgetTokens: 4000 }, maxTokens: 4000 }), budget)
      assert.strictEqual(field(sonnet, { reasoning: { budgetTokens: 2000.5 } }), budget)
      assert.strictEqual(field(unknown, { reasoning: { budgetTokens: 0 } }), budget)
      assert.strictEqual(
        field(sonnet, {
          reasoning: { budgetTokens: 4000 },
          maxTokens: 8000,
          providerOptions: { bedrock: { inferenceConfig: { maxTokens: 3000 } } }
        }),
        budget
      )
    })

    it("refuses a `maxTokens` that leaves no room to think", () => {
      assert.strictEqual(field(sonnet, { reasoning: { effort: "low" }, maxTokens: 1024 }), "maxTokens")
    })
  })

  describe("of a model with effort levels", () => {
    it("sends the effort in the model's field", () => {
      assert.deepStrictEqual(encoded(opus, { reasoning: { effort: "max" } }).additionalModelRequestFields, {
        thinking: { type: "adaptive" },
        output_config: { effort: "max" }
      })
      assert.deepStrictEqual(encoded(nova, { reasoning: { effort: "low" } }).additionalModelRequestFields, {
        reasoningConfig: { type: "enabled", maxReasoningEffort: "low" }
      })
      assert.deepStrictEqual(encoded(gpt, { reasoning: { effort: "high" } }).additionalModelRequestFields, {
        reasoning_effort: "high"
      })
    })

    it("uses the next lower level of the model, or its lowest", () => {
      const effort = (model: string, reasoning: Exclude<ChatRequest.Reasoning, false>) =>
        JSON.stringify(encoded(model, { reasoning }))
      assert.include(effort(opus, { effort: "xhigh" }), "\"effort\":\"high\"")
      assert.include(effort(gpt, { effort: "max" }), "\"reasoning_effort\":\"high\"")
      assert.include(effort("qwen.qwen3-32b-v1:0", { effort: "medium" }), "\"reasoning_config\":\"low\"")
    })

    it("sends the highest level that costs no more than the budget", () => {
      const level = (budgetTokens: number) =>
        encoded(opus, { reasoning: { budgetTokens } }).additionalModelRequestFields
      assert.deepInclude(level(500), { output_config: { effort: "low" } })
      assert.deepInclude(level(4096), { output_config: { effort: "medium" } })
      assert.deepInclude(level(30_000), { output_config: { effort: "high" } })
      assert.deepInclude(level(64_000), { output_config: { effort: "max" } })
    })

    it("refuses options Nova 2 does not support with a high effort, and only then", () => {
      const reasoning = { effort: "high" } as const
      assert.strictEqual(field(nova, { reasoning, maxTokens: 1000 }), "maxTokens")
      assert.strictEqual(field(nova, { reasoning, temperature: 0 }), "temperature")
      assert.strictEqual(field(nova, { reasoning, topP: 1 }), "topP")
      assert.isTrue(Result.isSuccess(encode(nova, { reasoning })))
      assert.isTrue(Result.isSuccess(encode(nova, { reasoning: { effort: "medium" }, maxTokens: 1000, topP: 1 })))
    })
  })

  describe("of Claude", () => {
    it("refuses a temperature other than 1, and a low topP, while it thinks", () => {
      for (const model of [sonnet, opus]) {
        assert.strictEqual(field(model, { reasoning: { effort: "low" }, temperature: 0.5 }), "temperature")
        assert.strictEqual(field(model, { reasoning: { effort: "low" }, topP: 0.9 }), "topP")
        assert.isTrue(Result.isSuccess(encode(model, { reasoning: { effort: "low" }, temperature: 1 })))
        assert.isTrue(Result.isSuccess(encode(model, { reasoning: { effort: "low" }, topP: 0.95 })))
        assert.isTrue(Result.isSuccess(encode(model, { reasoning: false, temperature: 0.5 })))
      }
      assert.isTrue(Result.isSuccess(encode(nova, { reasoning: { effort: "low" }, temperature: 0.5, topP: 0.9 })))
      assert.strictEqual(
        field(sonnet, {
          reasoning: { effort: "low" },
          providerOptions: { bedrock: { inferenceConfig: { temperature: 0 } } }
        }),
        "temperature"
      )
    })

    it("leaves the effort to Claude when it is not set", () => {
      const adaptive = { thinking: { type: "adaptive" } }
      for (const model of [opus, sonnet5]) {
        assert.deepStrictEqual(encoded(model, { reasoning: {} }).additionalModelRequestFields, adaptive)
      }
      assert.deepStrictEqual(encoded(gpt, { reasoning: {} }), {})
      assert.include(JSON.stringify(encoded(nova, { reasoning: {} })), "\"medium\"")
    })

    it("requests the display of reasoning where supported", () => {
      const display = (model: string) =>
        encoded(model, { reasoning: { effort: "low", display: "omitted" } }).additionalModelRequestFields
      assert.deepStrictEqual(display(opus), {
        thinking: { type: "adaptive", display: "omitted" },
        output_config: { effort: "low" }
      })
      assert.deepStrictEqual(display(sonnet), {
        thinking: { type: "enabled", budget_tokens: 1024, display: "omitted" }
      })
      assert.deepStrictEqual(omitted(opus, { reasoning: { display: "summarized" } }), [])
      for (const model of [nova, gpt, unknown, "us.deepseek.r1-v1:0"]) {
        assert.deepStrictEqual(omitted(model, { reasoning: { display: "summarized" } }), [
          "omitted-option reasoning.display"
        ])
      }
    })

    it("thinks between calls of tools, with a budget above `maxTokens`", () => {
      const reasoning = { budgetTokens: 10_000, interleaved: true }
      const betas = ["interleaved-thinking-2025-05-14"]
      const expected = { thinking: { type: "enabled", budget_tokens: 10_000 }, anthropic_beta: betas }
      assert.deepStrictEqual(encoded(sonnet, { reasoning, maxTokens: 4000 }).additionalModelRequestFields, expected)
      const bedrock = { additionalModelRequestFields: { anthropic_beta: ["other-beta", ...betas] } }
      assert.deepStrictEqual(
        encoded(sonnet, { reasoning, maxTokens: 4000, providerOptions: { bedrock } }).additionalModelRequestFields,
        { ...expected, anthropic_beta: [...betas, "other-beta"] }
      )
      assert.deepStrictEqual(
        encoded(sonnet, {
          reasoning: { budgetTokens: 10_000 },
          maxTokens: 4000,
          providerOptions: { bedrock: { additionalModelRequestFields: { anthropic_beta: betas } } }
        }).additionalModelRequestFields,
        expected
      )
      assert.strictEqual(
        field("anthropic.claude-3-7-sonnet-20250219-v1:0", { reasoning, maxTokens: 4000 }),
        "reasoning.budgetTokens"
      )
      assert.deepStrictEqual(omitted(opus, { reasoning }), [])
      assert.deepStrictEqual(omitted(nova, { reasoning }), ["omitted-option reasoning.interleaved"])
    })

    it("does not reason after tool calls without reasoning", () => {
      const call: Message.ToolCallPart = { type: "tool-call", id: "a", name: "add", params: {} }
      const thought: Message.ReasoningPart = { type: "reasoning", text: "t", signature: "s" }
      const answered = (...parts: ReadonlyArray<Message.AssistantPart>) => [
        Message.user("Hi"),
        Message.assistant([...parts, call]),
        Message.tool([{ type: "tool-result", id: "a", result: "3" }])
      ]
      const reasoning = { effort: "low" } as const
      assert.deepStrictEqual(encoded(sonnet, { reasoning, messages: answered() }), {})
      assert.deepStrictEqual(omitted(sonnet, { reasoning, messages: answered() }), ["omitted-thinking reasoning"])
      assert.deepStrictEqual(encoded(sonnet, { reasoning, messages: answered(thought) }), thinking(1024))
      const [question, , results] = answered()
      for (const content of ["3", []]) {
        const messages = [question!, Message.assistant(content), results!]
        assert.deepStrictEqual(encoded(sonnet, { reasoning, messages }), {})
      }
      assert.deepStrictEqual(encoded(sonnet, { reasoning, messages: [question!, results!] }), thinking(1024))
      assert.deepStrictEqual(
        encoded(sonnet, { reasoning, messages: [...answered(), Message.assistant("3"), Message.user("Sure?")] }),
        thinking(1024)
      )
      assert.deepStrictEqual(omitted(opus, { reasoning, messages: answered() }), [])
      const { reasoning: known, ...rest } = ModelCatalog.lookup(sonnet)
      assert(known?.control === "budget")
      const unsealed = { ...rest, reasoning: { ...known, sealsToolUse: false } }
      const asked = { model: sonnet, reasoning, messages: answered() }
      assert.deepStrictEqual(Result.getOrThrow(Reasoning.encode(asked, unsealed, () => {})), thinking(1024))
    })

    it("is turned off where it is the default, and refused where it cannot be", () => {
      for (const model of [sonnet5, "us.anthropic.claude-opus-5", "us.anthropic.claude-haiku-5"]) {
        assert.deepStrictEqual(encoded(model, { reasoning: false }), {
          additionalModelRequestFields: { thinking: { type: "disabled" } }
        })
      }
      for (const model of [fable, "us.anthropic.claude-opus-5-5", "us.anthropic.claude-opus-6"]) {
        assert.strictEqual(refused(model, { reasoning: false })._tag, "UnsupportedFeatureError")
      }
      assert.deepStrictEqual(encoded(opus, { reasoning: false }), {})
    })

    it("supports forced tools with reasoning from 5 on, except where reasoning is always on", () => {
      const request = {
        tools: [{ name: "add", inputSchema: { type: "object" } }],
        toolChoice: { name: "add" },
        reasoning: { effort: "low" }
      } as const
      assert.isTrue(Result.isSuccess(encode(sonnet5, request)))
      for (const model of [fable, "us.anthropic.claude-opus-5-5"]) {
        const [error] = ModelCatalog.check(ModelCatalog.lookup(model), { model, messages: [], ...request }, {
          streaming: false
        })
        assert.strictEqual(error?.feature, "tool choice \"tool\"")
      }
    })

    it("refuses a forced tool while it thinks", () => {
      const tools = [{ name: "add", inputSchema: { type: "object" } }]
      const reasoning = { effort: "low" } as const
      assert.strictEqual(field(sonnet, { reasoning, tools, toolChoice: "any" }), "toolChoice")
      assert.strictEqual(field(sonnet, { reasoning, tools, toolChoice: { name: "add" } }), "toolChoice")
      assert.isTrue(Result.isSuccess(encode(sonnet, { reasoning, tools, toolChoice: "auto" })))
    })
  })

  it("refuses a model that cannot reason", () => {
    const error = refused("amazon.nova-lite-v1:0", { reasoning: { effort: "low" } })
    assert(error._tag === "UnsupportedFeatureError")
    assert.strictEqual(error.feature, "reasoning")
  })

  it("refuses to turn off reasoning that is always on", () => {
    for (const model of [gpt, "us.deepseek.r1-v1:0"]) {
      const error = refused(model, { reasoning: false })
      assert(error._tag === "UnsupportedFeatureError")
      assert.strictEqual(error.feature, "answers without reasoning")
    }
    assert.deepStrictEqual(encoded("us.deepseek.r1-v1:0", { reasoning: { effort: "high" } }), {})
  })

  it("uses Converse's own field for an unknown model", () => {
    assert.deepStrictEqual(encoded(unknown, { reasoning: { effort: "xhigh" } }), { outputConfig: { effort: "xhigh" } })
    assert.deepStrictEqual(encoded(unknown, { reasoning: { budgetTokens: 2000 } }), { outputConfig: { effort: "low" } })
  })

  it("merges fields of the request over its own", () => {
    const additionalModelRequestFields = { top_k: 5, thinking: { budget_tokens: 9000, display: "omitted" } }
    assert.deepStrictEqual(
      encoded(sonnet, {
        reasoning: { budgetTokens: 2000 },
        providerOptions: { bedrock: { additionalModelRequestFields } }
      }),
      {
        additionalModelRequestFields: {
          top_k: 5,
          thinking: { type: "enabled", budget_tokens: 9000, display: "omitted" }
        }
      }
    )
    assert.deepStrictEqual(
      encoded(unknown, {
        reasoning: { effort: "low" },
        providerOptions: { bedrock: { outputConfig: { effort: "max" } } }
      }),
      { outputConfig: { effort: "max" } }
    )
    assert.deepStrictEqual(encoded(nova, { providerOptions: { bedrock: { additionalModelRequestFields } } }), {
      additionalModelRequestFields
    })
  })

  it("merges objects, extends the betas of Claude, and replaces other lists", () => {
    assert.deepStrictEqual(
      Reasoning.merge(
        { a: { b: 1, c: 2 }, stops: ["x"], anthropic_beta: ["one", "two"] },
        { a: { c: 3 }, stops: ["y"], anthropic_beta: ["two", "three"] }
      ),
      { a: { b: 1, c: 3 }, stops: ["y"], anthropic_beta: ["one", "two", "three"] }
    )
  })

  it("takes the minimum of the model for a budget", () => {
    assert.deepStrictEqual(encoded(sonnet, { reasoning: { budgetTokens: 1024 }, maxTokens: 2000 }), thinking(1024))
  })

  it("sees interleaved reasoning among other betas", () => {
    const budget = (...anthropic_beta: ReadonlyArray<string | number>) =>
      encode(sonnet, {
        reasoning: { budgetTokens: 5000 },
        maxTokens: 4000,
        providerOptions: { bedrock: { additionalModelRequestFields: { anthropic_beta: [...anthropic_beta] } } }
      })._tag
    assert.strictEqual(budget("context-1m", "interleaved-thinking-2025-05-14"), "Success")
    assert.strictEqual(budget("context-1m"), "Failure")
    assert.strictEqual(budget(5), "Failure")
  })

  it("says what a model that always reasons can do instead", () => {
    const refusal = (reasoning: ModelCatalog.Capabilities["reasoning"]) => {
      const result = Reasoning.encode(
        { model: unknown, messages: [Message.user("Hi")], reasoning: false },
        { reasoning },
        () => {}
      )
      assert(Result.isFailure(result))
      return result.failure.message
    }
    assert.include(refusal({ control: "always" }), "use another model")
    assert.include(
      refusal({ control: "effort", path: ["effort"], fields: {}, levels: ["low", "high"], alwaysOn: true }),
      "set `effort` to \"low\""
    )
  })
})
