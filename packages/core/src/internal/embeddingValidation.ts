/**
 * What can be wrong with an embedding request whoever answers it, found before any network.
 *
 * Options are settled once for a call, texts are checked one by one: a bad text must be able to spoil only itself.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Embedding from "../Embedding.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Plan from "./embeddingPlan.ts"

/** Why one text has no vector, told to the place where the text stood: `inputs[3]`, or `input` for the only one. */
export type Failure = (field: string) => ProviderError.ProviderError

/** Options a provider accepts, and what it takes with them in one request. */
export interface Resolved {
  readonly options: Embedding.ResolvedOptions
  readonly limits: Embedding.Limits
}

/** What a provider knows of its models. */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly limits: (
    options: Embedding.ResolvedOptions
  ) => Effect.Effect<Embedding.Limits, ProviderError.ProviderError>
}

/** Settles the options of a call, or says what is wrong with them. */
export const resolve = (
  provider: Provider,
  options: Embedding.EmbeddingOptions | undefined
): Effect.Effect<Resolved, ProviderError.ProviderError> => {
  const model = options?.model ?? provider.defaultModel
  const dimensions = options?.dimensions
  if (model === undefined || model.trim() === "") {
    return Effect.fail(ProviderError.invalidRequest({
      provider: provider.provider,
      model,
      field: "model",
      problem: "no model is named",
      remedy: "Set `model` in the options of the call, or once in the options of the layer"
    }))
  }
  if (dimensions !== undefined && !(Number.isSafeInteger(dimensions) && dimensions > 0)) {
    return Effect.fail(ProviderError.invalidRequest({
      provider: provider.provider,
      model,
      field: "dimensions",
      problem: `${dimensions} is not a number of dimensions`,
      remedy: "Use a whole number from 1 that the model offers, or leave it out"
    }))
  }
  const resolved: Embedding.ResolvedOptions = {
    ...options,
    model,
    purpose: options?.purpose ?? "document",
    truncate: options?.truncate ?? "none"
  }
  return Effect.map(provider.limits(resolved), (limits) => ({ options: resolved, limits }))
}

/** The text to send for an input, cut where the options allow it, or why there is none. */
export const check = (
  provider: string,
  { limits, options }: Resolved,
  input: Embedding.Input
): Result.Result<Embedding.Input, Failure> => {
  const longest = Plan.longestText(limits)
  if (isBlank(input)) {
    return Result.fail(blank(provider, options.model, "the text is blank"))
  }
  if (input.length <= longest) {
    return Result.succeed(input)
  }
  if (options.truncate === "none") {
    return Result.fail((field) =>
      new ProviderError.ContextLengthExceededError({
        provider,
        model: options.model,
        message: `${field}: the text has ${input.length} characters and the model takes ${longest}. ` +
          "Split it, or set `truncate` to \"start\" or \"end\" to have it cut."
      })
    )
  }
  const text = cut(input, longest, options.truncate)
  return isBlank(text)
    ? Result.fail(blank(provider, options.model, `nothing is left of the text when it is cut to ${longest} characters`))
    : Result.succeed(text)
}

/** Whether a refusal may be due to one text of a batch: a named option is wrong for all of them. */
export const isAboutInputs = (error: ProviderError.ProviderError): boolean =>
  error._tag === "ContextLengthExceededError" ||
  (error._tag === "InvalidRequestError" && (error.field === undefined || error.field.startsWith("input")))

/** Puts the place of a text into the error of the provider that refused it; other errors stay as they are. */
export const at = (error: ProviderError.ProviderError, field: string): ProviderError.ProviderError => {
  if (!isAboutInputs(error)) return error
  const { cause, exception, model, provider, requestId } = error
  const named = error._tag === "InvalidRequestError" ? error.field : undefined
  const problem = named !== undefined && error.message.startsWith(`${named}: `)
    ? error.message.slice(named.length + 2)
    : error.message
  const fields = { provider, model, message: `${field}: ${problem}`, requestId, exception, cause }
  return error._tag === "InvalidRequestError"
    ? new ProviderError.InvalidRequestError({ ...fields, field, remedy: error.remedy })
    : new ProviderError.ContextLengthExceededError(fields)
}

const isBlank = (input: Embedding.Input): boolean => !/\S/u.test(input)

const blank = (provider: string, model: string, problem: string): Failure => (field) =>
  ProviderError.invalidRequest({
    provider,
    model,
    field,
    problem,
    remedy: "Leave it out, or give it something to embed"
  })

/** `start` drops the beginning, `end` drops the end; half a surrogate pair is not a character and goes too. */
const cut = (text: Embedding.Input, length: number, side: "start" | "end"): Embedding.Input => {
  if (side === "end") {
    return text.slice(0, isPair(text, length - 1) ? length - 1 : length)
  }
  const from = text.length - length
  return text.slice(isPair(text, from - 1) ? from + 1 : from)
}

const isPair = (text: string, index: number): boolean => (text.codePointAt(index) ?? 0) > 0xffff
