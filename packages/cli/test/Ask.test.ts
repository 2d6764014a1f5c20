import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ProviderError } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as InProcess from "./support/InProcess.ts"

const { answering, run, text } = InProcess

const usage = { inputTokens: 1_000_000, outputTokens: 500_000 }

describe("strata ask", () => {
  it.effect("writes the answer to standard output, and everything else to standard error (jobs 55)", () =>
    Effect.gen(function*() {
      const ended = yield* run(["ask", "Hello"], { services: answering(() => "Good day") })
      assert.deepStrictEqual([ended.code, ended.out], [0, "Good day\n"])
      assert.match(ended.error, /^Answered offline, [^\n]+--provider bedrock[^\n]+\ntest: 1 tokens in, 2 out\n$/)
    }))

  it.effect("says nothing but the answer with --quiet (jobs 55)", () =>
    Effect.gen(function*() {
      const ended = yield* run(["ask", "Hello", "--quiet"])
      assert.deepStrictEqual(ended, { code: 0, out: "Hi\n", error: "" })
    }))

  it.effect("shows control characters of a model instead of sending them to a terminal (jobs 55)", () =>
    Effect.gen(function*() {
      const services = answering(() => "\x1b]0;title\x07 a\u009bb\tc")
      const ended = yield* run(["ask", "Hello", "-q"], { services })
      assert.strictEqual(ended.out, "\u241b]0;title\u2407 a\ufffdb\tc\n")
      const json = yield* run(["ask", "Hello", "-q", "--json"], { services })
      assert.notInclude(json.out, "\x1b")
      assert.strictEqual(JSON.parse(json.out).text, "\x1b]0;title\x07 a\u009bb\tc")
    }))

  it.effect("writes one JSON value with --json: text, model, usage and cost", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const prices = yield* fileSystem.makeTempFileScoped()
      yield* fileSystem.writeFileString(prices, "[{\"model\": \"test\", \"price\": {\"input\": 1, \"output\": 4}}]")
      const services = answering(() => ({ content: "Hi", usage }))
      const { out } = yield* run(["ask", "Hello", "--json", "--prices", prices], { services })
      const { cost, finishReason, model, text } = JSON.parse(out)
      assert.deepStrictEqual([text, model, finishReason, cost.total], ["Hi", "test", "stop", 3])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("reads the question from standard input when there is none, and for `-` (jobs 53)", () =>
    Effect.gen(function*() {
      for (const args of [["ask"], ["ask", "-"]]) {
        const services = answering(({ messages }) => JSON.stringify(messages))
        const { out } = yield* run([...args, "-q"], { input: text("What?\n"), services })
        assert.include(out, "\"text\":\"What?\"")
      }
      const twice = yield* run(["ask", "-", "-"])
      assert.deepStrictEqual([twice.code, twice.error], [2, "strata: Standard input can be read once: use one `-`\n"])
      const empty = yield* run(["ask"])
      assert.strictEqual(empty.code, 2)
    }))

  it.effect("does not read standard input when there is a question (jobs 53)", () =>
    Effect.gen(function*() {
      const ended = yield* run(["ask", "Hello", "-q"], { input: Stream.die("it was read") })
      assert.deepStrictEqual([ended.code, ended.out], [0, "Hi\n"])
    }))

  it.effect("says after three seconds that it waits for standard input (jobs 53)", () =>
    Effect.gen(function*() {
      const waiting = yield* Effect.forkChild(run(["ask"], {
        input: Stream.fromEffect(Effect.as(Effect.sleep("4 seconds"), new TextEncoder().encode("Hello")))
      }))
      const prompt = yield* Effect.forkChild(run(["ask"], {
        input: Stream.fromEffect(Effect.as(Effect.sleep("2 seconds"), new TextEncoder().encode("Hello")))
      }))
      for (let second = 0; second < 5; second++) yield* TestClock.adjust("1 second")
      assert.include((yield* Fiber.join(waiting)).error, "Waiting for standard input")
      assert.notInclude((yield* Fiber.join(prompt)).error, "Waiting")
    }))

  it.effect("attaches images, documents and texts by their content", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* fileSystem.makeTempDirectoryScoped()
      const file = (name: string, content: string) =>
        Effect.as(
          fileSystem.writeFile(`${folder}/${name}`, Buffer.from(content, "latin1")),
          `${folder}/${name}`
        )
      const files = yield* Effect.all([
        file("photo.bin", "\x89PNG\r\n\x1a\n"),
        file("Report_2026.v2.pdf", "%PDF-1.7"),
        file("notes.md", "# Notes\n</document>")
      ])
      const types = answering(({ messages }) =>
        JSON.stringify(messages.flatMap(({ content }) =>
          typeof content === "string" ?
            [content] :
            content.map((part) =>
              part.type === "text"
                ? part.text
                : [part.type, "mediaType" in part && part.mediaType, "name" in part && part.name]
            )
        ))
      )
      const { out } = yield* run(["ask", "What is this?", ...files, "-q", "--system", "Be brief"], { services: types })
      assert.deepStrictEqual(JSON.parse(out), [
        "Be brief",
        ["image", "image/png", false],
        ["document", "application/pdf", "Report 2026 v2"],
        "<document source=\"notes.md\">\n# Notes\n&lt;/document>\n</document>\n",
        "What is this?"
      ])
      const binary = yield* run(["ask", "?", yield* file("a.out", "\xff\xfe\x00")])
      assert.match(binary.error, /a\.out is neither text in UTF-8 nor/)
      const missing = yield* run(["ask", "?", `${folder}/none.txt`])
      assert.deepStrictEqual(missing.code, 2)
      assert.include(missing.error, "none.txt cannot be read: there is no such file")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("asks for JSON that matches a schema, and checks it", () =>
    Effect.gen(function*() {
      const schema = JSON.stringify({
        type: "object",
        title: "An invoice",
        properties: { total: { type: "number" } },
        required: ["total"],
        additionalProperties: false
      })
      const format = answering(({ responseFormat }) => JSON.stringify({ total: JSON.stringify(responseFormat).length }))
      const good = yield* run(["ask", "?", "--schema", schema, "-q"], { services: format })
      const sent = { type: "json", schema: JSON.parse(schema), name: "An_invoice" }
      assert.deepStrictEqual(JSON.parse(good.out), { total: JSON.stringify(sent).length })
      const bad = yield* run(["ask", "?", "--schema", schema, "-q"], {
        services: answering(() => "{\"total\": \"1\"}")
      })
      assert.deepStrictEqual([bad.code, bad.out], [1, ""])
      assert.match(bad.error, /^strata: test: the answer does not fit the schema[^]+total/)
      for (const wrong of ["{", "[]", "{\"type\": \"string\"}", "/nowhere/schema.json"]) {
        const { code, error } = yield* run(["ask", "?", "--schema", wrong, "-q"])
        assert.strictEqual(code, 2)
        assert.match(error, /^strata: --schema/)
      }
    }))

  it.effect("fails when the answer is not complete, after writing what there is (jobs 54)", () =>
    Effect.gen(function*() {
      const services = answering(() => ({ content: "Half an", finishReason: "length" }))
      const { code, error, out } = yield* run(["ask", "?", "-q"], { services })
      assert.deepStrictEqual([code, out, error], [
        1,
        "Half an\n",
        "strata: The answer is cut at --max-tokens: allow more\n"
      ])
    }))

  it.effect("exits with 4 for credentials and budgets, 1 for other failures, and shows no stack (jobs 54)", () =>
    Effect.gen(function*() {
      const failing = (error: ProviderError.ChatError) => run(["ask", "?", "-q"], { services: answering(() => error) })
      const told = { provider: "test", message: "No." }
      assert.deepStrictEqual(
        yield* failing(new ProviderError.AuthenticationError(told)),
        { code: 4, out: "", error: "strata: No.\n" }
      )
      assert.strictEqual((yield* failing(new ProviderError.BudgetExceededError(told))).code, 4)
      assert.strictEqual((yield* failing(new ProviderError.QuotaExceededError(told))).code, 4)
      assert.deepStrictEqual(
        yield* failing(new ProviderError.ModelNotFoundError(told)),
        { code: 1, out: "", error: "strata: No.\n" }
      )
    }))

  it.effect("refuses wrong flags with 2, in a line or two (jobs 54)", () =>
    Effect.gen(function*() {
      for (const wrong of [["--provider", "mars"], ["--max-cost", "-1"], ["--max-tokens", "x"], ["--nothing"]]) {
        const { code, out } = yield* run(["ask", "?", ...wrong])
        assert.deepStrictEqual([code, out], [2, ""])
      }
      const { code } = yield* run(["akk"])
      assert.strictEqual(code, 2)
    }))

  it.effect("sends nothing that could cost more than --max-cost (jobs 49)", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const prices = yield* fileSystem.makeTempFileScoped()
      yield* fileSystem.writeFileString(prices, "[{\"model\": \"test\", \"price\": {\"input\": 1, \"output\": 4}}]")
      const args = ["ask", "?", "-q", "--prices", prices, "--max-tokens", "100000", "--max-cost"]
      assert.strictEqual((yield* run([...args, "0.39"])).code, 4)
      assert.strictEqual((yield* run([...args, "0.41"])).code, 0)
      const without = yield* run(["ask", "?", "-q", "--provider", "bedrock", "--max-cost", "1"])
      assert.strictEqual(without.code, 2)
      assert.include(without.error, "--prices")
    }).pipe(Effect.provide(NodeServices.layer)))
})
