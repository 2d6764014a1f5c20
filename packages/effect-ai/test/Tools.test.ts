import { assert, describe, it } from "@effect/vitest"
import { Message } from "@strata/core"
import type { TestChat } from "@strata/core/testing"
import { Effect, Ref, Schema, SchemaGetter, Stream } from "effect"
import { type AiError, LanguageModel, Prompt, type Response, Tool, Toolkit } from "effect/ai"
import { calling, requests, scripted } from "./support/Model.ts"

const echo = Tool.make("echo", {
  parameters: Schema.Struct({ text: Schema.String, count: Schema.Int }),
  success: Schema.String,
  failureMode: "return"
})
const kit = Toolkit.make(echo)
const handlers = kit.toLayer({ echo: ({ count, text }) => Effect.succeed(text.repeat(count)) })

type Parts = ReadonlyArray<Response.AnyPart>

/** Asks in both ways; gives the parts of each. */
const both = <R>(
  toolkit: Effect.Effect<Toolkit.WithHandler<any>, never, R>,
  options: { readonly toolChoice?: LanguageModel.ToolChoice<any> } = {}
): Effect.Effect<Readonly<Record<"whole" | "streamed", Parts>>, AiError.AiError, R | LanguageModel.LanguageModel> =>
  Effect.gen(function*() {
    // The tools are of any type, and with them what they need.
    const model = (yield* LanguageModel.LanguageModel) as unknown as {
      readonly generateText: (options: object) => Effect.Effect<{ readonly content: Parts }, AiError.AiError>
      readonly streamText: (options: object) => Stream.Stream<Response.AnyPart, AiError.AiError>
    }
    const asked = { prompt: "x", toolkit: yield* toolkit, ...options }
    const { content } = yield* model.generateText(asked)
    return { whole: content, streamed: yield* Stream.runCollect(model.streamText(asked)) }
  })

const twice = (answer: TestChat.Answer) => scripted([answer, answer])

const resultsOf = (parts: Parts) => parts.flatMap((part) => part.type === "tool-result" ? [part] : [])

