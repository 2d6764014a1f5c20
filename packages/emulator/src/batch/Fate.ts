/**
 * What the faults that struck its creation do to a batch job.
 */
import type { JobFault } from "../fault/Fault.ts"

/**
 * - `failure`: it fails when it is validated, with this message.
 * - `ending`: it ends with this status after a `share` of its records.
 * - `refused`: a `share` of its records, the first ones, get this error.
 * - `missing`, `doubled`, `foreign`: so many answers are left out, written twice, or written once more under an id that no
 *   record has.
 */
export interface Fate {
  readonly failure: string | undefined
  readonly ending:
    | { readonly status: "Expired" | "PartiallyCompleted" | "Stopped"; readonly share: number }
    | undefined
  readonly refused: { readonly share: number; readonly errorCode: number; readonly errorMessage: string } | undefined
  readonly missing: number
  readonly doubled: number
  readonly foreign: number
}

/** Of all faults; of two of the same kind the first one counts. */
export const of = (faults: ReadonlyArray<JobFault>): Fate => {
  const find = <Type extends JobFault["type"]>(type: Type) =>
    faults.find((fault): fault is Extract<JobFault, { readonly type: Type }> => fault.type === type)
  const failure = find("jobFailure")
  const refused = find("recordErrors")
  const [missing, doubled, foreign] = [find("missingRecords"), find("doubledRecords"), find("foreignRecords")]
  const ending = faults.flatMap((fault): ReadonlyArray<NonNullable<Fate["ending"]>> => {
    switch (fault.type) {
      case "jobExpiry":
        return [{ status: "Expired", share: fault.fraction ?? 0.5 }]
      case "jobPartial":
        return [{ status: "PartiallyCompleted", share: fault.fraction ?? 0.5 }]
      case "jobStop":
        return [{ status: "Stopped", share: fault.fraction ?? 0.5 }]
      default:
        return []
    }
  })[0]
  return {
    failure: failure === undefined ? undefined : failure.message ?? failureMessage,
    ending,
    refused: refused === undefined ? undefined : {
      share: refused.fraction ?? 1,
      errorCode: refused.errorCode ?? 400,
      errorMessage: refused.errorMessage ?? "bad request"
    },
    missing: missing === undefined ? 0 : missing.count ?? 1,
    doubled: doubled === undefined ? 0 : doubled.count ?? 1,
    foreign: foreign === undefined ? 0 : foreign.count ?? 1
  }
}

/** Assumed. */
const failureMessage = "The input data of the batch inference job could not be validated."
