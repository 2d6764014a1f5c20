import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as JobFailure from "../../src/batch/JobFailure.ts"

describe("Why a job failed", () => {
  it.each([
    ["Too many jobs are in progress or queued: the quota of 20 is exceeded", "QueueFullError"],
    ["The maximum number of submitted jobs for the account has been reached", "QueueFullError"],
    ["ServiceQuotaExceeded: limit of in-progress batch inference jobs", "QueueFullError"],
    ["The number of records exceeds the quota of 50000 records for a job", "InvalidRequestError"],
    ["The input file size exceeds the limit of 1 GB for a batch job", "InvalidRequestError"],
    ["The service role is not authorized to perform: s3:GetObject", "PermissionDeniedError"],
    ["Access Denied while reading s3://bucket/in/", "PermissionDeniedError"],
    ["User is not authorized to perform: kms:Decrypt on the key", "PermissionDeniedError"],
    ["An internal error occurred. Please try again", "ProviderInternalError"],
    ["Each line of the input has to be a JSON object", "InvalidRequestError"],
    ["", "InvalidRequestError"]
  ])("%s: %s (jobs 34, 38)", (message, tag) => {
    const error = JobFailure.of(message, { model: "a-model", region: "us-east-1" })
    assert.strictEqual(error._tag, tag)
    assert.include(error.message, message === "" ? "without a message" : message)
    assert.strictEqual(error.model, "a-model")
    assert.strictEqual(ProviderError.isTransient(error), tag === "QueueFullError" || tag === "ProviderInternalError")
  })
})

describe("Why a job was not created", () => {
  const said = (providerMessage: string) => ({ provider: "aws.bedrock", message: "It was refused.", providerMessage })

  it("is a full queue for a quota of jobs, and else what it was (jobs 38)", () => {
    const refused = (error: ProviderError.CallError) => JobFailure.ofCreation(error)._tag
    assert.strictEqual(refused(new ProviderError.QuotaExceededError(said("Too many jobs"))), "QueueFullError")
    assert.strictEqual(refused(new ProviderError.RateLimitError(said("limit of queued jobs"))), "QueueFullError")
    assert.strictEqual(refused(new ProviderError.RateLimitError(said("Rate exceeded"))), "RateLimitError")
    assert.strictEqual(refused(new ProviderError.QuotaExceededError(said("Too many records"))), "QuotaExceededError")
    assert.strictEqual(refused(new ProviderError.InvalidRequestError(said("Too many jobs"))), "InvalidRequestError")
  })
})
