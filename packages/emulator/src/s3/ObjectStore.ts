/**
 * Buckets and objects of an emulator, in memory or in a directory, with a bound for their total size.
 *
 * Nothing here is about HTTP: {@link S3} answers requests with it, and batch jobs read and write through it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as AwsError from "../AwsError.ts"
import * as Region from "../region/Region.ts"
import * as Buckets from "./Bucket.ts"
import * as Budget from "./Budget.ts"
import * as Checksum from "./Checksum.ts"
import * as Content from "./Content.ts"
import * as Directory from "./Directory.ts"
import * as S3Error from "./S3Error.ts"
import * as S3Options from "./S3Options.ts"

/** An object that is written piece by piece, and can be read once it is complete. */
export interface Writer {
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, AwsError.AwsError>
  readonly complete: Effect.Effect<Buckets.StoredObject, AwsError.AwsError>
  readonly abort: Effect.Effect<void>
}

/** The total and the number of objects of a bucket, and the keys of at most a thousand of them. */
export interface Summary {
  readonly keys: ReadonlyArray<string>
  readonly name: string
  readonly region: string
  readonly objects: number
  readonly bytes: number
  readonly uploads: number
}

/** See the functions of {@link make}. */
export type ObjectStore = Effect.Success<ReturnType<typeof make>>

const maxKeys = 1000

/** As in the service, by default. */
const maxBuckets = 100

