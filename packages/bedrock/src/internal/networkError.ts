/**
 * Failures below the service: names, sockets, TLS, HTTP framing. All names here are from Node, OpenSSL or the SDK's
 * handlers; none is an AWS exception.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import { firstLine, type Link, toError } from "./errorChain.ts"

/** The fields common to all errors of a call. */
export interface Fields {
  readonly provider: string
  readonly model: string | undefined
  readonly requestId: string | undefined
  readonly exception: string | undefined
}

/** The error for a chain that ends in the network, `undefined` for any other. */
export const classify = (chain: ReadonlyArray<Link>, fields: Fields): ProviderError.CallError | undefined => {
  // Over HTTP/2 a refused certificate arrives as a cancelled stream, with the reason as its cause.
  const untrusted = chain.find(isTls)
  if (untrusted !== undefined) {
    return new ProviderError.InvalidRequestError({
      ...fields,
      exception: untrusted.code,
      field: "endpoint",
      remedy: tlsRemedy,
      message: `endpoint: no secure connection (${detail(untrusted)}). ${tlsRemedy}.`,
      cause: toError(chain)
    })
  }
  for (const link of chain) {
    const shared = { ...fields, exception: link.code, cause: toError(chain) }
    const timeout = timeoutOf(link)
    if (timeout !== undefined) {
      return new ProviderError.TimeoutError({ ...shared, ...timeout })
    }
    const loss = losses.find(({ matches }) => matches(link))
    if (loss !== undefined) {
      return new ProviderError.ConnectionError({ ...shared, message: loss.say(link) })
    }
  }
  return undefined
}

const timeoutOf = (link: Link) => {
  const millis = /(?:timeout of|timed out after|no activity for) (\d+) ms/.exec(link.message)?.[1]
  const after = millis === undefined ? undefined : Duration.millis(Number(millis))
  if (
    /did not establish a connection/.test(link.message) || (link.code === "ETIMEDOUT" && link.syscall === "connect")
  ) {
    return { phase: "connect" as const, after, message: "Connecting to the endpoint timed out" }
  }
  return after === undefined || link.name !== "TimeoutError"
    ? undefined
    : { phase: "idle" as const, after, message: `The connection was silent for ${Duration.format(after)}` }
}

interface Loss {
  readonly matches: (link: Link) => boolean
  readonly say: (link: Link) => string
}

const byCode = (pattern: RegExp, say: Loss["say"]): Loss => ({ matches: ({ code }) => pattern.test(code ?? ""), say })

const byMessage = (pattern: RegExp, text: string): Loss => ({
  matches: ({ message }) => pattern.test(message),
  say: () => text
})

const detail = ({ code, message }: Link): string => [code, firstLine(message)].filter(Boolean).join(": ")

const losses: ReadonlyArray<Loss> = [
  byCode(/^(ENOTFOUND|EAI_AGAIN)$/, (link) => `The host of the endpoint cannot be resolved (${detail(link)})`),
  byCode(/^ECONNREFUSED$/, (link) => `The endpoint refused the connection (${detail(link)})`),
  byCode(
    /^(EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL)$/,
    (link) => `The endpoint cannot be reached (${detail(link)})`
  ),
  byCode(
    /^(ECONNRESET|EPIPE|ECONNABORTED|ETIMEDOUT|ERR_STREAM_PREMATURE_CLOSE|ERR_SOCKET_CLOSED)$/,
    ({ code }) => `The connection was lost (${code})`
  ),
  byCode(
    /^HPE_/,
    ({ code }) =>
      `The endpoint does not answer in HTTP/1.1 (${code}). If it speaks HTTP/2 only, set \`transport: { http2: true }\`.`
  ),
  byCode(
    /^ERR_HTTP2_ERROR$/,
    () => "The endpoint does not answer in HTTP/2. If it speaks HTTP/1.1 only, leave `http2` out of `transport`."
  ),
  byCode(/^(ERR_HTTP2_|NGHTTP2_)/, ({ code }) => `The HTTP/2 connection was lost (${code})`),
  byMessage(
    /^Frame type id |http2 request did not get a response|^HTTP\/2 stream is abnormally aborted/,
    "The HTTP/2 connection was lost before the answer"
  ),
  byMessage(/^Truncated event message received/, "The connection was lost inside an event of the stream"),
  { matches: ({ name }) => name === "AbortError", say: () => "The request was aborted" }
]

const isTls = ({ code }: Link): boolean => /CERT|^UNABLE_TO_|^ERR_SSL_|^ERR_TLS_|^EPROTO$/.test(code ?? "")

const tlsRemedy =
  "Check the URL; for a private certificate authority set NODE_EXTRA_CA_CERTS, or give `transport` an " +
  "`httpsAgent` that trusts it"
