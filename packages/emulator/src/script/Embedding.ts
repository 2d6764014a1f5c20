/**
 * An embedding service with the vectors of a script, and hashed words for other inputs.
 */
import * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import { TestEmbedding } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Vector from "../invoke/embedding/Vector.ts"
import type * as Rule from "./Rule.ts"
import * as ScriptedAnswer from "./ScriptedAnswer.ts"

/** `choose` gives the answer for one input, if the script has one; fails with the problem of the script. */
export const layer = (
  choose: (call: Rule.Call) => Result.Result<ScriptedAnswer.ScriptedAnswer | undefined, string>
): Layer.Layer<EmbeddingService.EmbeddingService> =>
  Layer.effect(
    EmbeddingService.EmbeddingService,
    Effect.flatMap(EmbeddingService.EmbeddingService, (hashing) => {
      const scripted = Effect.fnUntraced(function*(input: Embedding.Input, model: string) {
        const text = Embedding.textOf(input) ?? ""
        const answer = yield* Effect.fromResult(Result.mapError(
          choose({ operation: "embed", text, model, tools: [] }),
          (problem) => ScriptedAnswer.wrongScript(problem, model)
        ))
        if (answer === undefined || typeof answer === "string") return undefined
        if (answer.delay !== undefined) yield* Effect.sleep(answer.delay)
        if (answer.error !== undefined) return yield* ScriptedAnswer.toError(answer.error)
        return answer.vector && Float32Array.from(answer.vector)
      })
      return EmbeddingService.make({
        provider: ScriptedAnswer.provider,
        defaultModel: "script",
        policy: Policy.none,
        limits: () => Effect.succeed(limits),
        embedBatch: Effect.fnUntraced(function*({ inputs, options }) {
          const vectors = yield* Effect.forEach(inputs, (input) => scripted(input, options.model))
          // the vectors of a batch have one size; the emulator resizes them for its model
          const longest = Math.max(0, ...vectors.map((vector) => vector?.length ?? 0))
          const dimensions = options.dimensions ?? (longest === 0 ? undefined : longest)
          const batch = yield* hashing.embedMany(inputs, { ...options, ...(dimensions && { dimensions }) })
          return {
            vectors: batch.embeddings.map(({ vector }, index) => {
              const own = vectors[index]
              return own === undefined || options.vectorType !== "float" ? vector : Vector.resize(own, vector.length)
            }),
            inputTokens: batch.usage.inputTokens
          }
        })
      })
    })
  ).pipe(
    Layer.provide(TestEmbedding.layer({ limits })),
    // There are no invalid options here.
    Layer.orDie
  )

/** The emulator enforces the limits of its models. */
const limits: Embedding.Limits = {
  maxItems: 96,
  maxLength: 10_000_000,
  images: { maxItems: 96 },
  combined: { maxItems: 96 }
}
