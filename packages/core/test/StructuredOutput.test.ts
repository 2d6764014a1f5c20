import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import * as ExactJson from "@strata/core/ExactJson"
import type * as ProviderError from "@strata/core/ProviderError"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Usage from "@strata/core/Usage"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Stream from "effect/Stream"
import { asks, call, echo } from "./ToolFixture.ts"

const Person = Schema.Struct({ name: Schema.String, age: Schema.Int })

const ada = { name: "Ada", age: 36 }

const usage = Usage.make({ inputTokens: 10, outputTokens: 5 })

const says = (content: string): TestChat.Answer => ({ content, usage })

/** What the model is asked when it answers so, and what came of it. */
const ask = <S extends StructuredOutput.AnySchema>(
  schema: S,
  replies: ReadonlyArray<TestChat.Reply>,
  options?: StructuredOutput.Options
) =>
  Effect.gen(function*() {
    const result = yield* Effect.result(ChatService.object(schema, "Who?", options))
    const requests = yield* Effect.flatMap(TestChat.TestChat, (double) => double.requests)
    return { result, requests }
  }).pipe(Effect.provide(TestChat.layer(replies)))

const value = <S extends StructuredOutput.AnySchema>(schema: S, reply: TestChat.Reply) =>
  Effect.flatMap(
    ask(schema, [reply]),
    ({ result }) => Effect.map(Effect.fromResult(result), (response) => response.value)
  )

const refused = (error: ProviderError.ProviderError) => {
  assert(error._tag === "StructuredOutputError")
  return error
}

const failure = <S extends StructuredOutput.AnySchema>(schema: S, reply: TestChat.Reply) =>
  Effect.map(Effect.flip(value(schema, reply)), (error) => {
    assert(error._tag === "StructuredOutputError")
    return error
  })

const events = <S extends StructuredOutput.AnySchema>(schema: S, ...replies: ReadonlyArray<TestChat.Reply>) =>
  Effect.provide(Stream.runCollect(ChatService.objectStream(schema, "Who?")), TestChat.layer(replies))

