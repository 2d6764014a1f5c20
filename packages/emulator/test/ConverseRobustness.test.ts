import { assert, describe, it } from "@effect/vitest"
import { Model } from "@strata/emulator"
import * as Result from "effect/Result"
import * as Request from "../src/converse/Request.ts"
import * as ThinkingSeal from "../src/converse/ThinkingSeal.ts"
import * as PromptCache from "../src/converse/usage/PromptCache.ts"
import * as Validation from "../src/converse/Validation.ts"
import * as Wire from "../src/converse/Wire.ts"

const bytes = { bytes: "AA==" }

/** Every member of a request. */
const whole = {
  system: [{ text: "a" }, { guardContent: { text: { text: "a", qualifiers: ["query"] } } }, {
    cachePoint: { type: "default" }
  }],
  messages: [
    {
      role: "user",
      content: [
        { text: "a" },
        { image: { format: "png", source: bytes } },
        { video: { format: "mp4", source: { s3Location: { uri: "s3://bucket/a", bucketOwner: "123456789012" } } } },
        { audio: { format: "mp3", source: bytes } },
        { document: { format: "md", name: "a", source: { content: [{ text: "a" }] }, citations: { enabled: true } } },
        { searchResult: { source: "a", title: "a", content: [{ text: "a" }] } },
        { guardContent: { image: { format: "png", source: bytes } } },
        { cachePoint: { type: "default", ttl: "5m" } }
      ]
    },
    { role: "system", content: [{ toolAddition: { tool: { name: "t" } } }, { toolRemoval: { tool: { name: "t" } } }] },
    {
      role: "assistant",
      content: [
        { reasoningContent: { reasoningText: { text: "a" } } },
        { reasoningContent: { redactedContent: "AA==" } },
        { citationsContent: { content: [{ text: "a" }], citations: [{ location: { web: { url: "a" } } }] } },
        { toolUse: { toolUseId: "t1", name: "t", input: { a: 1 } } }
      ]
    },
    {
      role: "user",
      content: [{ toolResult: { toolUseId: "t1", status: "error", content: [{ json: { a: 1 } }, { text: "a" }] } }]
    }
  ],
  toolConfig: {
    tools: [
      { toolSpec: { name: "t", description: "a", inputSchema: { json: { type: "object" } }, strict: true } },
      { systemTool: { name: "s" } },
      { cachePoint: { type: "default" } }
    ],
    toolChoice: { tool: { name: "t" } }
  },
  inferenceConfig: { maxTokens: 2048, temperature: 1, topP: 1, stopSequences: ["a"] },
  outputConfig: { textFormat: { type: "json_schema", structure: { jsonSchema: { schema: "{}" } } }, effort: "low" },
  guardrailConfig: { guardrailIdentifier: "", guardrailVersion: "", trace: "enabled", streamProcessingMode: "sync" },
  additionalModelRequestFields: { thinking: { type: "disabled" } },
  additionalModelResponseFieldPaths: ["/a"],
  promptVariables: { a: { text: "a" } },
  requestMetadata: { a: "a" },
  performanceConfig: { latency: "standard" },
  serviceTier: { type: "default" }
}

const odd: ReadonlyArray<unknown> = [undefined, null, 0, -1.5, "", " ", "x", true, [], {}, [null], { text: "a" }]

/** All variants of a value with one member, at any depth, replaced by an invalid one. */
function* spoiled(value: unknown): Generator<unknown> {
  yield* odd
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const other of spoiled(item)) yield value.with(index, other)
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      for (const other of spoiled(member)) yield { ...value, [key]: other }
    }
  }
}

const read = Wire.reader(Wire.Request)
const models = [
  Model.chat("strata.able-v1"),
  Model.chat("anthropic.any"),
  Model.chat("plain", { system: false, inputs: [], caching: false, tools: "never" })
]

describe("ConverseRobustness", () => {
  it("accepts a request with every member", () => {
    const request = Result.getOrThrow(read(whole))
    assert.isUndefined(Validation.validate(request, models[0] ?? assert.fail(), false))
  })

  it("decodes or refuses any mutated request, without defects", () => {
    const seals = ThinkingSeal.make()
    const cache = PromptCache.make()
    let refused = 0
    let taken = 0
    for (const body of spoiled(whole)) {
      const request = read(JSON.parse(JSON.stringify(body ?? null)))
      if (Result.isFailure(request)) {
        refused++
        continue
      }
      for (const model of models) Validation.validate(request.success, model, true)
      seals.check(request.success)
      cache.count(request.success, Model.chat("any"), 0)
      Request.toChatRequest(request.success, undefined)
      taken++
    }
    assert.isAbove(refused, 1000)
    assert.isAbove(taken, 400)
  }, 20_000)

  it("refuses or accepts deep nesting without a defect", () => {
    let deep: unknown = null
    for (let level = 0; level < 100_000; level++) deep = [deep]
    assert.isTrue(Result.isFailure(read({ messages: deep })))
    assert.isTrue(Result.isSuccess(read({ unknown: deep })))
  })
})
