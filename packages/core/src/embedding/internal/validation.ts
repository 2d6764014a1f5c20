/** Validates the options of embedding calls before any network, and places errors about inputs. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as Embedding from "../Embedding.ts"
import * as Placed from "./placed.ts"

/** The failure of one input, given its place: `inputs[3]`, or `input` for the only one. */
export type Failure = (field: string) => ProviderError.EmbeddingError

/** The options of a call, which may be any value, as the provider gets them, and the `truncate` of the caller. */
export const resolve = Effect.fnUntraced(function*(
  { defaultModel, provider }: { readonly provider: string; readonly defaultModel?: string | undefined },
  given: unknown
): Effect.fn.Return<
  {
    readonly options: Embedding.ResolvedOptions
    readonly truncate: NonNullable<Embedding.EmbeddingOptions["truncate"]>
  },
  ProviderError.InvalidRequestError
> {
  const { truncate = "none", ...options } = yield* settle(provider, given)
  const { model = defaultModel, purpose = "document", vectorType = "float" } = options
  if (model === undefined || model.trim() === "") {
    return yield* ProviderError.invalidRequest({
      provider,
      model,
      field: "model",
      problem: "no model is named",
      remedy: "Set `model` in the options of the call, or once in the options of the layer"
    })
  }
  if (truncate === "chunk" && vectorType !== "float") {
    return yield* ProviderError.invalidRequest({
      provider,
      model,
      field: "truncate",
      problem: `"chunk" averages vectors, which those of \`vectorType\` "${vectorType}" do not allow`,
      remedy: "Leave `vectorType` out, or set `truncate` to \"start\", \"end\" or \"none\""
    })
  }
  return {
    truncate,
    options: { ...options, model, purpose, vectorType, truncate: truncate === "chunk" ? "none" : truncate }
  }
})

export const settle = (
  provider: string,
  given: unknown
): Effect.Effect<Embedding.EmbeddingOptions, ProviderError.InvalidRequestError> =>
  given === undefined ? Effect.succeed({}) : Check.run(options, given, { provider, whole: "options" })

/** Validates a stream and its options, which may be any values. */
export const settleStream = Effect.fnUntraced(function*(
  provider: string,
  stream: { readonly values: unknown; readonly input: unknown },
  given: unknown
): Effect.fn.Return<Embedding.EmbeddingOptions & Pace, ProviderError.InvalidRequestError> {
  yield* Check.run(streamed, stream, { provider })
  return given === undefined ? {} : yield* Check.run(streamOptions, given, { provider, whole: "options" })
})

const streamed = Check.struct<{ readonly values: unknown; readonly input: unknown }>({
  values: Check.instance(Stream.isStream, "Give a `Stream`"),
  input: Check.callback("Give a function from a value to its input, or leave it out")
})

export interface Pace {
  readonly flushAfter?: Duration.Duration | undefined
  readonly unordered?: boolean | undefined
}

const fields: Check.Fields<Embedding.EmbeddingOptions> = {
  model: Check.optional(Check.text),
  purpose: Check.optional(Check.word(["document", "query", "classification", "clustering"])),
  dimensions: Check.optional(Check.number({
    min: 1,
    whole: true,
    what: "a number of dimensions",
    remedy: "Use a whole number from 1 that the model offers, or leave it out"
  })),
  normalize: Check.optional(Check.flag),
  vectorType: Check.optional(Check.word(["float", "int8", "uint8", "binary"])),
  truncate: Check.optional(Check.word(["none", "start", "end", "chunk"])),
  providerOptions: Check.optional(Check.providerOptions)
}

const named = { remedy: "Give an object of options, or nothing" }

export const options = Check.struct<Embedding.EmbeddingOptions>(fields, named)

const streamOptions = Check.struct<Embedding.EmbeddingOptions & Pace>({
  ...fields,
  flushAfter: Check.optional(Check.duration()),
  unordered: Check.optional(Check.flag)
}, named)

/** Whether a refusal may be due to one input of a batch, rather than to an option. */
export const isAboutInputs = (
  error: ProviderError.EmbeddingError
): error is ProviderError.InvalidRequestError | ProviderError.ContextLengthExceededError =>
  error._tag === "ContextLengthExceededError" ||
  (error._tag === "InvalidRequestError" && (error.field === undefined || error.field.startsWith("input")))

/** Places an error of the provider about an input; other errors stay as they are. */
export const at = (error: ProviderError.EmbeddingError, field: string): ProviderError.EmbeddingError => {
  if (!isAboutInputs(error)) return error
  // `inputs[0].image` of a request is `inputs[17].image` of the call.
  return Placed.placed(error, `${field}${error.field?.match(/^inputs?(?:\[\d+\])?(\..+)$/u)?.[1] ?? ""}`)
}

/** Moves an error about `inputs[place]` to another place; `position` gives the new one. Other errors stay as they are. */
export const moved = (
  error: ProviderError.EmbeddingError,
  position: (place: number) => number | undefined
): ProviderError.EmbeddingError => {
  if (!("field" in error)) return error
  const [, place, part = ""] = error.field?.match(/^inputs\[(\d+)\](.*)$/u) ?? []
  const to = place === undefined ? undefined : position(Number(place))
  return to === undefined ? error : Placed.placed(error, `inputs[${to}]${part}`)
}
