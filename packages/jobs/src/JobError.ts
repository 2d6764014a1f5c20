/** What a job as a whole fails with, and why a single item has no result. */
import * as ProviderError from "@strata/core/ProviderError"
import * as TaggedError from "@strata/core/TaggedError"
import * as Schema from "effect/Schema"

/**
 * The store has a job of this name with another definition.
 *
 * When: `Job.run` is called for a name whose stored job has another definition, such as another model.
 *
 * - `field`: the first part that differs.
 *
 * Remedy: give the job another name, remove the old one, or run it with `acceptChanges`.
 */
export class JobConflictError extends TaggedError.make<JobConflictError>()("JobConflictError", {
  job: Schema.String,
  field: Schema.String,
  message: Schema.String
}) {}

/**
 * The store has no job of this name.
 *
 * When: `Job.status`, `retry`, `cancel` or `remove` names a job that was never run here, or was removed.
 *
 * Remedy: check the name and the database; `Job.list` lists the jobs.
 */
export class JobNotFoundError extends TaggedError.make<JobNotFoundError>()("JobNotFoundError", {
  job: Schema.String,
  message: Schema.String
}) {}

/**
 * The database of the jobs failed and did not come back in time.
 *
 * When: it cannot be opened, or fails for more than a minute. Nothing that was written is lost.
 *
 * Remedy: check the database and run the job again.
 */
export class JobStoreError extends TaggedError.make<JobStoreError>()("JobStoreError", {
  job: Schema.optional(Schema.String),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * The sink of the job failed again and again.
 *
 * When: the sink fails for one chunk after another. The items of the chunk come again when the job is run again.
 *
 * Remedy: correct the sink or what it writes to, and run the job again.
 */
export class JobSinkError extends TaggedError.make<JobSinkError>()("JobSinkError", {
  job: Schema.String,
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * The job cannot go on for a reason outside of it.
 *
 * When: credentials, a budget or a daily quota end, a model is missing, an outage outlasts `patience`, or the model
 * refuses every item.
 *
 * - `error`: the failure of the provider, if it is one.
 *
 * Remedy: mend the cause, which `error` and the message name, and run the job again: nothing is lost.
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
 * An item of a job has no result, and the provider is not the reason.
 *
 * When: an item is a dead letter of `Job.deadLetters` with one of these kinds.
 *
 * - `undecodable`: what is stored does not match the schema of items any more; `unencodable`: the item does not match
 *   it.
 * - `oversize`: it is larger than the job allows. `id`: its id is no text of 1 to 512 characters.
 * - `unanswered`: batch jobs ended without a result for it.
 * - `poison`: the process ended each time it was worked on. `sink`: the sink refuses it, and takes others.
 *
 * Remedy: correct the item or the sink, then `Job.retry` it.
 */
export class ItemError extends TaggedError.make<ItemError>()("ItemError", {
  kind: Schema.Literals(["undecodable", "unencodable", "oversize", "id", "poison", "sink", "unanswered"]),
  message: Schema.String
}) {}

/** Why an item has no result. */
export type DeadLetterError = typeof DeadLetterError.Type
export const DeadLetterError = Schema.Union([ItemError, ...ProviderError.ProviderError.members])
