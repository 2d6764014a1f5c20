/**
 * Keeps the answers of chat models, so that a question is paid for once.
 *
 * `ChatService.withCache` puts a cache in front of a service; {@link ChatCache} is where it keeps them: bytes under keys,
 * in memory here, and in Redis, SQL or files through `persistence/ChatCachePersistence.ts`. Questions are not kept.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Lru from "../cache/internal/lru.ts"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as ChatRequest from "./ChatRequest.ts"

/** The store could not be read or written. */
export class ChatCacheError extends Schema.TaggedError<ChatCacheError>()("ChatCacheError", {
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * A store of bytes under keys of 64 hexadecimal digits.
 *
 * - `get`: what is kept under a key; `undefined` where there is nothing, or no longer.
 * - `set`: keeps what it is given, for good when there is no `timeToLive`. The bytes are not changed afterwards.
 *
 * What a store returns is checked: a damaged value is as good as none.
 */
export interface ChatCache {
  readonly get: (key: string) => Effect.Effect<Uint8Array | undefined, ChatCacheError>
  readonly set: (
    key: string,
    value: Uint8Array,
    timeToLive?: Duration.Duration
  ) => Effect.Effect<void, ChatCacheError>
}

const makeMemory = (bounds?: Lru.Bounds): ChatCache => {
  const memory = Lru.make(bounds)
  return {
    get: (key) => Effect.map(memory.getMany([key]), ([value]) => value),
    set: (key, value, timeToLive) => memory.setMany([[key, value]], timeToLive)
  }
}

/** The store in force: one in the memory of this process, common to everything in it, unless a layer says otherwise. */
export const ChatCache = Context.Reference<ChatCache>("@strata/core/chat/ChatCache", {
  defaultValue: () => makeMemory()
})

/**
 * - `timeToLive`: how long an answer is kept; 24 hours unless said otherwise, `Duration.infinity` for good.
 * - `namespace`: sets the answers apart from those of other namespaces in the same store. Needed where services with the
 *   same provider and model answer differently, where one user must not read what another was told, and to leave old
 *   answers behind.
 * - `when`: which requests are looked up and kept; all of them unless said otherwise. A model that is asked twice may say
 *   two things, and a cache makes that one: `({ temperature }) => temperature === 0` leaves the others alone.
 */
export interface Options {
  readonly timeToLive?: Duration.Input | undefined
  readonly namespace?: string | undefined
  readonly when?: ((request: ChatRequest.ChatRequest) => boolean) | undefined
}

/**
 * Options that may be any value.
 *
 * @internal
 */
export const options: Check.Check<Options & { readonly timeToLive?: Duration.Duration | undefined }> = Check.partial({
  timeToLive: Check.duration({ infinite: true }),
  namespace: Check.text,
  when: Check.callback<NonNullable<Options["when"]>>()
})

/**
 * A store of its own in the memory of this process. When it holds more than `capacity` answers (10,000 unless said
 * otherwise), or more than `maxBytes` (64 MiB), it drops those that were not asked for the longest.
 */
export const layerMemory = (options: {
  readonly capacity?: number | undefined
  readonly maxBytes?: number | undefined
} = {}): Layer.Layer<never, ProviderError.InvalidRequestError> =>
  Layer.effect(
    ChatCache,
    Effect.map(Check.run(Lru.bounds, options, { provider: "strata", whole: "options" }), makeMemory)
  )
