import { ConverseCommand, ConverseStreamCommand, InvokeModelCommand } from "@aws-sdk/client-bedrock-runtime"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import { Script } from "@strata/emulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Fixture from "./Fixture.ts"

const over = (script: Script.Script) => Effect.provide(Script.layer(script))

const texts = (...prompts: ReadonlyArray<string>) => Effect.forEach(prompts, ChatService.text)

const messageOf = (script: string) => Result.getOrThrow(Result.flip(Script.fromText(script, "script.json"))).message

describe("Script", () => {
  it.effect("returns the answers of a list in order, whole or streamed, and fails after the last", () =>
    Effect.gen(function*() {
      const streamed = Stream.mkString(ChatService.textStream("b"))
      assert.deepStrictEqual([yield* ChatService.text("a"), yield* streamed], ["one", "two"])
      const error = yield* Effect.flip(ChatService.text("What now?"))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.match(error.message, /no answer left .*last user message: "What now\?"/)
    }).pipe(over(["one", "two"])))

  it.effect("repeats the last answer of a list with repeat", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* texts("a", "b", "c"), ["one", "two", "two"])
    }).pipe(over({ answers: ["one", "two"], atEnd: "repeat" })))

  it.effect("answers by the first matching rule", () =>
    Effect.gen(function*() {
      const tool = { name: "search", inputSchema: {} }
      assert.deepStrictEqual(yield* texts("hi there", "5 apples", "else", "hi", "hi"), [
        "first hi",
        "a number",
        "default",
        "any hi",
        "any hi"
      ])
      assert.strictEqual(yield* ChatService.text({ messages: "5", model: "m" }), "model m")
      assert.strictEqual(yield* ChatService.text({ messages: "x", tools: [tool] }), "searches")
      assert.strictEqual(yield* ChatService.text({ messages: "x", tools: [{ ...tool, name: "b" }] }), "has tools")
      assert.strictEqual(yield* Stream.mkString(ChatService.textStream("y")), "streams")
    }).pipe(over({
      rules: [
        { when: { operation: "stream" }, answer: "streams" },
        { when: { text: "hi", call: 1 }, answer: "first hi" },
        { when: { text: "hi" }, answer: "any hi" },
        { when: { model: "m", regex: "\\d" }, answer: "model m" },
        { when: { regex: "^\\d" }, answer: "a number" },
        { when: { tool: "search" }, answer: "searches" },
        { when: { tools: true }, answer: "has tools" }
      ],
      default: "default"
    })))

  it.effect("interrupts a regular expression with catastrophic backtracking, and names its path", () =>
    Effect.gen(function*() {
      const [duration, error] = yield* Effect.timed(Effect.flip(ChatService.text(`${"a".repeat(40)}!`)))
      assert.isBelow(Duration.toMillis(duration), 10_000)
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.match(error.message, /rules\[1\]\.when\.regex takes more than 1000 ms/)
      // without backtracking, or if the rest of the rule does not match, it is harmless
      assert.strictEqual(yield* ChatService.text("aaa"), "only a")
      assert.strictEqual((yield* ChatService.generate({ messages: `${"a".repeat(40)}!`, model: "m" })).model, "m")
    }).pipe(
      over({
        rules: [
          { when: { model: "m" }, answer: "m" },
          { when: { model: "script", regex: "^(a+)+$" }, answer: "only a" }
        ]
      }),
      TestClock.withLive
    ))

  it.effect("returns parts, structured output and errors as written", () =>
    Effect.gen(function*() {
      const parts = yield* ChatService.generate("parts")
      assert.deepStrictEqual(parts.message.content, [
        { type: "reasoning", text: "Hm", signature: "seal" },
        { type: "text", text: "So" },
        { type: "text", text: "Yes", citations: [{ title: "Book" }] },
        { type: "tool-call", id: "tooluse_script_1_3", name: "get", params: { a: 1 } }
      ])
      assert.strictEqual(parts.finishReason, "tool-calls")
      assert.strictEqual(yield* ChatService.text("json"), "{\"a\":[1]}")
      const cut = yield* ChatService.generate("cut")
      assert.deepStrictEqual([cut.finishReason, cut.usage.inputTokens, cut.usage.totalTokens], ["length", 5, 12])
      assert.strictEqual((yield* Effect.flip(ChatService.text("error")))._tag, "RateLimitError")
    }).pipe(over({
      rules: [
        {
          when: { text: "parts" },
          answer: {
            parts: [
              { reasoning: "Hm", signature: "seal" },
              "So",
              { text: "Yes", citations: [{ title: "Book" }] },
              { tool: "get", input: { a: 1 } }
            ]
          }
        },
        { when: { text: "json" }, answer: { json: { a: [1] } } },
        {
          when: { text: "cut" },
          answer: { text: "So", stopReason: "max_tokens", usage: { inputTokens: 5, outputTokens: 7 } }
        },
        { when: { text: "error" }, answer: { error: { exception: "ThrottlingException" } } }
      ]
    })))

  it.effect("streams its chunks with its delays", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const reading = yield* Effect.forkChild(
        Stream.runForEach(ChatService.textStream("a"), (delta) => Effect.sync(() => seen.push(delta)))
      )
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(seen, [])
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(seen, ["Hel"])
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(reading)
      assert.deepStrictEqual(seen, ["Hel", "lo"])
    }).pipe(over([{ chunks: ["Hel", "lo"], delay: "1 second", interval: "20 seconds" }])))

  it.effect("returns scripted vectors, and hashed words for other texts", () =>
    Effect.gen(function*() {
      const service = yield* EmbeddingService.EmbeddingService
      const { embeddings } = yield* service.embedMany(["red fish", "blue fish", "blue"])
      assert.deepStrictEqual([...embeddings[0]?.vector ?? []], [1, 0, 0.5])
      assert.lengthOf(embeddings[1]?.vector ?? [], 3)
      assert.deepStrictEqual((yield* service.embed("blue fish", { dimensions: 3 })).vector, embeddings[1]?.vector)
      assert.strictEqual(yield* ChatService.text("red"), "not for embeddings")
      assert.strictEqual((yield* Effect.flip(service.embed("no")))._tag, "ModelUnavailableError")
    }).pipe(over({
      rules: [
        { when: { text: "red" }, answer: { vector: [1, 0, 0.5] } },
        { when: { operation: "embed", text: "no" }, answer: { error: { exception: "ServiceUnavailableException" } } }
      ],
      default: "not for embeddings"
    })))

  it("reports every mistake of a file with its path", () => {
    assert.strictEqual(
      messageOf(`{
        "rules": [
          { "when": { "txt": "a", "regex": "(" }, "answer": { "text": 1 } },
          { "answer": { "text": "a", "json": {} } },
          { "answer": { "parts": [{ "tool": 1 }, { "text": "a", "citation": [] }, { "say": "a" }] } },
          { "answer": {} }
        ],
        "default": { "text": "a", "delay": true }
      }`),
      `script.json: rules[0].when.txt: Unexpected key
script.json: rules[0].when.regex: Expected a regular expression: Invalid regular expression: /(/u: Unterminated group
script.json: rules[0].answer.text: Expected string, got 1
script.json: rules[1].answer: Expected only one of text, json
script.json: rules[2].answer.parts[0].tool: Expected string, got 1
script.json: rules[2].answer.parts[1].citation: Unexpected key
script.json: rules[2].answer.parts[2]: Expected one of the keys text, tool, reasoning
script.json: rules[3].answer: Expected one of text, chunks, parts, json, vector, error
script.json: default.delay: Expected number | string, got true`
    )
    assert.strictEqual(messageOf("{\"answer\":[]}"), "script.json: Expected one of the keys answers, rules")
    assert.match(messageOf("{\"answers\": [}"), /^script\.json: Not valid JSON: Unexpected token/)
  })

  it.effect("reads a file, and reports a missing one", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const file = `${yield* fileSystem.makeTempDirectoryScoped()}/script.json`
      yield* fileSystem.writeFileString(
        file,
        "{ \"$schema\": \"x\", \"answers\": [\"Hello\", { \"text\": \"a\", \"delay\": \"1 second\" }] }"
      )
      assert.deepStrictEqual(yield* Script.read(file), {
        $schema: "x",
        answers: ["Hello", { text: "a", delay: "1 second" }]
      })
      assert.include((yield* Effect.flip(Script.read(`${file}x`))).message, `${file}x: `)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  describe.each(Fixture.protocols)("behind an emulator, over HTTP/%s", (protocol) => {
    it.effect("answers like a model", () =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect(protocol)
        const whole = yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
        assert.deepStrictEqual([whole.stopReason, whole.output?.message?.content], ["max_tokens", [{ text: "nova" }]])
        const { stream } = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
        const error = yield* Effect.flip(Fixture.drain(stream))
        assert.deepStrictEqual([error.name, error.message], ["ModelStreamErrorException", "Out of words"])
        const embedding = yield* Fixture.attempt(() =>
          client.send(
            new InvokeModelCommand({
              modelId: "amazon.titan-embed-text-v1",
              contentType: "application/json",
              body: JSON.stringify({ inputText: "a" })
            })
          )
        )
        assert.deepStrictEqual(JSON.parse(embedding.body.transformToString()).embedding.slice(0, 3), [0, 1, 0])
      }).pipe(Effect.provide(Script.layerEmulator({
        rules: [
          { when: { operation: "embed" }, answer: { vector: [0, 1] } },
          {
            when: { operation: "stream" },
            answer: {
              text: "a b",
              error: { exception: "ModelStreamErrorException", message: "Out of words", afterEvents: 1 }
            }
          },
          { when: { model: Fixture.modelId }, answer: { text: "nova", stopReason: "max_tokens" } }
        ]
      }))))
  })
})
