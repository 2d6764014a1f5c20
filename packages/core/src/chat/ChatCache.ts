/** The store of the answers of `ChatService.withCache`: in memory here; in Redis, SQL or files by `@strata/persistence`. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Lru from "../cache/internal/lru.ts"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as TaggedError from "../TaggedError.ts"
import type * as ChatRequest from "./ChatRequest.ts"

/**
 * The store of an answer cache could not be read or written.
 *
 * When: a store of your own, or of `ChatCachePersistence`, fails. `ChatService.withCache` treats it as a miss.
 *
 * Remedy: check the store; calls go on without the cache.
 */
export class ChatCacheError extends TaggedError.make<ChatCacheError>()("ChatCacheError", {
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * A store of bytes under keys of 64 hexadecimal digits.
 *
 * - `get`: the value of a key; `undefined` for a missing or expired one.
 * - `set`: stores a value, without expiry when there is no `timeToLive`. The bytes are not changed afterwards.
 *
 * Values are verified: a damaged one is a miss.
 */
export interface ChatCache {
  readonly get: (key: string) => Effect.Effect<Uint8Array | undefined, ChatCacheError>
  readonly set: (key: string, value: Uint8Array, timeToLive?: Duration.Duration) => Effect.Effect<void, ChatCacheError>
}

const makeMemory = (bounds?: Lru.Bounds): ChatCache => {
  const memory = Lru.make(bounds)
  return {
    get: (key) => Effect.map(memory.getMany([key]), ([value]) => value),
    set: (key, value, timeToLive) => memory.setMany([[key, value]], timeToLive)
  }
}

/** The store; by default an LRU cache in memory, shared by the whole process. */
export const ChatCache = Context.Reference<ChatCache>("@strata/core/chat/ChatCache", {
  defaultValue: () => makeMemory()
})

/**
 * How `ChatService.withCache` keeps answers.
 *
 * - `timeToLive`: how long an answer is cached; 24 hours by default, `Duration.infinity` for no expiry.
 * - `namespace`: separates answers in the same store. Needed when services with the same provider and model answer
 *   differently, when users must not read each other's answers, and to invalidate old ones.
 * - `when`: which requests are cached, such as `({ temperature }) => temperature === 0`; all by default.
 */
export interface Options {
  readonly timeToLive?: Duration.Input | undefined
  readonly namespace?: string | undefined
  readonly when?: ((request: ChatRequest.ChatRequest) => boolean) | undefined
}

/** @internal */
export const options: Check.Check<Options & { readonly timeToLive?: Duration.Duration | undefined }> = Check.partial({
  timeToLive: Check.duration({ infinite: true }),
  namespace: Check.text,
  when: Check.callback<NonNullable<Options["when"]>>()
})

/**
 * A new LRU cache in memory, bounded by `capacity` entries (10,000) and `maxBytes` (64 MiB). Fails with
 * `InvalidRequestError` for invalid options.
 */
export const layerMemory = (options: Lru.Bounds = {}): Layer.Layer<never, ProviderError.InvalidRequestError> =>
  Layer.effect(
    ChatCache,
    Effect.map(Check.run(Lru.bounds, options, { provider: "strata", whole: "options" }), makeMemory)
  )
