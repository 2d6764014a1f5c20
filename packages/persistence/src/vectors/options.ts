/** The options and arguments of `VectorStore`, and their checks. */
import * as Check from "@strata/core/Check"
import type * as Embedding from "@strata/core/embedding/Embedding"
import type * as Schema from "effect/Schema"
import * as SharedState from "../SharedState.ts"

/**
 * A text with an id of the caller's.
 *
 * - `metadata`: JSON that is stored with it, such as `{ source: "faq.md", tags: ["billing"] }`; a change of it embeds
 *   nothing.
 */
export interface Document {
  readonly id: string
  readonly text: string
  readonly metadata?: { readonly [name: string]: Schema.Json } | undefined
}

/**
 * - `space`: names the model that makes the vectors. Vectors of two models cannot be compared: a document stored under
 *   another name is not found, and is embedded again when it is stored.
 * - `dimensions`: numbers in a vector, 16,000 at most. There is no index for more than 2,000: a search reads every row.
 * - `table`: `strata_vectors` by default, with a schema before it where there is one, `search.handbook`.
 */
export interface LayerOptions {
  readonly space: string
  readonly dimensions: number
  readonly table?: string | undefined
}

/**
 * - `limit`: the number of documents, 5 by default, 1,000 at most.
 * - `filter`: finds documents whose metadata contains this: `{ lang: "en", tags: ["billing"] }` finds those with this `lang`
 *   whose `tags` have `billing` among them. This is the containment of `jsonb`, which has an index.
 */
export interface SearchOptions {
  readonly limit?: number | undefined
  readonly filter?: { readonly [name: string]: Schema.Json } | undefined
}

const json = Check.jsonObject("Give an object of JSON values") as Check.Check<
  // The check copies plain JSON.
  { readonly [name: string]: Schema.Json }
>

export const layer = Check.struct<LayerOptions>({
  space: Check.filled,
  dimensions: Check.number({ min: 1, max: 16_000, whole: true, remedy: "Use a whole number from 1 to 16,000" }),
  table: Check.optional(SharedState.tableOf)
})

export const documents: Check.Check<ReadonlyArray<Document>> = Check.list(
  Check.struct<Document>({ id: Check.text, text: Check.text, metadata: Check.optional(json) })
)

export const search = Check.struct<SearchOptions>({
  limit: Check.optional(
    Check.number({ min: 1, max: 1000, whole: true, remedy: "Use a whole number from 1 to 1,000" })
  ),
  filter: Check.optional(json)
})

/** A text, or a vector of this many finite numbers. */
export const question = (dimensions: number): Check.Check<string | Embedding.Vector> => (given, at) => {
  if (typeof given === "string") return given
  if (!Check.holds(isVector, given)) return Check.refuse(at, "it is neither text nor a vector", "Give one of them")
  const vector = Float32Array.from(given as Embedding.Vector) // checked just now
  return vector.length === dimensions && vector.every(Number.isFinite)
    ? vector
    : Check.refuse(at, `it is not a vector of ${dimensions} finite numbers`, "Use the model of the store")
}

export const ids: Check.Check<ReadonlyArray<string>> = Check.list(Check.text)

const isVector = (given: unknown): boolean =>
  ArrayBuffer.isView(given) &&
  (given instanceof Float32Array || given instanceof Int8Array || given instanceof Uint8Array)