describe("StructuredOutput", () => {
  describe("ChatService.object", () => {
    it.effect("returns the decoded value with its response", () =>
      Effect.gen(function*() {
        const schema = Schema.Struct({ born: Schema.DateTimeUtc })
        const { result } = yield* ask(schema, [says(`{"born": "1815-12-10T00:00:00Z"}`)])
        const response = yield* Effect.fromResult(result)
        assert.strictEqual(DateTime.getPartUtc(response.value.born, "year"), 1815)
        assert.deepStrictEqual(response.usage, usage)
        assert.strictEqual(response.message.role, "assistant")
        expectTypeOf(response.value).toEqualTypeOf<{ readonly born: DateTime.Utc }>()
      }))

    it.effect("sends the closed JSON schema, name and description", () =>
      Effect.gen(function*() {
        const { requests } = yield* ask(Person, [says(JSON.stringify(ada))], {
          name: "person",
          description: "Who it is"
        })
        const responseFormat = requests[0]?.responseFormat
        assert(responseFormat?.type === "json")
        const { properties, ...schema } = responseFormat.schema
        assert.deepStrictEqual(Object.keys(properties as object), ["name", "age"])
        assert.deepStrictEqual(schema, { type: "object", required: ["name", "age"], additionalProperties: false })
        assert.strictEqual(responseFormat.name, "person")
        assert.strictEqual(responseFormat.description, "Who it is")
      }))

    it.effect("wraps a value that is not an object, and unwraps it", () =>
      Effect.gen(function*() {
        const List = Schema.Array(Person)
        const { requests, result } = yield* ask(List, [says(JSON.stringify({ value: [ada] }))])
        assert.deepStrictEqual((yield* Effect.fromResult(result)).value, [ada])
        const responseFormat = requests[0]?.responseFormat
        assert(responseFormat?.type === "json")
        assert.strictEqual(responseFormat.schema["type"], "object")
        assert.deepStrictEqual(responseFormat.schema["required"], ["value"])
        const Choice = Schema.Union([Person, Schema.Literal("nobody")])
        assert.strictEqual(yield* value(Choice, `{"value": "nobody"}`), "nobody")
        assert.strictEqual(yield* value(Schema.Finite, `{"value": 42}`), 42)
        assert.deepStrictEqual(yield* value(Schema.Json, `{"value": [null]}`), [null])
      }))

    it.effect("ignores a fence and prose around the JSON", () =>
      Effect.gen(function*() {
        const json = JSON.stringify(ada, undefined, 2)
        for (const text of [`\`\`\`json\n${json}\n\`\`\``, `Here you {are}:\n\n${json}\n\nAnything else?`]) {
          assert.deepStrictEqual(yield* value(Person, text), ada)
        }
      }))

    it.effect("joins the texts of the answer", () =>
      Effect.gen(function*() {
        const content = [
          { type: "reasoning" as const, text: "{}" },
          Message.text(`{"name": "Ada",`),
          Message.text(` "age": 36}`)
        ]
        assert.deepStrictEqual(yield* value(Person, { content }), ada)
      }))

    it.effect("fails with the text and all issues", () =>
      Effect.gen(function*() {
        const text = `{"name": 1, "age": "old"}`
        const error = yield* failure(Person, text)
        assert.strictEqual(error.text, text)
        assert.include(error.issue, `at ["name"]`)
        assert.include(error.issue, `at ["age"]`)
        assert.include(error.message, error.issue ?? "an issue")
        assert.strictEqual(error.model, "test-model")
        const wrapped = yield* failure(Schema.Array(Schema.String), `{"value": [1]}`)
        assert.include(wrapped.issue, `at ["value"][0]`)
      }))

    it.effect("fails where there is no JSON object, or more than one", () =>
      Effect.gen(function*() {
        const json = JSON.stringify(ada)
        for (const text of ["I cannot tell.", "", `${json} or ${json}`, `{"name": "Ada"`]) {
          const error = yield* failure(Person, text)
          assert.include(error.issue, "not one JSON object", text)
        }
      }))

    it.effect("explains why an answer is not complete, even where it would match", () =>
      Effect.gen(function*() {
        const content = JSON.stringify(ada)
        const length = yield* failure(Person, { content, finishReason: "length" })
        assert.include(length.message, "maxTokens")
        assert.strictEqual(length.text, content)
        const reasons = ["length", "context-length", "content-filter", "guardrail", "refusal", "tool-calls"] as const
        for (const finishReason of reasons) {
          assert.isUndefined((yield* failure(Person, { content, finishReason })).issue, finishReason)
        }
      }))

    it.effect("has the provider and model in the error", () =>
      Effect.gen(function*() {
        for (const answer of ["no", { content: "", finishReason: "refusal" as const }]) {
          assert.strictEqual((yield* failure(Person, answer)).provider, "test")
        }
      }))

    it.effect("keeps an integer that a number cannot hold, for a schema that accepts its text", () =>
      Effect.gen(function*() {
        const id = 2512292042121000001n
        const texts = [`{"id": ${id}}`, `Here it is: {"id": ${id}}`]
        for (const text of texts) {
          assert.deepStrictEqual(yield* value(Schema.Struct({ id: Schema.BigInt }), text), { id })
          assert.deepStrictEqual(yield* value(Schema.Struct({ id: Schema.String }), text), { id: `${id}` })
          const error = yield* failure(Schema.Struct({ id: Schema.Int }), text)
          assert.include(error.issue, `${id} at ["id"] is more than a number`)
          assert.include(error.issue, "Schema.BigInt")
        }
      }))

    it.effect("fails where the schema throws, without the message of the exception", () =>
      Effect.gen(function*() {
        const Bad = Schema.Struct({
          a: Schema.String.check(Schema.makeFilter(() => {
            throw new Error("a secret of the program")
          }))
        })
        const error = yield* failure(Bad, `{"a": "x"}`)
        assert.notInclude(error.message, "secret")
        assert.isDefined(error.issue)
        interface Tree {
          readonly trees: ReadonlyArray<Tree>
        }
        const Tree: Schema.Codec<Tree> = Schema.Struct({ trees: Schema.Array(Schema.suspend(() => Tree)) })
        const deep = `${`{"trees": [`.repeat(10_000)}${"]}".repeat(10_000)}`
        assert.isDefined((yield* failure(Tree, deep)).issue)
      }))

    it.effect("sends nothing for a schema without a JSON form", () =>
      Effect.gen(function*() {
        const { requests, result } = yield* ask(Schema.Struct({ [Symbol("s")]: Schema.String }), [])
        assert.strictEqual((yield* Effect.flip(Effect.fromResult(result)))._tag, "InvalidRequestError")
        assert.lengthOf(requests, 0)
      }))

    it.effect("requires the services of the schema", () =>
      Effect.gen(function*() {
        class Directory
          extends Context.Service<Directory, { readonly find: (name: string) => Effect.Effect<number> }>()(
            "test/Directory"
          )
        {}
        const Id = Schema.String.pipe(Schema.decodeTo(Schema.Finite, {
          decode: SchemaGetter.transformEffect((name: string) =>
            Effect.flatMap(Directory, (directory) => directory.find(name))
          ),
          encode: SchemaGetter.String()
        }))
        const asked = ChatService.object(Schema.Struct({ id: Id }), "Who?")
        expectTypeOf<Effect.Services<typeof asked>>().toEqualTypeOf<ChatService.ChatService | Directory>()
        const directory = Layer.succeed(Directory, { find: (name) => Effect.succeed(name.length) })
        const response = yield* Effect.provide(asked, [TestChat.layer([`{"id": "Ada"}`]), directory])
        assert.deepStrictEqual(response.value, { id: 3 })
      }))

    describe("repairs", () => {
      it.effect("sends the answer and its issue, and adds up the usage", () =>
        Effect.gen(function*() {
          const wrong = `{"name": "Ada", "age": "36"}`
          const replies = [says(wrong), says("Sorry?"), says(JSON.stringify(ada))]
          const { requests, result } = yield* ask(Person, replies, { repairs: 2 })
          const response = yield* Effect.fromResult(result)
          assert.deepStrictEqual(response.value, ada)
          assert.strictEqual(response.usage.totalTokens, 45)
          assert.strictEqual(response.text, JSON.stringify(ada))
          assert.deepStrictEqual(requests.map(({ messages }) => messages.length), [1, 3, 5])
          const [asked, answered, told] = requests[1]?.messages ?? []
          assert.deepStrictEqual(asked, Message.user("Who?"))
          assert(answered !== undefined && told !== undefined)
          assert.strictEqual(Message.textOf(answered), wrong)
          assert.strictEqual(told.role, "user")
          assert.include(Message.textOf(told), `at ["age"]`)
          assert.deepStrictEqual(requests[1]?.responseFormat, requests[0]?.responseFormat)
        }))

      it.effect("stops after the given number, 0 by default", () =>
        Effect.gen(function*() {
          for (const [repairs, attempts] of [[undefined, 1], [0, 1], [1, 2], [3, 4]] as const) {
            const { requests, result } = yield* ask(Person, Array.from({ length: 9 }, () => says("no")), { repairs })
            assert.strictEqual(refused(yield* Effect.flip(Effect.fromResult(result))).text, "no")
            assert.lengthOf(requests, attempts)
          }
        }))

      it.effect("does not repair an answer that was cut, nor other failures", () =>
        Effect.gen(function*() {
          const cut = yield* ask(Person, [{ content: "{", finishReason: "length" }, says("{}")], { repairs: 3 })
          assert.lengthOf(cut.requests, 1)
          const refusal = yield* ask(Person, [{ content: "No.", finishReason: "refusal" }, says("{}")], { repairs: 3 })
          assert.lengthOf(refusal.requests, 1)
          const none = yield* ask(Person, [], { repairs: 3 })
          assert.strictEqual((yield* Effect.flip(Effect.fromResult(none.result)))._tag, "InvalidRequestError")
          assert.lengthOf(none.requests, 1)
        }))

      it.effect("does not send an empty answer back", () =>
        Effect.gen(function*() {
          const { requests } = yield* ask(Person, [says(""), says(JSON.stringify(ada))], { repairs: 1 })
          assert.deepStrictEqual(requests[1]?.messages.map(({ role }) => role), ["user", "user"])
        }))
    })
  })

  describe("ChatService.objectStream", () => {
    const List = Schema.Array(Person)

    it.effect("emits the value as it grows, then decoded with the response", () =>
      Effect.gen(function*() {
        const chunks = [`{"name": "A`, `da", "age": 3`, `6`, `}`]
        // Each event of its own, as they come over a network.
        const seen = yield* events(Person, { chunks, usage, interval: 0 })
        assert.deepStrictEqual<unknown>(seen.slice(0, -1), [
          { type: "partial", value: { name: "A" } },
          { type: "partial", value: { name: "Ada" } },
          { type: "partial", value: ada }
        ])
        const last = seen.at(-1)
        assert(last?.type === "object")
        assert.deepStrictEqual(last.value, ada)
        assert.deepStrictEqual(last.usage, usage)
        assert.strictEqual(last.text, chunks.join(""))
      }))

    it.effect.prop(
      "emits no partial twice in a row",
      [Schema.Struct({ a: Schema.Json, b: Schema.Array(Schema.String) }), Schema.Boolean],
      ([json, isWrapped]) =>
        Effect.gen(function*() {
          const text = isWrapped
            ? JSON.stringify({ first: json, value: json, again: json }, undefined, 1)
            : JSON.stringify(json)
          const schema = isWrapped ? Schema.Json : Schema.Struct({ a: Schema.Json, b: Schema.Array(Schema.String) })
          const seen = yield* events(schema, { chunks: text.split(""), interval: 0 })
          const partials = seen.flatMap((event) => event.type === "partial" ? [JSON.stringify(event.value)] : [])
          assert.isFalse(partials.some((partial, index) => partial === partials[index - 1]))
          assert.strictEqual(partials.at(-1), JSON.stringify(Result.getOrThrow(ExactJson.parse(JSON.stringify(json)))))
        }),
      { arbitrary: { runs: 15 } }
    )

    it.effect("emits one partial for the events of one chunk", () =>
      Effect.gen(function*() {
        const seen = yield* events(Person, { chunks: JSON.stringify(ada).split("") })
        assert.deepStrictEqual(seen.map(({ type }) => type), ["partial", "object"])
      }))

    it.effect("unwraps a value that is not an object", () =>
      Effect.gen(function*() {
        const seen = yield* events(List, { chunks: JSON.stringify({ value: [ada, ada] }).split(""), interval: 0 })
        assert.deepStrictEqual<unknown>(seen[0], { type: "partial", value: [] })
        assert.deepStrictEqual<unknown>(seen.at(-2), { type: "partial", value: [ada, ada] })
        const last = seen.at(-1)
        assert(last?.type === "object")
        assert.deepStrictEqual(last.value, [ada, ada])
      }))

    it.effect.prop(
      "ends with the value, for any value and pieces",
      [Schema.Struct({ a: Schema.Json, b: Schema.String, c: Schema.Array(Person) }), Schema.Array(Schema.Int)],
      ([json, cuts]) =>
        Effect.gen(function*() {
          const text = JSON.stringify(json)
          const places = [...new Set(cuts.map((cut) => Math.abs(cut) % text.length))].sort((a, b) => a - b)
          const chunks = [...places, text.length].map((end, index) => text.slice(places[index - 1] ?? 0, end))
          const Any = Schema.Struct({ a: Schema.Json, b: Schema.String, c: Schema.Array(Schema.Json) })
          const seen = yield* events(Any, { chunks: chunks.filter((chunk) => chunk !== ""), interval: 0 })
          const last = seen.at(-1)
          assert(last?.type === "object")
          const whole = Result.getOrThrow(ExactJson.parse(text))
          assert.deepStrictEqual<unknown>(last.value, whole)
          assert.deepStrictEqual<unknown>(seen.at(-2)?.value, whole)
        })
    )

    it.effect("fails after its partials where the value does not match or is cut", () =>
      Effect.gen(function*() {
        for (const finishReason of ["stop", "length"] as const) {
          const partials: Array<string> = []
          const stream = ChatService.objectStream(Person, "Who?").pipe(
            Stream.tap(({ type }) => Effect.sync(() => partials.push(type)))
          )
          const answered = { chunks: [`{"name": "Ada"`, `, "ag`], finishReason, interval: 0 }
          const error = yield* Effect.flip(Effect.provide(Stream.runDrain(stream), TestChat.layer([answered])))
          assert.strictEqual(refused(error).text, `{"name": "Ada", "ag`)
          assert.strictEqual(refused(error).issue === undefined, finishReason === "length")
          assert.deepStrictEqual(partials, ["partial"])
        }
      }))

    it.effect("starts over each time it is run", () =>
      Effect.gen(function*() {
        const stream = ChatService.objectStream(Person, "Who?")
        const twice = Effect.all([Stream.runCollect(stream), Stream.runCollect(stream)])
        const layer = TestChat.layer([JSON.stringify(ada), `{"name": "Bob", "age": 1}`])
        const [first, second] = yield* Effect.provide(twice, layer)
        assert.deepStrictEqual(first.map(({ value }) => value), [ada, ada])
        assert.deepStrictEqual(second.map(({ value }) => value), [{ name: "Bob", age: 1 }, { name: "Bob", age: 1 }])
      }))

    it("types a partial by the possible prefixes of the value", () => {
      const Meeting = Schema.Struct({
        kind: Schema.Literals(["call", "visit"]),
        minutes: Schema.optional(Schema.Finite),
        guests: Schema.Array(Person),
        at: Schema.DateTimeUtc
      })
      expectTypeOf<StructuredOutput.DeepPartial<(typeof Meeting)["Encoded"]>>().toEqualTypeOf<{
        readonly kind?: string
        readonly minutes?: unknown
        readonly guests?: ReadonlyArray<{ readonly name?: string; readonly age?: number }>
        readonly at?: unknown
      }>()
    })
  })

  describe("format and decode", () => {
    it.effect("work with a tool loop", () =>
      Effect.gen(function*() {
        const responseFormat = yield* StructuredOutput.format(Person)
        const { outcome, requests } = yield* Effect.gen(function*() {
          const outcome = yield* ToolLoop.run({ messages: "Who?", responseFormat }, { tools: [echo] })
          return { outcome, requests: yield* (yield* TestChat.TestChat).requests }
        }).pipe(Effect.provide(TestChat.layer([
          asks(call("a", "echo", { text: "Ada" })),
          JSON.stringify(ada)
        ])))
        assert.deepStrictEqual(requests.map((request) => request.responseFormat), [responseFormat, responseFormat])
        assert.deepStrictEqual(yield* StructuredOutput.decode(Person, outcome.response), ada)
      }))

    it.effect("refuse a tool call as an answer", () =>
      Effect.gen(function*() {
        const tools = [yield* Tool.definition(echo)]
        const error = yield* Effect.flip(
          Effect.provide(
            ChatService.object(Person, { messages: "Who?", tools }, { repairs: 1 }),
            TestChat.layer([asks(call("a", "echo"))])
          )
        )
        assert.include(refused(error).message, "ToolLoop")
      }))
  })
})
