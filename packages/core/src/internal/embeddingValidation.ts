/**
 * What can be wrong with the options of an embedding call whoever answers it, found before any network; and whether a
 * refusal of the provider is about the inputs or about them.
 */
import * as Effect from "effect/Effect"
import type * as Embedding from "../Embedding.ts"
import * as ProviderError from "../ProviderError.ts"

/** Why one input has no vector, told to the place where the input stood: `inputs[3]`, or `input` for the only one. */
export type Failure = (field: string) => ProviderError.ProviderError

/** Options a provider accepts, what it takes with them in one request, and whether long texts go in pieces. */
export interface Resolved {
  readonly options: Embedding.ResolvedOptions
  readonly limits: Embedding.Limits
  readonly chunk: boolean
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
  const truncate = options?.truncate ?? "none"
  const vectorType = options?.vectorType ?? "float"
  if (truncate === "chunk" && vectorType !== "float") {
    return Effect.fail(ProviderError.invalidRequest({
      provider: provider.provider,
      model,
      field: "truncate",
      problem: `"chunk" averages vectors, which those of \`vectorType\` "${vectorType}" do not allow`,
      remedy: "Leave `vectorType` out, or set `truncate` to \"start\", \"end\" or \"none\""
    }))
  }
  const resolved: Embedding.ResolvedOptions = {
    ...options,
    model,
    purpose: options?.purpose ?? "document",
    vectorType,
    truncate: truncate === "chunk" ? "none" : truncate
  }
  return Effect.map(
    provider.limits(resolved),
    (limits) => ({ options: resolved, limits, chunk: truncate === "chunk" })
  )
}

/** Whether a refusal may be due to one input of a batch: a named option is wrong for all of them. */
export const isAboutInputs = (error: ProviderError.ProviderError): boolean =>
  error._tag === "ContextLengthExceededError" ||
  (error._tag === "InvalidRequestError" && (error.field === undefined || error.field.startsWith("input")))

/** Puts the place of an input into the error of the provider that refused it; other errors stay as they are. */
export const at = (error: ProviderError.ProviderError, field: string): ProviderError.ProviderError => {
  if (!isAboutInputs(error)) return error
  const { cause, exception, model, provider, requestId } = error
  const named = error._tag === "InvalidRequestError" ? error.field : undefined
  const problem = named !== undefined && error.message.startsWith(`${named}: `)
    ? error.message.slice(named.length + 2)
    : error.message
  // `inputs[0].image` of a request is `inputs[17].image` of the call.
  const place = `${field}${named?.match(/^inputs?(?:\[\d+\])?(\..+)$/u)?.[1] ?? ""}`
  const fields = { provider, model, message: `${place}: ${problem}`, requestId, exception, cause }
  return error._tag === "InvalidRequestError"
    ? new ProviderError.InvalidRequestError({ ...fields, field: place, remedy: error.remedy })
    : new ProviderError.ContextLengthExceededError(fields)
}
