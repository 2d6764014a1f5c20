/** What the contract of embeddings asks of an implementation, and what an implementation declares. */
import type * as Layer from "effect/Layer"
import type * as EmbeddingService from "../../../embedding/EmbeddingService.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import type * as Contract from "../../Contract.ts"

/** The features of an embedding model, by name, with words for a table. */
export const features = {
  script: "failures can be scripted",
  dimensions: "`dimensions`",
  int8: "`int8` vectors",
  binary: "`binary` vectors",
  images: "images",
  combined: "texts with images",
  usage: "usage",
  errors: "each error by its tag",
  interruption: "interruption ends the model's work"
} as const

/** A feature of an embedding model. */
export type Feature = keyof typeof features

/**
 * An implementation.
 *
 * - `layer`: the implementation, over the model that answers for it. Its policy is replaced by `Policy.none`.
 * - `dimensions`: numbers in its vectors; `fewer`: another number that it can be asked for.
 * - `support`: what it refuses, and what is missing; all else is tested.
 * - `errors`: the tag that an error of the model arrives with, where the way to the model does not tell it apart.
 * - `deviations`: by the title of a test, why the implementation does not pass it. The test runs, and fails when it passes.
 */
export interface Subject {
  readonly name: string
  readonly dimensions: number
  readonly fewer?: number | undefined
  readonly layer: (
    model: Layer.Layer<EmbeddingService.EmbeddingService>
  ) => Layer.Layer<EmbeddingService.EmbeddingService, unknown>
  readonly support?: { readonly [F in Feature]?: Contract.Support | undefined } | undefined
  readonly errors?: { readonly [Tag in Tags]?: Tags | undefined } | undefined
  readonly deviations?: Readonly<Record<string, string>> | undefined
}

type Tags = ProviderError.CallError["_tag"]
