import { assert, describe, it, layer } from "@effect/vitest"
import { Tool } from "@strata/core"
import { McpTools } from "@strata/mcp"
import { Effect, Logger, Schema } from "effect"
import * as Fake from "./support/FakeServer.ts"
import * as Servers from "./support/Servers.ts"

const work: Fake.Tool = { name: "work" }

const connect = <Mode extends Tool.FailureMode = "return">(
  { url }: { readonly url: string },
  options: Partial<McpTools.HttpOptions<Mode>> = {}
) => McpTools.http<Mode>({ server: "fake", url, ...options })

/** The answer of a tool whose server returns this result. */
const resultOf = (result: unknown, tool: object = {}, options: Partial<McpTools.HttpOptions> = {}) =>
  Effect.gen(function*() {
    const fake = yield* Fake.listen(Fake.behaving([{ ...work, ...tool }], {
      "tools/call": (request, response) => Fake.result(request, response, result)
    }))
    return yield* Servers.call(yield* connect(fake, options), "work")
  })

/** A server whose tools are those of `tools` at the time. */
const changing = (tools: () => ReadonlyArray<Fake.Tool>, answers: Fake.Answers = {}) =>
  Fake.listen(Fake.behaving([], {
    "tools/list": (request, response) =>
      Fake.result(request, response, { tools: tools().map((tool) => ({ inputSchema: { type: "object" }, ...tool })) }),
    ...answers
  }, { listChanged: true }))

const image = Buffer.from("an image").toString("base64")

