/**
 * Text that only the holder of a key can read or make: base64url of a version, a nonce, and what XChaCha20-Poly1305 makes of
 * the content. Its nonces are long enough to be random.
 */
import * as Aead from "effect/crypto/Aead"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** What is sealed. */
export class Content extends Schema.Opaque<Content>()(Schema.Struct({
  conversation: Schema.String,
  expiresAt: Schema.Finite,
  state: Schema.Json
})) {}

/** The sealed content. The key and the nonce are made here, to the lengths that the cipher wants: it cannot refuse them. */
export const make = Effect.fnUntraced(function*(secret: string, content: Content) {
  const aead = yield* Aead.Aead
  const nonce = yield* Effect.flatMap(SecureRandom.SecureRandom, ({ randomBytes }) => randomBytes(nonceLength))
  const plain = new TextEncoder().encode(JSON.stringify(content))
  const sealed = yield* aead.encrypt(yield* keyOf(secret), plain, { nonce, aad })
  const bytes = new Uint8Array(1 + nonce.length + sealed.length)
  bytes.set([version])
  bytes.set(nonce, 1)
  bytes.set(sealed, 1 + nonce.length)
  return Base64Url.encode(bytes)
}, (self) => Effect.orDie(self).pipe(Effect.provide(crypto)))

/** The content with the id of the seal; nothing for a text that none of the keys sealed. Its keys are made as in {@link make}. */
export const open = Effect.fnUntraced(function*(secrets: ReadonlyArray<string>, text: unknown) {
  const bytes = typeof text === "string" ? Result.getOrUndefined(Base64Url.decode(text)) : undefined
  if (bytes === undefined || bytes[0] !== version || bytes.length < 1 + nonceLength + tagLength) return undefined
  const aead = yield* Aead.Aead
  const nonce = bytes.slice(1, 1 + nonceLength)
  for (const secret of secrets) {
    const plain = yield* Effect.option(aead.decrypt(yield* keyOf(secret), bytes.slice(1 + nonceLength), { nonce, aad }))
    if (plain._tag === "None") continue
    const content = yield* Effect.option(decode(new TextDecoder().decode(plain.value)))
    return content._tag === "None" ? undefined : { ...content.value, id: Hex.encode(nonce) }
  }
  return undefined
}, (self) => Effect.orDie(self).pipe(Effect.provide(crypto)))

const version = 1

const nonceLength = Aead.xchacha20Poly1305.nonceLength

const tagLength = 16

const aad = new TextEncoder().encode("strata tool loop state 1")

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Content))

/** A key for this purpose alone. */
const keyOf = Effect.fnUntraced(function*(secret: string) {
  const digest = yield* Digest.Digest
  const bytes = yield* digest.digest(Digest.sha256, new TextEncoder().encode(`strata tool loop state 1\n${secret}`))
  return yield* Aead.key(Aead.xchacha20Poly1305, bytes)
})

const crypto = Layer.mergeAll(
  Aead.layerWebCrypto.pipe(Layer.provideMerge(SecureRandom.layerWebCrypto)),
  Digest.layerWebCrypto
)
