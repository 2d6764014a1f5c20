/**
 * How requests reach the network: a pool of HTTP/1.1 connections, and shared HTTP/2 sessions for the calls of a burst, or
 * one of the two alone.
 *
 * The SDK opens one TLS session per call, ends a stream normally when its HTTP/2 connection is lost, and disables its
 * middleware cache for calls with an abort signal. Here connections are kept and shared, through proxies where there are
 * some, and loss is an error.
 */
import { NodeHttpHandler } from "@smithy/node-http-handler"
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Tls from "node:tls"
import type * as AwsProfile from "./client/awsProfile.ts"
import { providerName } from "./internal/provider.ts"
import * as Certificates from "./network/certificates.ts"
import * as Connection from "./network/connection.ts"
import * as Http1Requests from "./network/http1Requests.ts"
import * as Http2Sessions from "./network/http2Sessions.ts"
import type { RequestHandler } from "./network/http2Sessions.ts"
import * as ProtocolChoice from "./network/protocolChoice.ts"
import * as Proxy from "./network/proxy.ts"
import * as Tickets from "./network/tickets.ts"

export type { RequestHandler }

/**
 * How to connect, over either protocol.
 *
 * - `connectTimeout`: 5 seconds when missing. It covers the tunnel of a proxy, the TCP connection and the TLS handshake,
 *   but not the wait for one of `maxSockets`.
 * - `proxy`: the URL of a proxy for all requests, or `false` for none. Without it `HTTPS_PROXY` and `HTTP_PROXY` decide, by
 *   the scheme of the endpoint, and `NO_PROXY` names the exceptions; in lower case they come first. A user name and a
 *   password in the URL are sent to the proxy, and shown in no message.
 * - `ca`: certificates in PEM to trust, in addition to Node's own and those of `NODE_EXTRA_CA_CERTS`. Without it the file
 *   of `AWS_CA_BUNDLE`, else of the profile's `ca_bundle`.
 *
 * They hold for the credentials' own requests as well, to STS and SSO, but not for those of a provider or an effect of
 * yours.
 */
export interface ConnectionOptions {
  readonly connectTimeout?: Duration.Input | undefined
  readonly proxy?: Proxy.Option | undefined
  readonly ca?: string | ReadonlyArray<string> | undefined
}

/**
 * HTTP/1.1 over keep-alive connections, one request at a time on each.
 *
 * Where no option of this kind is set, a call beyond 32 at once to an `https` server goes over HTTP/2, if the server
 * agrees to that in its TLS handshake: a burst of a thousand calls makes some 40 handshakes. Streams stay on HTTP/1.1.
 *
 * - `http2`: `false` for HTTP/1.1 alone, as with `maxSockets`, `idleTimeout` or `httpsAgent`.
 * - `maxSockets`: maximum of open connections; further calls are queued. No limit when missing: `Policy` bounds
 *   concurrency. Tunnels being opened through a proxy do not count yet.
 * - `idleTimeout`: how long an open request may be silent. None when missing: a model can reason for minutes, and
 *   `Policy` has timeouts for attempts and pauses.
 * - `httpAgent`, `httpsAgent`: your own. Each decides alone how its requests get there: no proxy and no `ca` of the
 *   environment holds for them. You close them.
 */
export interface Http1Options extends ConnectionOptions {
  readonly maxSockets?: number | undefined
  readonly idleTimeout?: Duration.Input | undefined
  readonly httpAgent?: Http.Agent | undefined
  readonly httpsAgent?: Https.Agent | undefined
  readonly http2?: false | undefined
  readonly requestHandler?: undefined
}

/**
 * HTTP/2: many requests on one session, through proxies too; an event stream has a session of its own while it lasts.
 *
 * - `maxConcurrentStreams`: on one session; 100 when missing, and no more than the server allows.
 * - `pingInterval`: between the PINGs of a session with calls in flight; 15 seconds when missing. A dead connection is
 *   noticed within two intervals, and its calls fail with a `ConnectionError`.
 *
 * It needs few TLS handshakes, but a lost connection fails all requests on it. Calls after an aborted one use another
 * session, as its connection may be dead.
 */
export interface Http2Options extends ConnectionOptions {
  readonly http2: true | Http2Settings
  readonly requestHandler?: undefined
}

interface Http2Settings {
  readonly maxConcurrentStreams?: number | undefined
  readonly pingInterval?: Duration.Input | undefined
}

