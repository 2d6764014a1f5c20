/**
 * How requests reach the network: a pool of HTTP/1.1 connections by default, shared HTTP/2 sessions on request.
 *
 * The SDK opens one TLS session per call, ends a stream normally when its HTTP/2 connection is lost, and disables its
 * middleware cache for calls with an abort signal. Here connections are kept and shared, and loss is an error.
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
import * as Http2Sessions from "./client/http2Sessions.ts"
import type { RequestHandler } from "./client/http2Sessions.ts"
import { providerName } from "./internal/provider.ts"

export type { RequestHandler }

/**
 * HTTP/1.1 over keep-alive connections, one request at a time on each.
 *
 * - `maxSockets`: maximum of open connections; further calls are queued. No limit when missing: `Policy` bounds
 *   concurrency.
 * - `connectTimeout`: 5 seconds when missing. It covers the TCP connection, not the TLS handshake.
 * - `idleTimeout`: how long an open request may be silent. None when missing: a model can reason for minutes, and
 *   `Policy` has timeouts for attempts and pauses.
 * - `httpAgent`, `httpsAgent`: your own, for a proxy or a private certificate authority. You close them.
 */
export interface Http1Options {
  readonly maxSockets?: number | undefined
  readonly connectTimeout?: Duration.Input | undefined
  readonly idleTimeout?: Duration.Input | undefined
  readonly httpAgent?: Http.Agent | undefined
  readonly httpsAgent?: Https.Agent | undefined
  readonly http2?: undefined
  readonly requestHandler?: undefined
}

/**
 * HTTP/2: many requests on one session, `maxConcurrentStreams` (100 when missing) on each; an event stream gets its own
 * session.
 *
 * Cheaper than HTTP/1.1 for a sudden burst of unary calls, since it needs few TLS handshakes. But a lost connection
 * fails all requests on it, large answers share one 64 KiB window, and a stream that loses its connection, or is silent
 * for five minutes, just ends. A connection may have died undetected, so calls after an aborted one use another
 * session.
 */
export interface Http2Options {
  readonly http2: true | { readonly maxConcurrentStreams?: number | undefined }
  readonly requestHandler?: undefined
}

/** A handler of your own. You close it. */
export interface CustomOptions {
  readonly requestHandler: RequestHandler
}

/** One of the three kinds of transport. */
export type Options = Http1Options | Http2Options | CustomOptions

/**
 * The handler of `options`. Connections it opened are closed with the scope, in use or not. Fails with an
 * `InvalidRequestError` for invalid options or a mix of several transports: `transport.maxSockets`.
 */
export const make = (
  options: Options = {}
): Effect.Effect<SdkHandler, ProviderError.InvalidRequestError, Scope.Scope> =>
  Effect.flatMap(Check.run(check, options, { provider: providerName, field: "transport" }), (settled) => {
    if (settled.requestHandler !== undefined) return Effect.succeed(forSdk(settled.requestHandler))
    return Effect.map(settled.http2 === undefined ? http1Handler(settled) : http2Handler(settled), forSdk)
  })

/** Options that may be any value. */
export const check: Check.Check<Settled> = (given, at) => {
  const settled = anyOptions(given, at)
  if (settled === Check.refused) return settled
  const way = (["requestHandler", "http2"] as const).find((name) => settled[name] !== undefined)
  const other = Object.keys(settled).find((name) => way !== undefined && name !== way)
  return other === undefined ? settled : Check.refuse(
    at,
    `\`${way}\` and \`${other}\` are different ways to reach the network`,
    "Keep one of them"
  )
}

/** The options of any of the three, checked. */
interface Settled {
  readonly maxSockets?: number | undefined
  readonly connectTimeout?: Duration.Duration | undefined
  readonly idleTimeout?: Duration.Duration | undefined
  readonly httpAgent?: Http.Agent | undefined
  readonly httpsAgent?: Https.Agent | undefined
  readonly http2?: true | { readonly maxConcurrentStreams?: number | undefined } | undefined
  readonly requestHandler?: RequestHandler | undefined
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
  })
}, { remedy: "Use true, or { maxConcurrentStreams }" })

const anyOptions = Check.struct<Settled>({
  maxSockets: Check.optional(connections),
  connectTimeout: Check.optional(Check.duration()),
  idleTimeout: Check.optional(Check.duration()),
  httpAgent: Check.optional(agent()),
  httpsAgent: Check.optional(agent()),
  http2: Check.optional((given, at) => given === true ? given : streams(given, at)),
  requestHandler: Check.optional(Check.instance(
    (given): given is RequestHandler => Predicate.hasProperty(given, "handle") && Predicate.isFunction(given.handle),
    "Use a handler such as `NodeHttpHandler`"
  ))
})

/** A handler with the two hooks the SDK's client requires for extensions, which are empty here. */
interface SdkHandler extends Omit<RequestHandler, "destroy"> {
  readonly updateHttpClientConfig: () => void
  readonly httpHandlerConfigs: () => {}
}

/** Without `destroy`, since the scope closes what it opened. */
const forSdk = (handler: RequestHandler): SdkHandler => ({
  metadata: handler.metadata ?? { handlerProtocol: "http/1.1" },
  handle: (request, options) => handler.handle(request, options),
  updateHttpClientConfig: () => {},
  httpHandlerConfigs: () => ({})
})

const http1Handler = (options: Settled): Effect.Effect<RequestHandler, never, Scope.Scope> => {
  // Node keeps 256 free sockets: after a burst of a thousand calls it would close three quarters of them.
  const pool = { keepAlive: true, maxSockets: options.maxSockets ?? Infinity, maxFreeSockets: 1024 }
  return Effect.map(
    Effect.all({
      httpAgent: options.httpAgent ? Effect.succeed(options.httpAgent) : scopedAgent(() => new Http.Agent(pool)),
      httpsAgent: options.httpsAgent ? Effect.succeed(options.httpsAgent) : scopedAgent(() => new Https.Agent(pool))
    }),
    (agents) =>
      new NodeHttpHandler({
        ...agents,
        connectionTimeout: Duration.toMillis(options.connectTimeout ?? "5 seconds"),
        ...(options.idleTimeout === undefined ? {} : { socketTimeout: Duration.toMillis(options.idleTimeout) })
      })
  )
}

const scopedAgent = <A extends Http.Agent>(open: () => A): Effect.Effect<A, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(open), (agent) => Effect.sync(() => agent.destroy()))

const http2Handler = ({ http2 }: Settled): Effect.Effect<RequestHandler, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => Http2Sessions.make(typeof http2 === "object" ? http2.maxConcurrentStreams ?? 100 : 100)),
    (sessions) => Effect.sync(() => sessions.destroy())
  )
