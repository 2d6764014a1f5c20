/**
 * Tools with the handlers that do the work. What a model sees of them is their {@link definition}.
 *
 * Nothing here asks a model: `ToolLoop` runs a conversation with tools.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as ToolDefinition from "../chat/ToolDefinition.ts"
import * as Check from "../Check.ts"
import * as Untyped from "../internal/untyped.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as ToolOutput from "./internal/output.ts"

/**
 * What becomes of a handler's failure.
 *
 * - `return`: the model reads the error's message, without stack or cause, and goes on. Of a {@link ToolDefectError} it
 *   reads only that the tool failed, and the error is logged.
 * - `error`: whoever runs the tool fails with the error as it is.
 */
export type FailureMode = "return" | "error"

/** What a call came to. `result` is what the model reads: text or JSON. */
export type Answer<Output> =
  | { readonly isFailure: false; readonly result: unknown; readonly output: Output }
  | { readonly isFailure: true; readonly result: string; readonly error: unknown }

/**
 * The model called a tool that does not exist, or with arguments that do not fit, and did so again after it was told.
 * `params` is what it wrote and `issue` what is wrong with it.
 */
export class ToolCallError extends Schema.TaggedError<ToolCallError>()("ToolCallError", {
  reason: Schema.Literals(["unknown-tool", "invalid-arguments"]),
  tool: Schema.String,
  callId: Schema.String,
  params: Untyped.value,
  issue: Schema.String,
  message: Schema.String
}) {}

/**
 * A handler threw, died, or gave what cannot be written as JSON: a mistake in the program, which `cause` tells. It says
 * nothing about the model.
 */
