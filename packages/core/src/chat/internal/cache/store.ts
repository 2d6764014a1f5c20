/**
 * The store of a cached chat service as its calls see it: answers by key, and no failures.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Checksum from "../../../cache/internal/checksum.ts"
import * as WriteBehind from "../../../cache/internal/writeBehind.ts"
import type * as Telemetry from "../../../Telemetry.ts"
import type * as ChatCache from "../../ChatCache.ts"
import * as ChatResponse from "../../ChatResponse.ts"
import * as CacheTelemetry from "./telemetry.ts"

/** A call whose answer can be kept. */
export interface Call {
  readonly target: Telemetry.Target
  readonly key: string
}

/**
 * - `look`: the answer, if it is known.
 * - `keep`: adds an answer, if it is one to keep.
 */
export interface Store {
  readonly look: (call: Call) => Effect.Effect<ChatResponse.ChatResponse | undefined>
  readonly keep: (call: Call, response: ChatResponse.ChatResponse) => Effect.Effect<void>
}

/** Reads fail open, and writes are behind; see {@link WriteBehind}. */
export const make = Effect.fnUntraced(function*(
  cache: ChatCache.ChatCache,
  timeToLive: Duration.Duration | undefined
): Effect.fn.Return<Store, never, Scope.Scope> {
  const { getMany, setMany } = yield* WriteBehind.make({
    getMany: (keys) => Effect.forEach(keys, cache.get),
    setMany: (entries) =>
      Effect.forEach(entries, ([key, value]) => cache.set(key, value, timeToLive), { concurrency: 16, discard: true })
  }, {
    store: cache,
    name: "The chat cache",
    meanwhile: "models are asked again, and new answers are not kept",
    onFailure: CacheTelemetry.recordFailure,
    onDrop: CacheTelemetry.recordDrop
  })

  return {
    look: Effect.fn("ChatCache.look")(function*({ key, target }: Call) {
      const [value] = (yield* getMany([key], target)) ?? []
      const response = value === undefined ? undefined : yield* decode(value)
      yield* CacheTelemetry.recordLook(target, response !== undefined)
      return response
    }),
    keep: ({ key, target }, response) =>
      isWhole(response)
        ? Effect.matchCauseEffect(encode(response), {
          // An answer without a JSON form.
          onFailure: () => CacheTelemetry.recordFailure(target),
          onSuccess: (value) => setMany([[key, value]], target)
        })
        : Effect.void
  }
})

/**
 * Whether the model said all it had to say, and is the one that was asked: the next call should try that one again, and
 * have another chance where an answer was cut or withheld.
 */
const isWhole = ({ fallback, finishReason }: ChatResponse.ChatResponse): boolean =>
  whole.has(finishReason) && (fallback === undefined || fallback.length === 0)

const whole: ReadonlySet<ChatResponse.FinishReason> = new Set(["stop", "stop-sequence", "tool-calls"])

const Text = Schema.fromJsonString(Schema.toCodecJson(ChatResponse.ChatResponse))

/** A checksum in four bytes, then JSON. What the answer cost is said of it only once. */
const encode = ({ cached: _, cost: __, ...response }: ChatResponse.ChatResponse) =>
  Effect.map(Schema.encodeEffect(Text)(response), (json) => {
    const text = new TextEncoder().encode(json)
    const bytes = new Uint8Array(checksumLength + text.length)
    bytes.set(text, checksumLength)
    new DataView(bytes.buffer).setUint32(0, Checksum.make(text))
    return bytes
  })

/** The answer, or nothing: cut or altered bytes, and what another version wrote that this one does not know. */
const decode = (bytes: unknown) => {
  if (!(bytes instanceof Uint8Array) || bytes.length <= checksumLength) return Effect.undefined
  const text = bytes.subarray(checksumLength)
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === Checksum.make(text)
    ? Effect.catch(Schema.decodeEffect(Text)(new TextDecoder().decode(text)), () => Effect.undefined)
    : Effect.undefined
}

const checksumLength = 4
