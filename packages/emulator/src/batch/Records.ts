/**
 * The records of a job's input: the files it names, and what each line says.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import * as Json from "../Json.ts"
import type * as Buckets from "../s3/Bucket.ts"
import * as Listing from "../s3/Listing.ts"
import type * as ObjectStore from "../s3/ObjectStore.ts"
import type * as JobOptions from "./JobOptions.ts"
import * as JobRequest from "./JobRequest.ts"
import * as Lines from "./Lines.ts"

/** A record; without an id of its own it gets one. */
export interface Record {
  readonly recordId: string | undefined
  readonly modelInput: Readonly<{ [name: string]: unknown }>
}

/** A file of the input; `name` is its path below the folder of the input, or its own name. */
export interface File {
  readonly name: string
  readonly object: Buckets.StoredObject
}

/** The input and the output of a job, where both exist and are accessible. */
export interface Places {
  readonly files: ReadonlyArray<File>
  readonly output: Buckets.Bucket
}

/**
 * Finds the files of a job and its output bucket. A URI names a file, or a folder whose `.jsonl` files are all read.
 *
 * That jobs fail for these reasons is documented, the messages are the emulator's own.
 */
export const find = Effect.fnUntraced(function*(
  store: ObjectStore.ObjectStore,
  { inputDataConfig, outputDataConfig }: JobRequest.JobRequest,
  region: string,
  { maxFileBytes, maxJobBytes }: JobOptions.Settings
) {
  const { s3InputDataConfig: from } = inputDataConfig
  const { s3OutputDataConfig: to } = outputDataConfig
  const source = JobRequest.locate(from.s3Uri)
  const input = yield* bucketOf(store, source.bucket, { action: "GetObject", region, owner: from.s3BucketOwner })
  const output = yield* bucketOf(store, JobRequest.locate(to.s3Uri).bucket, {
    action: "PutObject",
    region,
    owner: to.s3BucketOwner
  })
  const file = input.objects.get(source.key)
  const folder = source.key === "" || source.key.endsWith("/") ? source.key : `${source.key}/`
  const files = file === undefined
    ? Listing.matching(input, folder).filter(({ key }) => key.endsWith(extension))
    : [file]
  if (files.length === 0) return yield* refuse(`There is no ${extension} file at ${from.s3Uri}.`)
  const wrong = files.find(({ key }) => !key.endsWith(extension))
  if (wrong !== undefined) return yield* refuse(`The input ${wrong.key} is not a ${extension} file.`)
  const large = files.find(({ size }) => size > maxFileBytes)
  if (large !== undefined) {
    return yield* refuse(`The input ${large.key} has ${large.size} bytes; a file may have ${maxFileBytes}.`)
  }
  const total = files.reduce((sum, { size }) => sum + size, 0)
  if (total > maxJobBytes) return yield* refuse(`The input has ${total} bytes; a job may have ${maxJobBytes}.`)
  const above = file === undefined ? folder.length : file.key.lastIndexOf("/") + 1
  const places: Places = { output, files: files.map((object) => ({ object, name: object.key.slice(above) })) }
  return places
})

const extension = ".jsonl"

/** A bucket that a job reads or writes. */
export const bucketOf = (
  store: ObjectStore.ObjectStore,
  name: string,
  { action, owner, region }: {
    readonly action: "GetObject" | "PutObject"
    readonly region: string
    readonly owner: string | undefined
  }
): Effect.Effect<Buckets.Bucket, AwsError.AwsError> =>
  store.bucket(name).pipe(
    Effect.mapError(({ code }) =>
      AwsError.validation(
        code === "AccessDenied"
          ? `Could not validate ${action} permissions to access Amazon S3 bucket: ${name}.`
          : `The Amazon S3 bucket does not exist: ${name}.`
      )
    ),
    Effect.filterOrFail(
      (bucket) => bucket.region === region,
      (bucket) =>
        AwsError.validation(`The Amazon S3 bucket ${name} is in ${bucket.region}; the batch job runs in ${region}.`)
    ),
    Effect.filterOrFail(
      (bucket) => owner === undefined || owner === bucket.owner,
      () => AwsError.validation(`The Amazon S3 bucket ${name} belongs to another account than the job says.`)
    )
  )

/** Reads every record once; returns their number. Only the ids are kept, and there are at most `maxRecords` of them. */
export const validate = Effect.fnUntraced(function*(
  store: ObjectStore.ObjectStore,
  files: Places["files"],
  settings: JobOptions.Settings
) {
  const ids = new Set<string>()
  let total = 0
  for (const { object: file } of files) {
    yield* Stream.runForEach(Lines.split(store.read(file), settings.maxRecordBytes), (line) =>
      Effect.gen(function*() {
        const at = `line ${line.number} of ${file.key}`
        const { recordId } = yield* Effect.mapError(parse(line.bytes), (problem) =>
          AwsError.validation(`The record in ${at} is malformed: ${problem}`))
        if (recordId !== undefined && ids.has(recordId)) {
          return yield* refuse(`The record in ${at} has the recordId of an earlier one: ${recordId}`)
        }
        if (recordId !== undefined) {
          ids.add(recordId)
        }
        if (++total > settings.maxRecords) {
          return yield* refuse(`The input has more than ${settings.maxRecords} records.`)
        }
      }))
  }
  if (total < settings.minRecords) {
    return yield* refuse(`The input has ${total} records; a job needs at least ${settings.minRecords}.`)
  }
  return total
})

/** A line as a record; fails with what is wrong about it. */
export const parse = (bytes: Uint8Array): Effect.Effect<Record, string> => {
  const json = Json.fromBytes(bytes)
  if (Result.isFailure(json)) return Effect.fail("it is not JSON in UTF-8.")
  const { success: record } = json
  if (!Predicate.isObject(record)) return Effect.fail("it is not an object.")
  const { modelInput, recordId } = record
  if (!Predicate.isObject(modelInput)) return Effect.fail("modelInput is not an object.")
  if (recordId === undefined) return Effect.succeed({ recordId, modelInput })
  return typeof recordId === "string" && recordId.length > 0 && recordId.length <= maxIdLength
    ? Effect.succeed({ recordId, modelInput })
    : Effect.fail(`recordId is not a text of 1 to ${maxIdLength} characters.`)
}

/** Documented are eleven letters and digits; that the service takes longer ones is assumed. */
const maxIdLength = 256

const refuse = (message: string) => Effect.fail(AwsError.validation(message))
