/**
 * Tools: functions of the program that a model may call. A model sees their {@link definition}; `ToolLoop` runs a
 * conversation with them. A tool without a handler is answered elsewhere: by a person, or in a browser.
 */
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ToolDefinition from "../chat/ToolDefinition.ts"
import * as Check from "../Check.ts"
import * as Lazy from "../internal/lazy.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Handler from "./internal/handler.ts"
import * as ToolInput from "./internal/input.ts"
import type * as ToolAnswer from "./ToolAnswer.ts"

export * from "./ToolAnswer.ts"

/**
 * A call with valid arguments.
 *
 * - `input`: the decoded arguments.
 * - `needsApproval`: whether a person has to approve it first; see {@link withApproval}.
 * - `run`: runs the handler; none for a tool without one.
 */
export interface Call<out Input, out Output, out E = never, out R = never> {
  readonly input: Input
  readonly needsApproval: Effect.Effect<boolean, never, R>
  readonly run?: Effect.Effect<ToolAnswer.Answer<Output>, E, R> | undefined
}

/**
 * A tool. `E` are the errors of a call, `R` the requirements of the handler and the schemas.
 *
 * - `input`: the schema of the arguments, whose encoded side the model writes; `inputSchema`: the JSON Schema that the model
 *   sees in its place, of {@link dynamic}.
 * - `repeatable`: whether a call that may have taken effect may be run again.
 * - `prepare`: decodes the arguments.
 * - `accept`: of a tool without a handler: decodes a result that is given in place of one.
 */
export interface Tool<out Name extends string, out Input, out Output, out E = never, out R = never> {
  readonly name: Name
  readonly description: string | undefined
  readonly strict: boolean | undefined
  readonly failureMode: ToolAnswer.FailureMode
  readonly repeatable?: boolean | undefined
  readonly input: Schema.ConstraintDecoder<Input, unknown>
  readonly inputSchema?: JsonSchema.JsonSchema | undefined
  readonly prepare: (params: unknown) => Effect.Effect<Call<Input, Output, E, R>, Schema.SchemaError, R>
  readonly accept?: ((result: unknown) => Effect.Effect<ToolAnswer.Answer<Output>, Schema.SchemaError, R>) | undefined
}

/** Any tool. */
export interface Any extends Tool<string, unknown, unknown, unknown, unknown> {}

/** The errors of a tool, or of a union of tools. */
export type Error<T extends Any> = T extends Tool<string, unknown, unknown, infer E, unknown> ? E : never

/** The requirements of a tool, or of a union of tools. */
export type Services<T extends Any> = T extends Tool<string, unknown, unknown, unknown, infer R> ? R : never

/**
 * The options of {@link make} and {@link dynamic}.
 *
 * - `handler`: none for a tool that is answered elsewhere: the loop ends with its calls as `pending`, and `ToolLoop.resume`
 *   takes their results.
 * - `output`: encodes the handler's result, and decodes one from elsewhere. Without it text is sent unchanged, other values
 *   as JSON, a bigint as text, and a {@link Content} as its parts.
 * - `failureMode`: `return` when missing. `Effect.mapError` replaces messages that the model should not read.
 * - `strict`: also disallows additional properties.
 * - `repeatable`: a call whose result was lost in a crash is run again. Without it the model is told that its outcome is
 *   unknown.
 */
export interface Options<Input, Output, E, R, OutputSchema, Mode> {
  readonly description?: string | undefined
  readonly output?: OutputSchema | undefined
  readonly failureMode?: Mode | undefined
  readonly strict?: boolean | undefined
  readonly repeatable?: boolean | undefined
  readonly handler?: ((input: Input) => Effect.Effect<Output, E, R>) | undefined
}

/**
 * Makes a tool.
 *
 * - `input`: a struct; none for a tool without arguments. The model reads its descriptions. An integer that a number cannot
 *   hold is decoded from its text, for `Schema.BigInt` and `Schema.String`.
 *
 * @example
 * const weather = Tool.make("get_weather", {
 *   description: "The weather in a city",
 *   input: Schema.Struct({ city: Schema.String }),
 *   handler: ({ city }) => Effect.flatMap(Weather, (service) => service.now(city))
 * })
 */
export const make = <
  const Name extends string,
  InputSchema extends Schema.ConstraintDecoder<object, unknown> = typeof NoArguments,
  OutputSchema extends Schema.Constraint = typeof Schema.Unknown,
  Output extends OutputSchema["Type"] = OutputSchema["Type"],
  E = never,
  R = never,
  Mode extends ToolAnswer.FailureMode = "return"
