/** Names of models in the AWS Price List, and the ids of requests that have their prices. */
import * as Check from "@strata/core/Check"
import * as Predicate from "effect/Predicate"
import type { KnownChatModel, KnownEmbeddingModel } from "../catalog/KnownModels.ts"
import * as Region from "../Region.ts"
import type { Understood } from "./Product.ts"

/** Model ids, or patterns with `*`, by name. */
export type Models = Readonly<Record<string, string>>

/** Names as AWS lists them, without "(Amazon Bedrock Edition)". */
export const known: Models = {
  "Nova Lite": "amazon.nova-lite-v1:0",
  "Nova Pro": "amazon.nova-pro-v1:0",
  "gpt-oss-120b": "openai.gpt-oss-120b-1:0",
  "Claude 3 Haiku": "anthropic.claude-3-haiku-20240307-v1:0",
  "Claude Opus 4.1": "anthropic.claude-opus-4-1-20250805-v1:0",
  "Claude Sonnet 4.5": "anthropic.claude-sonnet-4-5-20250929-v1:0",
  "Claude Haiku 4.5": "anthropic.claude-haiku-4-5-20251001-v1:0",
  "Claude Sonnet 4.6": "anthropic.claude-sonnet-4-6",
  "Claude Opus 5.5": "anthropic.claude-opus-5-5",
  "Cohere Embed 4 Model": "cohere.embed-v4:0",
  "Jamba 1.5 Large": "ai21.jamba-1-5-large-v1:0"
} satisfies Record<string, KnownChatModel | KnownEmbeddingModel>

export const check: Check.Check<Models> = (given, at) => {
  if (!Predicate.isObject(given)) return Check.refuseKind(at, given, "Give model ids by name")
  const models: Array<readonly [string, string]> = []
  for (const name of Object.keys(given)) {
    const id = Check.part(Check.filled, given, name, at)
    if (id === Check.refused) return id
    models.push([name, id])
  }
  return Object.fromEntries(models)
}

/**
 * The patterns of a product; `undefined` for one that is not known. A profile of a geography has the price of the region it
 * is called from, as AWS says; `global` has its own.
 */
export const patternsOf = (
  models: Models,
  { isGlobal, name }: Understood,
  region: string
): ReadonlyArray<string> | undefined => {
  const id = Object.hasOwn(models, name) ? models[name]! : undefined
  if (id === undefined) return undefined
  if (id.includes("*")) return isGlobal ? undefined : [id]
  return isGlobal ? [`global.${id}`] : [id, ...Region.geographies(region).map((geography) => `${geography}.${id}`)]
}
