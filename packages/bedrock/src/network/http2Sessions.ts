/**
 * HTTP/2 sessions, shared by calls to one server, and replaced when they may be dead.
 *
 * A connection can die undetected, until TCP retransmission times out (about 15 minutes). While calls are in flight a
 * session sends PINGs, and one that gets no answer is destroyed with its calls. A call aborted before its answer is
 * complete makes its session suspect: no new calls use it, and it closes with its last one.
 */
import type { NodeHttpHandler } from "@smithy/node-http-handler"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Http2 from "node:http2"
import { Readable } from "node:stream"
import * as Connection from "./connection.ts"
import type * as Http1Requests from "./http1Requests.ts"

/** What the SDK sends requests with; `NodeHttpHandler` and `NodeHttp2Handler` are such handlers. */
export interface RequestHandler {
  readonly metadata?: { readonly handlerProtocol: string }
  readonly handle: NodeHttpHandler["handle"]
  readonly destroy?: () => void
}

/**
 * - `maxConcurrentStreams`: requests on one session; the server may allow fewer.
 * - `pingInterval`: between PINGs. A session whose last one was not answered by the next is dead.
 * - `otherwise`: sends the requests to a server that agrees to HTTP/1.1 only; without it they fail.
 * - `onUseless`: hears of a server whose session was lost before its first answer.
 */
export interface Options extends Connection.Settings {
  readonly maxConcurrentStreams: number
  readonly pingInterval: Duration.Duration
  readonly otherwise?: NodeHttpHandler["handle"] | undefined
  readonly onUseless?: ((server: URL) => void) | undefined
}

type Request = Parameters<NodeHttpHandler["handle"]>[0]
type Response = Awaited<ReturnType<NodeHttpHandler["handle"]>>

/** The handler's options from the SDK, which say whether the answer is an event stream. */
interface HandlerOptions {
  readonly abortSignal?: unknown
  readonly onCancel?: Http1Requests.Options["onCancel"]
  readonly isEventStream?: boolean
}

/** What the SDK's own handlers do not know of. */
export const isEventStream = ({ isEventStream = false }: HandlerOptions = {}): boolean => isEventStream

/** A session being opened or open, with the number of its calls. No new calls use a retired one, or an exclusive one. */
interface Session {
  readonly opened: Promise<Http2.ClientHttp2Session>
  readonly hasRoom: () => boolean
  readonly isIdle: () => boolean
  readonly enter: (exclusive: boolean) => void
  readonly leave: () => void
  readonly answered: () => void
  readonly retire: () => void
  readonly destroy: () => void
}

