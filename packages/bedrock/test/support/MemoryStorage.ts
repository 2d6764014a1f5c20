/** S3 in memory, whose functions a test can let fail. */
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import * as Crypto from "node:crypto"
import * as Location from "../../src/storage/Location.ts"
import type * as Storage from "../../src/storage/Storage.ts"

export const lost = new ProviderError.ConnectionError({ provider: "aws.bedrock", message: "the connection was lost" })

/** What a call fails with, if it does: `call` is its function, `count` how many of it there were before. */
export type Fault = (call: keyof Storage.Storage, count: number) => ProviderError.CallError | "hang" | undefined

interface Upload {
  readonly uri: string
  readonly parts: Map<number, Uint8Array>
}

/** - `chunk`: bytes that arrive at once. `cutAfter`: bytes after which a download breaks, by its number. */
export interface Options {
  readonly fault?: Fault
  readonly chunk?: number
  readonly cutAfter?: (download: number) => number | undefined
}

export const make = ({ chunk = 1_000, cutAfter, fault }: Options = {}) => {
  const objects = new Map<string, { readonly bytes: Uint8Array; readonly sha256: string }>()
  const uploads = new Map<string, Upload>()
  const calls: Array<keyof Storage.Storage> = []
  const reads: Array<readonly [start: number, end: number]> = []

  const run = <A>(call: keyof Storage.Storage, effect: Effect.Effect<A, ProviderError.CallError>) =>
    Effect.suspend(() => {
      const failure = fault?.(call, calls.filter((name) => name === call).length)
      calls.push(call)
      if (failure === "hang") return Effect.never
      return failure === undefined ? effect : Effect.fail(failure)
    })

  const storage: Storage.Storage = {
    head: (location) =>
      run(
        "head",
        Effect.sync(() => {
          const found = objects.get(Location.toUri(location))
          return found && { size: found.bytes.length, etag: digest(found.bytes), sha256: found.sha256 }
        })
      ),
    put: (location, bytes, sha256) =>
      run(
        "put",
        Effect.sync(() => {
          objects.set(Location.toUri(location), { bytes: bytes.slice(), sha256 })
        })
      ),
    open: (location) =>
      run(
        "open",
        Effect.sync(() => {
          const id = `upload-${calls.length}`
          uploads.set(id, { uri: Location.toUri(location), parts: new Map() })
          return id
        })
      ),
    part: (_, upload, { bytes, number, sha256 }) =>
      run(
        "part",
        Effect.sync(() => {
          uploads.get(upload)!.parts.set(number, bytes.slice())
          return { number, etag: digest(bytes), sha256 }
        })
      ),
    complete: (location, upload, parts) =>
      run(
        "complete",
        Effect.sync(() => {
          const sent = uploads.get(upload)!
          uploads.delete(upload)
          objects.set(Location.toUri(location), {
            bytes: Buffer.concat(parts.map(({ number }) => sent.parts.get(number)!)),
            sha256: `${digest(Buffer.concat(parts.map(({ sha256 }) => Buffer.from(sha256, "base64"))))}-${parts.length}`
          })
        })
      ),
    abort: (_, upload) => run("abort", Effect.sync(() => void uploads.delete(upload))),
    uploads: (location) =>
      run(
        "uploads",
        Effect.sync(() => [...uploads].flatMap(([id, { uri }]) => uri === Location.toUri(location) ? [id] : []))
      ),
    list: (location) =>
      Stream.unwrap(run(
        "list",
        Effect.sync(() =>
          Stream.fromIterable(
            [...objects]
              .filter(([uri]) => uri.startsWith(Location.toUri(location)))
              .map(([uri, { bytes }]) => ({
                key: Option.getOrThrow(Option.fromNullishOr(Location.parse(uri))).key,
                size: bytes.length,
                etag: digest(bytes)
              }))
              .sort((one, other) => one.key < other.key ? -1 : 1)
          )
        )
      )),
    read: (location, { end, start }) =>
      Stream.unwrap(run(
        "read",
        Effect.suspend(() => {
          const found = objects.get(Location.toUri(location))
          if (found === undefined) return Effect.fail(absent)
          const bytes = found.bytes.subarray(start, end)
          const cut = cutAfter?.(reads.length)
          reads.push([start, end])
          const arriving = cut === undefined ? bytes : bytes.subarray(0, cut)
          const chunks = Array.from(
            { length: Math.ceil(arriving.length / chunk) },
            (_, index) => arriving.subarray(index * chunk, (index + 1) * chunk)
          )
          return Effect.succeed(
            arriving.length < bytes.length && reads.length % 2 === 0
              ? Stream.concat(Stream.fromIterable(chunks), Stream.fail(lost))
              : Stream.fromIterable(chunks)
          )
        })
      )),
    remove: (location) => run("remove", Effect.sync(() => void objects.delete(Location.toUri(location)))),
    regionOf: () => run("regionOf", Effect.succeed("us-east-1"))
  }

  return {
    storage,
    calls,
    reads,
    openUploads: () => uploads.size,
    /** What a program before left behind. */
    leave: (uri: string) => void uploads.set(`left-${uploads.size}`, { uri, parts: new Map() }),
    write: (uri: string, content: string | Uint8Array) => {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
      objects.set(uri, { bytes, sha256: digest(bytes) })
    },
    uris: () => [...objects.keys()],
    text: (uri: string) => {
      const found = objects.get(uri)
      return found && new TextDecoder().decode(found.bytes)
    }
  }
}

export const absent = new ProviderError.InvalidRequestError({
  provider: "aws.bedrock",
  message: "there is no such key",
  exception: "NoSuchKey"
})

const digest = (bytes: Uint8Array): string => Crypto.createHash("sha256").update(bytes).digest("base64")
