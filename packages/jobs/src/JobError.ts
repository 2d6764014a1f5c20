/** What a job as a whole fails with, and why a single item has no result. */
import * as ProviderError from "@strata/core/ProviderError"
import * as TaggedError from "@strata/core/TaggedError"
import * as Schema from "effect/Schema"

/** There is a job of this name with another definition. `field` is the first part that differs. */
export class JobConflictError extends TaggedError.make<JobConflictError>()("JobConflictError", {
  job: Schema.String,
  field: Schema.String,
  message: Schema.String
}) {}

/** There is no job of this name in the store. */
export class JobNotFoundError extends TaggedError.make<JobNotFoundError>()("JobNotFoundError", {
  job: Schema.String,
  message: Schema.String
}) {}

/** The database of the jobs failed, and did not come back in time. Nothing that was written is lost. */
export class JobStoreError extends TaggedError.make<JobStoreError>()("JobStoreError", {
  job: Schema.optional(Schema.String),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/** The sink failed again and again. The items of the chunk come again when the job is run again. */
export class JobSinkError extends TaggedError.make<JobSinkError>()("JobSinkError", {
  job: Schema.String,
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * The job cannot go on for a reason outside of it: credentials, a budget, a daily quota, an outage that outlasts its
 * patience, or a definition the model refuses for every item. Run it again once that is mended: nothing is lost.
 */
export class JobPausedError extends TaggedError.make<JobPausedError>()("JobPausedError", {
  job: Schema.String,
  message: Schema.String,
  error: Schema.optional(ProviderError.ProviderError)
}) {}

/** What running a job fails with, besides the failures of its source. */
export type RunError =
  | JobConflictError
  | JobNotFoundError
  | JobPausedError
  | JobSinkError
  | JobStoreError
  | ProviderError.InvalidRequestError

/**
 * Why an item has no result, where it is not the provider's failure.
 *
 * - `undecodable`: what is stored does not match the schema of items any more; `unencodable`: the item does not match it.
 * - `oversize`: it is larger than the job allows. `id`: its id is no text of 1 to 512 characters.
 * - `unanswered`: batch jobs ended without a result for it.
 * - `poison`: the process ended each time it was worked on. `sink`: the sink refuses it, and takes others.
 */
export class ItemError extends TaggedError.make<ItemError>()("ItemError", {
  kind: Schema.Literals(["undecodable", "unencodable", "oversize", "id", "poison", "sink", "unanswered"]),
  message: Schema.String
}) {}

/** Why an item has no result. */
export type DeadLetterError = typeof DeadLetterError.Type
export const DeadLetterError = Schema.Union([ItemError, ...ProviderError.ProviderError.members])
