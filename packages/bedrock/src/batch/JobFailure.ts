/**
 * Why a job was refused or failed, by the words of the service: a job that has to wait is not a failed one.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Failure from "../error/Failure.ts"

/** The typed error for the message of a failed job. */
export const of = (message: string, asked: Failure.Asked): ProviderError.SubmitError => {
  const failure = { asked, words: message, raw: message, silence: "the job failed, without a message" }
  if (isFull(message)) return new ProviderError.QueueFullError(Failure.toFields(failure, waitForJobs))
  if (permissions.test(message)) {
    return new ProviderError.PermissionDeniedError(
      Failure.toFields(failure, "Allow it in the policies of the role, the bucket and the key: see `preflight`")
    )
  }
  if (broken.test(message)) {
    return new ProviderError.ProviderInternalError(
      Failure.toFields(failure, "Submit the records again under another name; if it keeps failing, ask AWS support")
    )
  }
  return new ProviderError.InvalidRequestError(Failure.toFields(failure, "Correct the job, and submit it again"))
}

/** A refusal to create a job, of which one because of too many jobs is no failure. */
export const ofCreation = (error: ProviderError.CallError): ProviderError.SubmitError => {
  const { message, model, provider, requestId, server, exception, providerMessage = "" } = error
  const isQuota = error._tag === "QuotaExceededError" || error._tag === "RateLimitError" && isFull(providerMessage)
  if (!isQuota || tooLarge.test(providerMessage)) return error
  return new ProviderError.QueueFullError({
    provider,
    model,
    requestId,
    server,
    exception,
    providerMessage,
    message: `${message} ${waitForJobs}.`
  })
}

const waitForJobs = "Wait until one of the jobs is over, and submit it again"

const isFull = (words: string): boolean => jobs.test(words) && quota.test(words) && !tooLarge.test(words)

const jobs = /\bjobs?\b|\bin[- ]progress\b|\bqueued?\b/i

const quota = /quota|limit|too many|maximum number|exceed/i

/** Of one job, which waiting does not make smaller. */
const tooLarge = /\b(records?|bytes|file|size|tokens?)\b/i

const permissions =
  /access ?denied|not authorized|unauthorized|permission|assume|forbidden|\bkms\b|insufficient access/i

const broken = /internal|unexpected|try again|service (?:is )?unavailable/i
