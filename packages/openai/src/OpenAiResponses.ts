/** The Responses API. */
import * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import type { Codec } from "./chat/Codec.ts"

/** Not there yet. */
export const codec: Codec = {
  encode: ({ model }, { provider }) =>
    Result.fail(
      new ProviderError.UnsupportedFeatureError({
        provider,
        model,
        feature: "the Responses API",
        message: "The Responses API is not supported yet. Use `api: \"chat-completions\"`."
      })
    )
}
