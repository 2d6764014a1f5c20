/**
 * The limits of batch jobs. AWS has a quota for each model and region, and changes them: these are the defaults of most,
 * and options override them. https://docs.aws.amazon.com/general/latest/gr/bedrock.html
 */
import type * as Batch from "@strata/core/batch/Batch"
import * as Check from "@strata/core/Check"
import * as Duration from "effect/Duration"
import * as ModelId from "../catalog/ModelId.ts"

/** Some limits of `Batch.Limits`, as Service Quotas has them for an account. */
export type Override = { readonly [Name in keyof Batch.Limits]?: Given<Batch.Limits[Name]> | undefined }

type Given<Limit> = Limit extends number ? number : Duration.Input

/** Overrides by model: an id with or without its geography, or `*` for all. */
export type Overrides = Readonly<Record<string, Override>>

/** What most models have. */
export const standard: Batch.Limits = {
  minRecords: 100,
  maxRecords: 50_000,
  // The body of a single call has as many: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
  maxRecordBytes: 25_000_000,
  maxFileBytes: 1_000_000_000,
  maxJobBytes: 5_000_000_000,
  minTimeout: Duration.hours(24),
  maxTimeout: Duration.hours(168),
  timeout: Duration.hours(24),
  maxOpenJobs: 20
}

type Settled = Partial<Batch.Limits>

/** Overrides that have been checked. */
export type SettledOverrides = Readonly<Record<string, Settled>>

/** The limits of a model: those for all, for the model anywhere, for this very id. */
export const make = (overrides: SettledOverrides, more: Settled) => (model: string): Batch.Limits => ({
  ...standard,
  ...more,
  ...own(overrides, "*"),
  ...own(overrides, ModelId.withoutGeo(model)),
  ...own(overrides, model)
})

const own = (overrides: SettledOverrides, key: string): Settled =>
  Object.hasOwn(overrides, key) ? overrides[key] ?? {} : {}

const figure = Check.number({ min: 1, whole: true, remedy: "Use a whole number from 1" })

const time = Check.duration({ zero: false })

const override = Check.partial<Batch.Limits>({
  minRecords: figure,
  maxRecords: figure,
  maxRecordBytes: figure,
  maxFileBytes: figure,
  maxJobBytes: figure,
  minTimeout: time,
  maxTimeout: time,
  timeout: time,
  maxOpenJobs: figure
})

/** Overrides that may be any value. */
export const check: Check.Check<SettledOverrides> = (given, at) => {
  const all = Check.jsonObject("Give limits by model", { others: true })(given, at)
  if (all === Check.refused) return all
  const settled: Record<string, Settled> = {}
  for (const model of Object.keys(all)) {
    const limits = Check.part(override, all, model, at)
    if (limits === Check.refused) return limits
    settled[model] = limits
  }
  return settled
}
