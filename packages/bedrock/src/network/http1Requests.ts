/**
 * Requests over HTTP/1.1 whose body is at hand, as those of all calls are: sent with `node:http` in a third of the time that
 * the SDK's handler takes, which has timers for each and waits for bodies that are streams.
 */
import type { NodeHttpHandler } from "@smithy/node-http-handler"
import * as Duration from "effect/Duration"
import * as Http from "node:http"
import * as Https from "node:https"
import type * as Net from "node:net"
import * as Tls from "node:tls"

/**
 * - `connectTimeout`: until there is a connection, TLS included; waiting for a free one of a limited number does not count.
 * - `idleTimeout`: without anything received.
 * - `others`: sends what has no body at hand.
 */
export interface Settings {
  readonly httpAgent: Http.Agent
  readonly httpsAgent: Https.Agent
  readonly connectTimeout: Duration.Duration
  readonly idleTimeout: Duration.Duration | undefined
  readonly others: Handle
}

type Handle = NodeHttpHandler["handle"]
type Request = Parameters<Handle>[0]

/**
 * - `abortSignal`: as the SDK's own.
 * - `onCancel`: receives what aborts the request; cheaper than a signal.
 */
export interface Options {
  readonly abortSignal?: unknown
  readonly onCancel?: ((cancel: () => void) => void) | undefined
}

/** The handler of the SDK's kind. */
export const make = ({ connectTimeout, httpAgent, httpsAgent, idleTimeout, others }: Settings): Handle => {
  const connecting = Duration.toMillis(connectTimeout)
  const idle = idleTimeout === undefined ? 0 : Duration.toMillis(idleTimeout)

  return (request, options) => {
    const { abortSignal, onCancel }: Options = options ?? {}
    const signal = abortSignal instanceof AbortSignal ? abortSignal : undefined
    if (!isPlain(request) || signal?.aborted) return others(request, withSignal(options))
    const { body, headers, hostname, method, path, port, protocol } = request
    return new Promise((resolve, reject) => {
      const host = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname
      // As a list they are written once, without being looked up by name.
      const target = { headers: flat(headers), host, method, path, ...(port === undefined ? undefined : { port }) }
      const sent = protocol === "https:"
        ? Https.request({ ...target, agent: httpsAgent })
        : Http.request({ ...target, agent: httpAgent })
      let answer: Http.IncomingMessage | undefined
      const fail = (error: Error) => {
        answer?.destroy(error)
        sent.destroy()
        reject(error)
      }
      const cancel = () => fail(named("AbortError", "Request aborted"))
      sent.on("response", (response) => {
        answer = response
        const { headers, statusCode = -1, statusMessage: reason } = response
        // the SDK asks only for what is here
        resolve({ response: { statusCode, reason, headers, body: response } } as Answer)
      })
      sent.on("error", reject)
      // Node destroys a connection that the server wants to upgrade, and calls that no error.
      sent.on("close", () => {
        if (answer === undefined) reject(Object.assign(new Error("The connection was closed"), { code: "ECONNRESET" }))
      })
      if (connecting > 0) sent.on("socket", (socket) => limitConnecting(sent, socket, connecting, fail))
      if (idle > 0 && idle !== Infinity) {
        sent.setTimeout(idle, () => {
          if (answer?.complete !== true) fail(timeout(`The socket timed out after ${idle} ms of inactivity`))
        })
      }
      onCancel?.(cancel)
      if (signal !== undefined) {
        signal.addEventListener("abort", cancel, { once: true })
        sent.on("close", () => signal.removeEventListener("abort", cancel))
      }
      sent.end(body)
    })
  }
}

/** The options with a signal, which is all that the SDK's handler knows. */
const withSignal = (options: Parameters<Handle>[1]): Parameters<Handle>[1] => {
  const { onCancel }: Options = options ?? {}
  if (onCancel === undefined) return options
  const controller = new AbortController()
  onCancel(() => controller.abort())
  return { ...options, abortSignal: controller.signal }
}

type Answer = Awaited<ReturnType<Handle>>

const flat = (headers: Readonly<Record<string, string>>): Array<string> => {
  const list: Array<string> = []
  for (const name of Object.keys(headers)) list.push(name, headers[name]!)
  return list
}

/** Whether it is nothing but a path, headers and a body at hand, of a length that its headers tell. */
const isPlain = ({ body, fragment, headers, password, query, username }: Request): boolean => {
  if (typeof body !== "string" && !(body instanceof Uint8Array)) return false
  for (const _ in query) return false
  return fragment === undefined && username === undefined && password === undefined &&
    headers["content-length"] !== undefined && headers["expect"] === undefined && headers["Expect"] === undefined
}

/** Fails a request whose socket is not connected in time. */
const limitConnecting = (
  sent: Http.ClientRequest,
  socket: Net.Socket,
  millis: number,
  fail: (error: Error) => void
): void => {
  const isSecure = socket instanceof Tls.TLSSocket
  // Without a message that finishes it, the handshake is not over.
  if (!socket.connecting && (!isSecure || socket.getFinished() !== undefined)) return
  const timer = setTimeout(
    () => fail(timeout(`The server did not establish a connection within the timeout of ${millis} ms`)),
    millis
  )
  const stop = () => clearTimeout(timer)
  socket.once(isSecure ? "secureConnect" : "connect", stop)
  sent.once("close", stop)
}

const timeout = (message: string) => named("TimeoutError", message)

/** By these names the SDK's handlers fail. */
const named = (name: string, message: string): Error => Object.assign(new Error(message), { name })
