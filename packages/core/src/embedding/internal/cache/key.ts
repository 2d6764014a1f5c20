/**
 * What a vector is kept under: a hash of everything that decides on it.
 */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import type * as Embedding from "../../Embedding.ts"

/** The key of an input: 64 hexadecimal digits. */
export const make = (
  digest: Digest.Digest["Service"],
  settings: string,
  input: Embedding.Input
): Effect.Effect<string> => {
  const hash = (content: string) => digest.digestHex(Digest.sha256, new TextEncoder().encode(`${settings}\n${content}`))
  // JSON tells halves of surrogate pairs apart, which UTF-8 cannot.
  if (typeof input === "string") return hash(JSON.stringify(input))
  const { image, text } = input
  if (image === undefined) return hash(JSON.stringify(text ?? ""))
  return Effect.flatMap(
    digest.digestHex(Digest.sha256, image.bytes),
    (bytes) => hash(JSON.stringify([text ?? null, image.mediaType, bytes]))
  )
}
