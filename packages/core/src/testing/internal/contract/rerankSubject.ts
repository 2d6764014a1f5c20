/** What the contract of rerankers asks of an implementation, and what an implementation declares. */
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as ProviderError from "../../../ProviderError.ts"
import type * as RerankService from "../../../rerank/RerankService.ts"
import type * as Contract from "../../Contract.ts"

/** The features of a reranker, by name, with words for a table. */
export const features = {
  usage: "usage",
  errors: "each error by its tag",
  interruption: "interruption ends the model's work"
} as const

/** A feature of a reranker. */
export type Feature = keyof typeof features

/**
 * What the model behind an implementation does.
 *
 * - `errors`: it fails with these, one a request; then it scores documents by the words they share with the query.
 * - `hang`: it never answers, runs `asked` when it is asked, and `left` when its work is interrupted.
 */
export interface Behaviour {
  readonly errors?: ReadonlyArray<ProviderError.RerankError> | undefined
  readonly hang?: { readonly asked: Effect.Effect<void>; readonly left: Effect.Effect<void> } | undefined
}

/**
 * An implementation.
 *
 * - `layer`: the implementation, over a model that behaves so. Its policy is replaced by `Policy.none`.
 * - `support`: what it refuses, and what is missing; all else is tested.
 * - `errors`: the tag that an error of the model arrives with, where the way to the model does not tell it apart.
 * - `deviations`: by the title of a test, why the implementation does not pass it. The test runs, and fails when it passes.
 */
export interface Subject {
  readonly name: string
  readonly layer: (behaviour: Behaviour) => Layer.Layer<RerankService.RerankService, unknown>
  readonly support?: { readonly [F in Feature]?: Contract.Support | undefined } | undefined
  readonly errors?: { readonly [Tag in Tags]?: Tags | undefined } | undefined
  readonly deviations?: Readonly<Record<string, string>> | undefined
}

type Tags = ProviderError.CallError["_tag"]
