/** Tools with handlers. A model sees their {@link definition}; `ToolLoop` runs a conversation with them. */
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
 * Whether the model reads the message of a failure (`return`), without stack or cause, or the call fails with it
 * (`error`). Of a {@link ToolDefectError}, which is logged, the model reads only that the tool failed.
 */
export type FailureMode = "return" | "error"

/** The outcome of a call. `result` is for the model: text or JSON. */
export type Answer<Output> =
  | { readonly isFailure: false; readonly result: unknown; readonly output: Output }
  | { readonly isFailure: true; readonly result: string; readonly error: unknown }

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
 * A tool with its handler. `E` are the errors of a call, `R` the requirements of the handler and the schemas.
 *
 * - `input`: the schema of the arguments, whose encoded side the model writes.
 * - `prepare`: decodes the arguments; the effect it returns runs the handler.
 */
export interface Tool<out Name extends string, out Input, out Output, out E = never, out R = never> {
  readonly name: Name
  readonly description: string | undefined
  readonly strict: boolean | undefined
  readonly failureMode: FailureMode
  readonly input: Schema.ConstraintDecoder<Input, unknown>
  readonly prepare: (params: unknown) => Effect.Effect<Effect.Effect<Answer<Output>, E, R>, Schema.SchemaError, R>
}

/** Any tool. */
export interface Any extends Tool<string, unknown, unknown, unknown, unknown> {}

/** The errors of a tool, or of a union of tools. */
export type Error<T extends Any> = T extends Tool<string, unknown, unknown, infer E, unknown> ? E : never

/** The requirements of a tool, or of a union of tools. */
export type Services<T extends Any> = T extends Tool<string, unknown, unknown, unknown, infer R> ? R : never

/**
 * Makes a tool.
 *
 * - `input`: a struct; none for a tool without arguments. The model reads its descriptions. An integer that a number cannot
 *   hold is decoded from its text, for `Schema.BigInt` and `Schema.String`.
 * - `output`: encodes the handler's result. Without it text is sent unchanged, other values as JSON, a bigint as text.
 * - `failureMode`: `return` when missing. `Effect.mapError` replaces messages that the model should not read.
 * - `strict`: also disallows additional properties.
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
  // Options are checked by `definition`.
  const given = Check.fieldsOf(options) as Partial<typeof options>
  // Without an input the type parameter is its default, which a generic function cannot infer.
  const input = (given.input ?? NoArguments) as InputSchema
  const failureMode = given.failureMode ?? "return"
  const mistake = (cause: unknown) => {
    const message = `The tool "${name}" threw, died, or returned a value without a JSON form`
    return new ToolDefectError({ tool: name, message, cause })
  }
  const run = (decoded: InputSchema["Type"]) =>
    Effect.suspend((): Effect.Effect<Output, E | ToolDefectError, R> => {
      const handled = options.handler(decoded)
      // A fiber cannot recover from a value that is not an effect, such as a promise.
      return Effect.isEffect(handled)
        ? handled
        : Effect.fail(mistake(new TypeError("The handler did not return an Effect")))
    }).pipe(
      Effect.flatMap((output) =>
        Effect.mapBoth(ToolOutput.encode(given.output, output), {
          onFailure: (cause) =>
            mistake(new Error(`The output of the tool "${name}" cannot be encoded as JSON`, { cause })),
          onSuccess: (result): Answer<Output> => ({ isFailure: false, result, output })
        })
      ),
      Effect.catchDefect((cause) => Effect.fail(mistake(cause)))
    )
  return {
    name,
    description: given.description,
    strict: given.strict,
    failureMode,
    input,
    prepare: (params) =>
      Effect.suspend(() => Schema.decodeUnknownEffect(Schema.toCodecJson(input), { errors: "all" })(params)).pipe(
        Effect.catchDefect((cause) =>
          Effect.andThen(
            Effect.logError(`The input of the tool "${name}" cannot decode what the model wrote`, cause),
            refused("They hold a value that the schema of the tool cannot decode")
          )
        ),
        Effect.map((decoded) =>
          // TypeScript does not narrow a conditional type in a branch.
          (failureMode === "return" ? Effect.catch(run(decoded), returned) : run(decoded)) as Effect.Effect<
            Answer<Output>,
            Mode extends "error" ? E | ToolDefectError : never,
            R | OutputSchema["EncodingServices"]
          >
        )
      )
  }
}

/** The tool as the model sees it. Fails as `ToolDefinition.make` does, and for invalid options of {@link make}. */
export const definition = (
  tool: Any
): Effect.Effect<ToolDefinition.ToolDefinition, ProviderError.InvalidRequestError> =>
  Effect.flatMap(
    Check.run(check, tool, { provider: "strata", field: "tool" }),
    (tool) => ToolDefinition.make(tool.name, tool)
  )

/** @internal */
export const check = Check.struct<Any>({
  name: Check.text,
  description: Check.optional(Check.text),
  strict: Check.optional(Check.flag),
  failureMode: Check.word(["return", "error"]),
  // The type of a schema cannot be checked.
  input: Check.instance(Schema.isSchema, "Use a `Schema.Struct`") as Check.Check<Any["input"]>,
  prepare: Check.callback("Make the tool with `Tool.make`")
}, { others: "ignored", remedy: "Make the tool with `Tool.make`" })

/** Runs a tool with encoded arguments, for tests. Fails with `SchemaError` for invalid ones, and for an invalid tool. */
export const call = <Name extends string, Input, Output, E, R>(
  tool: Tool<Name, Input, Output, E, R>,
  params: unknown
): Effect.Effect<Answer<Output>, E | Schema.SchemaError, R> =>
  Effect.flatMap(effectOf(() => tool.prepare(params)), (run) => effectOf(() => run))

/** The effect of a tool; one of {@link make} never throws, and always returns an effect. */
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

const refused = (message: string) => Effect.fail(new Schema.SchemaError(new SchemaIssue.InvalidValue({ message })))
