/**
 * Failures below the service: names, sockets, TLS, HTTP framing. All names here are from Node, OpenSSL or the SDK's
 * handlers; none is an AWS exception.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import { firstLine, type Link, toError } from "./ErrorChain.ts"
import * as Failure from "./Failure.ts"

/** The error for a chain that ends in the network, `undefined` for any other. */
export const classify = (
  failure: Failure.Failure & { readonly chain: ReadonlyArray<Link> }
): ProviderError.CallError | undefined => {
  const { asked, chain } = failure
  const fields = (link: Link, { problem, remedy }: Loss) => ({
    ...Failure.toFields(
      { ...failure, exception: link.code, words: "" },
      remedy,
      asked.proxy === undefined || problem.includes(asked.proxy)
        ? problem
        : `${problem}, through the proxy ${asked.proxy}`
    ),
    cause: toError(chain)
  })
  const proxy = chain.find(({ name, proxy }) => name === "ProxyError" && proxy !== undefined)
  if (proxy !== undefined) return ofProxy(proxy, chain, fields)
  // Over HTTP/2 a refused certificate arrives as a cancelled stream, with the reason as its cause.
  const untrusted = chain.find(isTls)
  if (untrusted !== undefined) {
    return new ProviderError.InvalidRequestError({
      ...fields(untrusted, { problem: `no secure connection (${detail(untrusted)})`, remedy: tlsRemedy }),
      field: "endpoint",
      remedy: tlsRemedy
    })
  }
  for (const link of chain) {
    const timeout = timeoutOf(link)
    if (timeout !== undefined) {
      const { after, phase, ...loss } = timeout
      return new ProviderError.TimeoutError({ ...fields(link, loss), phase, after })
    }
    const loss = losses.find(({ matches }) => matches(link))
    if (loss !== undefined) return new ProviderError.ConnectionError(fields(link, loss.of(link)))
  }
  return undefined
}

/** A proxy that cannot be reached, or refuses a tunnel: the server behind it has not seen the request. */
const ofProxy = (
  link: Link,
  chain: ReadonlyArray<Link>,
  fields: (link: Link, loss: Loss) => ReturnType<typeof Failure.toFields> & { readonly cause: Error | undefined }
): ProviderError.CallError => {
  const { message, proxy, status } = link
  const last = chain.at(-1)
  const reason = last === undefined || last.proxy !== undefined ? "" : ` (${detail(last)})`
  const problem = `the proxy ${proxy} ${firstLine(message)}${status === undefined ? reason : `: HTTP ${status}`}`
  const certain = chain.some(isTls) || status !== undefined && !/^(?:408|429|50[0234])$/.test(`${status}`)
  if (!certain) return new ProviderError.ConnectionError(fields(last ?? link, { problem, remedy: proxyRemedy }))
  const remedy = chain.some(isTls) ? tlsRemedy : status === 407 ? loginRemedy : refusedRemedy
  return new ProviderError.InvalidRequestError({ ...fields(last ?? link, { problem, remedy }), field: "proxy", remedy })
}

const proxyRemedy = "Check HTTPS_PROXY, HTTP_PROXY and `transport.proxy`, or name the host in NO_PROXY"

const loginRemedy = "Give the proxy a user name and a password in its URL: http://user:password@proxy.example.com:8080"

const refusedRemedy = "Have the proxy allow the host, or name the host in NO_PROXY"

/** What went wrong, and what to do about it. */
interface Loss {
  readonly problem: string
  readonly remedy: string
}

/** A connection that was there, and is not any more. */
export const lostRemedy = "Send the request again"

const timeoutOf = (link: Link) => {
  const millis = /(?:timeout of|timed out after|no activity for) (\d+) ms/.exec(link.message)?.[1]
  const after = millis === undefined ? undefined : Duration.millis(Number(millis))
  if (
    /did not establish a connection/.test(link.message) || (link.code === "ETIMEDOUT" && link.syscall === "connect")
  ) {
    return {
      phase: "connect" as const,
      after,
      problem: `no connection${after === undefined ? ", it timed out" : ` within ${Duration.format(after)}`}`,
      remedy: "Check the endpoint and the network, or raise `transport.connectTimeout`"
    }
  }
  return after === undefined || link.name !== "TimeoutError" ? undefined : {
    phase: "idle" as const,
    after,
    problem: `the connection was silent for ${Duration.format(after)}`,
    remedy: "Send the request again, or raise `transport.idleTimeout`"
  }
}

interface KnownLoss {
  readonly matches: (link: Link) => boolean
  readonly of: (link: Link) => Loss
}

const byCode = (pattern: RegExp, problem: (link: Link) => string, remedy: string): KnownLoss => ({
  matches: ({ code }) => pattern.test(code ?? ""),
  of: (link) => ({ problem: problem(link), remedy })
})

const byMessage = (pattern: RegExp, problem: string): KnownLoss => ({
  matches: ({ message }) => pattern.test(message),
  of: () => ({ problem, remedy: lostRemedy })
})

const detail = ({ code, message }: Link): string => [code, firstLine(message)].filter(Boolean).join(": ")

const losses: ReadonlyArray<KnownLoss> = [
  byCode(
    /^(ENOTFOUND|EAI_AGAIN)$/,
    (link) => `the host cannot be resolved (${detail(link)})`,
    "Check the region and the endpoint, and the DNS of this machine"
  ),
  byCode(
    /^ECONNREFUSED$/,
    (link) => `the connection was refused (${detail(link)})`,
    "Check the endpoint, and that a server listens there"
  ),
  byCode(
    /^(EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL)$/,
    (link) => `the host cannot be reached (${detail(link)})`,
    "Check the endpoint, and the network of this machine"
  ),
  byCode(
    /^(ECONNRESET|EPIPE|ECONNABORTED|ETIMEDOUT|ERR_STREAM_PREMATURE_CLOSE|ERR_SOCKET_CLOSED)$/,
    ({ code }) => `the connection was lost (${code})`,
    lostRemedy
  ),
  byCode(
    /^HPE_/,
    ({ code }) => `the endpoint does not answer in HTTP/1.1 (${code})`,
    "If it speaks HTTP/2 only, set `transport: { http2: true }`"
  ),
  byCode(
    /^ERR_HTTP2_ERROR$/,
    () => "the endpoint does not answer in HTTP/2",
    "If it speaks HTTP/1.1 only, leave `http2` out of `transport`"
  ),
  byCode(
    /^ERR_HTTP2_PING_TIMEOUT$/,
    ({ message }) => `the connection is dead: ${firstLine(message).replace(/^The/, "the")}`,
    lostRemedy
  ),
  byCode(/^(ERR_HTTP2_|NGHTTP2_)/, ({ code }) => `the HTTP/2 connection was lost (${code})`, lostRemedy),
  byMessage(
    /^Frame type id |http2 request did not get a response|^HTTP\/2 stream is abnormally aborted/,
    "the HTTP/2 connection was lost before the answer"
  ),
  byMessage(/^Truncated event message received/, "the connection was lost inside an event of the stream"),
  {
    matches: ({ name }) => name === "AbortError",
    of: () => ({ problem: "the request was aborted", remedy: lostRemedy })
  }
]

const isTls = ({ code }: Link): boolean => /CERT|^UNABLE_TO_|^ERR_SSL_|^ERR_TLS_|^EPROTO$/.test(code ?? "")

const tlsRemedy =
  "Check the URL; for a private certificate authority set AWS_CA_BUNDLE or NODE_EXTRA_CA_CERTS, or give `transport` " +
  "its certificate as `ca`"