>(
  name: Name,
  options: Options<InputSchema["Type"], Output, E, R, OutputSchema, Mode> & {
    readonly input?: InputSchema | undefined
  }
): Tool<
  Name,
  InputSchema["Type"],
  Output,
  Mode extends "error" ? E | ToolAnswer.ToolDefectError : never,
  R | InputSchema["DecodingServices"] | OutputSchema["EncodingServices"] | OutputSchema["DecodingServices"]
> => {
  // Options are checked by `definition`.
  const given = Check.fieldsOf(options) as Partial<typeof options>
  // Without an input the type parameter is its default, which a generic function cannot infer.
  const input = (given.input ?? NoArguments) as InputSchema
  return assemble(name, given, {
    input,
    decode: (params) => Schema.decodeUnknownEffect(Schema.toCodecJson(input), { errors: "all" })(params)
  })
}

/**
 * Makes a tool from a JSON Schema: for tools that are only known when the program runs, such as those of an MCP server. The
 * handler gets the arguments as the model wrote them; an integer that a number cannot hold is its text, see `ExactJson`.
 *
 * - `inputSchema`: a JSON Schema of type `object`, of draft 2020-12 or 07. The model sees it with its local references
 *   resolved; only recursive definitions stay in `$defs`. Arguments are checked against it before the handler runs, without
 *   patterns; where Effect cannot read the schema, only that they are an object.
 *
 * @example
 * const search = Tool.dynamic("search", {
 *   inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
 *   handler: ({ query }) => Effect.succeed(`nothing about ${query}`)
 * })
 */
export const dynamic = <
  const Name extends string,
  OutputSchema extends Schema.Constraint = typeof Schema.Unknown,
  Output extends OutputSchema["Type"] = OutputSchema["Type"],
  E = never,
  R = never,
  Mode extends ToolAnswer.FailureMode = "return"
>(
  name: Name,
  options: Options<Record<string, unknown>, Output, E, R, OutputSchema, Mode> & {
    readonly inputSchema: JsonSchema.JsonSchema
  }
): Tool<
  Name,
  Record<string, unknown>,
  Output,
  Mode extends "error" ? E | ToolAnswer.ToolDefectError : never,
  R | OutputSchema["EncodingServices"] | OutputSchema["DecodingServices"]
> => {
  // Options are checked by `definition`.
  const given = Check.fieldsOf(options) as Partial<typeof options>
  const check = Lazy.make(() => ToolInput.makeCheck(given.inputSchema))
  return {
    ...assemble(name, given, { input: AnyArguments, decode: (params) => check()(params) }),
    // One that is missing is refused by `definition`, as a value of another type is.
    inputSchema: given.inputSchema ?? {}
  }
}

/**
 * The tool, where a person has to approve a call before it runs: the loop ends with it as `pending`, and `ToolLoop.resume`
 * takes the answer. Arguments are checked first: a person is never asked about a call that cannot run. All else of the tool
 * stays as it is; of several policies each may ask.
 *
 * - `when`: whether the call with this input needs approval; always when missing. A policy that fails or throws asks.
 *
 * @example
 * const guarded = Tool.withApproval(transfer, ({ amount }) => amount > 100)
 */
export const withApproval: {
  <Name extends string, Input, Output, E, R>(
    tool: Tool<Name, Input, Output, E, R>,
    when?: (input: Input) => boolean
  ): Tool<Name, Input, Output, E, R>
  <Name extends string, Input, Output, E, R, R2>(
    tool: Tool<Name, Input, Output, E, R>,
    when: (input: Input) => boolean | Effect.Effect<boolean, unknown, R2>
  ): Tool<Name, Input, Output, E, R | R2>
} = <Name extends string, Input, Output, E, R, R2 = never>(
  tool: Tool<Name, Input, Output, E, R>,
  when: (input: Input) => boolean | Effect.Effect<boolean, unknown, R2> = () => true
): Tool<Name, Input, Output, E, R | R2> => {
  // A value that is not a tool is refused by `definition`.
  const given = Check.fieldsOf(tool) as typeof tool
  const asks = (input: Input) =>
    Effect.suspend(() => {
      const asked = when(input)
      // The policy has one of two types: an effect is that of its type.
      return Check.holds(Effect.isEffect, asked) ? asked as Effect.Effect<boolean, unknown, R2> : Effect.succeed(asked)
    }).pipe(
      Effect.map((asked) => asked !== false),
      Effect.catchCause((cause) =>
        Effect.as(
          Effect.logWarning(`The approval policy of the tool "${given.name}" failed: approval is needed`, cause),
          true
        )
      )
    )
  return {
    ...given,
    prepare: (params) =>
      Effect.map(effectOf(() => tool.prepare(params)), (call) => ({
        ...call,
        needsApproval: Effect.flatMap(call.needsApproval, (needed) => needed ? Effect.succeed(true) : asks(call.input))
      }))
  }
}

