import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Responses from "./samples/Responses.ts"
import { request } from "./support/Client.ts"

const stub = await Responses.connect()
afterAll(stub.close)

// Ten times as many are in BedrockClientDecoding.long.test.ts.
Responses.suite(stub, 20)

describe("BedrockClient, for a response that is not as declared", () => {
  describe("names the mismatch and its path", () => {
    it.live.each<readonly [answer: string, problem: string]>([
      [
        `{"output":{"message":{"content":[{"text":"a"},{"text":5}]}}}`,
        "`output.message.content[1].text` is a number instead of text"
      ],
      [`{"output":{"message":{"content":{}}}}`, "`output.message.content` is an object instead of a list"],
      [`{"output":{"message":[]}}`, "`output.message` is a list instead of an object"],
      [
        `{"output":{"message":{"content":[{"toolUse":{"toolUseId":true}}]}}}`,
        "`output.message.content[0].toolUse.toolUseId` is a boolean instead of text"
      ],
      [
        `{"output":{"message":{"content":[{"reasoningContent":{"redactedContent":{"length":99999999}}}]}}}`,
        "`output.message.content[0].reasoningContent.redactedContent` is an object instead of base64"
      ],
      [
        `{"output":{"message":{"content":[{"image":{"source":{"bytes":"no base64!"}}}]}}}`,
        "`output.message.content[0].image.source.bytes` is text instead of base64"
      ],
      [
        `{"output":{"message":{"content":[{"text":"a","toolUse":{}}]}}}`,
        "`output.message.content[0]` is `text`, `toolUse` together instead of one of them"
      ],
      [`{"stopReason":{}}`, "`stopReason` is an object instead of text"],
      [`"text"`, "text instead of an object"],
      [`<html>`, "not JSON"],
      ["[".repeat(1000), "JSON of more than 256 levels"]
    ])("in %s", ([body, problem]) =>
      Effect.gen(function*() {
        stub.reply = { body }
        const error = yield* Effect.flip(stub.client.converse(request))
        assert.strictEqual(error._tag, "MalformedResponseError")
        assert.strictEqual(
          error.message,
          `amazon.nova-lite-v1:0 in us-east-1: the answer cannot be decoded: ${problem} (request request-1). ` +
            "If it happens again, check for proxies on the way, or ask AWS support."
        )
        assert.strictEqual(error.requestId, "request-1")
        assert.strictEqual(error.model, request.modelId)
      }))

    it.live("in an event", () =>
      Effect.gen(function*() {
        stub.reply = {
          body: [
            Responses.frameOf("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"a"}}`),
            Responses.frameOf("contentBlockDelta", `{"contentBlockIndex":-1,"delta":{"text":"b"}}`)
          ]
        }
        const { events } = yield* stub.client.converseStream(request)
        const seen: Array<unknown> = []
        const error = yield* Effect.flip(Responses.collect(events, (event) => seen.push(event)))
        assert.lengthOf(seen, 1)
        assert.strictEqual(error._tag, "MalformedResponseError")
        assert.include(
          error.message,
          ": the answer cannot be decoded: `contentBlockIndex` is a number instead of a whole number from 0, in an event " +
            "contentBlockDelta (request "
        )
      }).pipe(Effect.scoped))
  })

  it.live("drops invalid counts, and integers beyond a number", () =>
    Effect.gen(function*() {
      stub.reply = {
        body: `{"usage":{"inputTokens":-1,"outputTokens":1e999,"totalTokens":"3","cacheReadInputTokens":1.5,` +
          `"cacheWriteInputTokens":9007199254740993},"metrics":{"latencyMs":null},"stopReason":"end_turn"}`
      }
      const output = yield* stub.client.converse(request)
      assert.deepStrictEqual(output.usage, {} as typeof output.usage)
      assert.deepStrictEqual(output.metrics, {} as typeof output.metrics)
      assert.strictEqual(output.stopReason, "end_turn")
    }))

  it.live("keeps the digits of an integer that a number cannot hold", () =>
    Effect.gen(function*() {
      const input = `{"id":2512292042121000001,"list":[-9007199254740993,9007199254740992,12],"far":1e999}`
      stub.reply = {
        body: `{"output":{"message":{"content":[{"toolUse":{"toolUseId":"a","name":"f","input":${input}}}]}}}`
      }
      const output = yield* stub.client.converse(request)
      assert.deepStrictEqual(output.output?.message?.content?.[0]?.toolUse?.input, {
        id: "2512292042121000001",
        list: ["-9007199254740993", 9007199254740992, 12],
        far: "1e999"
      })
    }))

  it.live("keeps unknown blocks under their name, and unknown members", () =>
    Effect.gen(function*() {
      stub.reply = {
        body: JSON.stringify({
          output: { message: { role: "assistant", content: [{ hologram: { size: 3 } }, { text: "a", p: "xyz" }] } },
          usage: { inputTokens: 1, serverToolUsage: {} }
        })
      }
      const output = yield* stub.client.converse(request)
      assert.deepStrictEqual<unknown>(output.output?.message?.content, [
        { $unknown: ["hologram", { size: 3 }] },
        { text: "a", p: "xyz" }
      ])
      assert.deepStrictEqual<unknown>(output.usage, { inputTokens: 1, serverToolUsage: {} })
    }))

  it.live("reads null as missing, everywhere", () =>
    Effect.gen(function*() {
      stub.reply = {
        body: JSON.stringify({
          output: { message: { content: [null, { text: null }, { text: "a" }] } },
          trace: { guardrail: { inputAssessment: { g: null, h: { wordPolicy: null } } } }
        })
      }
      const output = yield* stub.client.converse(request)
      assert.deepStrictEqual<unknown>(output.output?.message?.content, [{}, { text: "a" }])
      assert.deepStrictEqual<unknown>(output.trace, { guardrail: { inputAssessment: { h: {} } } })
      for (const body of ["null", ""]) {
        stub.reply = { body }
        assert.isUndefined((yield* stub.client.converse(request)).output)
      }
    }))
})
