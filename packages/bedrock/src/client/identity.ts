/**
 * Which account, region and endpoint a client calls: what keeps the cached answers of one from the other.
 */
import type { Identity } from "@strata/core/Identity"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Authentication from "../Authentication.ts"
import * as Environment from "../internal/environment.ts"

/** What is known of a client before its first call. */
export interface Known {
  readonly account?: string | undefined
  readonly region: string | undefined
  readonly endpoint?: string | undefined
}

/** The identity of a client. Nothing is sent for it, and of a secret it has a digest. */
export const make = Effect.fnUntraced(function*(
  known: Known,
  authentication: Authentication.Options
): Effect.fn.Return<Identity, ProviderError.InvalidRequestError> {
  return {
    account: known.account ?? (yield* accountOf(authentication)),
    region: known.region ?? null,
    endpoint: known.endpoint ?? null
  }
})

/** A label for whose credentials are used; two providers of credentials have the same one. */
export const accountOf = Effect.fnUntraced(
  function*({ apiKey, assumeRole, credentials, profile }: Authentication.Options) {
    if (assumeRole !== undefined) return `role ${assumeRole.roleArn}`
    if (apiKey !== undefined) {
      return Effect.isEffect(apiKey)
        ? "API key of an effect"
        : yield* keyOf(Redacted.value(apiKey))
    }
    if (credentials !== undefined) {
      return Effect.isEffect(credentials) || Predicate.isFunction(credentials)
        ? "credentials of a provider"
        : `access key ${credentials.accessKeyId}`
    }
    if (profile !== undefined) return `profile ${profile}`
    const key = yield* Authentication.environmentKey
    if (key !== undefined) return yield* keyOf(Redacted.value(key))
    const [accessKeyId, role, named] = yield* Effect.forEach(
      ["AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "AWS_PROFILE"],
      Environment.read
    )
    return accessKeyId !== undefined
      ? `access key ${accessKeyId}`
      : role !== undefined
      ? `role ${role}`
      : `profile ${named ?? "default"}`
  }
)

const keyOf = (secret: string): Effect.Effect<string> =>
  Effect.gen(function*() {
    const digest = yield* Digest.Digest
    const digits = yield* digest.digestHex(Digest.sha256, new TextEncoder().encode(secret))
    return `API key ${digits.slice(0, 16)}`
  }).pipe(Effect.provide(Digest.layerWebCrypto))