/** A handler of your own, which decides alone how requests get there. You close it. */
export interface CustomOptions {
  readonly requestHandler: RequestHandler
}

/** One of the three kinds of transport. */
export type Options = Http1Options | Http2Options | CustomOptions

/** `requestHandler`: for calls. `ofCredentials`: for requests of the SDK's own credential providers, over HTTP/1.1. */
export interface Transport {
  readonly requestHandler: SdkHandler
  readonly ofCredentials: SdkHandler | undefined
}

/**
 * The transport of `options`. Connections it opened are closed with the scope, in use or not. Fails with an
 * `InvalidRequestError` for invalid options or a mix of several transports (`transport.maxSockets`), for an invalid proxy,
 * and for a file of certificates that cannot be read.
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {},
  profile: AwsProfile.AwsProfile
): Effect.fn.Return<Transport, ProviderError.InvalidRequestError, Scope.Scope> {
  const settled = yield* Check.run(check, options, { provider: providerName, field: "transport" })
  const { httpAgent, httpsAgent, requestHandler } = settled
  if (requestHandler !== undefined) {
    const custom = forSdk(requestHandler, Proxy.direct)
    return { requestHandler: custom, ofCredentials: custom.metadata.handlerProtocol === "h2" ? undefined : custom }
  }
  const route = yield* Proxy.resolve(settled.proxy)
  const trusted = httpsAgent === undefined ? yield* Certificates.trust(settled.ca, profile) : undefined
  let context: Tls.SecureContext | undefined
  const connection: Connection.Settings = {
    route: (target) =>
      (target.protocol === "https:" ? httpsAgent : httpAgent) === undefined ? route(target) : undefined,
    timeout: settled.connectTimeout ?? Duration.seconds(5),
    trust: () => context ??= trusted ?? Tls.createSecureContext(),
    tickets: Tickets.make()
  }
  const http1 = yield* http1Handler(settled, connection)
  const chosen = settled.http2 === false || ofHttp1.some((name) => settled[name] !== undefined)
    ? http1
    : yield* http2Handler(settled.http2, connection, http1)
  return {
    requestHandler: forSdk(chosen, connection.route, true),
    ofCredentials: forSdk(http1, connection.route, true)
  }
})

/** Options that HTTP/2 does not have: who sets one of them wants HTTP/1.1 alone. */
const ofHttp1 = ["maxSockets", "idleTimeout", "httpsAgent"] as const

/** Options that may be any value. */
export const check: Check.Check<Settled> = (given, at) => {
  const settled = anyOptions(given, at)
  if (settled === Check.refused) return settled
  const names = Object.keys(settled).filter((name) => name !== "http2" || settled.http2 !== false)
  const clash = exclusive.find(([one, other]) => names.includes(one) && names.includes(other))
  return clash === undefined ? settled : Check.refuse(
    at,
    `\`${clash[0]}\` and \`${clash[1]}\` are different ways to reach the network`,
    "Keep one of them"
  )
}

/** Options that exclude each other. */
const exclusive = ([
  ["requestHandler", [
    "http2",
    "maxSockets",
    "connectTimeout",
    "idleTimeout",
    "proxy",
    "ca",
    "httpAgent",
    "httpsAgent"
  ]],
  ["http2", ["maxSockets", "idleTimeout", "httpAgent", "httpsAgent"]],
  ["httpsAgent", ["proxy", "ca"]]
] as const).flatMap(([one, others]) => others.map((other) => [one, other] as const))

/** The options of any of the three, checked. */
interface Settled {
  readonly maxSockets?: number | undefined
  readonly connectTimeout?: Duration.Duration | undefined
  readonly idleTimeout?: Duration.Duration | undefined
  readonly proxy?: Proxy.Option | undefined
  readonly ca?: string | ReadonlyArray<string> | undefined
  readonly httpAgent?: Http.Agent | undefined
  readonly httpsAgent?: Https.Agent | undefined
  readonly http2?: boolean | CheckedHttp2 | undefined
  readonly requestHandler?: RequestHandler | undefined
}

interface CheckedHttp2 {
  readonly maxConcurrentStreams?: number | undefined
  readonly pingInterval?: Duration.Duration | undefined
}

/** An agent of Node, or a compatible object. */
const agent = <A extends Http.Agent>(): Check.Check<A> =>
  Check.instance(
    (given): given is A => Predicate.hasProperty(given, "addRequest") && Predicate.isFunction(given.addRequest),
    "Use an `Agent` of `node:http` or `node:https`"
  )

