/**
 * Which requests go through a proxy: the option `proxy`, else `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Net from "node:net"
import * as Environment from "../internal/environment.ts"
import { providerName } from "../internal/provider.ts"

/**
 * A proxy: the address to connect to, over TLS where `secure`. `label` is its URL without user name and password, for
 * messages; `authorization` the value of the header made of them.
 */
export interface Proxy {
  readonly label: string
  readonly host: string
  readonly port: number
  readonly secure: boolean
  readonly authorization: Redacted.Redacted | undefined
}

/** Where a request goes: the parts of a URL that decide on a proxy. */
export interface Target {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number | undefined
}

/** The proxy for a request, `undefined` for a direct connection. */
export type Route = (target: Target) => Proxy | undefined

/** No request goes through a proxy. */
export const direct: Route = () => undefined

/** The URL of a proxy for all requests, or `false` for none. */
export type Option = string | Redacted.Redacted | false

/**
 * The route in force. An option decides alone; else the variables in lower or upper case, lower case first, whether
 * `NODE_USE_ENV_PROXY` is set or not, unless it is `0`. Fails with an `InvalidRequestError` for an invalid URL, that does
 * not quote it.
 */
export const resolve = Effect.fnUntraced(function*(
  given: Option | undefined
): Effect.fn.Return<Route, ProviderError.InvalidRequestError> {
  if (given === false) return direct
  if (given !== undefined) {
    const proxy = yield* parse(Redacted.isRedacted(given) ? Redacted.value(given) : given, "transport.proxy")
    return () => proxy
  }
  if ((yield* Environment.readAny("NODE_USE_ENV_PROXY")) === "0") return direct
  const https = yield* ofVariable("HTTPS_PROXY")
  const http = yield* ofVariable("HTTP_PROXY")
  if (https === undefined && http === undefined) return direct
  const bypasses = bypass((yield* eitherCase("NO_PROXY"))?.value ?? "")
  return (target) => bypasses(target) ? undefined : target.protocol === "https:" ? https : http
})

/** An option that may be any value; its URL is checked by {@link resolve}. */
export const check: Check.Check<Option> = (given, at) =>
  given === false || typeof given === "string"
    ? given
    : Redacted.isRedacted(given) && typeof Redacted.value(given) === "string"
    ? given as Redacted.Redacted
    : Check.refuseKind(at, given, "Give the URL of a proxy, or false for none")

const eitherCase = Effect.fnUntraced(function*(variable: string) {
  for (const name of [variable.toLowerCase(), variable]) {
    const value = yield* Environment.readAny(name)
    if (value !== undefined) return { name, value }
  }
  return undefined
})

const ofVariable = (variable: string) =>
  Effect.flatMap(
    eitherCase(variable),
    (found) => found === undefined ? Effect.undefined : parse(found.value, found.name)
  )

const parse = (text: string, field: string): Effect.Effect<Proxy, ProviderError.InvalidRequestError> => {
  const url = Result.getOrElse(
    Result.try(() => new URL(text.includes("://") ? text : `http://${text}`)),
    () => undefined
  )
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    return Effect.fail(ProviderError.invalidRequest({
      provider: providerName,
      field,
      problem: url === undefined ? "it is not a URL" : `proxies of the scheme ${url.protocol} are not supported`,
      remedy: "Give the URL of an HTTP proxy, such as http://proxy.example.com:8080, or set `transport.proxy`"
    }))
  }
  const secure = url.protocol === "https:"
  const credentials = [url.username, url.password].map(unescape).join(":")
  return Effect.succeed({
    label: url.origin,
    host: unbracketed(url.hostname),
    port: url.port === "" ? secure ? 443 : 80 : Number(url.port),
    secure,
    authorization: credentials === ":"
      ? undefined
      : Redacted.make(`Basic ${Buffer.from(credentials).toString("base64")}`)
  })
}

const unescape = (text: string): string => Result.getOrElse(Result.try(() => decodeURIComponent(text)), () => text)

/**
 * Entries of `NO_PROXY`, separated by commas or spaces: `*`, a host and its subdomains (`example.com`, `.example.com`,
 * `*.example.com`), an address, a network (`10.0.0.0/8`), each with a port or for all.
 */
const bypass = (list: string): (target: Target) => boolean => {
  const rules = list.split(/[\s,]+/).filter((entry) => entry !== "").map(rule)
  return ({ hostname, port, protocol }) => {
    const host = unbracketed(hostname.toLowerCase()).replace(/\.$/, "")
    return rules.some((matches) => matches(host, port ?? (protocol === "https:" ? 443 : 80)))
  }
}

const rule = (entry: string): (host: string, port: number) => boolean => {
  if (entry === "*") return () => true
  const network = /^(.+)\/(\d{1,3})$/.exec(entry)
  if (network !== null) return inNetwork(network[1] ?? "", Number(network[2]))
  const [, bracketed, named, port] = /^(?:\[(.+)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? []
  const host = (bracketed ?? named ?? entry).toLowerCase().replace(/^\*?\./, "").replace(/\.$/, "")
  const isHost = Net.isIP(host) === 0
    ? (name: string) => name === host || Net.isIP(name) === 0 && name.endsWith(`.${host}`)
    : inNetwork(host, Net.isIPv6(host) ? 128 : 32)
  return (name, asked) => host !== "" && isHost(name, asked) && (port === undefined || Number(port) === asked)
}

const inNetwork = (address: string, prefix: number): (host: string, port: number) => boolean => {
  const network = new Net.BlockList()
  const valid = Result.isSuccess(Result.try(() => network.addSubnet(address, prefix, family(address))))
  return (host) => valid && Net.isIP(host) !== 0 && network.check(host, family(host))
}

const family = (address: string) => Net.isIPv6(address) ? "ipv6" : "ipv4"

const unbracketed = (host: string): string => host.replace(/^\[(.*)\]$/, "$1")
