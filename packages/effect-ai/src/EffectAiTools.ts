/**
 * The tools of an `effect/ai` `Toolkit` as tools of ours, for `ToolLoop`: with their schemas, failure modes, approvals and
 * model output. Their handlers are those of the toolkit, in the context or in its layer.
 */
import type * as Message from "@strata/core/chat/Message"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Tool from "@strata/core/tool/Tool"
import type * as Prompt from "effect/ai/Prompt"
import * as AiTool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Arguments from "./internal/model/arguments.ts"
import * as Asked from "./internal/model/asked.ts"
import * as FromPrompt from "./internal/model/fromPrompt.ts"

/** A tool of a toolkit, as one of ours. */
export type FromTool<T extends AiTool.Any> = T extends AiTool.Any ? Tool.Tool<
    AiTool.Name<T>,
    AiTool.Parameters<T>,
    AiTool.Success<T>,
    [AiTool.HandlerError<T>] extends [never] ? never : AiTool.HandlerError<T> | Tool.ToolDefectError,
    AiTool.HandlerServices<T>
  >
  : never

/**
 * The tools of a toolkit. Fails with `InvalidRequestError` for a value that is none.
 *
 * - `failureMode`: as the tool has it: with `return` the model reads a failure, with `error` the loop fails with it.
 * - `needsApproval`: the loop ends with such a call as `pending`. A function gets the arguments, and neither the id of the call
 *   nor the messages; one that fails or throws asks. `Tool.withApproval` lays a policy over any of the tools.
 * - Annotations: `AiTool.Strict` is `strict`; a tool that is `Idempotent` or `Readonly` is `repeatable`.
 * - Arguments are decoded by the codec that their JSON schema describes. Preliminary results are not shown.
 *
 * Tools that a provider runs have no handler, and are left out.
 *
 * @example
 * const tools = yield* EffectAiTools.fromToolkit(toolkit)
 * const outcome = yield* ToolLoop.run("What is the weather in Paris?", { tools })
 */
export const fromToolkit = <Tools extends Record<string, AiTool.Any>, E = never, R = never>(
  toolkit: Toolkit.WithHandler<Tools> | Effect.Effect<Toolkit.WithHandler<Tools>, E, R>
): Effect.Effect<ReadonlyArray<FromTool<Tools[keyof Tools]>>, E | ProviderError.InvalidRequestError, R> =>
  Effect.map(
    Asked.toolkit<E, R>(toolkit),
    ({ handle, tools }) =>
      Object.values(tools)
        .filter((tool) => !AiTool.isProviderDefined(tool) || tool.requiresHandler)
        // The types of a toolkit tie each name to its tool.
        .map((tool) => fromTool(tool, handle)) as unknown as ReadonlyArray<FromTool<Tools[keyof Tools]>>
  )

type Handle = Asked.AnyToolkit["handle"]

const fromTool = (tool: AiTool.Any, handle: Handle): Tool.Any => {
  const { failureMode, name } = tool
  const inputSchema = AiTool.isDynamic(tool) ? tool.jsonSchema : undefined
  const options = {
    description: AiTool.getDescription(tool),
    strict: AiTool.getStrictMode(tool),
    failureMode,
    repeatable: Context.get(tool.annotations, AiTool.Idempotent) || Context.get(tool.annotations, AiTool.Readonly),
    handler: () => Effect.void
  }
  const base: Tool.Any = inputSchema !== undefined
    ? Tool.dynamic(name, { ...options, inputSchema: { type: "object", ...inputSchema } })
    : Tool.make(name, { ...options, input: inputOf(tool) })
  return {
    ...base,
    prepare: (params) =>
      Effect.map(base.prepare(params), (call) => ({
        ...call,
        needsApproval: Effect.flatMap(call.needsApproval, (needed) =>
          needed ? Effect.succeed(true) : asks(tool, call.input)),
        run: run(tool, handle, params)
      }))
  }
}