const connections = Check.number({ min: 1, what: "a number of connections", remedy: "Use a number from 1" })

const streams = Check.partial({
  maxConcurrentStreams: Check.number({
    min: 1,
    whole: true,
    what: "a number of streams",
    remedy: "Use a whole number from 1"
  }),
  pingInterval: Check.duration({ zero: false })
}, { remedy: "Use true, false, or { maxConcurrentStreams }" })

const anyOptions = Check.struct<Settled>({
  maxSockets: Check.optional(connections),
  connectTimeout: Check.optional(Check.duration()),
  idleTimeout: Check.optional(Check.duration()),
  proxy: Check.optional(Proxy.check),
  ca: Check.optional(Certificates.check),
  httpAgent: Check.optional(agent()),
  httpsAgent: Check.optional(agent()),
  http2: Check.optional((given, at) => Predicate.isBoolean(given) ? given : streams(given, at)),
  requestHandler: Check.optional(Check.instance(
    (given): given is RequestHandler => Predicate.hasProperty(given, "handle") && Predicate.isFunction(given.handle),
    "Use a handler such as `NodeHttpHandler`"
  ))
})

/** A handler with the two hooks the SDK's client requires for extensions, which are empty here. */
interface SdkHandler extends Required<Omit<RequestHandler, "destroy">> {
  readonly proxyOf: (target: Proxy.Target) => string | undefined
  readonly isCancellable: boolean
  readonly updateHttpClientConfig: () => void
  readonly httpHandlerConfigs: () => {}
}

/** Without `destroy`, since the scope closes what it opened. `isCancellable`: see `Http1Requests.Options`. */
const forSdk = (handler: RequestHandler, route: Proxy.Route, isCancellable = false): SdkHandler => ({
  metadata: handler.metadata ?? { handlerProtocol: "http/1.1" },
  handle: (request, options) => handler.handle(request, options),
  proxyOf: (target) => route(target)?.label,
  isCancellable,
  updateHttpClientConfig: () => {},
  httpHandlerConfigs: () => ({})
})

const http1Handler = Effect.fnUntraced(function*(
  options: Settled,
  connection: Connection.Settings
): Effect.fn.Return<RequestHandler, never, Scope.Scope> {
  // Node keeps 256 free sockets: after a burst of a thousand calls it would close three quarters of them.
  const pool = { keepAlive: true, maxSockets: options.maxSockets ?? Infinity, maxFreeSockets: 1024 }
  const secure = { ...pool, maxCachedSessions: 0 }
  const agents = {
    httpAgent: options.httpAgent ?? (yield* scopedAgent("http:", () => new Http.Agent(pool), connection)),
    httpsAgent: options.httpsAgent ?? (yield* scopedAgent("https:", () => new Https.Agent(secure), connection))
  }
  const handler = new NodeHttpHandler({
    ...agents,
    connectionTimeout: Duration.toMillis(connection.timeout),
    ...(options.idleTimeout === undefined ? {} : { socketTimeout: Duration.toMillis(options.idleTimeout) })
  })
  const handle = Http1Requests.make({
    ...agents,
    connectTimeout: connection.timeout,
    idleTimeout: options.idleTimeout,
    others: (request, options) => handler.handle(request, options)
  })
  return { metadata: handler.metadata, handle: Connection.addressed({ handle }, connection.route) }
})

const scopedAgent = <A extends Http.Agent>(
  protocol: "http:" | "https:",
  open: () => A,
  connection: Connection.Settings
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => Connection.throughProxies(open(), protocol, connection)),
      ({ agent, close }) =>
        Effect.sync(() => {
          close()
          agent.destroy()
        })
    ),
    ({ agent }) => agent
  )

/** HTTP/2 where it was asked for, and where it was not, beside HTTP/1.1. */
const http2Handler = (
  asked: true | CheckedHttp2 | undefined,
  connection: Connection.Settings,
  http1: RequestHandler
): Effect.Effect<RequestHandler, never, Scope.Scope> => {
  const { maxConcurrentStreams = 100, pingInterval = Duration.seconds(15) } = asked === true ? {} : asked ?? {}
  const options = { ...connection, maxConcurrentStreams, pingInterval }
  return Effect.acquireRelease(
    Effect.sync(() => asked === undefined ? ProtocolChoice.make({ ...options, http1 }) : Http2Sessions.make(options)),
    (handler) => Effect.sync(() => handler.destroy())
  )
}
