/**
 * A model together with its provider, as text: `openai:gpt-5.1`, `bedrock:us.amazon.nova-lite-v1:0`.
 *
 * Ids of models have colons and slashes of their own, so text is split once, at its first colon, and only if a known provider
 * stands before it.
 */
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"

/** `provider`: a name that the program gave, see `Providers`; `model`: the id as the provider spells it. */
export interface ModelReference {
  readonly provider: string
  readonly model: string
}

/**
 * The provider and model of a text, if it begins with one of `providers` and a colon. Else it is the id of a model by itself,
 * and the answer is `undefined`; so it is for a value that is not text.
 *
 * @example
 * parse("bedrock:us.amazon.nova-lite-v1:0", ["bedrock", "ollama"]) // { provider: "bedrock", model: "us.amazon.nova-lite-v1:0" }
 * parse("llama3.2:3b", ["bedrock", "ollama"]) // undefined
 */
export const parse: (text: string, providers: ReadonlyArray<string>) => ModelReference | undefined = Total.make(
  (text, providers) => {
    if (typeof text !== "string") return undefined
    const colon = text.indexOf(":")
    const [provider, model] = [text.slice(0, colon), text.slice(colon + 1)]
    return colon > 0 && model !== "" && Check.itemsOf(providers)?.includes(provider) === true
      ? { provider, model }
      : undefined
  },
  () => undefined
)

/** The text of a reference, from which {@link parse} gives it back. Empty for a value that is not a reference. */
export const print: (reference: ModelReference) => string = Total.make(
  ({ model, provider }) => typeof provider === "string" && typeof model === "string" ? `${provider}:${model}` : "",
  () => ""
)
