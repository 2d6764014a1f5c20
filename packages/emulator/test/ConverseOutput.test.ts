import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import type { ConverseCommandInput } from "@aws-sdk/client-bedrock-runtime"
import { assert, layer } from "@effect/vitest"
import { Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

const able = "strata.able-v1"
const stage = Fixture.stage()
const hello = Fixture.response([{ type: "text", text: "Hello" }])

const send = Effect.fnUntraced(function*(input: Partial<ConverseCommandInput>) {
  const client = yield* Fixture.connect("1.1")
  return yield* Fixture.attempt(() => client.send(new ConverseCommand({ ...Fixture.hello, modelId: able, ...input })))
})

const stream = Effect.fnUntraced(function*(input: Partial<ConverseCommandInput>) {
  const client = yield* Fixture.connect("2")
  const { stream } = yield* Fixture.attempt(() =>
    client.send(new ConverseStreamCommand({ ...Fixture.hello, modelId: able, ...input }))
  )
  return yield* Fixture.drain(stream)
})

type Asked = readonly [what: string, input: Partial<ConverseCommandInput>, field: string, expected: unknown]

const asked: ReadonlyArray<Asked> = [
  [
    "a JSON schema",
    {
      outputConfig: {
        textFormat: {
          type: "json_schema",
          structure: { jsonSchema: { schema: `{"type":"object"}`, name: "answer", description: "An answer" } }
        }
      }
    },
    "responseFormat",
    { type: "json", schema: { type: "object" }, name: "answer", description: "An answer" }
  ],
  [
    "a JSON schema the way Claude takes it",
    {
      additionalModelRequestFields: {
        output_config: { format: { type: "json_schema", schema: { type: "object" } } }
      }
    },
    "responseFormat",
    { type: "json", schema: { type: "object" } }
  ],
  ["nothing about the format", {}, "responseFormat", undefined],
  ["nothing about thinking", { additionalModelRequestFields: { top_k: 5 } }, "reasoning", undefined],
  [
    "a budget for thinking",
    { additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2048 } } },
    "reasoning",
    { budgetTokens: 2048 }
  ],
  [
    "adaptive thinking",
    { additionalModelRequestFields: { thinking: { type: "adaptive" }, output_config: { effort: "xhigh" } } },
    "reasoning",
    { effort: "xhigh" }
  ],
  ["no thinking", { additionalModelRequestFields: { thinking: { type: "disabled" } } }, "reasoning", false],
  ["an effort", { outputConfig: { effort: "max" } }, "reasoning", { effort: "max" }],
  [
    "an effort the way Nova takes it",
    { additionalModelRequestFields: { reasoningConfig: { type: "enabled", maxReasoningEffort: "low" } } },
    "reasoning",
    { effort: "low" }
  ],
  [
    "an effort the way the models by OpenAI take it",
    { additionalModelRequestFields: { reasoning_effort: "high" } },
    "reasoning",
    { effort: "high" }
  ],
  [
    "strict tools, tools of the provider, and where to cache them",
    {
      toolConfig: {
        tools: [
          { toolSpec: { name: "a", inputSchema: { json: { type: "object" } }, strict: true } },
          { cachePoint: { type: "default" } },
          { systemTool: { name: "nova_grounding" } },
          { cachePoint: { type: "default", ttl: "5m" } }
        ]
      }
    },
    "tools",
    [
      { name: "a", inputSchema: { type: "object" }, strict: true, cache: true },
      { type: "provider", provider: "aws.bedrock", name: "nova_grounding", cache: { ttl: "5m" } }
    ]
  ]
]

const fields = { stop_sequence: "END", usage: { "a/b": 1, other: 2 } }

layer(Fixture.emulator({ models: [Model.chat(able)] }, stage.layer))("ConverseOutput", (it) => {
  it.effect.each(asked)("tells the chat service of %s", ([, input, field, expected]) =>
    Effect.gen(function*() {
      yield* stage.says(hello)
      yield* send(input)
      assert.deepStrictEqual(stage.asked()[field], expected)
    }))

  it.effect("returns the requested service tier and latency", () =>
    Effect.gen(function*() {
      yield* stage.says(hello)
      const input = { serviceTier: { type: "flex" }, performanceConfig: { latency: "optimized" } } as const
      const answer = yield* send(input)
      assert.deepStrictEqual([answer.serviceTier, answer.performanceConfig], [
        input.serviceTier,
        input.performanceConfig
      ])
      const metadata = (yield* stream(input)).at(-1)?.metadata
      assert.deepStrictEqual([metadata?.serviceTier, metadata?.performanceConfig], [
        input.serviceTier,
        input.performanceConfig
      ])
      assert.notProperty(yield* send({}), "serviceTier")
    }))

  it.effect("returns only the requested additional response fields", () =>
    Effect.gen(function*() {
      yield* stage.says(
        Fixture.response([], { providerMetadata: { bedrock: { additionalModelResponseFields: fields } } })
      )
      const additionalModelResponseFieldPaths = ["/stop_sequence", "/usage/a~1b", "/nowhere", "/usage/nowhere/deep"]
      const expected = { stop_sequence: "END", usage: { "a/b": 1 } }
      const answer = yield* send({ additionalModelResponseFieldPaths })
      assert.deepStrictEqual(answer.additionalModelResponseFields, expected)
      const events = yield* stream({ additionalModelResponseFieldPaths })
      assert.deepStrictEqual(events.find((event) => event.messageStop)?.messageStop, {
        stopReason: "end_turn",
        additionalModelResponseFields: expected
      })
      assert.notProperty(
        yield* send({ additionalModelResponseFieldPaths: ["/nowhere"] }),
        "additionalModelResponseFields"
      )
    }))

  it.effect("passes the trace of the chat service", () =>
    Effect.gen(function*() {
      const trace = {
        promptRouter: { invokedModelId: "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0" }
      }
      yield* stage.says(Fixture.response([], { providerMetadata: { bedrock: { trace } } }))
      assert.deepStrictEqual((yield* send({})).trace, trace)
      assert.deepStrictEqual((yield* stream({})).at(-1)?.metadata?.trace, trace)
    }))
})