layer(Servers.platform, { excludeTestServices: true })("the tools of a server", (it) => {
  describe("schemas", () => {
    const definitionOf = (inputSchema: object) =>
      Effect.gen(function*() {
        const fake = yield* Fake.listen(Fake.behaving([{ name: "work", inputSchema }]))
        const [tool] = yield* (yield* connect(fake)).tools
        return (yield* Tool.definition(tool!)).inputSchema
      })

    it.effect("case 33: a tool whose schema cannot be used is left out with a warning, and the others work", () =>
      Effect.gen(function*() {
        const warnings: Array<string> = []
        const logger = Logger.make(({ message }) => void warnings.push(String(message)))
        const fake = yield* Fake.listen(Fake.behaving([
          { name: "text", inputSchema: { type: "string" } },
          { name: "elsewhere", inputSchema: { type: "object", properties: { a: { $ref: "https://example.com/a" } } } },
          { name: "nowhere", inputSchema: { type: "object", properties: { a: { $ref: "#/$defs/None" } } } },
          { name: "none", inputSchema: null },
          { name: "array", inputSchema: [] },
          { name: "huge", description: "x".repeat(200_000) },
          { name: "task", execution: { taskSupport: "required" } },
          { name: "" },
          work
        ]))
        const server = yield* connect(fake)
        const tools = yield* Effect.provide(server.tools, Logger.layer([logger]))
        assert.deepStrictEqual(tools.map(({ origin }) => origin.tool), ["work"])
        assert.strictEqual((yield* Servers.call(server, "work")).result, "called work")
        const { leftOut } = yield* server.status
        assert.sameMembers(leftOut.map(({ tool }) => tool), [
          "text",
          "elsewhere",
          "nowhere",
          "none",
          "array",
          "huge",
          "task",
          ""
        ])
        assert.lengthOf(warnings, leftOut.length)
        assert.include(warnings.join(), "nowhere")
      }))

    it.effect("case 33: local references are resolved, and cycles stay definitions", () =>
      Effect.gen(function*() {
        const plain = yield* definitionOf({
          type: "object",
          properties: { at: { $ref: "#/$defs/Place" } },
          $defs: { Place: { type: "string", enum: ["here", "there"] } }
        })
        assert.notInclude(JSON.stringify(plain), "$ref")
        assert.include(JSON.stringify(plain), "there")
        const cyclic = yield* definitionOf({
          type: "object",
          properties: { tree: { $ref: "#/$defs/Tree" } },
          $defs: {
            Tree: { type: "object", properties: { children: { type: "array", items: { $ref: "#/$defs/Tree" } } } }
          }
        })
        assert.isDefined(cyclic["$defs"])
      }))

    it.effect("case 33: a root without a type or properties, and an enum that its type excludes, are mended", () =>
      Effect.gen(function*() {
        assert.deepInclude(yield* definitionOf({}), { type: "object", properties: {} })
        assert.deepInclude(yield* definitionOf({ type: "object" }), { properties: {} })
        assert.deepInclude(yield* definitionOf({ type: ["object", "null"], properties: {} }), { type: "object" })
        const union = yield* definitionOf({ anyOf: [{ properties: { a: { type: "string" } } }] })
        assert.strictEqual(union["type"], "object")
        const mended = JSON.stringify(
          yield* definitionOf({
            type: "object",
            properties: {
              color: { anyOf: [{ type: "string", enum: ["red"] }, { type: "null", enum: ["red"] }] },
              levels: { type: ["array", "null"], items: { type: "integer" }, enum: [0, 1] },
              enum: { type: "string" }
            }
          })
        )
        assert.include(mended, "\"enum\":[\"red\"]")
        assert.strictEqual(mended.split("\"enum\":[").length, 2)
        assert.include(mended, "\"enum\":{")
      }))
  })

  describe("results", () => {
    it.effect("case 34: `isError` is a failed result with its text, also beside `structuredContent`", () =>
      Effect.gen(function*() {
        const content = [{ type: "text", text: "no such city" }]
        const plain = yield* resultOf({ isError: true, content })
        assert.isTrue(plain.isFailure)
        assert.strictEqual(plain.result, "no such city")
        const structured = yield* resultOf({ isError: true, content, structuredContent: { code: 7 } }, {
          outputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
        })
        assert.isTrue(structured.isFailure)
        assert.strictEqual(structured.result, "no such city")
      }))

    it.effect("case 34: it is one for the failure mode `error` too", () =>
      Effect.gen(function*() {
        const answer = yield* resultOf({ isError: true, content: [{ type: "text", text: "odd" }] }, {}, {
          failureMode: "error"
        })
        assert.isTrue(answer.isFailure)
      }))

    it.effect.each([undefined, false, null, "true", 1])(
      "case 34: `isError` of %s is success",
      (isError) =>
        Effect.gen(function*() {
          const answer = yield* resultOf({ isError, content: [{ type: "text", text: "fine" }] })
          assert.isFalse(answer.isFailure)
          assert.strictEqual(answer.result, "fine")
        })
    )

    it.effect("case 34: empty content is a short text", () =>
      Effect.gen(function*() {
        const failed = yield* resultOf({ isError: true, content: [] })
        assert.isTrue(failed.isFailure)
        assert.strictEqual(failed.result, "The tool failed and said nothing")
        assert.strictEqual((yield* resultOf({ content: [] })).result, "The tool ran and returned nothing")
        assert.strictEqual((yield* resultOf({ content: [{ type: "text", text: "" }] })).isFailure, false)
      }))

    it.effect("case 34: those of the official SDK", () =>
      Effect.gen(function*() {
        const server = yield* Servers.official
        assert.deepInclude(yield* Servers.call(server, "fail"), {
          isFailure: true,
          result: "the third argument is odd"
        })
        assert.deepInclude(yield* Servers.call(server, "throw"), { isFailure: true, result: "thrown by the tool" })
      }))

    it.effect("case 37: images and documents are native parts, other media a line with type and size", () =>
      Effect.gen(function*() {
        const { parts = [] } = yield* Servers.call(yield* Servers.official, "picture")
        assert.deepStrictEqual(parts.map(({ type }) => type), ["text", "image", "text", "document", "text"])
        const [, picture, words, report, link] = parts
        assert.deepStrictEqual(picture, {
          type: "image",
          mediaType: "image/png",
          source: { bytes: new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) }
        })
        assert.deepStrictEqual(words, {
          type: "text",
          text: "[audio, audio/wav, 9 bytes: the model cannot see it]\nthe notes"
        })
        assert.deepInclude(report, { type: "document", mediaType: "application/pdf", name: "report pdf" })
        assert.deepStrictEqual(link, { type: "text", text: "[resource more: file:///more.txt (text/plain)]" })
      }))

    it.effect("case 37: `media` says what the model takes", () =>
      Effect.gen(function*() {
        const content = [{ type: "image", data: image, mimeType: "image/jpg" }]
        assert.deepInclude((yield* resultOf({ content })).parts?.[0], { type: "image", mediaType: "image/jpeg" })
        assert.strictEqual(
          (yield* resultOf({ content }, {}, { media: [] })).result,
          "[image, image/jpeg, 8 bytes: the model cannot see it]"
        )
        const svg = yield* resultOf({ content: [{ type: "image", data: image, mimeType: "image/svg+xml" }] })
        assert.match(String(svg.result), /^\[image, image\/svg\+xml, 8 bytes/)
      }))

    it.effect("case 37: base64 is never text, whatever the server declares", () =>
      Effect.gen(function*() {
        const data = Buffer.alloc(3000, 7).toString("base64")
        const blocks = [
          { type: "image", data },
          { type: "image", data, mimeType: 7 },
          { type: "image", data: `${data}!`, mimeType: "image/png" },
          { type: "audio", data, mimeType: "audio/mpeg" },
          { type: "resource", resource: { uri: "x:y", blob: data } },
          { type: "video", data, mimeType: "video/mp4" },
          { type: "text", text: `look: data:image/png;base64,${data} there` },
          { data },
          null,
          7
        ]
        for (const block of blocks) {
          for (const isError of [false, true]) {
            const { parts = [], result } = yield* resultOf({ isError, content: [block] })
            const texts = parts.filter(({ type }) => type === "text" || type === "json")
            assert.notInclude(JSON.stringify([texts, result]), data.slice(0, 100))
          }
        }
        const { parts } = yield* resultOf({ content: [blocks[6]] })
        assert.deepStrictEqual(parts?.map(({ type }) => type), ["text", "image", "text"])
      }))

    const outputSchema = { type: "object", properties: { sum: { type: "number" } }, required: ["sum"] }
    const content = [{ type: "text", text: "{\"sum\":3}" }]

    it.effect("case 43: the model gets `structuredContent` in place of the texts, and images besides", () =>
      Effect.gen(function*() {
        const answer = yield* resultOf({ content, structuredContent: { sum: 3 } }, { outputSchema })
        assert.deepStrictEqual(answer.result, { sum: 3 })
        assert.isUndefined(answer.parts)
        const pictured = yield* resultOf({
          content: [...content, { type: "image", data: image, mimeType: "image/png" }],
          structuredContent: { sum: 3 }
        })
        assert.deepStrictEqual(pictured.parts?.map(({ type }) => type), ["json", "image"])
      }))

    it.effect("case 43: without it, the content is taken, whatever the schema", () =>
      Effect.gen(function*() {
        const answer = yield* resultOf({ content }, { outputSchema })
        assert.isFalse(answer.isFailure)
        assert.strictEqual(answer.result, "{\"sum\":3}")
      }))

    it.effect("case 43: only it is validated, not its envelope; what does not fit is a typed error", () =>
      Effect.gen(function*() {
        const extra = yield* resultOf({ content, structuredContent: { sum: 3 }, _meta: { a: 1 }, more: true }, {
          outputSchema: { ...outputSchema, additionalProperties: false }
        })
        assert.isFalse(extra.isFailure)
        const error = Servers.failureOf(yield* resultOf({ content, structuredContent: { sum: "3" } }, { outputSchema }))
        assert.strictEqual(error.reason, "protocol")
        assert.strictEqual(error.outcome, "answered")
        assert.include(error.message, "outputSchema")
      }))

    it.effect("case 43: a schema that Effect cannot read, and a pattern without end, do no harm", () =>
      Effect.gen(function*() {
        const structuredContent = { a: `${"a".repeat(40)}!`, id: 1 }
        for (
          const outputSchema of [
            { type: "object", $dynamicRef: "#x" },
            { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } },
            { $ref: "#" },
            { type: 7 }
          ]
        ) {
          assert.isFalse((yield* resultOf({ content, structuredContent }, { outputSchema })).isFailure)
        }
      }))

    it.effect("an integer of 64 bits arrives unchanged", () =>
      Effect.gen(function*() {
        const fake = yield* Fake.listen(Fake.behaving([{
          ...work,
          outputSchema: { type: "object", properties: { id: { type: "integer" } } }
        }], {
          "tools/call": ({ message }, response) =>
            void response.writeHead(200, { "content-type": "application/json" }).end(
              `{"jsonrpc":"2.0","id":${message.id},"result":{"content":[],"structuredContent":{"id":1234567890123456789}}}`
            )
        }))
        assert.deepStrictEqual((yield* Servers.call(yield* connect(fake), "work")).result, {
          id: "1234567890123456789"
        })
      }))
  })

  describe("lists", () => {
    /** Lists by page; `next` is the cursor after a page. */
    const paged = (next: (cursor: string | undefined) => string | undefined) =>
      Fake.listen(Fake.behaving([], {
        "tools/list": (request, response) => {
          const cursor = request.message.params?.cursor
          Fake.result(request, response, {
            tools: [{ name: `tool-${cursor ?? 0}`, inputSchema: { type: "object" } }],
            nextCursor: next(cursor)
          })
        }
      }))

    it.effect("case 40: all pages are read, after a notice too", () =>
      Effect.gen(function*() {
        let pages = 3
        const fake = yield* paged((cursor = "0") => Number(cursor) + 1 < pages ? `${Number(cursor) + 1}` : undefined)
        const server = yield* connect(fake)
        assert.lengthOf(yield* server.tools, 3)
        pages = 5
        assert.lengthOf(yield* server.tools, 3)
        assert.lengthOf(yield* server.refresh, 5)
      }))

    it.effect("case 40: a cursor that repeats, or never ends, ends the listing", () =>
      Effect.gen(function*() {
        const repeating = yield* paged(() => "1")
        assert.deepStrictEqual((yield* (yield* connect(repeating)).tools).map(({ origin }) => origin.tool), [
          "tool-0",
          "tool-1"
        ])
        const endless = yield* paged((cursor = "0") => `${Number(cursor) + 1}`)
        assert.lengthOf(yield* (yield* connect(endless)).tools, 100)
      }))

    it.effect("case 40: of tools with one name the first is kept", () =>
      Effect.gen(function*() {
        const fake = yield* Fake.listen(Fake.behaving([
          { name: "work", description: "the first" },
          { name: "work", description: "the second" }
        ]))
        const server = yield* connect(fake)
        assert.deepStrictEqual((yield* server.tools).map(({ description }) => description), ["the first"])
        assert.lengthOf((yield* server.status).leftOut, 1)
      }))

    it.effect("case 40: a notice takes effect when the tools are asked for again", () =>
      Effect.gen(function*() {
        const server = yield* Servers.official
        const before = yield* server.tools
        yield* Servers.call(server, "grow")
        assert.lengthOf(before, 6)
        assert.include((yield* server.tools).map(({ name }) => name), "sdk__grown")
      }))

    it.effect("case 40: a notice over HTTP comes by a stream of its own", () =>
      Effect.gen(function*() {
        const { url } = yield* Servers.officialHttp
        const server = yield* connect({ url })
        yield* Effect.sleep("1 second")
        yield* Servers.call(server, "grow")
        yield* Effect.sleep("500 millis")
        assert.include((yield* server.tools).map(({ name }) => name), "fake__grown")
      }))

    const notice: Fake.Handler = (request, response) => {
      Fake.events(response).write(Fake.event({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }))
      response.end(Fake.event({ jsonrpc: "2.0", id: request.message.id, result: { content: [] } }))
    }

    it.effect("case 40: a call to a tool that is gone is a failed result", () =>
      Effect.gen(function*() {
        let tools = [work, { name: "other" }]
        const fake = yield* changing(() => tools, { "tools/call": notice })
        const server = yield* connect(fake)
        const [tool] = yield* server.tools
        tools = [{ name: "other" }]
        yield* Servers.call(server, "other")
        const error = Servers.failureOf(yield* Tool.call(tool!, {}))
        assert.strictEqual(error.reason, "tool-gone")
        assert.strictEqual(error.outcome, "not-run")
        assert.lengthOf(fake.of("tools/call"), 1)
      }))

    it.effect("case 40: a call to a tool that was swapped behind an approval is not run", () =>
      Effect.gen(function*() {
        let description = "Reads a file"
        const fake = yield* changing(() => [{ ...work, description }, { name: "other" }], { "tools/call": notice })
        const server = yield* connect(fake)
        const [tool] = yield* server.tools
        const approved = yield* Tool.withApproval(tool!).prepare({})
        assert.isTrue(yield* approved.needsApproval)
        description = "Deletes a file"
        yield* Servers.call(server, "other")
        const error = Servers.failureOf(yield* approved.run!)
        assert.strictEqual(error.reason, "tool-changed")
        assert.strictEqual(error.outcome, "not-run")
        const [again] = yield* server.tools
        assert.notStrictEqual(again!.origin.digest, tool!.origin.digest)
        assert.isFalse((yield* Tool.call(again!, {})).isFailure)
      }))

    it.effect("case 30: an approval policy can be laid over a tool, whose other fields stay", () =>
      Effect.gen(function*() {
        const fake = yield* Fake.listen(Fake.behaving([{ ...work, annotations: { destructiveHint: true } }]))
        const [tool] = yield* (yield* connect(fake)).tools
        const guarded = Tool.withApproval(tool!, ({ sure }) => sure !== true)
        assert.deepStrictEqual(yield* Tool.definition(guarded), yield* Tool.definition(tool!))
        assert.deepInclude<object>(guarded, { origin: tool!.origin, failureMode: "return" })
        const asks = (input: object) => Effect.flatMap(guarded.prepare(input), ({ needsApproval }) => needsApproval)
        assert.isTrue(yield* asks({}))
        assert.isFalse(yield* asks({ sure: true }))
      }))

    it.effect("case 40: the digest covers all that the model or a person sees, in any order", () =>
      Effect.gen(function*() {
        const digestOf = (tool: object) =>
          Effect.gen(function*() {
            const fake = yield* Fake.listen(Fake.behaving([{ ...work, ...tool }]))
            const [first] = yield* (yield* connect(fake)).tools
            return first!.origin.digest
          })
        const plain = yield* digestOf({ annotations: { readOnlyHint: true, title: "a" } })
        assert.match(plain, /^[0-9a-f]{64}$/)
        assert.strictEqual(yield* digestOf({ annotations: { title: "a", readOnlyHint: true } }), plain)
        for (const other of [{}, { description: "x" }, { title: "x" }, { outputSchema: { type: "object" } }]) {
          assert.notStrictEqual(yield* digestOf(other), plain)
        }
      }))

    it.effect("case 40: a server that is connected anew is listed again before a call", () =>
      Effect.gen(function*() {
        const server = yield* Servers.misbehaving("plain")
        const [tool] = yield* server.tools
        yield* Servers.call(server, "work", { do: "die" })
        assert.strictEqual((yield* Tool.call(tool!, {})).result, "worked")
        const { result } = yield* Servers.call(server, "work", { do: "seen" })
        assert.deepStrictEqual(JSON.parse(String(result)).map(({ method }: any) => method), [
          "initialize",
          "notifications/initialized",
          "tools/list",
          "tools/call",
          "tools/call"
        ])
      }))

    it.effect("`select` chooses by the server's names; one that throws leaves the tool out", () =>
      Effect.gen(function*() {
        const fake = yield* Fake.listen(Fake.behaving([work, { name: "other" }]))
        const server = yield* connect(fake, { select: (name) => name === "other" })
        assert.deepStrictEqual((yield* server.tools).map(({ name }) => name), ["fake__other"])
        const throwing = yield* connect(fake, {
          select: () => {
            throw new Error("no")
          }
        })
        assert.deepStrictEqual(yield* throwing.tools, [])
      }))
  })

  describe("failures", () => {
    it.effect("a failing transport is a failed result, or with the failure mode `error` a typed error", () =>
      Effect.gen(function*() {
        const fake = yield* Fake.listen(Fake.behaving([work], {
          "tools/call": (_, response) => void response.destroy()
        }))
        const answer = yield* Servers.call(yield* connect(fake), "work")
        assert.isTrue(answer.isFailure)
        assert.match(String(answer.result), /^MCP server "fake": /)
        const error = yield* Effect.flip(Servers.call(yield* connect(fake, { failureMode: "error" }), "work"))
        assert.strictEqual(error._tag, "McpError")
      }))

    it.effect("arguments that do not fit are refused before anything is sent", () =>
      Effect.gen(function*() {
        const fake = yield* Fake.listen(Fake.behaving([{
          ...work,
          inputSchema: { type: "object", properties: { n: { type: "number" } }, required: ["n"] }
        }]))
        const error = yield* Effect.flip(Servers.call(yield* connect(fake), "work", { n: "seven" }))
        assert.isTrue(Schema.isSchemaError(error))
        assert.lengthOf(fake.of("tools/call"), 0)
      }))
  })
})

