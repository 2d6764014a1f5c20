/** Options of a request of `effect/ai`, checked before its own code reads them: any value is an answer or a typed error. */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as AiTool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** Options with a prompt that can be read. */
export type Options = Omit<LanguageModel.GenerateTextOptions<Record<string, AiTool.Any>>, "prompt" | "toolkit"> & {
  readonly prompt: Prompt.Prompt
  readonly toolkit?: unknown
}

export type AnyToolkit = Toolkit.WithHandler<Record<string, AiTool.Any>>

type Checked<A> = Result.Result<A, ProviderError.InvalidRequestError>

/** Handlers that run at once unless a request says otherwise, as in `ToolLoop`. */
const defaultConcurrency = 8

/** The options of a request, with a bound of concurrency. */
export const options = (given: unknown): Checked<Options> =>
  Result.gen(function*() {
    const fields = yield* readable("options", "Give an object with a `prompt`", () => {
      // Other fields are those of `effect/ai`, or unknown to it.
      if (Predicate.isObject(given)) return { ...given } as Partial<Options>
    })
    const prompt = yield* promptOf(fields.prompt)
    const { concurrency } = fields
    const toolChoice = fields.toolChoice === undefined ? undefined : yield* choiceOf(fields.toolChoice)
    return {
      ...fields,
      prompt,
      toolChoice,
      concurrency: concurrency === "unbounded"
        ? concurrency
        : typeof concurrency === "number" && concurrency >= 1
        ? Math.floor(concurrency)
        : defaultConcurrency
    }
  })

/** The handlers of a toolkit, or of the effect that has them. */
export const toolkit = <E, R>(given: unknown): Effect.Effect<AnyToolkit, E | ProviderError.InvalidRequestError, R> => {
  // A toolkit is an effect, whose errors and requirements its types tell.
  const handled = Check.holds(Effect.isEffect, given)
    ? given as Effect.Effect<unknown, E, R>
    : Effect.succeed(given)
  return Effect.flatMap(
    handled,
    (given) =>
      Effect.fromResult(readable("toolkit", "Give a `Toolkit` of `effect/ai`, or its handlers", () => {
        if (!Predicate.hasProperty(given, "tools") || !Predicate.hasProperty(given, "handle")) return
        const found = { tools: given.tools, handle: given.handle }
        return isToolkit(found) ? found : undefined
      }))
  )
}

const isToolkit = (given: { readonly tools: unknown; readonly handle: unknown }): given is AnyToolkit =>
  typeof given.handle === "function" && Predicate.isObject(given.tools) && Object.values(given.tools).every(isTool)

const isTool = (given: unknown): boolean =>
  Predicate.hasProperty(given, AiTool.TypeId) && Predicate.hasProperty(given, "name") && Predicate.isString(given.name)

const promptOf = (given: unknown): Checked<Prompt.Prompt> =>
  readable("prompt", "Give text, a `Prompt`, or its messages", () => {
    if (typeof given === "string") return Prompt.make(given)
    if (Prompt.isPrompt(given)) return Check.itemsOf(given.content)?.every(isMessage) === true ? given : undefined
    const messages = Array.isArray(given)
      ? Check.itemsOf(given)
      : Predicate.isIterable(given)
      ? taken(given)
      : undefined
    // Their other fields are checked by the schema, which throws.
    return messages?.every(isShort) === true ? Prompt.make(messages as Iterable<Prompt.MessageEncoded>) : undefined
  })

/** A message as far as the code that looks for approvals in a history reads it. */
const isMessage = (given: unknown): boolean => {
  if (!Predicate.hasProperty(given, "role") || !Predicate.hasProperty(given, "content")) return false
  if (given.role === "system") return typeof given.content === "string"
  return (given.role === "user" || given.role === "assistant" || given.role === "tool") &&
    Check.itemsOf(given.content)?.every(isPart) === true
}

const isPart = (given: unknown): boolean => Predicate.hasProperty(given, "type") && Predicate.isString(given.type)

/** Whether the content of a message can be read to its end. */
const isShort = (given: unknown): boolean =>
  Predicate.hasProperty(given, "content") &&
  (!Array.isArray(given.content) || Check.itemsOf(given.content) !== undefined)

const taken = (given: Iterable<unknown>): ReadonlyArray<unknown> | undefined => {
  const items: Array<unknown> = []
  for (const item of given) {
    if (items.push(item) > mostMessages) return undefined
  }
  return items
}

const mostMessages = 1_000_000

const choiceOf = (given: unknown): Checked<LanguageModel.ToolChoice<string>> =>
  readable("toolChoice", "Use \"auto\", \"required\", \"none\", `{ tool }` or `{ mode, oneOf }`", () => {
    if (given === "auto" || given === "required" || given === "none") return given
    if (!Predicate.isObject(given)) return
    const { mode, oneOf, tool } = given
    if (typeof tool === "string") return { tool }
    const names = Check.itemsOf(oneOf)
    return names?.every(Predicate.isString) === true
      ? { ...(mode === "required" && { mode }), oneOf: names }
      : undefined
  })

const readable = <A>(field: string, remedy: string, read: () => A | undefined): Checked<A> => {
  const found = Result.getOrUndefined(Result.try(read))
  return found === undefined
    ? Result.fail(ProviderError.invalidRequest({ provider: "strata", field, problem: "it cannot be read", remedy }))
    : Result.succeed(found)
}
