/** What a part of ours has and a part of the page has no field for: under `strata` in the metadata of providers. */
import * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as UiChunk from "../UiChunk.ts"

const codecs = {
  text: Schema.toCodecJson(Message.TextPart),
  reasoning: Schema.toCodecJson(Message.ReasoningPart),
  "tool-call": Schema.toCodecJson(Message.ToolCallPart),
  "tool-result": Schema.toCodecJson(Message.ToolResultPart),
  image: Schema.toCodecJson(Message.ImagePart),
  audio: Schema.toCodecJson(Message.AudioPart),
  provider: Schema.toCodecJson(Message.ProviderPart)
} as const

type Kind = keyof typeof codecs
type PartOf<K extends Kind> = (typeof codecs)[K]["Type"]

/** The fields of a part but `shown`, which the page has, as JSON; `undefined` where none is left or they have no JSON form. */
export const encode: (
  part: PartOf<Kind>,
  shown: ReadonlyArray<string>
) => UiChunk.ProviderMetadata | undefined = Check.total((part, shown) => {
  const given = Object.entries(part).filter(([, value]) => value !== undefined)
  const keys = given.map(([key]) => key).filter((key) => key !== "type" && !shown.includes(key))
  // Most parts have nothing else: no codec runs for them.
  if (keys.length === 0) return undefined
  const encoded = Result.getOrUndefined(Schema.encodeUnknownResult(codecs[part.type])(Object.fromEntries(given)))
  if (!isObject(encoded)) return undefined
  const rest: Record<string, unknown> = {}
  for (const key of keys) rest[key] = Reflect.get(encoded, key)
  return { strata: rest }
}, () => undefined)

/** The part again, from what the page shows and what {@link encode} put beside it; without the latter where it does not fit. */
export const decode = <K extends Kind>(
  kind: K,
  shown: Omit<PartOf<K>, "type">,
  metadata: unknown
): PartOf<K> => {
  const plain = { type: kind, ...shown } as object as PartOf<K> // the type of its kind, and its other fields
  const hidden = isObject(metadata) ? Reflect.get(metadata, "strata") : undefined
  if (!isObject(hidden)) return plain
  return Result.match(Schema.decodeUnknownResult(codecs[kind])({ ...hidden, ...plain }), {
    onFailure: () => plain,
    onSuccess: (part) => part as PartOf<K> // the codec of its kind decoded it
  })
}