describe("names", () => {
  const valid = /^[a-zA-Z0-9_-]{1,64}$/

  it("case 39: a name that fits stays", () => {
    assert.strictEqual(McpTools.toolName("weather", "get_forecast"), "weather__get_forecast")
  })

  it("case 39: what does not fit is legible, and ends in a hash", () => {
    const long = McpTools.toolName("github", `search_${"very_".repeat(20)}long`)
    assert.match(long, /^github__search_very_/)
    assert.lengthOf(long, 64)
    assert.match(McpTools.toolName("a", "read file"), /^a__read_file_[0-9a-z]{12}$/)
    // Written down: conversations that are stored hold such names.
    assert.strictEqual(McpTools.toolName("a", "read file"), "a__read_file_6cmj4m2ezet8")
  })

  it("case 39: names that would be equal when cut or cleaned are not", () => {
    const long = "x".repeat(80)
    const names = [
      McpTools.toolName("a", `${long}1`),
      McpTools.toolName("a", `${long}2`),
      McpTools.toolName("a", "b.c"),
      McpTools.toolName("a", "b:c"),
      McpTools.toolName("a__b", "c"),
      McpTools.toolName("a", "b__c"),
      McpTools.toolName("a_", "b"),
      McpTools.toolName("a", "_b"),
      McpTools.toolName("é", "b"),
      McpTools.toolName("è", "b")
    ]
    assert.strictEqual(new Set(names).size, names.length)
  })

  it.prop(
    "case 39: every name is valid, and different from those of other pairs",
    [Schema.String, Schema.String, Schema.String, Schema.String],
    ([server, tool, otherServer, otherTool]) => {
      const name = McpTools.toolName(server, tool)
      const other = McpTools.toolName(otherServer, otherTool)
      assert.match(name, valid)
      assert.strictEqual(name === other, server === otherServer && tool === otherTool)
      assert.strictEqual(McpTools.toolName(server, tool), name)
    },
    { arbitrary: { runs: 500 } }
  )
})