/**
 * The tool as the model sees it. Fails as `ToolDefinition.make` does, for invalid options of {@link make}, and for a JSON
 * Schema of {@link dynamic} that is not of type `object` or has references that cannot be resolved.
 */
export const definition = (
  tool: Any
): Effect.Effect<ToolDefinition.ToolDefinition, ProviderError.InvalidRequestError> =>
  Effect.flatMap(Check.run(check, tool, { provider: "strata", field: "tool" }), (tool) => {
    const made = ToolDefinition.make(tool.name, tool)
    if (tool.inputSchema === undefined) return made
    const read = ToolInput.resolve(tool.inputSchema, tool.strict === true)
    return Result.isFailure(read)
      ? Effect.fail(Check.invalid(`tools["${tool.name}"].inputSchema`, read.failure.problem, read.failure.remedy))
      : Effect.map(made, (definition) => ({ ...definition, inputSchema: read.success }))
  })

/** @internal */
export const check = Check.struct<Any>({
  name: Check.text,
  description: Check.optional(Check.text),
  strict: Check.optional(Check.flag),
  failureMode: Check.word(["return", "error"]),
  repeatable: Check.optional(Check.flag),
  // The type of a schema cannot be checked.
  input: Check.instance(Schema.isSchema, "Use a `Schema.Struct`") as Check.Check<Any["input"]>,
  inputSchema: Check.optional(Check.jsonObject("Give a JSON Schema of the type `object`")),
  prepare: Check.callback("Make the tool with `Tool.make`"),
  accept: Check.optional(Check.callback("Make the tool with `Tool.make`"))
}, { others: "ignored", remedy: "Make the tool with `Tool.make`" })

/**
 * Runs a tool with encoded arguments, for tests; no approval is asked for. Fails with `SchemaError` for invalid arguments,
 * for a tool without a handler, and for an invalid tool.
 */
export const call = <Name extends string, Input, Output, E, R>(
  tool: Tool<Name, Input, Output, E, R>,
  params: unknown
): Effect.Effect<ToolAnswer.Answer<Output>, E | Schema.SchemaError, R> =>
  Effect.flatMap(
    effectOf(() => tool.prepare(params)),
    (prepared) =>
      effectOf<ToolAnswer.Answer<Output>, E | Schema.SchemaError, R>(() =>
        prepared.run ?? Handler.refused("It has no handler")
      )
  )

/** The effect of a tool; one of {@link make} never throws, and always returns an effect. */
const effectOf = <A, E, R>(given: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | Schema.SchemaError, R> =>
  Effect.suspend((): Effect.Effect<A, E | Schema.SchemaError, R> => {
    const effect = Result.getOrUndefined(Result.try(given))
    return effect !== undefined && Check.holds(Effect.isEffect, effect)
      ? effect
      : Handler.refused("Expected a tool of `Tool.make`")
  })

const NoArguments = Schema.Struct({})

const AnyArguments = Schema.Record(Schema.String, Schema.Unknown)

/** What {@link make} and {@link dynamic} have in common: all but how arguments are decoded. */
const assemble = <
  const Name extends string,
  Input,
  Output extends OutputSchema["Type"],
  E,
  R,
  RI,
  OutputSchema extends Schema.Constraint,
  Mode extends ToolAnswer.FailureMode
>(
  name: Name,
  given: Partial<Options<Input, Output, E, R, OutputSchema, Mode>>,
  { decode, input }: {
    readonly input: Schema.ConstraintDecoder<Input, unknown>
    readonly decode: (params: unknown) => Effect.Effect<Input, Schema.SchemaError, RI>
  }
) => {
  const { description, failureMode = "return", handler, output, repeatable, strict } = given
  const mode: ToolAnswer.FailureMode = failureMode
  const common = { name, description, strict, failureMode: mode, repeatable, input }
  const prepare = <A extends object>(finish: (decoded: Input) => A) => (params: unknown) =>
    Effect.suspend(() => decode(params)).pipe(
      Effect.catchDefect((cause) =>
        Effect.andThen(
          Effect.logError(`The input of the tool "${name}" cannot decode what the model wrote`, cause),
          Handler.refused("They hold a value that the schema of the tool cannot decode")
        )
      ),
      Effect.map((decoded) => ({ input: decoded, needsApproval: Effect.succeed(false), ...finish(decoded) }))
    )
  return handler === undefined
    ? { ...common, prepare: prepare(() => ({})), accept: Handler.accepting<Output, OutputSchema>(output) }
    : { ...common, prepare: prepare(Handler.running({ name, handler, output, failureMode })) }
}
