/**
 * Tools: functions of the program that a model may call. A model sees their {@link definition}; `ToolLoop` runs a
 * conversation with them. A tool without a handler is answered elsewhere: by a person, or in a browser.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Message from "../chat/Message.ts"
import * as ToolDefinition from "../chat/ToolDefinition.ts"
import * as Check from "../Check.ts"
import * as Lazy from "../internal/lazy.ts"
import * as Untyped from "../internal/untyped.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as ToolInput from "./internal/input.ts"
import * as ToolOutput from "./internal/output.ts"

/**
 * Whether the model reads the message of a failure (`return`), without stack or cause, or the call fails with it
 * (`error`). Of a {@link ToolDefectError}, which is logged, the model reads only that the tool failed.
 */
export type FailureMode = "return" | "error"

/**
 * The outcome of a call. `result` is for the model: text or JSON. `parts`, if any, are sent instead: those of a
 * {@link Content}.
 */
export type Answer<Output> =
  | { readonly isFailure: false; readonly result: unknown; readonly output: Output; readonly parts?: Parts }
  | { readonly isFailure: true; readonly result: unknown; readonly error: unknown; readonly parts?: Parts }

type Parts = ReadonlyArray<Message.ToolResultContent>

/** The model called an unknown tool, or a tool with invalid arguments, and again after it was told the `issue`. */
export class ToolCallError extends Schema.TaggedError<ToolCallError>()("ToolCallError", {
  reason: Schema.Literals(["unknown-tool", "invalid-arguments"]),
  tool: Schema.String,
  callId: Schema.String,
  params: Untyped.value,
  issue: Schema.String,
  message: Schema.String
}) {}

/** A handler threw, died, or returned a value without a JSON form: a mistake in the program. */
export class ToolDefectError extends Schema.TaggedError<ToolDefectError>()("ToolDefectError", {
  tool: Schema.String,
  message: Schema.String,
  cause: Schema.Defect()
}) {}

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
  readonly run?: Effect.Effect<Answer<Output>, E, R> | undefined
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
  readonly failureMode: FailureMode
  readonly repeatable?: boolean | undefined
  readonly input: Schema.ConstraintDecoder<Input, unknown>
  readonly inputSchema?: JsonSchema.JsonSchema | undefined
  readonly prepare: (params: unknown) => Effect.Effect<Call<Input, Output, E, R>, Schema.SchemaError, R>
  readonly accept?: ((result: unknown) => Effect.Effect<Answer<Output>, Schema.SchemaError, R>) | undefined
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
  Mode extends FailureMode = "return"
>(
  name: Name,
  options: Options<InputSchema["Type"], Output, E, R, OutputSchema, Mode> & {
    readonly input?: InputSchema | undefined
  }
): Tool<
  Name,
  InputSchema["Type"],
  Output,
  Mode extends "error" ? E | ToolDefectError : never,
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
  Mode extends FailureMode = "return"
>(
  name: Name,
  options: Options<Record<string, unknown>, Output, E, R, OutputSchema, Mode> & {
    readonly inputSchema: JsonSchema.JsonSchema
  }
): Tool<
  Name,
  Record<string, unknown>,
  Output,
  Mode extends "error" ? E | ToolDefectError : never,
  R | OutputSchema["EncodingServices"] | OutputSchema["DecodingServices"]
> => {
  // Options are checked by `definition`.
  const given = Check.fieldsOf(options) as Partial<typeof options>
  const check = Lazy.make(() => ToolInput.makeCheck(given.inputSchema))
  return {
    ...assemble(name, given, { input: AnyArguments, decode: (params) => check()(params) }),
    // A value of another type is refused by `definition`.
    inputSchema: given.inputSchema ?? (null as unknown as JsonSchema.JsonSchema)
  }
}

/**
 * A result of several parts, such as text and images, for a handler to return; see {@link content}.
 *
 * - `parts`: what the model gets; `isFailure`: the tool failed, and the parts say why.
 */
export class Content extends Data.Class<{ readonly parts: Parts; readonly isFailure: boolean }> {}

