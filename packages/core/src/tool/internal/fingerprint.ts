/** Digests of tool definitions: an approval counts for the definition that the model and the person saw. */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as CanonicalText from "../../cache/internal/canonicalText.ts"
import type * as ToolDefinition from "../../chat/ToolDefinition.ts"

/** By name of the tool. Equal for definitions that differ in the order of keys only. */
export const ofTools = Effect.fnUntraced(function*(definitions: ReadonlyArray<ToolDefinition.ToolDefinition>) {
  const digest = yield* Effect.provide(Digest.Digest, Digest.layerWebCrypto)
  const entries = yield* Effect.forEach(definitions, (definition) => {
    const text = CanonicalText.make(definition) ?? JSON.stringify(definition)
    return Effect.map(
      digest.digestHex(Digest.sha256, new TextEncoder().encode(text)),
      (hex) => [definition.name, hex] as const
    )
  })
  return Object.fromEntries(entries)
})
