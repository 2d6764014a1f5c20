/**
 * The store of a cached chat service as its calls see it: answers by key, and no failures.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Checksum from "../../../cache/internal/checksum.ts"
import * as CacheStep from "../../../cache/internal/step.ts"
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

/** A step that fails is skipped; the first failure after a success is logged, and each is counted. */
export const make = (cache: ChatCache.ChatCache, timeToLive: Duration.Duration | undefined): Store => {
  const spared = CacheStep.make(CacheTelemetry.recordFailure)
  const read = spared("The chat cache cannot be read: the model is asked again")
  const write = spared("The chat cache cannot be written: new answers are not kept")

  return {
    look: Effect.fn("ChatCache.look")(function*(call: Call) {
      let response: ChatResponse.ChatResponse | undefined
      const step = Effect.suspend(() => cache.get(call.key)).pipe(
        Effect.flatMap((value) => value === undefined ? Effect.undefined : decode(value)),
        Effect.map((decoded) => {
          response = decoded
        })
      )
      yield* read(step, call.target)
      yield* CacheTelemetry.recordLook(call.target, response !== undefined)
      return response
    }),
    keep: (call, response) =>
      isWhole(response)
        ? Effect.asVoid(
          write(Effect.flatMap(encode(response), (value) => cache.set(call.key, value, timeToLive)), call.target)
        )
        : Effect.void
  }
}

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
const decode = (bytes: Uint8Array) => {
  if (bytes.length <= checksumLength) return Effect.undefined
  const text = bytes.subarray(checksumLength)
  const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  return checksum === Checksum.make(text)
    ? Effect.catch(Schema.decodeEffect(Text)(new TextDecoder().decode(text)), () => Effect.undefined)
    : Effect.undefined
}

const checksumLength = 4