/** The store of these options. Fails when an option is invalid, or the directory cannot be used. */
export const make = Effect.fnUntraced(function*(given: S3Options.S3Options, defaultRegion: string) {
  const options = yield* Effect.fromResult(S3Options.check(given))
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const limit = options.maxBytes ?? S3Options.defaultMaxBytes
  const budget = Budget.make(limit)
  const buckets = new Map<string, Buckets.Bucket>()
  const directory = options.directory === undefined ? undefined : yield* Directory.open(options.directory)

  const addBucket = (bucket: S3Options.BucketOptions) => {
    const added: Buckets.Bucket = {
      name: bucket.name,
      region: bucket.region ?? defaultRegion,
      owner: bucket.owner ?? Region.account,
      access: bucket.access ?? "granted",
      created: now(),
      objects: new Map(),
      uploads: new Map()
    }
    buckets.set(bucket.name, added)
    return added
  }
  for (const given of options.buckets ?? []) {
    const bucket = typeof given === "string" ? { name: given } : given
    addBucket(bucket)
    if (directory !== undefined) yield* directory.addBucket(bucket.name, bucket.region ?? defaultRegion)
  }
  if (directory !== undefined) {
    for (const saved of yield* directory.load) {
      const bucket = buckets.get(saved.name) ?? addBucket({ name: saved.name, region: saved.region })
      for (const object of saved.objects) {
        budget.force(object.size + Buckets.overhead)
        bucket.objects.set(object.key, object)
      }
    }
  }

  const bucket = (name: string): Effect.Effect<Buckets.Bucket, AwsError.AwsError> => {
    const found = buckets.get(name)
    if (found === undefined) return Effect.fail(S3Error.make("NoSuchBucket"))
    return found.access === "denied" ? Effect.fail(S3Error.make("AccessDenied")) : Effect.succeed(found)
  }

  const createBucket = Effect.fnUntraced(function*(name: string, region: string) {
    if (!S3Options.isBucketName(name)) return yield* S3Error.make("InvalidBucketName")
    const known = buckets.get(name)
    if (known !== undefined) {
      if (known.owner !== Region.account || known.access === "denied") return yield* S3Error.make("BucketAlreadyExists")
      // the service answers 200 in its oldest region only
      return known.region === region && region === "us-east-1" ? known : yield* S3Error.make("BucketAlreadyOwnedByYou")
    }
    if (buckets.size >= maxBuckets) return yield* S3Error.make("TooManyBuckets")
    const added = addBucket({ name, region })
    if (directory !== undefined) yield* directory.addBucket(name, region)
    return added
  })

  const deleteBucket = Effect.fnUntraced(function*(name: string) {
    const found = yield* bucket(name)
    if (found.objects.size > 0 || found.uploads.size > 0) return yield* S3Error.make("BucketNotEmpty")
    buckets.delete(name)
    if (directory !== undefined) yield* directory.removeBucket(name)
  })

  const release = (object: Buckets.StoredObject) => budget.release(object.size + Buckets.overhead)

  const drop = (object: Buckets.StoredObject) =>
    Effect.andThen(
      Effect.sync(() => release(object)),
      object.content.type === "file" && directory !== undefined ? directory.remove(object.content) : Effect.void
    )

  /** Makes a content, whose size is reserved already, an object of the bucket, in place of the former one. */
  const replace = Effect.fnUntraced(function*(
    bucket: Buckets.Bucket,
    object: Omit<Buckets.StoredObject, "content" | "lastModified">,
    contentOf: (object: Omit<Buckets.StoredObject, "content">) => Effect.Effect<Content.Content, AwsError.AwsError>
  ) {
    const complete = { ...object, lastModified: now() }
    const stored: Buckets.StoredObject = { ...complete, content: yield* contentOf(complete) }
    const former = bucket.objects.get(object.key)
    bucket.objects.set(object.key, stored)
    if (former !== undefined) yield* drop(former)
    return stored
  })

  const commit = (
    bucket: Buckets.Bucket,
    pieces: Content.Pieces,
    object: Omit<Buckets.StoredObject, "content" | "lastModified">
  ) =>
    replace(bucket, object, (object) => {
      if (directory === undefined) return Effect.succeed(Content.inMemory(pieces))
      return Effect.flatMap(directory.draft(bucket.name, object.key), (draft) =>
        Effect.forEach(pieces, draft.append, { discard: true }).pipe(
          Effect.andThen(draft.complete(object)),
          Effect.onError(() =>
            draft.abort
          )
        ))
    })

  /** Reserves room, and gives it back when what follows fails. */
  const within = <A, E, R>(bytes: number, effect: Effect.Effect<A, E, R>) =>
    Effect.andThen(
      budget.reserve(bytes),
      Effect.onError(effect, () => Effect.sync(() => budget.release(bytes)))
    )

  const put = (
    bucket: Buckets.Bucket,
    key: string,
    bytes: Uint8Array,
    description: Buckets.Description & { readonly checksum?: Checksum.Checksum | undefined }
  ) =>
    within(
      bytes.length + Buckets.overhead,
      commit(bucket, [bytes], {
        key,
        size: bytes.length,
        etag: `"${Checksum.md5(bytes).toString("hex")}"`,
        headers: description.headers,
        checksum: description.checksum
      })
    )

  const remove = Effect.fnUntraced(function*(bucket: Buckets.Bucket, key: string) {
    const object = bucket.objects.get(key)
    if (object === undefined) return
    bucket.objects.delete(key)
    yield* drop(object)
  })

  const object = (bucket: Buckets.Bucket, key: string): Effect.Effect<Buckets.StoredObject, AwsError.AwsError> => {
    const found = bucket.objects.get(key)
    return found === undefined ? Effect.fail(S3Error.make("NoSuchKey")) : Effect.succeed(found)
  }

  /** Of an object, from `start` up to, but not including, `end`. */
  const read = (
    { content, size }: Buckets.StoredObject,
    start = 0,
    end = size
  ): Stream.Stream<Uint8Array, AwsError.AwsError> => Content.read(content, start, end)

  const writer = (bucket: Buckets.Bucket, key: string, headers: Buckets.Description["headers"]): Writer => {
    const pieces: Array<Uint8Array> = []
    const hash = Content.hash()
    let draft: Directory.Draft | undefined
    let size = 0
    const keep = Effect.fnUntraced(function*(bytes: Uint8Array) {
      size += bytes.length
      hash.update(bytes)
      if (directory === undefined) return void pieces.push(bytes)
      draft ??= yield* directory.draft(bucket.name, key)
      yield* draft.append(bytes)
    })
    return {
      abort: Effect.suspend(() => {
        budget.release(size)
        pieces.length = 0
        size = 0
        return draft?.abort ?? Effect.void
      }),
      append: (bytes) => Effect.andThen(budget.reserve(bytes.length), keep(bytes)),
      complete: within(
        Buckets.overhead,
        Effect.suspend(() => {
          const object = { key, size, etag: `"${hash.digest("hex")}"`, headers, checksum: undefined }
          return draft === undefined ? commit(bucket, pieces, object) : replace(bucket, object, draft.complete)
        })
      )
    }
  }

  return {
    /** Of bodies that are being received. */
    arriving: Budget.make(limit),
    budget,
    bucket,
    buckets: () => [...buckets.values()],
    commit,
    createBucket,
    deleteBucket,
    now,
    object,
    put,
    read,
    remove,
    writer,
    summaries: (): ReadonlyArray<Summary> =>
      [...buckets.values()].map(({ name, objects, region, uploads }) => ({
        keys: [...objects.keys()].slice(0, maxKeys),
        name,
        region,
        objects: objects.size,
        bytes: [...objects.values()].reduce((sum, { size }) => sum + size, 0),
        uploads: uploads.size
      }))
  }
})
