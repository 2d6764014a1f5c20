import { assert, describe, it } from "@effect/vitest"
import { Emulator, Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Json from "../src/Json.ts"
import * as Fixture from "./Fixture.ts"

const nested = (depth: number, open = "[", close = "]") => open.repeat(depth) + close.repeat(depth)

const objects = (depth: number) => `${"{\"a\":".repeat(depth)}1${"}".repeat(depth)}`

const encoder = new TextEncoder()

const able = "acme.able-v1"

describe("Json", () => {
  it("accepts the maximum depth, and refuses deeper nesting", () => {
    for (const text of [nested(Json.maxDepth), objects(Json.maxDepth), `[${nested(Json.maxDepth - 1)},{}]`]) {
      assert.isTrue(Result.isSuccess(Json.fromText(text)))
    }
    for (
      const text of [nested(Json.maxDepth + 1), objects(Json.maxDepth + 1), nested(5_000_000), "[".repeat(5_000_000)]
    ) {
      const error = Result.getOrThrow(Result.flip(Json.fromText(text)))
      assert.deepStrictEqual([error.status, error.exception], [400, "SerializationException"])
    }
  })

  it("ignores brackets in strings", () => {
    for (const text of ["[".repeat(3000), `\\"${"{".repeat(3000)}`, `${"\\\\".repeat(3)}`, `\\\\\\"[`.repeat(2000)]) {
      assert.isTrue(Result.isSuccess(Json.fromText(`["${text}", {"${text}": 1}]`)), text.slice(0, 20))
    }
  })

  it("refuses invalid UTF-8", () => {
    const bytes = [...encoder.encode("{\"a\":\"b\"}")]
    assert.isTrue(Result.isSuccess(Json.fromBytes(Uint8Array.from(bytes))))
    assert.isTrue(Result.isFailure(Json.fromBytes(Uint8Array.from([...bytes.slice(0, 6), 0xff, ...bytes.slice(6)]))))
  })

  it("refuses a lone surrogate of a client, and accepts one of a model, whose stream may split a pair", () => {
    for (const text of [`"\\ud83d"`, `["\\ude00"]`, `{"\\ud83d":1}`]) {
      assert.isTrue(Result.isFailure(Json.fromText(text)), text)
      assert.deepStrictEqual(Result.getOrThrow(Json.parse(text)), JSON.parse(text))
    }
    assert.isTrue(Result.isFailure(Json.parse(nested(Json.maxDepth + 1))))
  })

  it("finds every text at any depth", () => {
    const json = Result.getOrThrow(
      Json.fromText(`{"a":["b",{"c":"d"}],"e":${"[".repeat(900)}"f"${"]".repeat(900)},"g":1}`)
    )
    assert.sameMembers([...Json.texts(json)], ["b", "d", "f"])
  })
})

describe("A body that is nested too deep", () => {
  const messages = Fixture.hello.messages
  const deep = "\u0000deep"

  /** A body with JSON of any depth at a placeholder: serializers overflow their stack. */
  const withDeep = (body: unknown, depth: number) =>
    JSON.stringify(body).replaceAll(JSON.stringify(deep), objects(depth))

  const bodies: ReadonlyArray<readonly [string, string, (depth: number) => string]> = [
    [
      "a tool schema",
      `/model/${Fixture.modelId}/converse`,
      (depth) =>
        withDeep({ messages, toolConfig: { tools: [{ toolSpec: { name: "t", inputSchema: { json: deep } } }] } }, depth)
    ],
    [
      "additional fields",
      `/model/${Fixture.modelId}/converse-stream`,
      (depth) => withDeep({ messages, additionalModelRequestFields: deep }, depth)
    ],
    ["a member nobody knows", `/model/${Fixture.modelId}/converse`, (depth) => withDeep({ messages, x: deep }, depth)],
    ["a whole body", "/model/anthropic.claude-3-haiku-20240307-v1:0/invoke", objects],
    ["a body of an embedding model", "/model/amazon.titan-embed-text-v1/invoke", objects],
    ["a guardrail", "/guardrail/gr12345678/version/1/apply", objects],
    ["a JSON schema in a text", `/model/${able}/converse`, (depth) =>
      JSON.stringify({
        messages,
        outputConfig: { textFormat: { type: "json_schema", structure: { jsonSchema: { schema: objects(depth) } } } }
      })],
    [
      "the arguments of a call in a text",
      "/model/mistral.mistral-large-2402-v1:0/invoke",
      (depth) =>
        JSON.stringify({
          messages: [{
            role: "assistant",
            tool_calls: [{ id: "abcdefghi", function: { name: "f", arguments: objects(depth) } }]
          }]
        })
    ],
    [
      "a body to count",
      "/model/anthropic.claude-3-haiku-20240307-v1:0/count-tokens",
      (depth) => JSON.stringify({ input: { invokeModel: { body: Base64.encode(objects(depth)) } } })
    ]
  ]

  it.effect.each(bodies)("is refused or read, and no failure inside: %s", ([, path, body]) =>
    Effect.gen(function*() {
      const { inject } = yield* Emulator.Emulator
      yield* inject({ type: "throttle", text: "never said", times: Infinity })
      for (const depth of [900, 5_000, 20_000]) {
        const { status, text } = yield* Fixture.post(path, body(depth))
        assert.isBelow(status, 500, `${depth}: ${text.slice(0, 200)}`)
        if (depth > 1000 && !path.includes("mistral")) assert.strictEqual(status, 400, `${depth}`)
      }
    }).pipe(Effect.provide(Fixture.emulator({ models: [Model.chat(able)], capture: true }))))

  it.effect("is refused by the emulator's own paths", () =>
    Effect.gen(function*() {
      for (const body of [objects(20_000), `[${objects(20_000)}]`, objects(900)]) {
        assert.strictEqual((yield* Fixture.post("/_strata/faults", body)).status, 400)
      }
    }).pipe(Effect.provide(Fixture.emulator())))
})
