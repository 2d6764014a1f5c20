/**
 * What made the vectors of a collection. Vectors of two stamps cannot be compared, so a collection has one.
 */
import { Splitter } from "@strata/documents"
import * as Schema from "effect/Schema"
import * as CommandError from "../process/CommandError.ts"

/**
 * - `provider`, `model`: who made the vectors, without the geography of an inference profile.
 * - `dimensions`: asked for, or `null` for the model's own.
 * - `normalize`, `vectorType`, `purpose`: as asked for.
 * - `splitter`, `maxTokens`, `overlapTokens`: how documents were cut; `splitter` is the version of `Splitter`.
 */
export class Stamp extends Schema.Opaque<Stamp>()(Schema.Struct({
  provider: Schema.String,
  model: Schema.String,
  dimensions: Schema.NullOr(Schema.Finite),
  normalize: Schema.Boolean,
  vectorType: Schema.String,
  purpose: Schema.String,
  splitter: Schema.String,
  maxTokens: Schema.Finite,
  overlapTokens: Schema.Finite
})) {}

/** The stamp of vectors to be made. */
export const make = (options: {
  readonly provider: string
  readonly model: string
  readonly dimensions: number | undefined
  readonly maxTokens: number
  readonly overlapTokens: number
}): Stamp => ({
  provider: options.provider,
  model: baseModel(options.model),
  dimensions: options.dimensions ?? null,
  normalize: true,
  vectorType: "float",
  purpose: "document",
  splitter: Splitter.version,
  maxTokens: options.maxTokens,
  overlapTokens: options.overlapTokens
})

/** A model has the same vectors in all its geographies. */
const baseModel = (model: string): string => model.replace(/^(?:us|eu|apac|jp|au|ca|us-gov|global)\./, "")

/** Fields in the order in which they matter. */
const fields = [
  "provider",
  "model",
  "dimensions",
  "normalize",
  "vectorType",
  "purpose",
  "splitter",
  "maxTokens",
  "overlapTokens"
] as const

/** In words, where two stamps differ: `model is "b", and was "a"`. `undefined` for equal ones. */
export const difference = (before: Stamp, now: Stamp): string | undefined => {
  const different = fields.filter((field) => before[field] !== now[field])
  return different.length === 0
    ? undefined
    : different.map((field) => `${field} is ${JSON.stringify(now[field])}, and was ${JSON.stringify(before[field])}`)
      .join("; ")
}

/** A collection has vectors of another stamp. */
export const refused = (collection: string, change: string): CommandError.CommandError =>
  CommandError.failed(
    `${collection} has other vectors: ${change}. Vectors of different kinds cannot be compared. Use the settings it was ` +
      "made with, another --collection, or `strata embed --rebuild` with all its files to embed them again"
  )

/** Where the vector of a question differs from the stamp: the way documents are cut does not matter to it. */
export const differenceOfQuery = (stamp: Stamp, now: Stamp): string | undefined =>
  difference(stamp, {
    ...now,
    dimensions: stamp.dimensions,
    splitter: stamp.splitter,
    maxTokens: stamp.maxTokens,
    overlapTokens: stamp.overlapTokens
  })
