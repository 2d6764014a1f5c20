/**
 * How batch jobs of an emulator behave: the limits of the account, and how long each phase takes; asynchronous invocations too.
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { DurationInput } from "../DurationInput.ts"
import * as JsonFile from "../JsonFile.ts"

const Amount = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Time = DurationInput.check(
  Schema.makeFilter((value) =>
    (Duration.toMillis(value) >= 0 && Number.isFinite(Duration.toMillis(value))) ||
    "Expected a finite duration that is not negative"
  )
)

/**
 * The limits are by default those of most models (Amazon Bedrock endpoints and quotas, "Batch inference"); a job beyond
 * one of them fails, and says so.
 *
 * - `minRecords` (100), `maxRecords` (50,000): of a job. `maxFileBytes` (1 GB), `maxJobBytes` (5 GB): of its input.
 * - `maxRecordBytes` (25 MB): of one line, as for a request.
 * - `maxQueued` (20): jobs of a model that are not over; one more is refused with `ServiceQuotaExceededException`.
 * - `tools` (refused): whether records of the type Converse may have tools.
 * - `submitted`, `validating`, `scheduled`, `stopping` (10 milliseconds each): how long a job has each status at least.
 *   `processing` (20 milliseconds): the same for `InProgress`, over which the records are spread.
 * - `invocation` (20 milliseconds): how long an asynchronous invocation is in progress at least.
 */
export type JobOptions = typeof JobOptions.Type
/** @see {@link JobOptions} */
export const JobOptions = Schema.Struct({
  minRecords: Schema.optional(Amount),
  maxRecords: Schema.optional(Amount),
  maxFileBytes: Schema.optional(Amount),
  maxJobBytes: Schema.optional(Amount),
  maxRecordBytes: Schema.optional(Amount),
  maxQueued: Schema.optional(Amount),
  tools: Schema.optional(Schema.Literals(["refused", "supported"])),
  submitted: Schema.optional(Time),
  validating: Schema.optional(Time),
  scheduled: Schema.optional(Time),
  processing: Schema.optional(Time),
  stopping: Schema.optional(Time),
  invocation: Schema.optional(Time)
})

/** All of them; times in milliseconds. */
export interface Settings {
  readonly minRecords: number
  readonly maxRecords: number
  readonly maxFileBytes: number
  readonly maxJobBytes: number
  readonly maxRecordBytes: number
  readonly maxQueued: number
  readonly tools: "refused" | "supported"
  readonly submitted: number
  readonly validating: number
  readonly scheduled: number
  readonly processing: number
  readonly stopping: number
  readonly invocation: number
}

const decode = JsonFile.fromValue(JobOptions)

/** With the defaults; `message` of the error names the option. */
export const settle = (options: unknown): Result.Result<Settings, JsonFile.JsonFileError> =>
  Result.map(decode(options, "batch"), (given) => ({
    minRecords: given.minRecords ?? 100,
    maxRecords: given.maxRecords ?? 50_000,
    maxFileBytes: given.maxFileBytes ?? 1_000_000_000,
    maxJobBytes: given.maxJobBytes ?? 5_000_000_000,
    maxRecordBytes: given.maxRecordBytes ?? 25_000_000,
    maxQueued: given.maxQueued ?? 20,
    tools: given.tools ?? "refused",
    submitted: Duration.toMillis(given.submitted ?? 10),
    validating: Duration.toMillis(given.validating ?? 10),
    scheduled: Duration.toMillis(given.scheduled ?? 10),
    processing: Duration.toMillis(given.processing ?? 20),
    stopping: Duration.toMillis(given.stopping ?? 10),
    invocation: Duration.toMillis(given.invocation ?? 20)
  }))
