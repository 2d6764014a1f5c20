/**
 * Sends a command with the SDK, and takes its response before the SDK deserializes it.
 *
 * The SDK serializes, resolves the endpoint, signs and sends. Its deserializer is skipped: it turns large numbers into
 * `bigint`, allocates the declared length of a frame, and passes wrong types through.
 */
import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import * as Predicate from "effect/Predicate"
import * as Http2 from "node:http2"
import type { Head } from "./ServiceError.ts"

/** A response: its head, and the source of its body. */
export interface Response extends Head {
  readonly body: unknown
}

/**
 * One request and its response.
 *
 * - `abort`: aborts it; see {@link Abort}.
 * - `isEventStream`: an event stream does not share an HTTP/2 session with other calls.
 * - `address`: where it was sent; `undefined` until then.
 * - `onRequest`: sees the request that the SDK made, before it is sent.
 */
export interface Exchange {
  readonly abort: Abort
  readonly isEventStream: boolean
  address: Address | undefined
  response: Response | undefined
  onRequest?: (request: Request) => void
}

/** Aborts a request, once it is sent and before. An `AbortController` for each call would cost more than signing it. */
export class Abort {
  isAborted = false
  #controller: AbortController | undefined
  #cancel: (() => void) | undefined

  readonly onCancel = (cancel: () => void): void => {
    this.#cancel = cancel
    if (this.isAborted) cancel()
  }

  /** For a handler that knows nothing else. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.isAborted) this.#controller.abort()
    return this.#controller.signal
  }

  abort(): void {
    this.isAborted = true
    this.#cancel?.()
    this.#controller?.abort()
  }
}

/** `proxy`: what the way leads through, without user name and password. */
export interface Address {
  readonly host: string
  readonly port: number
  readonly proxy: string | undefined
}

type Handler = BedrockRuntimeClient["config"]["requestHandler"]

/** What a handler sends. */
export type Request = Parameters<Handler["handle"]>[0]

/**
 * Associates an input, by identity, with the exchange of its request. An input object serves one call only.
 *
 * An abort signal given to `send` would do, but a `send` with options rebuilds the middleware stack.
 */
export const attach = (input: object, exchange: Exchange): void => {
  exchanges.set(input, exchange)
}

/**
 * Lets the commands of a client carry an {@link Exchange}; commands without one are left to the SDK. Removes middleware
 * that costs time without use: copies of inputs and outputs for a logger, and the detection of Lambda recursion.
 */
export const install = ({ config, middlewareStack }: BedrockRuntimeClient): void => {
  middlewareStack.remove("loggerMiddleware")
  middlewareStack.remove("recursionDetectionMiddleware")
  middlewareStack.add(
    (next) => (args) => {
      const exchange = exchanges.get(args.input)
      if (exchange === undefined) return next(args)
      // the earlier steps have set it for this handler
      const request = args.request as Request
      exchange.onRequest?.(request)
      return handle(config, request, exchange).then(({ response }) => ({ response, output: { $metadata: {} } }))
    },
    // the last step, in front of the deserializer
    { name: "strataExchange", step: "deserialize", priority: "high" }
  )
}

/** Sends a complete request. */
export const send = ({ config }: BedrockRuntimeClient, request: Request, exchange: Exchange): Promise<unknown> =>
  handle(config, request, exchange)

const handle = ({ requestHandler }: BedrockRuntimeClient["config"], request: Request, exchange: Exchange) => {
  const { abort, isEventStream } = exchange
  const { hostname, port, protocol } = request
  const proxy: unknown = Predicate.hasProperty(requestHandler, "proxyOf") &&
    Predicate.isFunction(requestHandler.proxyOf) && requestHandler.proxyOf(request)
  exchange.address = {
    host: hostname,
    port: port ?? (protocol === "http:" ? 80 : 443),
    proxy: Predicate.isString(proxy) ? proxy : undefined
  }
  const isCancellable = Predicate.hasProperty(requestHandler, "isCancellable") && requestHandler.isCancellable === true
  const options = {
    ...(isCancellable ? { onCancel: abort.onCancel } : { abortSignal: abort.signal }),
    ...(isEventStream && { isEventStream })
  }
  return requestHandler.handle(request, options).then(
    (result) => {
      exchange.response = toResponse(result)
      return result
    }
  )
}

/** The exchange of an input. */
export const of = (input: object): Exchange | undefined => exchanges.get(input)

/**
 * Whether the response ended because its HTTP/2 session was lost, or the request cancelled: Node ends the body in both
 * cases as if it were complete. Over HTTP/1.1 that is an error.
 */
export const isCut = ({ response }: Exchange): boolean =>
  Predicate.hasProperty(response?.body, "rstCode") && Predicate.isNumber(response.body.rstCode) &&
  response.body.rstCode !== Http2.constants.NGHTTP2_NO_ERROR

const exchanges = new WeakMap<object, Exchange>()

/** `undefined` when a custom handler gave something else; header names are converted to lower case. */
const toResponse = ({ response }: { readonly response?: unknown }): Response | undefined => {
  if (!Predicate.isObject(response) || !Predicate.isNumber(response["statusCode"])) return undefined
  const headers: Record<string, string> = {}
  const given = Predicate.isObject(response["headers"]) ? response["headers"] : {}
  for (const name of Object.keys(given)) {
    const value = given[name]
    if (typeof value === "string") headers[name.toLowerCase()] = value
  }
  return { status: response["statusCode"], headers, body: response["body"] }
}
