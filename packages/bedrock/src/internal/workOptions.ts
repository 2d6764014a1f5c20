/** Options that batch jobs and asynchronous invocations have in common: files in S3, tags, retries. */
import * as Check from "@strata/core/Check"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as Schedule from "effect/Schedule"
import * as Region from "../Region.ts"
import type * as Storage from "../storage/Storage.ts"

/**
 * - `bucketOwner`: the account that has to own the buckets. `kmsKey`: what the files are encrypted with.
 * - `tags`: of jobs and invocations.
 * - `retry`: of requests to S3 and the service, for transient failures; `Retry.standard` when missing.
 * - `s3`: see {@link Storage.Options}.
 */
export interface WorkOptions extends Storage.Protection {
  readonly tags?: Readonly<Record<string, string>> | undefined
  readonly retry?: Retry.Retry | undefined
  readonly s3?: Storage.Options | undefined
}

const account: Check.Check<string> = (given, at) =>
  typeof given === "string" && !/^\d{12}$/u.test(given)
    ? Check.refuse(at, "it is not the id of an account", "Use its 12 digits, as text")
    : Check.text(given, at)

const tags: Check.Check<Readonly<Record<string, string>>> = (given, at) => {
  const all = Check.jsonObject("Give texts by name")(given, at)
  if (all === Check.refused) return all
  const settled: Record<string, string> = {}
  for (const name of Object.keys(all)) {
    const value = Check.part(Check.text, all, name, at)
    if (value === Check.refused) return value
    settled[name] = value
  }
  return settled
}

/** Their checks. */
export const fields: Check.Fields<WorkOptions> = {
  bucketOwner: Check.optional(account),
  kmsKey: Check.optional(Check.filled),
  tags: Check.optional(tags),
  // The types of a schedule cannot be checked.
  retry: Check.optional(
    Check.instance(Schedule.isSchedule, "Use `Retry.exponential` or any `Schedule`") as Check.Check<Retry.Retry>
  ),
  s3: Check.optional(Check.struct<Storage.Options>({
    endpoint: Check.optional(Check.filled),
    forcePathStyle: Check.optional(Check.flag),
    region: Check.optional(Region.check)
  }))
}

/** The retries of a layer, of transient failures alone. */
export const transient = (
  retry: Retry.Retry = Retry.standard
): Schedule.Schedule<unknown, ProviderError.CallError> =>
  Schedule.while(retry, ({ input }) => ProviderError.isTransient(input))

/** A range of a download, of which a lost connection costs little. */
export const rangeSize = 32 * 1024 * 1024
