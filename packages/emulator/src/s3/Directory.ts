/**
 * Objects in files: `<directory>/<bucket>/<hash of the key>.<version>.bin`, with their key and metadata in a `.json` file
 * beside it. Names of files are never made of keys, so that no key leads out of the directory.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import type * as AwsError from "../AwsError.ts"
import type { StoredObject } from "./Bucket.ts"
import * as Checksum from "./Checksum.ts"
import * as Content from "./Content.ts"

const SavedBucket = Schema.Struct({ region: Schema.String })

const SavedObject = Schema.Struct({
  key: Schema.String,
  size: Schema.Int,
  etag: Schema.String,
  lastModified: Schema.Finite,
  headers: Schema.Record(Schema.String, Schema.String),
  checksum: Schema.optionalKey(
    Schema.Struct({ algorithm: Schema.Literals(Checksum.algorithms), value: Schema.String })
  )
})

/** What was found of a bucket. */
export interface Saved {
  readonly name: string
  readonly region: string
  readonly objects: ReadonlyArray<StoredObject>
}

/**
 * - `load`: what an earlier emulator left. Files without a readable description are ignored.
 * - `draft`: a new version of an object, which is written piece by piece.
 */
export interface Directory {
  readonly load: Effect.Effect<ReadonlyArray<Saved>, AwsError.AwsError>
  readonly addBucket: (name: string, region: string) => Effect.Effect<void, AwsError.AwsError>
  readonly removeBucket: (name: string) => Effect.Effect<void, AwsError.AwsError>
  readonly draft: (bucket: string, key: string) => Effect.Effect<Draft, AwsError.AwsError>
  readonly remove: (content: Extract<Content.Content, { readonly type: "file" }>) => Effect.Effect<void>
}

/** A version of an object that is not visible yet. `complete` writes its description, last. */
export interface Draft {
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, AwsError.AwsError>
  readonly complete: (object: Omit<StoredObject, "content">) => Effect.Effect<Content.Content, AwsError.AwsError>
  readonly abort: Effect.Effect<void>
}

/** The directory, which is created when it is missing. */
export const open = Effect.fnUntraced(function*(path: string) {
  const root = Path.resolve(path)
  const clock = yield* Clock.Clock
  let version = 0
  yield* Content.attempt(() => Fs.mkdir(root, { recursive: true }))

  const loadBucket = Effect.fnUntraced(function*(name: string) {
    const folder = Path.join(root, name)
    const described = yield* json(Path.join(folder, bucketFile), decodeBucket)
    if (Option.isNone(described)) return []
    const files = yield* Content.attempt(() => Fs.readdir(folder))
    const objects: Array<StoredObject> = []
    for (const file of files.filter((file) => file.endsWith(suffix))) {
      const description = Path.join(folder, file)
      const saved = yield* json(description, decodeObject)
      if (Option.isNone(saved)) continue
      const { checksum, ...object } = saved.value
      const content = { type: "file" as const, path: description.slice(0, -suffix.length) + ".bin", description }
      objects.push({ ...object, checksum, content })
    }
    // of two versions, which a killed process may leave, the later one is valid
    const ordered = objects.toSorted((a, b) => a.lastModified - b.lastModified)
    return [{ name, region: described.value.region, objects: [...new Map(ordered.map((o) => [o.key, o])).values()] }]
  })

  const directory: Directory = {
    load: Effect.flatMap(
      Content.attempt(() => Fs.readdir(root)),
      (names) => Effect.map(Effect.forEach(names, loadBucket), (found) => found.flat())
    ),
    addBucket: (name, region) =>
      Effect.andThen(
        Content.attempt(() => Fs.mkdir(Path.join(root, name), { recursive: true })),
        Content.attempt(() => Fs.writeFile(Path.join(root, name, bucketFile), JSON.stringify({ region })))
      ),
    removeBucket: (name) => Content.attempt(() => Fs.rm(Path.join(root, name), { recursive: true, force: true })),
    draft: Effect.fnUntraced(function*(bucket, key) {
      const hash = Crypto.createHash("sha256").update(key).digest("hex")
      const name = Path.join(root, bucket, `${hash}.${clock.currentTimeMillisUnsafe()}-${++version}`)
      const [path, description, unfinished] = [`${name}.bin`, `${name}${suffix}`, `${name}.new`]
      const file = yield* Content.attempt(() => Fs.open(path, "wx"))
      const close = Content.attempt(() => file.close())
      const draft: Draft = {
        append: (bytes) => Effect.asVoid(Content.attempt(() => file.appendFile(bytes))),
        complete: Effect.fnUntraced(function*(object) {
          yield* close
          yield* Content.attempt(() => Fs.writeFile(unfinished, JSON.stringify(object)))
          yield* Content.attempt(() => Fs.rename(unfinished, description))
          return { type: "file" as const, path, description }
        }),
        abort: Effect.andThen(Effect.ignore(close), Effect.ignore(Content.attempt(() => Fs.rm(path, { force: true }))))
      }
      return draft
    }),
    remove: ({ description, path }) =>
      Effect.ignore(Effect.andThen(
        Content.attempt(() => Fs.rm(description, { force: true })),
        Content.attempt(() => Fs.rm(path, { force: true }))
      ))
  }
  return directory
})

const suffix = ".object.json"

const bucketFile = "bucket.json"

const decodeBucket = Schema.decodeUnknownOption(Schema.fromJsonString(SavedBucket))

const decodeObject = Schema.decodeUnknownOption(Schema.fromJsonString(SavedObject))

const json = <A>(file: string, decode: (text: string) => Option.Option<A>): Effect.Effect<Option.Option<A>> =>
  Effect.match(Content.attempt(() => Fs.readFile(file, "utf8")), {
    onFailure: () => Option.none<A>(),
    onSuccess: decode
  })
