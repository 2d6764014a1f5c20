/** Digests of tool definitions: an approval counts for the definition that the model and the person saw. */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as CanonicalText from "../../cache/internal/canonicalText.ts"
import type * as ToolDefinition from "../../chat/ToolDefinition.ts"

/**
 * The digests of the tools that are called, by name. Equal for definitions that differ in the order of keys only.
 *
 * They are made when they are needed: Web Crypto is asynchronous, and most loops have no calls that wait.
 */
export const ofCalled = Effect.fnUntraced(function*(
  definitions: ReadonlyArray<ToolDefinition.ToolDefinition>,
  calls: ReadonlyArray<{ readonly call: { readonly name: string } }>
) {
  const called = new Set(calls.map(({ call }) => call.name))
  const digest = yield* Effect.provide(Digest.Digest, Digest.layerWebCrypto)
  const entries = yield* Effect.forEach(definitions.filter(({ name }) => called.has(name)), (definition) => {
    const text = CanonicalText.make(definition) ?? JSON.stringify(definition)
    return Effect.map(
      digest.digestHex(Digest.sha256, new TextEncoder().encode(text)),
      (hex) => [definition.name, hex] as const
    )
  })
  return Object.fromEntries(entries)
})