/** A {@link Content}. Parts that are not valid make the call fail with a {@link ToolDefectError}. */
export const content = (parts: Parts, options?: { readonly isFailure?: boolean | undefined }): Content => {
  const { isFailure } = Check.fieldsOf(options)
  return new Content({ parts, isFailure: isFailure === true })
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
export const withApproval = <Name extends string, Input, Output, E, R, R2 = never>(
  tool: Tool<Name, Input, Output, E, R>,
  when: (input: Input) => boolean | Effect.Effect<boolean, unknown, R2> = () => true
): Tool<Name, Input, Output, E, R | R2> => {
  // A value that is not a tool is refused by `definition`.
  const given = Check.fieldsOf(tool) as typeof tool
  const asks = (input: Input) =>
    Effect.suspend(() => {
      const asked = when(input)
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
): Effect.Effect<Answer<Output>, E | Schema.SchemaError, R> =>
  Effect.flatMap(
    effectOf(() => tool.prepare(params)),
    (prepared) =>
      effectOf<Answer<Output>, E | Schema.SchemaError, R>(() => prepared.run ?? refused("It has no handler"))
  )

/** The effect of a tool; one of {@link make} never throws, and always returns an effect. */
const effectOf = <A, E, R>(given: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | Schema.SchemaError, R> =>
  Effect.suspend((): Effect.Effect<A, E | Schema.SchemaError, R> => {
    const effect = Result.getOrUndefined(Result.try(given))
    return effect !== undefined && Check.holds(Effect.isEffect, effect)
      ? effect
      : refused("Expected a tool of `Tool.make`")
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
  Mode extends FailureMode
>(
  name: Name,
  given: Partial<Options<Input, Output, E, R, OutputSchema, Mode>>,
  { decode, input }: {
    readonly input: Schema.ConstraintDecoder<Input, unknown>
    readonly decode: (params: unknown) => Effect.Effect<Input, Schema.SchemaError, RI>
  }
) => {
  const failureMode: FailureMode = given.failureMode ?? "return"
  const { handler, output } = given
  const mistake = (cause: unknown) => {
    const message = `The tool "${name}" threw, died, or returned a value without a JSON form`
    return new ToolDefectError({ tool: name, message, cause })
  }
  const encode = (handled: Output): Effect.Effect<Answer<Output>, unknown, OutputSchema["EncodingServices"]> =>
    handled instanceof Content
      ? Effect.map(
        ToolOutput.ofParts(handled.parts),
        (parts): Answer<Output> =>
          handled.isFailure
            ? { isFailure: true, ...parts, error: handled }
            : { isFailure: false, ...parts, output: handled }
      )
      : Effect.map(ToolOutput.encode(output, handled), (result) => ({ isFailure: false, result, output: handled }))
  const run = (decoded: Input, handler: (input: Input) => Effect.Effect<Output, E, R>) =>
    Effect.suspend((): Effect.Effect<Output, E | ToolDefectError, R> => {
      const handled = handler(decoded)
      // A fiber cannot recover from a value that is not an effect, such as a promise.
      return Effect.isEffect(handled)
        ? handled
        : Effect.fail(mistake(new TypeError("The handler did not return an Effect")))
    }).pipe(
      Effect.flatMap((output) =>
        Effect.mapError(
          encode(output),
          (cause) => mistake(new Error(`The output of the tool "${name}" cannot be encoded as JSON`, { cause }))
        )
      ),
      Effect.catchDefect((cause) => Effect.fail(mistake(cause)))
    )
  const returning = (decoded: Input, handler: (input: Input) => Effect.Effect<Output, E, R>) =>
    // TypeScript does not narrow a conditional type in a branch.
    (failureMode === "return" ? Effect.catch(run(decoded, handler), returned) : run(decoded, handler)) as Effect.Effect<
      Answer<Output>,
      Mode extends "error" ? E | ToolDefectError : never,
      R | OutputSchema["EncodingServices"]
    >
  const decodeOutput = (result: unknown) =>
    output === undefined
      ? Effect.succeed(result)
      : Effect.suspend(() => Schema.decodeUnknownEffect(Schema.toCodecJson(output))(result)).pipe(
        Effect.catchDefect(() => refused("It is a value that the schema of the output cannot decode"))
      )
  return {
    name,
    description: given.description,
    strict: given.strict,
    failureMode,
    repeatable: given.repeatable,
    input,
    prepare: (params: unknown) =>
      Effect.suspend(() => decode(params)).pipe(
        Effect.catchDefect((cause) =>
          Effect.andThen(
            Effect.logError(`The input of the tool "${name}" cannot decode what the model wrote`, cause),
            refused("They hold a value that the schema of the tool cannot decode")
          )
        ),
        Effect.map((decoded) => ({
          input: decoded,
          needsApproval: Effect.succeed(false),
          ...(handler !== undefined && { run: returning(decoded, handler) })
        }))
      ),
    ...(handler === undefined && {
      accept: (result: unknown) =>
        // Without a handler `Output` is the type of the schema.
        Effect.map(
          decodeOutput(result),
          (output): Answer<Output> => ({ isFailure: false, result, output: output as Output })
        )
    })
  }
}

const returned = (error: unknown) =>
  error instanceof ToolDefectError
    ? Effect.as(Effect.logError(error.message, error), { isFailure: true as const, result: ToolOutput.failed, error })
    : Effect.succeed({ isFailure: true as const, result: ToolOutput.failureMessage(error), error })

const refused = (message: string) => Effect.fail(new Schema.SchemaError(new SchemaIssue.InvalidValue({ message })))
