/** Answers by key, in a store that may fail. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Checksum from "../../../cache/internal/checksum.ts"
import * as CacheMetrics from "../../../cache/internal/metrics.ts"
import * as WriteBehind from "../../../cache/internal/writeBehind.ts"
import * as Lazy from "../../../internal/lazy.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as ChatCache from "../../ChatCache.ts"
import * as ChatResponse from "../../ChatResponse.ts"

/** A call whose answer can be kept. */
export interface Call {
  readonly target: Telemetry.Target
  readonly key: string
}

/** Hits are calls that were not sent, shared ones included. */
export const metrics = CacheMetrics.make("chat", "Calls", "answers")

/** Counts a call that was answered by an equal one in progress. */
export const recordShare = ({ target }: Call): Effect.Effect<void> => CacheMetrics.count(metrics.hits, target, 1)

/** Reads fail open, writes follow later; see {@link WriteBehind}. */
export const make = Effect.fnUntraced(function*(cache: ChatCache.ChatCache, timeToLive: Duration.Duration | undefined) {
  const { getMany, setMany } = yield* WriteBehind.make({
    getMany: (keys) => Effect.forEach(keys, cache.get),
    setMany: (entries) =>
      Effect.forEach(entries, ([key, value]) => cache.set(key, value, timeToLive), { concurrency: 16, discard: true })
  }, {
    store: cache,
    name: "The chat cache",
    meanwhile: "calls go to the model, and new answers are not cached",
    metrics
  })

  return {
    look: Effect.fnUntraced(function*({ key, target }: Call) {
      const [value] = (yield* getMany([key], target)) ?? []
      const response = value === undefined ? undefined : yield* decode(value)
      const isHit = response !== undefined
      yield* CacheMetrics.count(isHit ? metrics.hits : metrics.misses, target, 1)
      yield* Telemetry.annotate({ "strata.cache.hit": isHit })
      return response
    }, Effect.withSpan("ChatCache.look", {}, { captureStackTrace: false })),
    keep: ({ key, target }: Call, response: ChatResponse.ChatResponse): Effect.Effect<void> =>
      isWhole(response)
        ? Effect.matchCauseEffect(encode(response), {
          // The answer has no JSON form.
          onFailure: () => CacheMetrics.count(metrics.failures, target, 1),
          onSuccess: (value) => setMany([[key, value]], target)
        })
        : Effect.void
  }
})

/** Whether the answer is complete and comes from the model that was asked: otherwise the next call should ask again. */
const isWhole = ({ fallback, finishReason }: ChatResponse.ChatResponse): boolean =>
  whole.has(finishReason) && (fallback === undefined || fallback.length === 0)

const whole: ReadonlySet<ChatResponse.FinishReason> = new Set(["stop", "stop-sequence", "tool-calls"])

const Text = Lazy.make(() => Schema.fromJsonString(Schema.toCodecJson(ChatResponse.ChatResponse)))

/** A checksum of four bytes, then JSON. The cost is left out: a cached answer costs nothing. */
const encode = ({ cached: _, cost: __, ...response }: ChatResponse.ChatResponse) =>
  Effect.map(Schema.encodeEffect(Text())(response), (json) => {
    const text = new TextEncoder().encode(json)
    const bytes = new Uint8Array(checksumLength + text.length)
    bytes.set(text, checksumLength)
    new DataView(bytes.buffer).setUint32(0, Checksum.make(text))
    return bytes
  })

/** The answer; `undefined` for damaged bytes, and for the JSON of an incompatible version. */
const decode = (bytes: unknown) => {
  if (!(bytes instanceof Uint8Array) || bytes.length <= checksumLength) return Effect.undefined
  const text = bytes.subarray(checksumLength)
  const isIntact = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === Checksum.make(text)
  return isIntact
    ? Effect.orElseSucceed(Schema.decodeEffect(Text())(new TextDecoder().decode(text)), () => undefined)
    : Effect.undefined
}

const checksumLength = 4
