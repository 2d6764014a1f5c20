/**
 * Whose key is used where: what keeps the cached answers of one account from another's. Nothing is sent for it, and of a secret it has
 * a digest.
 */
import type { Identity } from "@strata/core/Identity"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"

/** The identity of a client. */
export const make = Effect.fnUntraced(function*(known: {
  readonly account: string | undefined
  readonly secret: string | undefined
  readonly url: string
  readonly organization: string | undefined
  readonly project: string | undefined
}): Effect.fn.Return<Identity> {
  const { account, organization = null, project = null, secret, url } = known
  return {
    url,
    account: account ?? (secret === undefined ? null : yield* digestOf(secret)),
    organization,
    project
  }
})

const digestOf = (secret: string): Effect.Effect<string> =>
  Effect.gen(function*() {
    const digest = yield* Digest.Digest
    const digits = yield* digest.digestHex(Digest.sha256, new TextEncoder().encode(secret))
    return `API key ${digits.slice(0, 16)}`
  }).pipe(Effect.provide(Digest.layerWebCrypto))
