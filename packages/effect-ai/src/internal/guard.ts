/**
 * What `LanguageModel.make` leaves to the program: a bound of concurrent handlers, calls of tools that do not exist, results of
 * approved calls in the history, prompts of any value; and options of a request that its handlers must not see.
 */
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Response from "effect/ai/Response"
import * as AiTool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Approvals from "./approvals.ts"
import { encoded, Options as RequestOptions, Turn, unknownTool } from "./turn.ts"

type Options = LanguageModel.GenerateTextOptions<Record<string, AiTool.Any>>

type AnyToolkit = Toolkit.WithHandler<Record<string, AiTool.Any>>

/** Handlers that run at once unless a request says otherwise, as in `ToolLoop`. */
export const concurrency = 8

/** The model with its guard. */
export const make = (model: LanguageModel.LanguageModel): LanguageModel.LanguageModel => {
  const prepared = (method: string, options: unknown) =>
    Effect.gen(function*() {
      const given = yield* checked(method, options)
      const own = yield* RequestOptions
      const catchAll = given.disableToolCallResolution !== true
      const turn: Turn = { options: own, catchAll, unknown: new Map(), tools: {} }
      const approvals = Approvals.make(given.prompt)
      const toolkit = given.toolkit === undefined
        ? undefined
        : Effect.map(resolved(given.toolkit), (toolkit) => guarded(toolkit, turn, approvals))
      const next = { concurrency: bounded(given.concurrency), ...(toolkit !== undefined && { toolkit }) }
      const scope = Context.make(RequestOptions, {}).pipe(Context.add(Turn, turn))
      return { options: { ...given, ...next }, scope, approvals, rename: renamer(turn) }
    })

  // Options and answers are those of the model, whose types depend on the options: they are not looked into here.
  const functions = model as unknown as {
    readonly [Method in "generateText" | "generateObject"]: (
      options: unknown
    ) => Effect.Effect<LanguageModel.GenerateTextResponse<{}>, AiError.AiError>
  }
  const ask = (method: "generateText" | "generateObject") => (options: unknown) =>
    Effect.flatMap(prepared(method, options), ({ options, rename, scope }) =>
      Effect.map(
        Effect.provideContext(functions[method](options), scope),
        (response) => {
          for (const [index, part] of response.content.entries()) {
            response.content[index] = rename(part) as typeof part
          }
          return response
        }
      ))

  const streamText = (options: unknown) =>
    Stream.unwrap(Effect.map(prepared("streamText", options), ({ approvals, options, rename, scope }) => {
      const parts = model.streamText(options as never) as Stream.Stream<Response.AnyPart, AiError.AiError>
      const all = options.disableToolCallResolution === true ? approvals.before(parts) : parts
      return Stream.provideContext(Stream.map(all, rename), scope)
    }))

  return LanguageModel.LanguageModel.of({
    ...model,
    generateText: ask("generateText") as unknown as LanguageModel.LanguageModel["generateText"],
    generateObject: ask("generateObject") as unknown as LanguageModel.LanguageModel["generateObject"],
    streamText: streamText as unknown as LanguageModel.LanguageModel["streamText"]
  })
}

/** Options with a prompt that can be read. */
const checked = (
  method: string,
  options: unknown
): Effect.Effect<Options & { readonly prompt: Prompt.Prompt }, AiError.AiError> =>
  Effect.suspend(() => {
    const refuse = (description: string) =>
      Effect.fail(AiError.make({
        module: "LanguageModel",
        method,
        reason: new AiError.InvalidRequestError({ parameter: "prompt", description })
      }))
    if (!Predicate.isObject(options)) return refuse("Give an object with a prompt.")
    const given = options as unknown as Options // its fields are checked here, and by `LanguageModel.make`
    return Result.match(Result.try(() => Prompt.make(given.prompt)), {
      onFailure: () => refuse("Give text, a `Prompt`, or its messages."),
      onSuccess: (prompt) =>
        Prompt.isPrompt(prompt) && Array.isArray(prompt.content)
          ? Effect.succeed({ ...given, prompt })
          : refuse("Give text, a `Prompt`, or its messages.")
    })
  })

const bounded = (given: Options["concurrency"]): number | "unbounded" =>
  given === "unbounded" ? given : typeof given === "number" && given >= 1 ? Math.floor(given) : concurrency

const resolved = (toolkit: unknown): Effect.Effect<AnyToolkit> =>
  // A toolkit is an effect of its handlers, or has them.
  (Effect.isEffect(toolkit) ? toolkit : Effect.succeed(toolkit)) as Effect.Effect<AnyToolkit>

/** The toolkit with a tool for calls of unknown tools, and with arguments as its schemas expect them. */
const guarded = (
  toolkit: AnyToolkit,
  turn: Turn,
  approvals: Approvals.Approvals
): AnyToolkit => {
  turn.tools = toolkit.tools
  if (Object.keys(toolkit.tools).length === 0) return toolkit
  const handle = (
    name: string,
    params: unknown,
    toolCallId?: string,
    options?: Parameters<AnyToolkit["handle"]>[3]
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
    const given = tool === undefined ? params : encoded(tool, params)
    const handled = toolkit.handle(name, given as never, toolCallId, options) as Effect.Effect<
      Stream.Stream<AiTool.HandlerResult<AiTool.Any>, unknown>,
      AiError.AiError
    >
    const safe = tool === undefined ? handled : Effect.catchDefect(handled, () => undecodable(tool))
    return Effect.map(safe, approvals.observe(name, toolCallId))
  }
  return {
    tools: turn.catchAll ? { ...toolkit.tools, [unknownTool]: catchAll } : toolkit.tools,
    handle: handle as unknown as AnyToolkit["handle"] // the signature of the toolkit's own, whose types depend on the tool
  }
}

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
    Effect.orDie(Schema.encodeEffect(AiError.AiError)(error)),
    (encodedResult): AiTool.HandlerResult<AiTool.Any> => ({
      result: error,
      encodedResult,
      isFailure: true,
      failureOrigin: "parameters",
      preliminary: false
    })
  )))
}

/** Gives calls of unknown tools, and their results, the name back that the model wrote. */
const renamer = ({ unknown }: Turn) => (part: Response.AnyPart): Response.AnyPart =>
  (part.type === "tool-call" || part.type === "tool-result") && part.name === unknownTool
    ? { ...part, name: unknown.get(part.id) ?? part.name }
    : part