describe("tools", () => {
  const wrong: Readonly<Record<string, unknown>> = {
    "a wrong type": { text: 1, count: 1 },
    "NaN": { text: "a", count: NaN },
    "nothing": undefined,
    "text that is no JSON": "{\"text\": \"a",
    "a missing field": { text: "a" },
    "null": null
  }
  for (const [name, params] of Object.entries(wrong)) {
    it.effect(`case 24: arguments that do not fit are a failed result, and the call is kept: ${name}`, () =>
      Effect.gen(function*() {
        for (const parts of Object.values(yield* both(kit))) {
          const [call] = parts.flatMap((part) => part.type === "tool-call" ? [part] : [])
          assert.deepStrictEqual([call?.id, call?.name, call?.params], ["call-1", "echo", params])
          const [result] = resultsOf(parts)
          assert.deepStrictEqual([result?.id, result?.isFailure], ["call-1", true])
          assert.lengthOf(parts.filter(({ type }) => type === "finish"), 1)
        }
      }).pipe(Effect.provide([handlers, twice(calling("echo", params))])))
  }

  it.effect("case 24: the model reads what does not fit, and then calls in the right way", () =>
    Effect.gen(function*() {
      const first = yield* LanguageModel.generateText({ prompt: "Echo", toolkit: kit })
      const history = Prompt.concat(Prompt.make("Echo"), Prompt.fromResponseParts(first.content))
      const second = yield* LanguageModel.generateText({ prompt: history, toolkit: kit })
      assert.deepStrictEqual(second.toolResults.map(({ result }) => result), ["aa"])
      const results = (yield* requests)[1]?.messages.at(-1)
      assert.deepStrictEqual(results, {
        role: "tool",
        content: [{
          type: "tool-result",
          id: "call-1",
          result: "The arguments do not fit the tool's schema. Expected number\n  at [\"count\"]",
          isFailure: true
        }]
      })
    }).pipe(Effect.provide([
      handlers,
      scripted([calling("echo", { text: "a", count: "2" }), calling("echo", { text: "a", count: 2 })])
    ])))

  it.effect("case 24: a call of an unknown tool is a failed result under its own name, beside one that runs", () =>
    Effect.gen(function*() {
      for (const parts of Object.values(yield* both(kit))) {
        assert.sameDeepMembers(parts.flatMap((part) => part.type === "tool-call" ? [part.name] : []), ["shout", "echo"])
        assert.sameDeepMembers(resultsOf(parts).map(({ isFailure, name, result }) => [name, isFailure, result]), [
          ["shout", true, "There is no tool \"shout\". The tools are: echo"],
          ["echo", false, "a"]
        ])
      }
      // Neither request offers the tool that takes such calls.
      for (const { tools } of yield* requests) assert.deepStrictEqual(tools?.map(({ name }) => name), ["echo"])
    }).pipe(Effect.provide([
      handlers,
      twice({
        content: [
          { type: "tool-call", id: "1", name: "shout", params: { text: "a" } },
          { type: "tool-call", id: "2", name: "echo", params: { text: "a", count: 1 } }
        ]
      })
    ])))

  it.effect("case 24: without resolution an unknown tool fails, or is handed out unchanged when that is asked for", () =>
    Effect.gen(function*() {
      const strict = yield* Effect.flip(
        LanguageModel.generateText({ prompt: "x", toolkit: kit, disableToolCallResolution: true })
      )
      assert.strictEqual(strict.reason._tag, "ToolNotFoundError")
      const deferred = yield* LanguageModel.generateText({
        prompt: "x",
        toolkit: kit,
        disableToolCallResolution: true,
        toolCallValidation: "deferred"
      })
      assert.deepStrictEqual(deferred.toolCalls.map(({ name, params }) => [name, params]), [["shout", { a: 1 }]])
    }).pipe(Effect.provide([handlers, twice(calling("shout", { a: 1 }))])))

  it.effect("case 24: a call without a toolkit fails with the name of the tool", () =>
    Effect.gen(function*() {
      const prompt = "x"
      const toolkit = Toolkit.empty
      const errors = yield* Effect.forEach([
        LanguageModel.generateText({ prompt }),
        LanguageModel.generateText({ prompt, toolkit }),
        Stream.runDrain(LanguageModel.streamText({ prompt })),
        Stream.runDrain(LanguageModel.streamText({ prompt, toolkit }))
      ], (asked) => Effect.flip(asked as Effect.Effect<unknown, AiError.AiError, LanguageModel.LanguageModel>))
      assert.deepStrictEqual(
        errors.map(({ reason }) => reason._tag === "ToolNotFoundError" ? reason.toolName : reason._tag),
        ["shout", "shout", "shout", "shout"]
      )
    }).pipe(Effect.provide(scripted(() => calling("shout", {})))))

  it.effect("case 24: a schema that throws is a failed result", () =>
    Effect.gen(function*() {
      const odd = Tool.make("odd", {
        parameters: Schema.Struct({
          value: Schema.String.pipe(Schema.decodeTo(Schema.String, {
            decode: SchemaGetter.transform((): string => {
              throw new Error("no")
            }),
            encode: SchemaGetter.passthrough()
          }))
        }),
        success: Schema.String,
        failureMode: "return"
      })
      const oddKit = Toolkit.make(odd)
      const layer = oddKit.toLayer({ odd: () => Effect.succeed("ran") })
      for (const parts of Object.values(yield* Effect.provide(both(oddKit), layer))) {
        assert.deepStrictEqual(resultsOf(parts).map(({ isFailure }) => isFailure), [true])
      }
    }).pipe(Effect.provide(twice(calling("odd", { value: "x" })))))

  /** What a schema decodes, from the JSON that a model writes. */
  const codecs: Readonly<Record<string, readonly [Schema.Codec<any, any>, json: unknown, decoded: unknown]>> = {
    "a record": [Schema.Struct({ of: Schema.Record(Schema.String, Schema.Finite) }), { of: { a: 1 } }, {
      of: { a: 1 }
    }],
    "an optional field that is there": [Schema.Struct({ a: Schema.optional(Schema.String) }), { a: "x" }, { a: "x" }],
    "an optional field that is not": [Schema.Struct({ a: Schema.optional(Schema.String) }), {}, {}],
    "a union": [
      Schema.Struct({ of: Schema.Union([Schema.Struct({ kind: Schema.tag("a"), x: Schema.Finite }), Schema.String]) }),
      { of: { kind: "a", x: 1 } },
      { of: { kind: "a", x: 1 } }
    ],
    "an empty struct": [Schema.Struct({}), {}, {}],
    "a date": [
      Schema.Struct({ at: Schema.Date }),
      { at: "2025-01-01T00:00:00.000Z" },
      { at: new Date("2025-01-01T00:00:00.000Z") }
    ],
    "a large integer": [
      Schema.Struct({ id: Schema.BigInt }),
      { id: "12345678901234567890" },
      { id: 12345678901234567890n }
    ],
    "a number in text": [Schema.Struct({ n: Schema.FiniteFromString }), { n: "2" }, { n: 2 }],
    "a map": [
      Schema.Struct({ of: Schema.ReadonlyMap(Schema.String, Schema.Finite) }),
      { of: [["a", 1]] },
      { of: new Map([["a", 1]]) }
    ]
  }
  for (const [name, [parameters, json, decoded]] of Object.entries(codecs)) {
    it.effect(`case 25: the codec of the schema decodes the call, streamed or not: ${name}`, () =>
      Effect.gen(function*() {
        const seen: Array<unknown> = []
        const tool = Tool.make("tool", { parameters, success: Schema.Unknown })
        const toolKit = Toolkit.make(tool)
        const layer = toolKit.toLayer({ tool: (input) => Effect.sync(() => void seen.push(input)) })
        const { whole } = yield* Effect.provide(both(toolKit), layer)
        assert.deepStrictEqual(seen, [decoded, decoded])
        // The history has the JSON of the model, also when it was exported.
        const history = Prompt.fromResponseParts(whole)
        const stored = yield* Schema.encodeEffect(Schema.fromJsonString(Prompt.Prompt))(history)
        const restored = yield* Schema.decodeEffect(Schema.fromJsonString(Prompt.Prompt))(stored)
        yield* LanguageModel.generateText({ prompt: Prompt.concat(restored, "Go on") })
        const [call] = Message.parts((yield* requests)[2]?.messages[0] ?? Message.user("none"))
        assert.deepStrictEqual(call?.type === "tool-call" ? call.params : undefined, json)
      }).pipe(Effect.provide(scripted([calling("tool", json), calling("tool", json), "ok"]))))
  }

  it.effect("case 25: without resolution the program gets arguments as its toolkit takes them", () =>
    Effect.gen(function*() {
      const book = Tool.make("book", { parameters: Schema.Struct({ at: Schema.Date }), success: Schema.String })
      const books = Toolkit.make(book)
      const toolkit = yield* Effect.provide(
        books,
        books.toLayer({ book: ({ at }) => Effect.succeed(at.toISOString()) })
      )
      const { content, toolCalls } = yield* LanguageModel.generateText({
        prompt: "x",
        toolkit,
        disableToolCallResolution: true
      })
      const at = "2025-01-01T00:00:00.000Z"
      assert.deepStrictEqual(toolCalls.map(({ params }) => params), [{ at: new Date(at) }])
      const results = yield* Stream.runCollect(Stream.unwrap(toolkit.handle("book", { at: new Date(at) })))
      assert.deepStrictEqual(results.map(({ result }) => result), [at])
      yield* LanguageModel.generateText({ prompt: Prompt.fromResponseParts(content) })
      assert.deepStrictEqual((yield* requests)[1]?.messages[0]?.content, [
        { type: "tool-call", id: "call-1", name: "book", params: { at } }
      ])
    }).pipe(Effect.provide(scripted([calling("book", { at: "2025-01-01T00:00:00.000Z" }), "ok"]))))

  it.effect("case 25: a tool without parameters has an empty schema, and takes what a model makes of it", () =>
    Effect.gen(function*() {
      const now = Tool.make("now", { success: Schema.String })
      const nowKit = Toolkit.make(now)
      const layer = nowKit.toLayer({ now: () => Effect.succeed("noon") })
      for (const parts of Object.values(yield* Effect.provide(both(nowKit), layer))) {
        assert.deepStrictEqual(resultsOf(parts).map(({ result }) => result), ["noon"])
      }
      assert.deepStrictEqual((yield* requests)[0]?.tools, [
        { name: "now", inputSchema: { type: "object", properties: {} } }
      ])
    }).pipe(Effect.provide(twice(calling("now", {})))))

  it.effect("case 25: a tool with a JSON Schema is offered with it", () =>
    Effect.gen(function*() {
      const inputSchema = { type: "object", properties: { q: { type: "string" } }, required: ["q"] }
      const search = Tool.dynamic("search", {
        description: "Searches",
        parameters: inputSchema,
        success: Schema.Unknown
      })
      const searchKit = Toolkit.make(search)
      const layer = searchKit.toLayer({ search: (input) => Effect.succeed(input) })
      for (const parts of Object.values(yield* Effect.provide(both(searchKit), layer))) {
        assert.deepStrictEqual(resultsOf(parts).map(({ result }) => result), [{ q: "x" }])
      }
      assert.deepStrictEqual((yield* requests)[0]?.tools, [{ name: "search", description: "Searches", inputSchema }])
    }).pipe(Effect.provide(twice(calling("search", { q: "x" })))))

  /** Handlers that record how many of them run at once. */
  const overlapping = Effect.gen(function*() {
    const running = yield* Ref.make(0)
    const most = yield* Ref.make(0)
    const work = Tool.make("work", { success: Schema.Void })
    const workKit = Toolkit.make(work)
    const toolkit = yield* Effect.provide(
      workKit,
      workKit.toLayer({
        work: () =>
          Ref.updateAndGet(running, (count) => count + 1).pipe(
            Effect.flatMap((count) => Ref.update(most, (before) => Math.max(before, count))),
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(Ref.update(running, (count) => count - 1))
          )
      })
    )
    return { most, toolkit }
  })
  const many: TestChat.Answer = {
    content: Array.from({ length: 20 }, (_, index) => ({
      type: "tool-call",
      id: `call-${index}`,
      name: "work",
      params: {}
    }))
  }
  for (const [concurrency, expected] of [[1, 1], [3, 3], [undefined, 8], [0, 8], [NaN, 8]] as const) {
    for (const way of ["generateText", "streamText"] as const) {
      it.effect(`case 28: with concurrency ${concurrency} at most ${expected} handlers run at once: ${way}`, () =>
        Effect.gen(function*() {
          const { most, toolkit } = yield* overlapping
          const options = { prompt: "x", toolkit, ...(concurrency !== undefined && { concurrency }) }
          const parts: Parts = way === "generateText"
            ? (yield* LanguageModel.generateText(options)).content
            : yield* Stream.runCollect(LanguageModel.streamText(options))
          assert.lengthOf(resultsOf(parts), 20)
          assert.strictEqual(yield* Ref.get(most), expected)
        }).pipe(Effect.provide(scripted([many]))))
    }
  }

  it.effect("offers only the tools of `oneOf`", () =>
    Effect.gen(function*() {
      const other = Tool.make("other", { success: Schema.String })
      const wider = Toolkit.make(echo, other)
      const layer = wider.toLayer({ echo: () => Effect.succeed(""), other: () => Effect.succeed("") })
      yield* Effect.provide(both(wider, { toolChoice: { mode: "required", oneOf: ["other"] } }), layer)
      yield* Effect.provide(both(wider, { toolChoice: { oneOf: ["echo"] } }), layer)
      yield* Effect.provide(both(wider, { toolChoice: { tool: "echo" } }), layer)
      const sent = (yield* requests).map(({ toolChoice, tools }) => [tools?.map(({ name }) => name), toolChoice])
      assert.deepStrictEqual(sent.filter((_, index) => index % 2 === 0), [
        [["other"], "any"],
        [["echo"], "auto"],
        [["echo", "other"], { name: "echo" }]
      ])
    }).pipe(Effect.provide(scripted(() => "ok"))))

  it.effect("shows the model images of a tool", () =>
    Effect.gen(function*() {
      const picture = Tool.make("picture", {
        success: Schema.String,
        toModelOutput: () => [
          Prompt.makePart("text", { text: "a picture" }),
          Prompt.makePart("file", { mediaType: "image/png", data: new Uint8Array([1, 2, 3]) })
        ]
      })
      const pictures = Toolkit.make(picture)
      const first = yield* LanguageModel.generateText({ prompt: "Show it", toolkit: pictures }).pipe(
        Effect.provide(pictures.toLayer({ picture: () => Effect.succeed("done") }))
      )
      yield* LanguageModel.generateText({ prompt: Prompt.fromResponseParts(first.content) })
      assert.deepStrictEqual((yield* requests)[1]?.messages.at(-1)?.content, [{
        type: "tool-result",
        id: "call-1",
        result: "done",
        parts: [
          { type: "text", text: "a picture" },
          { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1, 2, 3]) } }
        ]
      }])
    }).pipe(Effect.provide(scripted([calling("picture", {}), "Nice"]))))

  it.effect("gives calls ids that are unique in the conversation", () =>
    Effect.gen(function*() {
      const first = yield* LanguageModel.generateText({ prompt: "x", toolkit: kit })
      const second = yield* LanguageModel.generateText({
        prompt: Prompt.concat(Prompt.make("x"), Prompt.fromResponseParts(first.content)),
        toolkit: kit
      })
      const ids = [...first.toolCalls, ...second.toolCalls].map(({ id }) => id)
      assert.strictEqual(new Set(ids).size, 4)
      assert.notInclude(ids, "")
      assert.deepStrictEqual(
        [...first.toolResults, ...second.toolResults].map(({ id }) => id).toSorted(),
        ids.toSorted()
      )
    }).pipe(Effect.provide([
      handlers,
      twice({
        content: [
          { type: "tool-call", id: "", name: "echo", params: { text: "a", count: 1 } },
          { type: "tool-call", id: "1", name: "echo", params: { text: "b", count: 1 } }
        ]
      })
    ])))
})
