/**
 * The span and the metrics around one rerank call. Texts are never recorded.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Rerank from "../Rerank.ts"
import type * as Validation from "./validation.ts"

/** Around one call. */
export const operation = <R>(
  target: Telemetry.Target,
  { documents, topN }: Validation.Resolved,
  self: Effect.Effect<Rerank.RerankResponse, ProviderError.RerankError, R>
): Effect.Effect<Rerank.RerankResponse, ProviderError.RerankError, R> => {
  const span = Telemetry.span(target, {
    "strata.rerank.documents": documents.length,
    "strata.rerank.top_n": Number.isFinite(topN) ? topN : undefined
  })
  return Effect.flatMap(Clock.currentTimeMillis, (start) =>
    self.pipe(
      Effect.tap((response) =>
        Telemetry.annotate({
          "gen_ai.response.id": response.requestId,
          "gen_ai.usage.input_tokens": response.usage?.inputTokens,
          "strata.rerank.requests": response.requests
        })
      ),
      Effect.onExit((exit) => Telemetry.recordEnd(target, start, exit))
    )).pipe(Effect.withSpan(span.name, span.options))
}
