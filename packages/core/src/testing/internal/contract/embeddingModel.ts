/** The model behind the implementation that a test of the contract of embeddings asks. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Embedder from "../../../embedding/Embedder.ts"
import type * as Embedding from "../../../embedding/Embedding.ts"
import * as EmbeddingService from "../../../embedding/EmbeddingService.ts"
import * as Policy from "../../../policy/Policy.ts"
import * as TestEmbedding from "../../TestEmbedding.ts"
import type * as Declare from "./declare.ts"
import type * as EmbeddingSubject from "./embeddingSubject.ts"

export type Test = Declare.Test<EmbeddingSubject.Feature, EmbeddingSubject.Subject>

/** The double behind, the declaration, and the texts that reached the double. */
export interface Model {
  readonly subject: EmbeddingSubject.Subject
  readonly double: TestEmbedding.TestEmbedding["Service"]
  readonly seen: Effect.Effect<ReadonlyArray<Embedding.Input>>
}

/** A test against a model that refuses the text `forbidden`. */
export const test = (
  title: string,
  needs: ReadonlyArray<EmbeddingSubject.Feature>,
  run: (service: Embedder.Embedder, model: Model) => Effect.Effect<unknown, unknown, Scope.Scope>
): Test => ({
  title,
  needs,
  run: (subject) =>
    Effect.gen(function*() {
      const behind = yield* Layer.build(TestEmbedding.layer({
        dimensions: subject.dimensions,
        limits: { maxLength: 100_000 },
        refuse: (input) => input === "forbidden"
      }))
      const double = Context.get(behind, TestEmbedding.TestEmbedding)
      const seen = Effect.map(double.batches, (batches) =>
        batches.flatMap(({ inputs }): ReadonlyArray<Embedding.Input> => inputs))
      const service = yield* over(subject, Layer.succeedContext(behind))
      return yield* run(service, { subject, double, seen })
    })
})

/** The implementation over a model. */
export const over = (
  subject: EmbeddingSubject.Subject,
  model: Layer.Layer<EmbeddingService.EmbeddingService>
): Effect.Effect<Embedder.Embedder, unknown, Scope.Scope> =>
  Effect.map(
    Layer.build(EmbeddingService.withPolicy(subject.layer(model), Policy.none)),
    (built) => Context.get(built, EmbeddingService.EmbeddingService)
  )
