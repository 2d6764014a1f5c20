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
import * as Redis from "effect/persistence/Redis"
import * as Result from "effect/Result"

export interface Bytes<E> {
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, E>
  readonly setMany: (
    entries: ReadonlyArray<readonly [key: string, value: Uint8Array]>,
    timeToLive?: Duration.Duration
  ) => Effect.Effect<void, E>
}

/** The prefix of the keys in Redis of everything, unless another is given. */
export const usualPrefix = "strata:"

/** What may be a prefix of keys in Redis. */
export const redisPrefix: Check.Check<string> = (given, at) => {
  const prefix = Check.text(given, at)
  return prefix === Check.refused || !/^[^{]*\{\}/.test(prefix)
    ? prefix
    // A cluster takes the first braces for a hash tag, and an empty one for none.
    : Check.refuse(at, "it has `{}`, which scatters keys over a cluster that belong together", "Leave the braces out")
}

/**
 * Values are base64, a key each. Each key is a command of its own, since those of a cluster are on many nodes; a client
 * sends them together.
 */
export const overRedis = (options: { readonly prefix?: string | undefined }, usual: string) =>
  Effect.gen(function*() {
    const { prefix = usual } = yield* Check.run(Check.partial({ prefix: redisPrefix }), options, names)
    const redis = yield* Redis.Redis
    const send = (...command: readonly [string, ...ReadonlyArray<string>]) =>
      Effect.mapError(
        redis.send(...command),
        ({ cause }) => new Persistence.PersistenceError({ message: `The cache in Redis: ${command[0]} failed`, cause })
      )
    const bytes: Bytes<Persistence.PersistenceError> = {
      getMany: (keys) =>
        Effect.forEach(keys, (key) => Effect.map(send("GET", prefix + key), fromBase64), { concurrency: "unbounded" }),
      setMany: (entries, timeToLive) => {
        const expiry = timeToLive === undefined || !Duration.isFinite(timeToLive)
          ? []
          : ["PX", `${Math.max(1, Math.ceil(Duration.toMillis(timeToLive)))}`]
        return Effect.forEach(
          entries,
          ([key, value]) => send("SET", prefix + key, Base64.encode(value), ...expiry),
          { concurrency: "unbounded", discard: true }
        )
      }
    }
    return bytes
  })

/**
 * Values are JSON there, so bytes are base64. Many keys are one command, except in a cluster of Redis, which refuses it
 * without doing any of it.
 */
export const overPersistence = (options: { readonly storeId?: string | undefined }, usual: string) =>
  Effect.gen(function*() {
    const { storeId = usual } = yield* Check.run(Check.partial({ storeId: Check.filled }), options, names)
    const store = yield* (yield* Persistence.BackingPersistence).make(storeId)
    const bytes: Bytes<Persistence.PersistenceError> = {
      getMany: ([key, ...keys]) =>
        key === undefined
          ? Effect.succeed([])
          : store.getMany([key, ...keys]).pipe(
            Effect.catchIf(isCrossSlot, () => Effect.forEach([key, ...keys], store.get, { concurrency })),
            Effect.map((values) =>
              values.map((value) => value !== undefined && "bytes" in value ? fromBase64(value.bytes) : undefined)
            )
          ),
      setMany: (entries, timeToLive) => {
        const [first, ...rest] = entries.map(([key, value]) =>
          [key, { bytes: Base64.encode(value) }, timeToLive] as const
        )
        return first === undefined ? Effect.void : Effect.catchIf(
          store.setMany([first, ...rest]),
          isCrossSlot,
          () => Effect.forEach([first, ...rest], (entry) => store.set(...entry), { concurrency, discard: true })
        )
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

const isCrossSlot = ({ cause }: Persistence.PersistenceError): boolean => String(cause).includes("CROSSSLOT")

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

const fromBase64 = (value: unknown): Uint8Array | undefined =>
  typeof value === "string" ? Result.getOrUndefined(Base64.decode(value)) : undefined
