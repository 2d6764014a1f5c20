/**
 * HTTP/1.1 while few calls are in flight, and HTTP/2 for those beyond, where the server agrees to it.
 *
 * A connection of HTTP/1.1 loses one call when it dies, and a TLS handshake for each of a thousand calls costs seconds of
 * processor time. Event streams stay with HTTP/1.1, where each has a connection of its own in either protocol; beyond the
 * first ones they wait for a TLS ticket, so that their handshakes resume.
 */
import type { NodeHttpHandler } from "@smithy/node-http-handler"
import * as Clock from "effect/Clock"
import { Readable } from "node:stream"
import * as LeastRecent from "../internal/leastRecent.ts"
import { nameOf, serverOf, type Target } from "./connection.ts"
import type * as Http1Requests from "./http1Requests.ts"
import * as Http2Sessions from "./http2Sessions.ts"
import type { RequestHandler } from "./http2Sessions.ts"

type Handle = NodeHttpHandler["handle"]

/** Calls in flight to one server, over HTTP/1.1; `plainUntil`: the time in milliseconds until which HTTP/2 is not tried. */
interface Server {
  readonly name: string
  calls: number
  streams: number
  plainUntil: number
}

/** Both kinds of connections. */
export interface Options extends Omit<Http2Sessions.Options, "otherwise" | "onUseless"> {
  readonly http1: RequestHandler
}

/** Opens no connection yet. `destroy` closes the HTTP/2 sessions. */
export const make = ({ http1, ...settings }: Options): Required<RequestHandler> => {
  const servers = LeastRecent.make<Server>(mostServers)
  const of = (target: Target): Server => {
    const name = nameOf(serverOf(target))
    const known = servers.get(name)
    if (known !== undefined) return known
    const server: Server = { name, calls: 0, streams: 0, plainUntil: 0 }
    servers.set(name, server)
    return server
  }
  const keepToHttp1 = (server: Server) => {
    server.plainUntil = now() + plainFor
  }

  const overHttp1 = (server: Server, kind: "calls" | "streams", ...args: Parameters<Handle>): ReturnType<Handle> => {
    const ticket = server.calls + server.streams < few ? undefined : settings.tickets.first(server.name)
    server[kind]++
    const leave = () => server[kind]--
    return (ticket === undefined
      ? http1.handle(...args)
      : unlessCancelled(ticket, args[1]).then(() => http1.handle(...args))).then(
        (result) => {
          const body: unknown = result.response.body
          if (body instanceof Readable) body.once("close", leave)
          else leave()
          return result
        },
        (error: unknown) => {
          leave()
          return Promise.reject(error)
        }
      )
  }

  const sessions = Http2Sessions.make({
    ...settings,
    otherwise: (request, options) => {
      const server = of(request)
      keepToHttp1(server)
      return overHttp1(server, "calls", request, options)
    },
    onUseless: (url) => keepToHttp1(of(url))
  })

  return {
    metadata: { handlerProtocol: "http/1.1" },
    handle: (request, options) => {
      if (request.protocol !== "https:") return http1.handle(request, options)
      const server = of(request)
      if (Http2Sessions.isEventStream(options)) return overHttp1(server, "streams", request, options)
      return server.calls < few || now() < server.plainUntil
        ? overHttp1(server, "calls", request, options)
        : sessions.handle(request, options)
    },
    destroy: sessions.destroy
  }
}

const unlessCancelled = (ticket: Promise<void>, { onCancel }: Http1Requests.Options = {}): Promise<void> =>
  new Promise((resolve, reject) => {
    onCancel?.(() => reject(Http2Sessions.aborted()))
    ticket.then(resolve)
  })

/** As many calls as the standard policy has at once. */
const few = 32

/** Milliseconds for which a server, or what stands before it, is taken at its word that it has no HTTP/2. */
const plainFor = 300_000

/** A region is a server. */
const mostServers = 64

const now = (): number => Clock.Clock.defaultValue().currentTimeMillisUnsafe()
