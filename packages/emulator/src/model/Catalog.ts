/**
 * The models of one account in one region.
 */
import * as Amazon from "./Amazon.ts"
import * as Anthropic from "./Anthropic.ts"
import type { ChatModel } from "./ChatModel.ts"
import type { EmbeddingModel, RerankModel } from "./InvokedModel.ts"
import * as InvokedModel from "./InvokedModel.ts"
import * as OpenWeights from "./OpenWeights.ts"

/** A model of the account. */
export type Model = ChatModel | EmbeddingModel | RerankModel

/**
 * The default models of an emulator. Models retired by the service stay callable, except for the one whose retirement
 * is recorded.
 */
export const defaults: ReadonlyArray<Model> = [
  ...Anthropic.models,
  ...Amazon.models,
  ...OpenWeights.models,
  ...InvokedModel.models
]

/**
 * The models and profiles of one account in one region. `applicationProfiles` maps the id or the ARN of an application
 * inference profile to the id of the model behind it.
 */
export interface Catalog {
  readonly region: string
  readonly models: ReadonlyMap<string, Model>
  readonly applicationProfiles: Readonly<Record<string, string>>
}

/** Builds a {@link Catalog}; `models` are added to the {@link defaults}, one with the same id replaces it. */
export const catalog = (options: {
  readonly region: string
  readonly models?: ReadonlyArray<Model> | undefined
  readonly applicationProfiles?: Readonly<Record<string, string>> | undefined
}): Catalog => ({
  region: options.region,
  models: new Map([...defaults, ...options.models ?? []].map((model) => [model.id, model])),
  applicationProfiles: options.applicationProfiles ?? {}
})
