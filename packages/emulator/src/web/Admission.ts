/**
 * Who may use the emulator's own paths: programs on this machine, and the emulator's own page, but no other page that a
 * browser on this machine shows.
 *
 * A foreign page reaches a local port in two ways. It can send requests across origins, which say so in `origin`. Or its
 * name begins to point here after it was loaded, which makes it the same origin; but then `host` carries that name.
 */
import * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"

/** Why a request is turned away, by an emulator that listens on `bound`; `undefined` lets it in. */
export const refuse = (bound: string): (exchange: Exchange.Exchange) => AwsError.AwsError | undefined => {
  const names = new Set(["localhost", "127.0.0.1", "[::1]", bound.includes(":") ? `[${bound}]` : bound.toLowerCase()])
  return ({ headers, local }) => {
    if (!local) return nothingHere
    const host = (headers[":authority"] ?? headers.host ?? "").toLowerCase()
    if (!names.has(host.replace(/:\d+$/, ""))) return strangeHost
    const origin = headers.origin?.toLowerCase()
    return origin === undefined || origin.replace(/^https?:\/\//, "") === host ? undefined : strangeOrigin
  }
}

/** The response to what is not there, or not for those who ask. */
export const nothingHere = AwsError.make("UnknownOperationException", "Unknown operation.")

const strangeHost = AwsError.make(
  "AccessDeniedException",
  "The emulator's own paths respond to localhost, 127.0.0.1 and the address it was told to listen on."
)

const strangeOrigin = AwsError.make("AccessDeniedException", "The emulator's own paths are not for other web pages.")