export class ToolDefectError extends Schema.TaggedError<ToolDefectError>()("ToolDefectError", {
  tool: Schema.String,
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/**
 * A tool with its handler.
 *
 * `E` is what a call can fail with: the handler's errors and {@link ToolDefectError} with the failure mode `error`, `never`
 * with `return`. `R` is what the handler and the schemas need.
 *
 * - `input`: the schema of the arguments, whose encoded side the model writes.
 * - `prepare`: decodes what the model wrote; the effect that comes back runs the handler.
 */
export interface Tool<out Name extends string, out Input, out Output, out E = never, out R = never> {
  readonly name: Name
  readonly description: string | undefined
  readonly strict: boolean | undefined
  readonly failureMode: FailureMode
  readonly input: Schema.ConstraintDecoder<Input, unknown>
  readonly prepare: (
    params: unknown
  ) => Effect.Effect<Effect.Effect<Answer<Output>, E, R>, Schema.SchemaError, R>
}

/** Any tool. */
export interface Any extends Tool<string, unknown, unknown, unknown, unknown> {}

/** What a call of the tool can fail with; of a union of tools, what any of them can. */
export type Error<T extends Any> = T extends Tool<string, unknown, unknown, infer E, unknown> ? E : never

/** What the tool needs; of a union of tools, what all of them need. */
export type Services<T extends Any> = T extends Tool<string, unknown, unknown, unknown, infer R> ? R : never

/**
 * Makes a tool.
 *
 * - `input`: a struct; leave it out for a tool without arguments. Descriptions in its annotations reach the model. An integer
 *   that a number cannot hold arrives as its text: `Schema.BigInt` and `Schema.String` take it.
 * - `output`: encodes what the handler gives. Without it text goes to the model as it is, anything else as `JSON.stringify`
 *   writes it: a date as ISO text, `NaN` and nothing at all as `null`; and a bigint as its text.
 * - `failureMode`: see {@link FailureMode}; `return` unless said otherwise. A message the model should not read is
 *   changed with `Effect.mapError`, to a string if you like.
 * - `strict`: also closes the schema to properties it does not name.
 *
 * A handler that throws or dies, and an output that cannot be encoded, are a {@link ToolDefectError}. A schema that throws at
 * what a model wrote refuses it.
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
  E,
  R,
  Output extends OutputSchema["Type"],
  InputSchema extends Schema.ConstraintDecoder<object, unknown> = typeof NoArguments,
  OutputSchema extends Schema.Constraint = typeof Schema.Unknown,
  Mode extends FailureMode = "return"
>(
  name: Name,
  options: {
    readonly description?: string | undefined
    readonly input?: InputSchema | undefined
    readonly output?: OutputSchema | undefined
    readonly failureMode?: Mode | undefined
    readonly strict?: boolean | undefined
    readonly handler: (input: InputSchema["Type"]) => Effect.Effect<Output, E, R>
  }
): Tool<
  Name,
  InputSchema["Type"],
  Output,
  Mode extends "error" ? E | ToolDefectError : never,
  R | InputSchema["DecodingServices"] | OutputSchema["EncodingServices"]
> => {
  // Whatever was given is checked where the tool is offered to a model.
  const given = Check.fieldsOf(options) as Partial<typeof options>
  // Without an input the type parameter is its default, which a generic function cannot see.
  const input = (given.input ?? NoArguments) as InputSchema
  const failureMode = given.failureMode ?? "return"
  const run = (decoded: InputSchema["Type"]) =>
    Effect.suspend(() => {
      const handled = options.handler(decoded)
      // A fiber cannot recover from what is no effect, such as a promise.
      return Effect.isEffect(handled) ? handled : Effect.die(new TypeError("The handler gave no Effect"))
    }).pipe(
      Effect.flatMap((output) =>
        Effect.map(
          ToolOutput.encode(name, given.output, output),
          (result): Answer<Output> => ({ isFailure: false, result, output })
        )
      ),
      Effect.catchDefect((cause) => Effect.fail(defectOf(name, cause)))
    )
  return {
    name,
    description: given.description,
    strict: given.strict,
    failureMode,
    input,
    prepare: (params) =>
      Effect.map(
        Effect.catchDefect(
          Effect.suspend(() => Schema.decodeUnknownEffect(Schema.toCodecJson(input), { errors: "all" })(params)),
          (cause) => undecodable(name, cause)
        ),
        (decoded) =>
          // With `return` no failure is left, with `error` all are: a conditional type says so, a branch cannot.
          (failureMode === "return" ? Effect.catch(run(decoded), returned) : run(decoded)) as Effect.Effect<
            Answer<Output>,
            Mode extends "error" ? E | ToolDefectError : never,
            R | OutputSchema["EncodingServices"]
          >
      )
  }
}

/**
 * The tool as the model sees it.
 *
 * Fails with `InvalidRequestError` for a name that is not 1 to 64 letters, digits, `_` or `-`, for an input that is
 * not an object in JSON, and for an option of {@link make} that cannot be right.
 */
export const definition = (
  tool: Any
): Effect.Effect<ToolDefinition.ToolDefinition, ProviderError.InvalidRequestError> =>
  Effect.flatMap(
    Check.run(check, tool, { provider: "strata", field: "tool" }),
    (tool) => ToolDefinition.make(tool.name, tool)
  )

/**
 * A tool that may be any value.
 *
 * @internal
 */
export const check = Check.struct<Any>({
  name: Check.text,
  description: Check.optional(Check.text),
  strict: Check.optional(Check.flag),
  failureMode: Check.word(["return", "error"]),
  // Of a schema no more can be known than that it is one.
  input: Check.instance(Schema.isSchema, "Use a `Schema.Struct`") as Check.Check<Any["input"]>,
  prepare: Check.callback("Make the tool with `Tool.make`")
}, { others: "ignored", remedy: "Make the tool with `Tool.make`" })

/**
 * Runs a tool on arguments as a model would write them: what a test of a tool wants. Fails with `SchemaError` when they
 * do not fit its input, and for what is no tool.
 */
export const call = <Name extends string, Input, Output, E, R>(
  tool: Tool<Name, Input, Output, E, R>,
  params: unknown
): Effect.Effect<Answer<Output>, E | Schema.SchemaError, R> =>
  Effect.flatMap(
    effectOf(() => tool.prepare(params)),
    (run) => effectOf(() => run)
  )

/** What a tool gives, if it is one: none that was made by {@link make} throws, or gives no effect. */
const effectOf = <A, E, R>(given: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | Schema.SchemaError, R> =>
  Effect.suspend((): Effect.Effect<A, E | Schema.SchemaError, R> => {
    const effect = Result.getOrUndefined(Result.try(given))
    return effect !== undefined && Check.holds(Effect.isEffect, effect)
      ? effect
      : refused("Expected a tool of `Tool.make`")
  })

const NoArguments = Schema.Struct({})

const returned = (error: unknown) =>
  error instanceof ToolDefectError
    ? Effect.as(Effect.logError(error.message, error), { isFailure: true as const, result: ToolOutput.failed, error })
    : Effect.succeed({ isFailure: true as const, result: ToolOutput.failureMessage(error), error })

const defectOf = (tool: string, cause: unknown) =>
  new ToolDefectError({ tool, message: `The tool "${tool}" did not end in an answer or an error of its own`, cause })

/** The program's schema failed, at what the model wrote: both are told. */
const undecodable = (tool: string, cause: unknown) =>
  Effect.andThen(
    Effect.logError(`The input of the tool "${tool}" cannot decode what the model wrote`, cause),
    refused("They hold a value that the schema of the tool cannot decode")
  )

const refused = (message: string) => Effect.fail(new Schema.SchemaError(new SchemaIssue.InvalidValue({ message })))
