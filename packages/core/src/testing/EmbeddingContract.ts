/**
 * The contract of `EmbeddingService` as tests: what every provider, bridge and decorator of it must do. The tests script the
 * model *behind* the implementation, as those of `ChatContract` do.
 *
 * @example
 * EmbeddingContract.suite({ describe, it }, {
 *   name: "MyEmbedding over its emulator",
 *   dimensions: 1024,
 *   layer: (model) => MyEmbedding.layer().pipe(Layer.provide(MyEmulator.layer), Layer.provide(model)),
 *   support: { images: { refused: "the model reads texts only" } }
 * })
 */
import type * as Contract from "./Contract.ts"
import * as Declare from "./internal/contract/declare.ts"
import * as Failures from "./internal/contract/embeddingFailures.ts"
import { features, type Subject } from "./internal/contract/embeddingSubject.ts"
import * as Vectors from "./internal/contract/embeddingVectors.ts"

export type { Feature, Subject } from "./internal/contract/embeddingSubject.ts"
export { features }

/** Declares the tests, with `describe` and `it` of `@effect/vitest`. */
export const suite = (runner: Contract.Runner, subject: Subject): void =>
  Declare.declare(runner, "the contract of EmbeddingService", subject, tests, features, Vectors.refusal)

const tests = [...Vectors.tests, ...Failures.tests]
