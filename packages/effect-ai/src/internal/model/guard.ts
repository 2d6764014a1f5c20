/**
 * What `LanguageModel.make` leaves to the program: a bound of concurrent handlers, calls of tools that do not exist, results of
 * approved calls in the history, prompts of any value; and options of a request that its handlers must not see.
 */
import type * as ProviderError from "@strata/core/ProviderError"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Response from "effect/ai/Response"
import * as AiTool from "effect/ai/Tool"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as StrataAiError from "../../StrataAiError.ts"
import * as Extras from "../extras.ts"
import * as Approvals from "./approvals.ts"
import * as Arguments from "./arguments.ts"
import * as Asked from "./asked.ts"
import { Options as RequestOptions, Turn, unknownTool } from "./turn.ts"

/** The model with its guard. */
export const make = (model: LanguageModel.LanguageModel): LanguageModel.LanguageModel => {
  const prepared = (method: string, options: unknown) =>
    Effect.gen(function*() {
      const given = yield* Effect.fromResult(Asked.options(options))
      const resolves = given.disableToolCallResolution !== true
      const turn: Turn = { options: yield* RequestOptions, catchAll: false, unknown: new Map(), tools: {} }
      const approvals = Approvals.make(given.prompt)
      const toolkit = given.toolkit === undefined ? {} : {
        toolkit: Effect.mapError(
          Effect.map(Asked.toolkit(given.toolkit), (toolkit) => guarded(toolkit, turn, resolves, approvals)),
          failure(method)
        )
      }
      const isEncoded = !resolves && given.toolCallValidation !== "deferred"
      const scope = Context.make(RequestOptions, {}).pipe(Context.add(Turn, turn))
      return { options: { ...given, ...toolkit }, scope, approvals, finish: finisher(turn, isEncoded) }
    }).pipe(Effect.mapError(failure(method)))

  // Options and answers are those of the model, whose types depend on the options: they are not looked into here.
  const functions = model as unknown as {
    readonly [Method in "generateText" | "generateObject"]: (
      options: unknown
    ) => Effect.Effect<LanguageModel.GenerateTextResponse<{}>, AiError.AiError>
  }
  const ask = (method: "generateText" | "generateObject") => (options: unknown) =>
    Effect.flatMap(prepared(method, options), ({ finish, options, scope }) =>
      Effect.map(
        Effect.provideContext(functions[method](options), scope),
        (response) => {
          for (const [index, part] of response.content.entries()) {
            response.content[index] = finish(part) as typeof part
          }
          return response
        }
      ))

  const streamText = (options: unknown) =>
    Stream.unwrap(Effect.map(prepared("streamText", options), ({ approvals, finish, options, scope }) => {
      const parts = model.streamText(options as never) as Stream.Stream<Response.AnyPart, AiError.AiError>
      const all = options.disableToolCallResolution === true ? approvals.before(parts) : parts
      return Stream.provideContext(Stream.mapArray(all, Arr.map(finish)), scope)
    }))

  // The functions of the model, whose types depend on the options.
  return LanguageModel.LanguageModel.of({
    ...model,
    generateText: ask("generateText") as unknown as LanguageModel.LanguageModel["generateText"],
    generateObject: ask("generateObject") as unknown as LanguageModel.LanguageModel["generateObject"],
    streamText: streamText as unknown as LanguageModel.LanguageModel["streamText"]
  })
}

const failure = (method: string) => (error: ProviderError.InvalidRequestError): AiError.AiError =>
  StrataAiError.toAiError(error, { module: "LanguageModel", method })

/** The toolkit with a tool for calls of unknown tools, and with arguments as its schemas expect them. */
const guarded = (
  toolkit: Asked.AnyToolkit,
  turn: Turn,
  resolves: boolean,
  approvals: Approvals.Approvals
): Asked.AnyToolkit => {
  turn.tools = toolkit.tools
  if (Object.keys(toolkit.tools).length === 0) return toolkit
  turn.catchAll = resolves
  const handle = (
    name: string,
    params: unknown,
    toolCallId?: string,
    options?: Parameters<Asked.AnyToolkit["handle"]>[3]
  ) => {
    if (name === unknownTool) {
      const called = turn.unknown.get(toolCallId ?? "") ?? ""
      const result = `There is no tool "${called}". The tools are: ${Object.keys(toolkit.tools).join(", ")}`
      return Effect.succeed(Stream.succeed({
        result,
        encodedResult: result,
        isFailure: true,
        preliminary: false
      }))
    }
    const tool = Object.hasOwn(toolkit.tools, name) ? toolkit.tools[name] : undefined
    const given = tool === undefined ? params : Arguments.encoded(tool, params)
    const handled = toolkit.handle(name, given as never, toolCallId, options) as Effect.Effect<
      Stream.Stream<AiTool.HandlerResult<AiTool.Any>, unknown>,
      AiError.AiError
    >
    const safe = tool === undefined ? handled : Effect.catchDefect(handled, () => undecodable(tool))
    return Effect.map(safe, (results) => approvals.observe(name, toolCallId)(Stream.map(results, storable)))
  }
  const tools = Record.map(toolkit.tools, Arguments.ofJson)
  return {
    tools: resolves ? { ...tools, [unknownTool]: catchAll } : tools,
    handle: handle as unknown as Asked.AnyToolkit["handle"] // the signature of the toolkit's own, whose types depend on the tool
  }
}

/** A result that has a place in JSON, or a history that was exported could not be read again. */
const storable = (output: AiTool.HandlerResult<AiTool.Any>): AiTool.HandlerResult<AiTool.Any> =>
  output.encodedResult === undefined ? { ...output, encodedResult: null } : output

const catchAll = AiTool.dynamic(unknownTool, { success: Schema.Unknown, failureMode: "return" })

/** The outcome of a call whose arguments made the tool's schema throw, as the toolkit has it for those that do not fit. */
const undecodable = (
  tool: AiTool.Any
): Effect.Effect<Stream.Stream<AiTool.HandlerResult<AiTool.Any>>, AiError.AiError> => {
  const error = AiError.make({
    module: "Toolkit",
    method: `${tool.name}.handle`,
    reason: new AiError.ToolParameterValidationError({
      toolName: tool.name,
      description: "They hold a value that the schema of the tool cannot decode"
    })
  })
  if (tool.failureMode === "error") return Effect.fail(error)
  return Effect.succeed(Stream.fromEffect(Effect.map(
    Effect.orDie(Schema.encodeEffect(AiError.AiError)(error)), // an error that was made a moment ago has its JSON
    (encodedResult): AiTool.HandlerResult<AiTool.Any> => ({
      result: error,
      encodedResult,
      isFailure: true,
      failureOrigin: "parameters",
      preliminary: false
    })
  )))
}

/**
 * Gives calls of unknown tools, and their results, the name back that the model wrote; and calls that the program resolves
 * the arguments that its toolkit takes.
 */
const finisher = (turn: Turn, isEncoded: boolean) => (part: Response.AnyPart): Response.AnyPart => {
  if (part.type !== "tool-call" && part.type !== "tool-result") return part
  if (part.name === unknownTool) return { ...part, name: turn.unknown.get(part.id) ?? part.name }
  const tool = isEncoded && part.type === "tool-call" ? turn.tools[part.name] : undefined
  if (tool === undefined || part.type !== "tool-call") return part
  const params = Arguments.encoded(tool, part.params)
  if (params === part.params) return part
  return { ...part, params, metadata: { ...part.metadata, ...Extras.toolCall.write({ params: part.params }) } }
}
