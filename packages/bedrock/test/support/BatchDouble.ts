/** The batch service over S3 and a control plane in memory. */
import * as BatchService from "@strata/core/batch/BatchService"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Encoding from "../../src/batch/Encoding.ts"
import * as Limits from "../../src/batch/Limits.ts"
import * as Preflight from "../../src/batch/Preflight.ts"
import * as Provider from "../../src/batch/provider.ts"
import * as BedrockClient from "../../src/BedrockClient.ts"
import * as Preparation from "../../src/converse/Preparation.ts"
import * as Resolution from "../../src/embedding/Resolution.ts"
import * as MemoryJobs from "./MemoryJobs.ts"
import * as MemoryStorage from "./MemoryStorage.ts"

export interface Options {
  readonly storage?: MemoryStorage.Options
  readonly jobs?: Parameters<typeof MemoryJobs.make>[0]
  readonly limits?: Limits.SettledOverrides
  readonly allowed?: Encoding.Allowed
  readonly partSize?: number
}

export const roleArn = "arn:aws:iam::123456789012:role/batch"

export const make = Effect.fnUntraced(
  function*({ allowed = {}, limits = {}, partSize = 100, ...options }: Options = {}) {
    const memory = MemoryStorage.make(options.storage)
    const control = MemoryJobs.make(options.jobs)
    const client = yield* BedrockClient.make({
      region: "us-east-1",
      credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.make("a-secret-access-key") }
    })
    const shared = {
      jobs: control.jobs,
      storage: memory.storage,
      input: { bucket: "the-bucket", key: "in/" },
      output: { bucket: "the-bucket", key: "out/" },
      roleArn,
      retry: Schedule.while(
        Retry.exponential({ times: 3, base: 0, rateLimitBase: 0 }),
        ({ input }) => ProviderError.isTransient(input)
      )
    }
    const service = yield* BatchService.make(Provider.make({
      ...shared,
      client,
      model: "amazon.titan-embed-text-v2:0",
      allowed,
      prepare: yield* Preparation.make(),
      familyOf: Resolution.make(undefined, () => Effect.undefined),
      limits: Limits.make({ "*": { minRecords: 2 }, ...limits }, {}),
      preflight: Preflight.make({ ...shared, region: "us-east-1" }),
      partSize,
      rangeSize: 1_000
    }))
    return { service, memory, control }
  }
)
