/** Runs the handler of a tool, or takes its result from elsewhere. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as ToolAnswer from "../ToolAnswer.ts"
import * as ToolOutput from "./output.ts"

/** Runs a handler with decoded arguments. Whatever it does ends in an answer, or in a typed error. */
export const running = <Input, Output extends OutputSchema["Type"], E, R, OutputSchema extends Schema.Constraint, Mode>(
  { failureMode, handler, name, output }: {
    readonly name: string
    readonly handler: (input: Input) => Effect.Effect<Output, E, R>
    readonly output: OutputSchema | undefined
    readonly failureMode: Mode
  }
) => {
  const mistake = (cause: unknown) => {
    const message = `The tool "${name}" threw, died, or returned a value without a JSON form`
    return new ToolAnswer.ToolDefectError({ tool: name, message, cause })
  }
  const encode = (
    handled: Output
  ): Effect.Effect<ToolAnswer.Answer<Output>, unknown, OutputSchema["EncodingServices"]> =>
    handled instanceof ToolAnswer.Content
      ? Effect.map(
        ToolOutput.ofParts(handled.parts),
        (parts): ToolAnswer.Answer<Output> =>
          handled.isFailure
            ? { isFailure: true, ...parts, error: handled }
            : { isFailure: false, ...parts, output: handled }
      )
      : Effect.map(ToolOutput.encode(output, handled), (result) => ({ isFailure: false, result, output: handled }))
  const run = (decoded: Input) =>
    Effect.suspend((): Effect.Effect<Output, E | ToolAnswer.ToolDefectError, R> => {
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
  return (decoded: Input) => ({
    // TypeScript does not narrow a conditional type in a branch.
    run: (failureMode === "return" ? Effect.catch(run(decoded), returned) : run(decoded)) as Effect.Effect<
      ToolAnswer.Answer<Output>,
      Mode extends "error" ? E | ToolAnswer.ToolDefectError : never,
      R | OutputSchema["EncodingServices"]
    >
  })
}

/** Decodes a result from elsewhere. */
export const accepting =
  <Output, OutputSchema extends Schema.Constraint>(schema: OutputSchema | undefined) =>
  (result: unknown): Effect.Effect<ToolAnswer.Answer<Output>, Schema.SchemaError, OutputSchema["DecodingServices"]> =>
    Effect.suspend(() =>
      schema === undefined ? Effect.succeed(result) : Schema.decodeUnknownEffect(Schema.toCodecJson(schema))(result)
    ).pipe(
      Effect.catchDefect(() => refused("It is a value that the schema of the output cannot decode")),
      // Without a handler `Output` is the type of the schema.
      Effect.map((output) => ({ isFailure: false, result, output: output as Output }))
    )

/** The failure of a decoder. */
export const refused = (message: string) =>
  Effect.fail(new Schema.SchemaError(new SchemaIssue.InvalidValue({ message })))

const returned = (error: unknown) =>
  error instanceof ToolAnswer.ToolDefectError
    ? Effect.as(Effect.logError(error.message, error), { isFailure: true as const, result: ToolOutput.failed, error })
    : Effect.succeed({ isFailure: true as const, result: ToolOutput.failureMessage(error), error })
