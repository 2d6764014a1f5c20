/**
 * Restricts the emulator's own paths to programs on this machine, the emulator's own page, and clients with its admin
 * token; pages of other origins in a browser are refused.
 *
 * A foreign page can reach a local port in two ways: by cross-origin requests, which have an `origin` header, or by DNS
 * rebinding, which makes it the same origin but keeps its name in `host`. It cannot know a token.
 */
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import * as AwsError from "../AwsError.ts"
import * as Cors from "../http/Cors.ts"
import type * as Exchange from "../http/Exchange.ts"

/**
 * - `host`: the address the emulator listens on.
 * - `token`: admits clients of other machines, and by any host name. `origins`: pages of these are admitted too.
 */
export interface Options {
  readonly host: string
  readonly token: Redacted.Redacted | undefined
  readonly origins: Cors.Origins
}

/** The error for a refused request; `undefined` accepts it. */
export const refuse = ({ host: bound, origins, token }: Options) => {
  const names = new Set(["localhost", "127.0.0.1", "[::1]", bound.includes(":") ? `[${bound}]` : bound.toLowerCase()])
  return (exchange: Exchange.Exchange): AwsError.AwsError | undefined => {
    const { headers, local } = exchange
    const host = (headers[":authority"] ?? headers["host"] ?? "").toLowerCase()
    const origin = headers["origin"]?.toLowerCase()
    const isOwnPage = origin === undefined || origin.replace(/^https?:\/\//, "") === host
    if (!isOwnPage && !Cors.allows(origins, exchange)) return foreignOrigin
    if (token !== undefined && isToken(token, headers["authorization"])) return undefined
    if (local && names.has(host.replace(/:\d+$/, ""))) return undefined
    if (token !== undefined) return unknownToken
    return local ? foreignHost : foreignMachine
  }
}

/**
 * Whether a header has the token: as a bearer token, or as the password of any user, which is how a browser asks for
 * one. Compared in constant time.
 */
const isToken = (token: Redacted.Redacted, authorization = ""): boolean => {
  const [, scheme = "", value = ""] = /^(\S+)\s+(.*)$/.exec(authorization.trim()) ?? []
  const given = scheme.toLowerCase() === "basic"
    ? Buffer.from(value, "base64").toString().replace(/^[^:]*:/, "")
    : scheme.toLowerCase() === "bearer"
    ? value
    : ""
  return Crypto.timingSafeEqual(digest(given), digest(Redacted.value(token)))
}

/** Of equal length for any text. */
const digest = (text: string): Buffer => Crypto.createHash("sha256").update(text).digest()

/** The response for an unknown path. */
export const nothingHere = AwsError.make(
  "UnknownOperationException",
  "Unknown path. There are GET /_strata/health, client, statistics, requests, overview, quotas, quotas/history, faults, faults/schema, script, recording, batches, objects and clock, PUT /_strata/quotas, script and capture, POST, PUT and DELETE /_strata/faults, POST /_strata/batches/{id}/stop and /_strata/clock."
)

const start =
  "start it with --admin-token, or STRATA_ADMIN_TOKEN in its environment, and send `authorization: Bearer <token>`"

const foreignMachine = AwsError.make(
  "AccessDeniedException",
  `The emulator's own paths are available on its machine only. To use them from another machine or container, ${start}.`
)

const foreignHost = AwsError.make(
  "AccessDeniedException",
  `The emulator's own paths accept only the hosts localhost, 127.0.0.1 and the address it listens on. To use them by another name, ${start}.`
)

const foreignOrigin = AwsError.make(
  "AccessDeniedException",
  "The emulator's own paths do not accept requests of other web pages. Allow their origin with --admin-cors."
)

/** A browser then asks for the token, as a password. */
const unknownToken = new AwsError.AwsError({
  exception: "AccessDeniedException",
  status: 401,
  message:
    "The emulator's own paths need its admin token here: send `authorization: Bearer <token>`, or the token as the password."
})
