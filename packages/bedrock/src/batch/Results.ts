/**
 * Reads the output of a job: all files below the folder of the job, and what its manifest says of them.
 */
import type * as Batch from "@strata/core/batch/Batch"
import * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { providerName } from "../internal/provider.ts"
import * as Download from "../storage/Download.ts"
import * as Lines from "../storage/Lines.ts"
import * as Location from "../storage/Location.ts"
import type { Storage } from "../storage/Storage.ts"
import * as Json from "../wire/Json.ts"
import type * as Decoding from "./Decoding.ts"

/** Lines have the input, and an answer of at most the size of an input's. */
const longestLine = 64_000_000

/**
 * The results of a job that is over. Fails at the end with `MalformedResponseError` when there were fewer than the manifest
 * or the job has counted.
 *
 * - `folder`: that of the output of all jobs; each has a folder of its own in it.
 */
export const read = (
  storage: Storage,
  { folder, job }: { readonly folder: Location.Location; readonly job: Batch.Job },
  decode: Decoding.Decode,
  options: Download.Options
): Stream.Stream<Batch.BatchResult, ProviderError.CallError> =>
  Stream.suspend(() => {
    const own = ownFolder(folder, job)
    let records = 0
    const files = Stream.filter(
      Stream.fromEffect(Effect.retry(Stream.runCollect(storage.list(own)), options.retry)).pipe(
        Stream.flatMap(Stream.fromIterable)
      ),
      ({ key }) => key.endsWith(".jsonl.out")
    )
    const results = Stream.flatMap(
      files,
      (file) => Lines.split(Download.bytes(storage, own.bucket, file, options), longestLine)
    ).pipe(
      Stream.map((line) => {
        records++
        return decode(line)
      })
    )
    const end = Effect.gen(function*() {
      const { counts: { processed = job.counts.processed ?? 0 } } = yield* manifest(storage, own, options)
      if (records < processed) return yield* incomplete(job, own, records, processed)
      return Stream.empty
    })
    return Stream.concat(results, Stream.unwrap(end))
  })

const withSlash = ({ bucket, key }: Location.Location): Location.Location => ({
  bucket,
  key: key === "" || key.endsWith("/") ? key : `${key}/`
})

/** The manifest of a job, with the counts of the job where it is missing or says nothing. */
export const totals = (
  storage: Storage,
  { folder, job }: { readonly folder: Location.Location; readonly job: Batch.Job },
  options: Download.Options
): Effect.Effect<Batch.Totals, ProviderError.CallError> =>
  Effect.map(
    manifest(storage, ownFolder(folder, job), options),
    ({ counts, usage }) => ({ counts: { ...job.counts, ...counts }, usage })
  )

const ownFolder = (folder: Location.Location, { id }: Batch.Job): Location.Location =>
  Location.inside(withSlash(folder), `${id.slice(id.lastIndexOf("/") + 1)}/`)

const manifest = Effect.fnUntraced(function*(
  storage: Storage,
  own: Location.Location,
  options: Download.Options
): Effect.fn.Return<Batch.Totals, ProviderError.CallError> {
  const bytes = yield* Download.whole(storage, Location.inside(own, "manifest.json.out"), 1_000_000, options)
  const parsed = bytes && Result.getOrElse(Json.parseBytes(bytes), () => undefined)
  const count = (name: string): number | undefined => {
    const value = Predicate.hasProperty(parsed, name) ? parsed[name] : undefined
    return Predicate.isNumber(value) && Number.isSafeInteger(value) && value >= 0 ? value : undefined
  }
  const counts = {
    total: count("totalRecordCount"),
    processed: count("processedRecordCount"),
    succeeded: count("successRecordCount"),
    failed: count("errorRecordCount")
  }
  const [inputTokens, outputTokens = 0] = [count("inputTokenCount"), count("outputTokenCount")]
  const known = Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== undefined))
  return inputTokens === undefined
    ? { counts: known }
    : { counts: known, usage: Usage.make({ inputTokens, outputTokens }) }
})

const incomplete = ({ model, name }: Batch.Job, own: Location.Location, records: number, counted: number) =>
  new ProviderError.MalformedResponseError({
    provider: providerName,
    model,
    message: `${Location.toUri(own)} has ${records} results, and the job "${name}" processed ${counted} records. ` +
      "The results that were read are valid; check that no other program deletes files there, and submit the rest again."
  })
