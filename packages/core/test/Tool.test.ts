import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Tool from "@strata/core/tool/Tool"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Watched, watched } from "./ChatFixture.ts"

class Weather extends Context.Service<Weather, { readonly now: (city: string) => Effect.Effect<number> }>()(
  "test/Weather"
) {}

class StationClosed extends Data.TaggedError("StationClosed")<{ readonly city: string }> {}

class Offline extends Data.TaggedError("Offline")<{ readonly message: string }> {}

const City = Schema.Struct({ city: Schema.String })

const weather = Tool.make("get_weather", {
  description: "The weather in a city",
  input: City,
  handler: ({ city }) => Effect.flatMap(Weather, (service) => service.now(city))
})

const inputSchemaOf = (tool: Tool.Any) => Effect.map(Tool.definition(tool), ({ inputSchema }) => inputSchema)

const resultOf = <E, R>(tool: Tool.Tool<string, unknown, unknown, E, R>) =>
  Effect.map(Tool.call(tool, {}), ({ isFailure, result }) => ({ isFailure, result }))

const failing = <E>(error: E) => Tool.make("failing", { handler: () => Effect.fail(error) })

describe("Tool", () => {
  describe("definition", () => {
    it.effect("shows the model the name, the description and the JSON schema of the arguments", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Tool.definition(weather), {
          name: "get_weather",
          description: "The weather in a city",
          inputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
        })
      }))

    it.effect("is that of a schema without a handler", () =>
      Effect.gen(function*() {
        const input = Schema.Struct({ city: Schema.String })
        const options = { input, description: "The weather in a city" }
        assert.deepStrictEqual(
          yield* ToolDefinition.make("get_weather", options),
          yield* Tool.definition(weather)
        )
        const error = yield* Effect.flip(ToolDefinition.make("get weather", options))
        assert.strictEqual(error.field, "tools[\"get weather\"]")
      }))

    it.effect("keeps the descriptions of fields", () =>
      Effect.gen(function*() {
        const input = Schema.Struct({ city: Schema.String.annotate({ description: "Its English name" }) })
        const { properties } = yield* inputSchemaOf(Tool.make("t", { input, handler: () => Effect.void }))
        assert.deepStrictEqual(properties, { city: { type: "string", description: "Its English name" } })
      }))

    it.effect("has an empty object where a tool has no arguments", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* inputSchemaOf(failing("x")), { type: "object", properties: {} })
        const strict = Tool.make("t", { strict: true, handler: () => Effect.void })
        assert.deepStrictEqual(yield* inputSchemaOf(strict), {
          type: "object",
          properties: {},
          additionalProperties: false
        })
      }))

    it.effect("closes the schema of a strict tool and marks it strict", () =>
      Effect.gen(function*() {
        const input = Schema.Struct({ at: City })
        const tool = yield* Tool.definition(Tool.make("t", { input, strict: true, handler: () => Effect.void }))
        assert.isTrue(tool.strict)
        assert.deepStrictEqual(tool.inputSchema, {
          type: "object",
          properties: {
            at: {
              type: "object",
              properties: { city: { type: "string" } },
              required: ["city"],
              additionalProperties: false
            }
          },
          required: ["at"],
          additionalProperties: false
        })
      }))

    it.effect("inlines named schemas, also at the top", () =>
      Effect.gen(function*() {
        class Point extends Schema.Class<Point>("Point")({ x: Schema.FiniteFromString }) {}
        const input = Schema.Struct({ from: Point, to: Schema.Array(Point) }).annotate({ identifier: "a/b ~ c" })
        const point = { type: "object", properties: { x: { type: "string" } }, required: ["x"] }
        assert.deepStrictEqual(yield* inputSchemaOf(Tool.make("t", { input, handler: () => Effect.void })), {
          type: "object",
          properties: { from: point, to: { type: "array", items: point } },
          required: ["from", "to"]
        })
      }))

    it.effect("keeps the definition of a recursive schema", () =>
      Effect.gen(function*() {
        interface Tree {
          readonly leaf: { readonly city: string }
          readonly trees: ReadonlyArray<Tree>
        }
        const Tree: Schema.Codec<Tree> = Schema.Struct({
          leaf: City.annotate({ identifier: "City" }),
          trees: Schema.Array(Schema.suspend(() => Tree))
        }).annotate({ identifier: "Tree" })
        const leaf = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
        const tree = {
          type: "object",
          properties: { leaf, trees: { type: "array", items: { $ref: "#/$defs/Tree" } } },
          required: ["leaf", "trees"]
        }
        assert.deepStrictEqual(yield* inputSchemaOf(Tool.make("t", { input: Tree, handler: () => Effect.void })), {
          ...tree,
          $defs: { Tree: tree }
        })
      }))

    it.effect("refuses a name that no provider accepts", () =>
      Effect.gen(function*() {
        for (const name of ["", "get weather", "météo", "a".repeat(65)]) {
          const error = yield* Effect.flip(Tool.definition(Tool.make(name, { handler: () => Effect.void })))
          assert.strictEqual(error._tag, "InvalidRequestError")
          assert.strictEqual(error.field, `tools["${name}"]`)
        }
        yield* Tool.definition(Tool.make(`Aa0_-${"a".repeat(59)}`, { handler: () => Effect.void }))
      }))

    it.effect("refuses an input that is not an object in JSON, or has no JSON form", () =>
      Effect.gen(function*() {
        const inputs = [
          Schema.Array(Schema.String),
          Schema.Union([City, Schema.Struct({ zip: Schema.String })]),
          Schema.Struct({ [Symbol("s")]: Schema.String })
        ]
        for (const input of inputs) {
          const error = yield* Effect.flip(Tool.definition(Tool.make("t", { input, handler: () => Effect.void })))
          assert.strictEqual(error._tag, "InvalidRequestError")
        }
      }))
  })

  describe("call", () => {
    it.effect("calls the handler with arguments decoded from JSON", () =>
      Effect.gen(function*() {
        const tool = Tool.make("t", {
          input: Schema.Struct({ at: Schema.DateTimeUtc, note: Schema.optional(Schema.String) }),
          handler: ({ at, note }) => Effect.succeed({ year: DateTime.getPartUtc(at, "year"), note })
        })
        const answer = yield* Tool.call(tool, { at: "2024-02-03T00:00:00Z", note: null, more: 1 })
        assert.deepStrictEqual(answer.result, { year: 2024 })
      }))

    it.effect("names all issues of the arguments", () =>
      Effect.gen(function*() {
        const input = Schema.Struct({ city: Schema.String, days: Schema.Finite })
        const tool = Tool.make("t", { input, handler: () => Effect.void })
        const error = yield* Effect.flip(Tool.call(tool, { days: "three" }))
        assert.strictEqual(error._tag, "SchemaError")
        assert.include(error.message, `at ["city"]`)
        assert.include(error.message, `at ["days"]`)
      }))

    it.effect("returns text unchanged and other values as plain JSON", () =>
      Effect.gen(function*() {
        const give = (output: unknown) => resultOf(Tool.make("t", { handler: () => Effect.succeed(output) }))
        assert.strictEqual((yield* give("sunny")).result, "sunny")
        assert.strictEqual((yield* give(undefined)).result, null)
        assert.strictEqual((yield* give(21)).result, 21)
        assert.deepStrictEqual((yield* give({ at: new Date(0), note: undefined })).result, {
          at: "1970-01-01T00:00:00.000Z"
        })
      }))

    it.effect("encodes the output by its schema and keeps the output itself", () =>
      Effect.gen(function*() {
        const output = Schema.Struct({ at: Schema.DateTimeUtc })
        const at = DateTime.makeUnsafe(0)
        const answer = yield* Tool.call(Tool.make("t", { output, handler: () => Effect.succeed({ at }) }), {})
        assert.deepStrictEqual(answer, {
          isFailure: false,
          result: { at: "1970-01-01T00:00:00.000Z" },
          output: { at }
        })
      }))

    it.effect("returns a failure to the model by its message alone", () =>
      Effect.gen(function*() {
        const cause = new Error("secret")
        assert.deepStrictEqual(yield* Tool.call(failing(new Error("no such city", { cause })), {}), {
          isFailure: true,
          result: "no such city",
          error: new Error("no such city", { cause })
        })
        assert.strictEqual((yield* resultOf(failing("closed today"))).result, "closed today")
        assert.strictEqual((yield* resultOf(failing(new Offline({ message: "try later" })))).result, "try later")
        assert.strictEqual((yield* resultOf(failing(new StationClosed({ city: "Paris" })))).result, "StationClosed")
        assert.strictEqual((yield* resultOf(failing({ secret: 1 }))).result, "The tool failed")
      }))

    it.effect("fails with the handler's error in the failure mode `error`", () =>
      Effect.gen(function*() {
        const tool = Tool.make("t", {
          failureMode: "error",
          handler: () => Effect.fail(new StationClosed({ city: "Paris" }))
        })
        assert.deepStrictEqual(yield* Effect.flip(Tool.call(tool, {})), new StationClosed({ city: "Paris" }))
      }))

    it.effect("writes values as JSON.stringify does, and a bigint as its text", () =>
      Effect.gen(function*() {
        const give = (output: unknown) => resultOf(Tool.make("t", { handler: () => Effect.succeed(output) }))
        assert.deepStrictEqual(
          (yield* give({ id: 2512292042121000001n, n: NaN, list: [undefined, new Date(0)] })).result,
          {
            id: "2512292042121000001",
            n: null,
            list: [null, "1970-01-01T00:00:00.000Z"]
          }
        )
        const output = Schema.Struct({ n: Schema.Any })
        const answer = yield* Tool.call(Tool.make("t", { output, handler: () => Effect.succeed({ n: Infinity }) }), {})
        assert.deepStrictEqual(answer.result, { n: null })
      }))

    describe("of a handler that throws, dies, or gives what is no JSON", () => {
      const broken = new Error("a secret of the program")
      const cycle: Record<string, unknown> = {}
      cycle["self"] = cycle
      const output = Schema.String.check(Schema.isMinLength(2))
      const handlers: ReadonlyArray<(failureMode: Tool.FailureMode) => Tool.Any> = [
        (failureMode) =>
          Tool.make("t", {
            failureMode,
            handler: (): Effect.Effect<string> => {
              throw broken
            }
          }),
        (failureMode) => Tool.make("t", { failureMode, handler: () => Effect.die(broken) }),
        // as a program without types may have it
        (failureMode) => Tool.make("t", { failureMode, handler: () => Promise.resolve("a") as never }),
        (failureMode) => Tool.make("t", { failureMode, handler: () => Effect.succeed(cycle) }),
        (failureMode) => Tool.make("t", { failureMode, output, handler: () => Effect.succeed("a") })
      ]

      it.effect("tells the model only that it failed, and logs the cause", () =>
        Effect.gen(function*() {
          for (const tool of handlers) {
            const [answer, logs] = yield* watched(({ logs }) =>
              Effect.map(Tool.call(tool("return"), {}), (answer) => [answer, logs] as const)
            ) as Effect.Effect<readonly [Tool.Answer<unknown>, Watched["logs"]]> // `Any` may need anything
            assert(answer.isFailure)
            assert.strictEqual(answer.result, "The tool failed")
            assert.instanceOf(answer.error, Tool.ToolDefectError)
            assert.deepStrictEqual(logs.map(({ level }) => level), ["Error"])
          }
        }))

      it.effect("fails with a typed error in the failure mode `error`", () =>
        Effect.gen(function*() {
          for (const tool of handlers) {
            const error = yield* Effect.flip(Tool.call(tool("error"), {})) as Effect.Effect<unknown> // as above
            assert(error instanceof Tool.ToolDefectError)
            assert.strictEqual(error.tool, "t")
            assert.include(error.message, `"t"`)
            assert.instanceOf(error.cause, Error)
          }
        }))
    })

    it.effect("refuses a value at which the schema throws, without the message of the exception", () =>
      Effect.gen(function*() {
        const input = Schema.Struct({
          city: Schema.String.check(Schema.makeFilter(() => {
            throw new Error("a secret of the program")
          }))
        })
        const tool = Tool.make("t", { input, handler: () => Effect.void })
        const [error, logs] = yield* watched(({ logs }) =>
          Effect.map(Effect.flip(Tool.call(tool, { city: "Oslo" })), (error) => [error, logs] as const)
        )
        assert.strictEqual(error._tag, "SchemaError")
        assert.notInclude(error.message, "secret")
        assert.lengthOf(logs, 1)
      }))
  })

  describe("make", () => {
    const mayFail = (city: string) => city === "" ? Effect.fail(new StationClosed({ city })) : Effect.succeed(city)

    it("keeps the name, the input, the output and the services of the handler", () => {
      expectTypeOf(weather).toEqualTypeOf<
        Tool.Tool<"get_weather", { readonly city: string }, number, never, Weather>
      >()
    })

    it("has the errors of the handler only where they fail the call", () => {
      const returning = Tool.make("t", { input: City, handler: ({ city }) => mayFail(city) })
      expectTypeOf<Tool.Error<typeof returning>>().toBeNever()
      const erring = Tool.make("t", { input: City, failureMode: "error", handler: ({ city }) => mayFail(city) })
      expectTypeOf<Tool.Error<typeof erring>>().toEqualTypeOf<StationClosed | Tool.ToolDefectError>()
    })

    it("checks the output against its schema", () => {
      const output = Schema.Struct({ n: Schema.Number })
      const right = Tool.make("t", { output, handler: () => Effect.succeed({ n: 1 }) })
      expectTypeOf(right).toEqualTypeOf<Tool.Tool<"t", {}, { n: number }>>()
      // @ts-expect-error -- the output has another type
      Tool.make("t", { output, handler: () => Effect.succeed({ n: "1" }) })
    })
  })
})
