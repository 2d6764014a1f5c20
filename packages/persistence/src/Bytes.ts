/**
 * Stores of bytes on `effect/persistence`, for both caches.
 */
import * as Check from "@strata/core/Check"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as Result from "effect/Result"

export interface Bytes<E> {
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, E>
  readonly setMany: (
    entries: ReadonlyArray<readonly [key: string, value: Uint8Array]>,
    timeToLive?: Duration.Duration
  ) => Effect.Effect<void, E>
}

/** Values are JSON there, so bytes are base64. Many keys are one command. */
export const overPersistence = (options: { readonly storeId?: string | undefined }, usual: string) =>
  Effect.gen(function*() {
    const { storeId = usual } = yield* Check.run(Check.partial({ storeId: Check.filled }), options, names)
    const store = yield* (yield* Persistence.BackingPersistence).make(storeId)
    const bytes: Bytes<Persistence.PersistenceError> = {
      getMany: ([key, ...keys]) =>
        key === undefined
          ? Effect.succeed([])
          : Effect.map(store.getMany([key, ...keys]), (values) => values.map(fromJson)),
      setMany: (entries, timeToLive) => {
        const [first, ...rest] = entries.map(([key, value]) =>
          [key, { bytes: Base64.encode(value) }, timeToLive] as const
        )
        return first === undefined ? Effect.void : store.setMany([first, ...rest])
      }
    }
    return bytes
  })

/** Values are raw bytes. Expired ones are removed when they are read. */
export const overKeyValueStore = (options: { readonly prefix?: string | undefined }, usual: string) =>
  Effect.gen(function*() {
    const { prefix = usual } = yield* Check.run(Check.partial({ prefix: Check.text }), options, names)
    const store = KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, prefix)
    const get = Effect.fnUntraced(function*(key: string) {
      const value = yield* store.getUint8Array(key)
      if (value === undefined || value.length < expiryLength) return undefined
      const expires = new DataView(value.buffer, value.byteOffset).getFloat64(0)
      if (expires > (yield* Clock.currentTimeMillis)) return value.subarray(expiryLength)
      yield* store.remove(key)
    })
    const bytes: Bytes<KeyValueStore.KeyValueStoreError> = {
      getMany: (keys) => Effect.forEach(keys, get, { concurrency }),
      setMany: Effect.fnUntraced(function*(entries, timeToLive) {
        const now = yield* Clock.currentTimeMillis
        const expires = timeToLive === undefined ? Infinity : now + Duration.toMillis(timeToLive)
        yield* Effect.forEach(entries, ([key, value]) => store.set(key, withExpiry(value, expires)), {
          concurrency,
          discard: true
        })
      })
    }
    return bytes
  })

const names = { provider: "strata", whole: "options" }

/** Concurrent reads or writes. */
const concurrency = 16

/** Bytes of the expiry before the value: milliseconds since 1970. */
const expiryLength = 8

const withExpiry = (value: Uint8Array, expires: number): Uint8Array => {
  const bytes = new Uint8Array(expiryLength + value.length)
  new DataView(bytes.buffer).setFloat64(0, expires)
  bytes.set(value, expiryLength)
  return bytes
}

const fromJson = (value: object | undefined): Uint8Array | undefined =>
  value !== undefined && "bytes" in value && typeof value.bytes === "string"
    ? Result.getOrUndefined(Base64.decode(value.bytes))
    : undefined