/** The schema of the arguments, whose values are objects; those of a tool without any are `{}`. */
const inputOf = (tool: AiTool.Any): Schema.ConstraintDecoder<object, unknown> =>
  tool.parametersSchema === AiTool.EmptyParams
    ? Schema.Struct({})
    : tool.parametersSchema === Schema.Unknown
    ? Schema.Record(Schema.String, Schema.Unknown)
    // `Tool.definition` refuses a schema of another type.
    : tool.parametersSchema as Schema.ConstraintDecoder<object, unknown>

const asks = ({ name, needsApproval }: AiTool.Any, input: unknown): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    if (typeof needsApproval !== "function") return Effect.succeed(needsApproval === true)
    const asked = needsApproval(input, { toolCallId: "", messages: [] })
    return Effect.isEffect(asked) ? asked : Effect.succeed(asked)
  }).pipe(
    Effect.map((asked) => asked !== false),
    Effect.catchCause((cause) =>
      Effect.as(
        Effect.logWarning(`The approval policy of the tool "${name}" failed: approval is needed`, cause),
        true
      )
    )
  )

/** Runs the handler of the toolkit to its last result. */
const run = (
  tool: AiTool.Any,
  handle: Handle,
  params: unknown
): Effect.Effect<Tool.Answer<unknown>, unknown, unknown> => {
  // The tool and the handlers are of one toolkit, whose types tie the arguments and results of each name to its tool.
  const handled = Effect.suspend(() => handle(tool.name, Arguments.encoded(tool, params) as never)) as Effect.Effect<
    Stream.Stream<AiTool.HandlerResult<AiTool.Any>, unknown>,
    unknown
  >
  const answer = Effect.flatMap(
    handled,
    (results) => Stream.runLast(Stream.filter(results, ({ preliminary }) => !preliminary))
  ).pipe(
    Effect.flatMap((last) =>
      Option.isSome(last) ? answerOf(tool, last.value) : Effect.fail(mistake(tool, "The handler gave no result"))
    ),
    Effect.catchDefect((cause) => Effect.fail(mistake(tool, cause)))
  )
  return tool.failureMode === "error" ? answer : Effect.catch(answer, (error) =>
    Effect.as(
      error instanceof Tool.ToolDefectError ? Effect.logError(error.message, error) : Effect.void,
      { isFailure: true as const, result: "The tool failed", error }
    ))
}

const answerOf = Effect.fnUntraced(function*(
  tool: AiTool.Any,
  { encodedResult, isFailure, modelOutput = [], result }: AiTool.HandlerResult<AiTool.Any>
): Effect.fn.Return<Tool.Answer<unknown>, Tool.ToolDefectError> {
  if (isFailure) return { isFailure: true, result: FromPrompt.failureOf(encodedResult), error: result }
  const parts: Array<Message.ToolResultContent> = []
  for (const part of modelOutput) {
    parts.push(yield* Effect.mapError(Effect.fromResult(shown(part)), (cause) => mistake(tool, cause)))
  }
  return {
    isFailure: false,
    result: yield* Effect.mapError(jsonOf(tool, encodedResult), (cause) => mistake(tool, cause)),
    output: result,
    ...(parts.length > 0 && { parts })
  }
})

const shown = (part: Prompt.ToolModelOutputPart) => FromPrompt.toolContent(part, "modelOutput")

/** The JSON of what the schema of the tool encoded, which may still have dates or maps. */
const jsonOf = (tool: AiTool.Any, encoded: unknown): Effect.Effect<unknown, unknown> =>
  Effect.suspend(() => {
    const codec = Schema.toCodecJson(Schema.toEncoded(tool.successSchema))
    // The services of a schema are those of the toolkit, which has encoded with them.
    return Schema.encodeUnknownEffect(codec)(encoded) as Effect.Effect<unknown, unknown>
  })

const mistake = ({ name }: AiTool.Any, cause: unknown) =>
  new Tool.ToolDefectError({
    tool: name,
    message: `The tool "${name}" threw, died, or returned a value without a JSON form`,
    cause
  })
