/** The Chat Completions API. */
import * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import type { Codec } from "./Codec.ts"

export const codec: Codec = {
  encode: ({ model }, { provider }) =>
    Result.fail(
      new ProviderError.UnsupportedFeatureError({ provider, model, feature: "chat", message: "Not yet." })
    )
}
