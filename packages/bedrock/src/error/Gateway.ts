/**
 * Answers that are not the service's: of a proxy, a gateway or a captive portal on the way.
 *
 * They tell nothing about the request. Statuses that may pass are connection errors; for others, repeating does not help,
 * and they are about the endpoint.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import type { Facts } from "./Facts.ts"
import * as Failure from "./Failure.ts"

/** The error for such an answer, `undefined` for one that may be the service's. */
export const classify = (facts: Facts, status: number): ProviderError.CallError | undefined => {
  const { asked, contentType, exception, isPage, retryAfter, words } = facts
  if (exception !== undefined || !isPage && !foreign.has(status) && !isRedirect(status)) return undefined
  // The remedy is the same for every limit of requests or of their size.
  if (status === 429 || status === 413) return undefined
  const host = Failure.hostOf(asked)
  const target = isRedirect(status) ? hostIn(facts.location) : undefined
  const problem = [
    "the answer is not one of AWS, but of a gateway or proxy on the way",
    host === undefined ? "" : ` to ${host}`,
    `: HTTP ${status}${contentType === undefined ? "" : `, ${contentType.slice(0, 60)}`}`,
    target === undefined ? "" : `, a redirect to ${target}`,
    words === "" || isPage ? "" : `, "${words.slice(0, 200)}"`
  ].join("")
  const told = (remedy: string) => Failure.toFields({ ...facts, words: isPage ? "" : words }, remedy, problem)
  if (passing.has(status)) {
    return new ProviderError.ConnectionError({
      ...told("Send the request again; if it keeps failing, check what is in front of the endpoint"),
      retryAfter
    })
  }
  const remedy = remedyOf(status)
  return new ProviderError.InvalidRequestError({ ...told(remedy), field: "endpoint", remedy })
}

const isRedirect = (status: number): boolean => status >= 300 && status < 400

/** Statuses that no operation of the service has, unless under the name of an exception. */
const foreign: ReadonlySet<number> = new Set([404, 405, 407, 421, 425, 499, 511])

/** Statuses that may pass; above 511 are those of content delivery networks. */
const passing: ReadonlySet<number> = new Set([408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 527, 529, 530])

const remedyOf = (status: number): string => {
  if (status === 407) {
    return "Give the proxy a user name and a password in its URL: in HTTPS_PROXY, or `transport.proxy`"
  }
  if (isRedirect(status)) return "Set `endpoint` to where the API is, or have the gateway let its requests through"
  if (status === 404 || status === 405 || status === 421) {
    return "Check host and path of `endpoint`, and that they lead to the API of Bedrock Runtime"
  }
  return "Log in to the network, or have the gateway let requests to the endpoint through"
}

const hostIn = (location: string | undefined): string | undefined =>
  location === undefined ? undefined : Result.getOrElse(Result.try(() => new URL(location).host), () => undefined)
