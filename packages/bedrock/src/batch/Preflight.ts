/**
 * Finds out what would make jobs fail, before anything is uploaded: all of it at once, with the statements that allow it.
 *
 * It does what the program would do itself, with an empty object that is removed again. What the role of the jobs may do,
 * and whether the caller may pass it on, only a job can tell.
 */
import type * as Batch from "@strata/core/batch/Batch"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as BedrockError from "../BedrockError.ts"
import * as Location from "../storage/Location.ts"
import type { Storage } from "../storage/Storage.ts"
import type { Jobs } from "./Jobs.ts"

/** `region`: where the buckets have to be. */
export interface Settings {
  readonly jobs: Jobs
  readonly storage: Storage
  readonly input: Location.Location
  readonly output: Location.Location
  readonly roleArn: string
  readonly region: string | undefined
  readonly retry: Schedule.Schedule<unknown, ProviderError.CallError>
}

/** Something to try, and what has to be allowed for it. */
interface Attempt {
  readonly action: string
  readonly resource: string
  readonly run: Effect.Effect<unknown, ProviderError.CallError>
}

/** The obstacles. Fails with what says nothing about them, such as expired credentials. */
export const make = (settings: Settings): Batch.Provider["preflight"] => {
  const { input, output, storage } = settings
  const [, partition = "aws"] = settings.roleArn.split(":")
  const arnOf = (bucket: string, key?: string) => `arn:${partition}:s3:::${bucket}${key === undefined ? "" : `/${key}`}`
  const objects = ({ bucket, key }: Location.Location) => arnOf(bucket, `${key}*`)
  const probe = Location.inside(input, "strata-preflight")
  const missing = Location.inside(output, "strata-preflight")
  const listing = (location: Location.Location): Attempt => ({
    action: "s3:ListBucket",
    resource: arnOf(location.bucket),
    run: Stream.runDrain(Stream.take(storage.list(location), 1))
  })

  const attempts: ReadonlyArray<Attempt> = [
    { action: "s3:PutObject", resource: objects(input), run: storage.put(probe, new Uint8Array(0), emptyDigest) },
    { action: "s3:GetObject", resource: objects(input), run: storage.head(probe) },
    listing(input),
    { action: "s3:ListBucketMultipartUploads", resource: arnOf(input.bucket), run: storage.uploads(probe) },
    { action: "s3:DeleteObject", resource: objects(input), run: storage.remove(probe) },
    listing(output),
    {
      action: "s3:GetObject",
      resource: objects(output),
      run: Effect.catch(
        Stream.runDrain(storage.read(missing, { start: 0, end: 1, etag: undefined })),
        (error) => BedrockError.isMissing(error) ? Effect.void : Effect.fail(error)
      )
    },
    { action: "bedrock:ListModelInvocationJobs", resource: "*", run: settings.jobs.find("strata-preflight") }
  ]
  return () =>
    Effect.gen(function*() {
      const buckets = yield* Effect.forEach(
        [...new Set([input.bucket, output.bucket])],
        (bucket) => bucketObstacles(bucket, arnOf(bucket), settings)
      )
      // Nothing can be tried in a bucket that is missing or elsewhere.
      if (buckets.flat().length > 0) return buckets.flat()
      const found = yield* Effect.forEach(attempts, (attempt) => tried(attempt, settings))
      return found.flat()
    })
}

const tried = ({ action, resource, run }: Attempt, { retry }: Settings) =>
  Effect.matchEffect(Effect.retry(run, retry), {
    onFailure: (error): Effect.Effect<ReadonlyArray<Batch.Obstacle>, ProviderError.CallError> =>
      error._tag === "PermissionDeniedError" ? Effect.succeed([denied(error, action, resource)]) : Effect.fail(error),
    onSuccess: () => Effect.succeed([])
  })

const bucketObstacles = (bucket: string, resource: string, { region, retry, storage }: Settings) =>
  Effect.matchEffect(Effect.retry(storage.regionOf(bucket), retry), {
    onFailure: (error): Effect.Effect<ReadonlyArray<Batch.Obstacle>, ProviderError.CallError> => {
      if (error._tag === "PermissionDeniedError") return Effect.succeed([denied(error, "s3:ListBucket", resource)])
      if (error._tag !== "InvalidRequestError") return Effect.fail(error)
      const { remedy = "Check the name and the region of the bucket" } = error
      return Effect.succeed([{ action: "s3:ListBucket", resource, problem: error.message, remedy }])
    },
    onSuccess: (found) => {
      if (found === undefined || region === undefined || found === region) return Effect.succeed([])
      return Effect.succeed([{
        action: "s3:ListBucket",
        resource,
        problem: `The bucket ${bucket} is in ${found}, and jobs are created in ${region}`,
        remedy: `Use a bucket in ${region}, or create the jobs in ${found}`
      }])
    }
  })

/** A refusal; the words of S3 may name another action, such as one of the key. */
const denied = (
  { message, providerMessage = "" }: ProviderError.PermissionDeniedError,
  asked: string,
  on: string
): Batch.Obstacle => {
  const [, principal] = /User: (arn:\S+)/u.exec(providerMessage) ?? []
  const [, named] = /not authorized to perform: ([\w-]+:\w+)/u.exec(providerMessage) ?? []
  const [, key] = /on resource: (arn:\S+)/u.exec(providerMessage) ?? []
  const isOther = named !== undefined && !named.startsWith("s3:") && named !== asked
  const action = isOther ? named : asked
  const resource = isOther ? key ?? "*" : on
  return {
    action,
    resource,
    ...(principal === undefined ? undefined : { principal }),
    problem: message,
    remedy: `Allow ${action} on ${resource} in the policies of ${principal ?? "the credentials"}, and of the bucket`,
    statement: JSON.stringify({ Effect: "Allow", Action: action, Resource: resource })
  }
}

/** The SHA-256 of nothing, in base64. */
const emptyDigest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
