/**
 * Keeps credentials until they are about to expire.
 *
 * The SDK has two such caches: one lets a call fail when credentials that are still valid cannot be renewed, the other one
 * never shows that failure.
 */
import * as Clock from "effect/Clock"
import type { SdkCredentials, SdkProvider } from "./Source.ts"

/** Real time, in milliseconds since 1970, also under a test clock: the SDK signs with it. */
export const now = (): number => Clock.Clock.defaultValue().currentTimeMillisUnsafe()

/** Credentials with less time left than `early` are renewed in the background, with less than `late` before a call. */
const early = 300_000
const late = 60_000

/** How soon a source is asked again that could not renew credentials, or gave some that are about to expire as well. */
const pause = 5_000

/**
 * A provider that asks `fetch` once for all calls that wait for it. A failure is that of the calls only once the
 * credentials have expired; before that, `onKept` gets it.
 */
export const make = (fetch: SdkProvider, onKept: (error: unknown) => void): SdkProvider => {
  let known: SdkCredentials | undefined
  let pending: Promise<SdkCredentials> | undefined
  let renewedAt = -Infinity
  let failedAt = -Infinity

  const renew: SdkProvider = (properties) =>
    pending ??= fetch(properties).then(
      (credentials) => {
        renewedAt = now()
        known = credentials
        return credentials
      }
    ).finally(() => {
      pending = undefined
    })
  const left = (credentials: SdkCredentials) =>
    credentials.expiration === undefined ? Infinity : credentials.expiration.getTime() - now()
  /** Renews, and keeps what is still valid when that fails. */
  const renewEarly = (kept: SdkCredentials, properties: Parameters<SdkProvider>[0]) =>
    renew(properties).catch((error: unknown) => {
      if (left(kept) <= 0) return Promise.reject(error)
      if (now() - failedAt > pause) onKept(error)
      failedAt = now()
      return kept
    })

  return (properties) => {
    if (known === undefined || properties?.["forceRefresh"] === true) return renew(properties)
    const remaining = left(known)
    if (remaining >= early) return Promise.resolve(known)
    if (remaining <= 0) return renew(properties)
    if (now() - failedAt <= pause) return Promise.resolve(known)
    if (remaining < late && !(now() - renewedAt <= pause && remaining > 2 * pause)) return renewEarly(known, properties)
    if (now() - renewedAt > pause) {
      // In the background: the credentials may expire before it ends, but then a call asks again.
      renewEarly(known, properties).catch(() => {})
    }
    return Promise.resolve(known)
  }
}
