/**
 * An embedding service under a token quota: the tokens of its texts are reserved before it is asked, and settled when it
 * has answered.
 */
import * as Embedding from "@strata/core/Embedding"
import type * as EmbeddingService from "@strata/core/EmbeddingService"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type * as AwsError from "../AwsError.ts"
import * as Tokens from "../converse/Tokens.ts"
import type * as Quota from "../Quota.ts"

/** The same service; a request there is no room for fails as Bedrock would refuse it. */
export const metered = (
  service: EmbeddingService.EmbeddingService["Service"],
  reserve: Quota.Reserve
): EmbeddingService.EmbeddingService["Service"] => ({
  ...service,
  embedMany: (inputs, options) =>
    Effect.scoped(Effect.gen(function*() {
      const input = inputs.reduce((sum, input) => sum + Tokens.ofText(Embedding.textOf(input) ?? ""), 0)
      const reservation = yield* Effect.mapError(reserve({ input, output: 0 }), refused)
      const batch = yield* service.embedMany(inputs, options)
      reservation.settle({ inputTokens: batch.usage.inputTokens ?? input, cacheWriteTokens: 0, outputTokens: 0 })
      return batch
    }))
})

const refused = ({ exception, message }: AwsError.AwsError) =>
  new ProviderError.RateLimitError({ provider: "aws.bedrock", exception, message })
