/**
 * Restricts the emulator's own paths to programs on this machine and the emulator's own page; pages of other origins in
 * a browser on this machine are refused.
 *
 * A foreign page can reach a local port in two ways: by cross-origin requests, which have an `origin` header, or by DNS
 * rebinding, which makes it the same origin but keeps its name in `host`.
 */
import * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"

/** The error for a refused request, in an emulator that listens on `bound`; `undefined` accepts it. */
export const refuse = (bound: string): (exchange: Exchange.Exchange) => AwsError.AwsError | undefined => {
  const names = new Set(["localhost", "127.0.0.1", "[::1]", bound.includes(":") ? `[${bound}]` : bound.toLowerCase()])
  return ({ headers, local }) => {
    if (!local) return nothingHere
    const host = (headers[":authority"] ?? headers.host ?? "").toLowerCase()
    if (!names.has(host.replace(/:\d+$/, ""))) return foreignHost
    const origin = headers.origin?.toLowerCase()
    return origin === undefined || origin.replace(/^https?:\/\//, "") === host ? undefined : foreignOrigin
  }
}

/** The response for unknown paths, and for refused clients. */
export const nothingHere = AwsError.make("UnknownOperationException", "Unknown operation.")

const foreignHost = AwsError.make(
  "AccessDeniedException",
  "The emulator's own paths accept only the hosts localhost, 127.0.0.1 and the address it listens on."
)

const foreignOrigin = AwsError.make(
  "AccessDeniedException",
  "The emulator's own paths do not accept requests of other web pages."
)