/** Opens no session yet. `destroy` closes all of them. */
export const make = (options: Options): Required<RequestHandler> => {
  const servers = new Map<string, Set<Session>>()

  /** An event stream has a session of its own while it lasts. */
  const lease = (url: URL, exclusive: boolean): Session => {
    const sessions = servers.get(url.origin) ?? new Set()
    servers.set(url.origin, sessions)
    for (const session of sessions) {
      if (exclusive ? session.isIdle() : session.hasRoom()) return session
    }
    const session = open(url, options, () => {
      sessions.delete(session)
      if (sessions.size === 0 && servers.get(url.origin) === sessions) servers.delete(url.origin)
    })
    sessions.add(session)
    return session
  }

  return {
    metadata: { handlerProtocol: "h2" },
    handle: (request, given) => {
      const { abortSignal, isEventStream = false }: HandlerOptions = given ?? {}
      const { hostname, port, protocol } = request
      const url = new URL(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`)
      if (abortSignal instanceof AbortSignal && abortSignal.aborted) return Promise.reject(aborted(abortSignal))
      const session = lease(url, isEventStream)
      session.enter(isEventStream)
      return send(session, request, given, options.otherwise)
    },
    destroy: () => servers.forEach((sessions) => sessions.forEach((session) => session.destroy()))
  }
}

/**
 * Bytes that may be under way: with the 64 KiB of the standard, large answers on one session take a round trip for each
 * 64 KiB of them all.
 */
const windows = { stream: 2 ** 20, session: 2 ** 24 }

const open = (url: URL, options: Options, onClosed: () => void): Session => {
  let session: Http2.ClientHttp2Session | undefined
  let calls = 0
  let taken = false
  let retired = false
  let useful = false
  const giveUp = new AbortController()
  const heart = heartbeat(options.pingInterval, () => session)

  const protocols = options.otherwise === undefined ? ["h2"] : ["h2", "http/1.1"]
  const connected = Connection.forHttp2(url, protocols, options)
  const opened = Effect.runPromise(connected, { signal: giveUp.signal }).then((socket) => {
    session = Http2.connect(url, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windows.stream }
    })
    session.once("connect", (open) => open.setLocalWindowSize(windows.session))
    // Calls get the error as well; without a listener it would end the process.
    session.on("error", () => {})
    session.on("goaway", (code) => {
      if (code !== Http2.constants.NGHTTP2_NO_ERROR) lost()
      retire()
    })
    session.on("close", () => {
      lost()
      retired = true
      heart.stop()
      onClosed()
    })
    return session
  })
  opened.catch(() => {
    retired = true
    onClosed()
  })

  const lost = () => {
    if (!useful && !retired) options.onUseless?.(url)
  }
  const closeWhenIdle = () => {
    if (!retired || calls > 0) return
    giveUp.abort()
    session?.close()
  }
  const retire = () => {
    retired = true
    closeWhenIdle()
  }
  const isOpen = () => !retired && session?.closed !== true && session?.destroyed !== true
  const most = () => Math.min(options.maxConcurrentStreams, session?.remoteSettings?.maxConcurrentStreams ?? Infinity)

  return {
    opened,
    hasRoom: () => isOpen() && !taken && calls < most(),
    isIdle: () => isOpen() && calls === 0,
    enter: (exclusive) => {
      taken = exclusive
      if (calls++ > 0) return
      session?.ref()
      heart.start()
    },
    leave: () => {
      taken = false
      if (--calls > 0) return
      heart.stop()
      // An idle session does not keep the process alive.
      session?.unref()
      closeWhenIdle()
    },
    answered: () => {
      useful = true
    },
    retire,
    destroy: () => {
      retired = true
      giveUp.abort()
      session?.destroy()
    }
  }
}

/** Sends a PING per interval, and destroys a session that has not answered the one before. */
const heartbeat = (interval: Duration.Duration, session: () => Http2.ClientHttp2Session | undefined) => {
  let timer: NodeJS.Timeout | undefined
  let unanswered = false
  const beat = () => {
    const open = session()
    if (open === undefined || open.destroyed) return
    if (unanswered) {
      const message = `The server did not answer a PING within ${Duration.format(interval)}`
      return open.destroy(Object.assign(new Error(message), { code: "ERR_HTTP2_PING_TIMEOUT" }))
    }
    unanswered = true
    open.ping(() => {
      unanswered = false
    })
  }
  return {
    start: () => {
      timer = setInterval(beat, Duration.toMillis(interval)).unref()
    },
    stop: () => {
      clearInterval(timer)
      unanswered = false
    }
  }
}

/** Sends a request on a session that it has entered, and leaves it when the exchange is over. */
const send = (
  session: Session,
  request: Request,
  options: Parameters<NodeHttpHandler["handle"]>[1],
  otherwise: NodeHttpHandler["handle"] | undefined
): Promise<Response> =>
  new Promise((resolve, reject) => {
    const { abortSignal: signal, onCancel }: HandlerOptions = options ?? {}
    let stream: Http2.ClientHttp2Stream | undefined
    let inside = true
    const leave = () => {
      if (!inside) return
      inside = false
      if (signal instanceof AbortSignal) signal.removeEventListener("abort", abort)
      session.leave()
    }
    const fail = (error: unknown) => {
      reject(error)
      leave()
    }
    const abort = () => {
      if (!inside) return
      session.retire()
      stream?.close(Http2.constants.NGHTTP2_CANCEL)
      fail(aborted(signal))
    }
    if (signal instanceof AbortSignal) signal.addEventListener("abort", abort, { once: true })
    onCancel?.(abort)
    session.opened.then((connection) => {
      if (!inside) return
      stream = connection.request({ ...authorityOf(request), ":method": request.method, ":path": pathOf(request) })
      const { body }: { readonly body?: unknown } = request
      const answer = stream
      answer.on("response", (headers) => {
        session.answered()
        resolve({ response: { statusCode: headers[":status"] ?? 0, headers: textsOf(headers), body: answer } })
      })
      answer.on("end", leave)
      answer.on("error", fail)
      answer.on("close", () => fail(new Error("http2 request did not get a response")))
      if (body instanceof Readable) body.on("error", (error) => answer.destroy(error)).pipe(answer)
      else answer.end(Predicate.isString(body) || body instanceof Uint8Array ? body : undefined)
    }, (error) => {
      if (!inside || otherwise === undefined || !Connection.isWithoutHttp2(error)) return fail(error)
      leave()
      resolve(otherwise(request, options))
    }).catch(fail)
  })

/** The headers of a request signed for HTTP/1.1 or HTTP/2: servers take one name of the host for the other. */
const authorityOf = ({ headers: { host, ...headers } }: Request): Record<string, string> =>
  host === undefined ? headers : { ":authority": host, ...headers }

/** As the SDK's own handlers fail. */
export const aborted = (signal?: unknown): Error => {
  const cause = signal instanceof AbortSignal ? signal.reason : undefined
  return Object.assign(new Error("Request aborted", { cause }), { name: "AbortError" })
}

const pathOf = ({ path, query }: Request): string => {
  const parameters = Object.entries(query ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) =>
      each === null ? escape(name) : `${escape(name)}=${escape(each)}`
    )
  )
  return parameters.length === 0 ? path : `${path}?${parameters.join("&")}`
}

/** As signatures have it. */
const escape = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

const textsOf = (headers: Http2.IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || name.startsWith(":") ? [] : [[name, Array.isArray(value) ? value.join(", ") : `${value}`]]
    )
  )
