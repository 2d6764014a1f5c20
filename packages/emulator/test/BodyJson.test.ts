import { assert, layer } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fixture from "./Fixture.ts"

const sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const converse = `/model/${sonnet}/converse`

/** A request whose body is these bytes. */
const send = Effect.fnUntraced(function*(path: string, body: Uint8Array) {
  const { apiKey, url } = yield* Emulator.Emulator
  const response = yield* Fixture.attempt(() =>
    fetch(url + path, {
      method: "POST",
      body: Buffer.from(body),
      headers: { authorization: `Bearer ${Redacted.value(apiKey)}`, "content-type": "application/json" }
    })
  )
  const text = yield* Fixture.attempt(() => response.text())
  return { status: response.status, type: response.headers.get("x-amzn-errortype") ?? "", text }
})

const saying = (text: string) => `{"messages":[{"role":"user","content":[{"text":"${text}"}]}]}`

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth)

layer(Fixture.emulator())("The JSON of a body", (it) => {
  it.effect.each<readonly [what: string, body: string | Uint8Array, exception: string]>([
    [
      "a byte that is no UTF-8",
      Buffer.concat([Buffer.from(`{"messages":"`), Buffer.from([0xff, 0x22, 0x7d])]),
      "Serialization"
    ],
    ["half a pair in UTF-8", Buffer.from([0x22, 0xed, 0xa0, 0xbd, 0x22]), "Serialization"],
    ["what is no JSON", "{", "Serialization"],
    ["the first half of a pair", saying("bad \\ud83d text"), "Validation"],
    ["the first half of a pair at the end", saying("bad \\uD83D"), "Validation"],
    ["the second half of a pair", saying("bad \\ude00 text"), "Validation"],
    ["two first halves", saying("\\ud83d\\ud83d\\ude00"), "Validation"],
    ["a pair the wrong way round", saying("\\ude00\\ud83d"), "Validation"],
    ["half a pair in the name of a member", `{"\\ud83d":1}`, "Validation"],
    ["a body 20,000 deep", `{"additionalModelRequestFields":${nested(20_000)}}`, "Serialization"],
    [
      "a schema of a tool 5,000 deep",
      `{"messages":[],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":${
        `{"items":`.repeat(5000)
      }{}${"}".repeat(5000)}}}}]}}`,
      "Serialization"
    ]
  ])("refuses %s", ([, body, exception]) =>
    Effect.gen(function*() {
      const { status, text, type } = yield* send(converse, typeof body === "string" ? Buffer.from(body) : body)
      assert.deepStrictEqual([status, type.split(":")[0]], [400, `${exception}Exception`], text)
    }))

  it.effect.each<readonly [what: string, text: string]>([
    ["a pair", "\\ud83d\\ude00"],
    ["a backslash before what is no escape", "C:\\\\ud83d"],
    ["brackets in a text", "[".repeat(20_000) + "\\\"" + "{".repeat(20_000)],
    ["text beyond the BMP", "😀"]
  ])("accepts %s", ([, text]) =>
    Effect.gen(function*() {
      const response = yield* send(converse, Buffer.from(saying(text)))
      assert.strictEqual(response.status, 200, response.text)
    }))

  it.effect("names the path of a lone surrogate", () =>
    Effect.gen(function*() {
      const body = saying("bad \\ud83d")
      const at = body.indexOf("\\ud83d")
      const { text } = yield* send(converse, Buffer.from(body))
      assert.include(text, `no low surrogate in string: line 1 column ${at + 1} (char ${at})`)
    }))

  it.effect("checks the body of every operation", () =>
    Effect.gen(function*() {
      const body = Buffer.from(`{"a":"\\ud83d"}`)
      for (
        const path of [`/model/${sonnet}/invoke`, `/model/${sonnet}/converse-stream`, "/guardrail/a/version/1/apply"]
      ) {
        assert.strictEqual((yield* send(path, body)).status, 400, path)
      }
      const inner = Buffer.from(`{"messages":[{"role":"user","content":"\\ud83d"}]}`).toString("base64")
      const counted = yield* send(
        "/model/anthropic.claude-sonnet-4-5-20250929-v1:0/count-tokens",
        Buffer.from(JSON.stringify({ input: { invokeModel: { body: inner } } }))
      )
      assert.strictEqual(counted.status, 400, counted.text)
    }))

  it.effect("refuses the schema of an answer that is too deep", () =>
    Effect.gen(function*() {
      const schema = `${`{"items":`.repeat(5000)}{}${"}".repeat(5000)}`
      const { status, text } = yield* Fixture.converse({
        messages: [{ role: "user", content: [{ text: "Hi" }] }],
        outputConfig: { textFormat: { type: "json_schema", structure: { jsonSchema: { schema } } } }
      }, sonnet)
      assert.strictEqual(status, 400, text)
      assert.include(text, "Provide a json object for the field")
    }))
})
