/**
 * Cross-origin requests, for SDKs in a browser: preflight requests, and the headers that let a page read a response.
 *
 * Nothing here protects a server: clients other than browsers do not send or obey an origin.
 */
import * as Effect from "effect/Effect"
import type * as Exchange from "./Exchange.ts"
import type * as HttpResponse from "./HttpResponse.ts"

/**
 * The origins of the pages that are allowed: `loopback` for any page of this machine (localhost and its subdomains,
 * 127.0.0.1, `[::1]`, with any port), `any`, or a list such as `https://app.example.com`, without a path.
 */
export type Origins = "loopback" | "any" | ReadonlyArray<string>

/** Whether a request comes from a page of an allowed origin; also if it comes from no page. */
export const allows = (origins: Origins, { headers: { origin } }: Pick<Exchange.Exchange, "headers">): boolean => {
  if (origin === undefined || origins === "any") return true
  return origins === "loopback" ? loopback.test(origin) : origins.includes(origin)
}

/** Whether a request asks a browser's permission for another one. */
export const isPreflight = ({ headers, method }: Exchange.Exchange): boolean =>
  method === "OPTIONS" && headers["origin"] !== undefined && headers["access-control-request-method"] !== undefined

/** The response to a preflight request: 204, or 403 that names the option to set. */
export const preflight = (exchange: Exchange.Exchange, origins: Origins, option: string): HttpResponse.Whole => {
  const { headers } = exchange
  if (!allows(origins, exchange)) return refusal(headers["origin"] ?? "", option)
  return {
    type: "whole",
    status: 204,
    headers: {
      ...allowOrigin(headers),
      "access-control-allow-methods": "GET, HEAD, POST, PUT, DELETE",
      // the headers a signature covers differ by SDK
      "access-control-allow-headers": headers["access-control-request-headers"] ?? "*",
      ...(headers["access-control-request-private-network"] === "true"
        ? { "access-control-allow-private-network": "true" }
        : undefined),
      "access-control-max-age": "600"
    },
    body: new Uint8Array(0)
  }
}

/** The exchange, with the headers that let a page of an allowed origin read the response. */
export const expose = (exchange: Exchange.Exchange, origins: Origins): Exchange.Exchange => {
  if (exchange.headers["origin"] === undefined || !allows(origins, exchange)) return exchange
  return {
    ...exchange,
    respond: (status, headers) =>
      Effect.suspend(() =>
        exchange.respond(status, {
          ...allowOrigin(exchange.headers),
          "access-control-expose-headers": exposed.join(", "),
          ...headers
        })
      )
  }
}

const allowOrigin = ({ origin = "*" }: Exchange.Headers): Exchange.Headers => ({
  "access-control-allow-origin": origin,
  vary: "origin"
})

/** What SDKs read of a response. */
const exposed = [
  "x-amzn-requestid",
  "x-amzn-errortype",
  "x-amzn-bedrock-content-type",
  "x-amzn-bedrock-performanceconfig-latency",
  "x-amzn-bedrock-service-tier",
  "x-amzn-bedrock-invocation-latency",
  "x-amzn-bedrock-input-token-count",
  "x-amzn-bedrock-output-token-count",
  "x-amzn-bedrock-cache-read-input-token-count",
  "x-amzn-bedrock-cache-write-input-token-count",
  "retry-after",
  "retry-after-ms",
  "x-request-id"
]

const loopback = /^https?:\/\/(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

const refusal = (origin: string, option: string): HttpResponse.Whole => ({
  type: "whole",
  status: 403,
  headers: { "content-type": "application/json", vary: "origin" },
  body: new TextEncoder().encode(
    JSON.stringify({ message: `Pages of ${origin} are not allowed. Allow them with ${option}.` })
  )
})
