/**
 * The calls of one client in flight: each can be aborted, from its request to the end of its response.
 *
 * The signal of `Effect.tryPromise` would not do: it ends when the promise resolves, which for a stream is only its
 * beginning.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as BedrockError from "../BedrockError.ts"
import * as Failure from "../error/Failure.ts"
import * as NetworkError from "../error/NetworkError.ts"
import * as EventStream from "../wire/EventStream.ts"
import * as Exchange from "../wire/Exchange.ts"
import * as Json from "../wire/Json.ts"
import * as ResponseBody from "../wire/ResponseBody.ts"
import * as ServiceError from "../wire/ServiceError.ts"
import * as Shape from "../wire/Shape.ts"
import * as ClientSpan from "./clientSpan.ts"

/** The input of a call, to a model or a guardrail: an object used by this call only. */
export type Input =
  | { readonly modelId: string | undefined }
  | { readonly guardrailIdentifier: string | undefined }

/** The input of a call, and who is asked. */
export interface Request {
  readonly input: Input
  readonly asked: Failure.Asked
}

/** Sends a command with the input of the call. Its result is ignored. */
export type Send = () => Promise<unknown>

/** A decoded response, and its head. */
export interface Answer<A> {
  readonly head: ServiceError.Head
  readonly value: A
}

/** The shapes of stream events by type; a frame of an unknown type is skipped. */
export type EventShapes<Events> = { readonly [Type in keyof Events]: Shape.Shape<Events[Type]> }

/** An event: its only member is named after its type. */
export type Event<Events> = { [Type in keyof Events]: { readonly [T in Type]: Events[T] } }[keyof Events]

/**
 * Each sends one call. An unsuccessful response fails with the service's error; interruption aborts the call.
 *
 * - `json`: decodes a JSON answer of a shape.
 * - `bytes`: returns an answer unchanged.
 * - `events`: opens an event stream, and waits for its first event. The response is read until the scope closes, which
 *   aborts it unless it has ended. After an abort by this client, which the handlers report as an error over HTTP/1.1 and
 *   as an end over HTTP/2, it is interrupted.
 */
export interface Calls {
  readonly json: <A>(
    request: Request,
    send: Send,
    shape: Shape.Shape<A>
  ) => Effect.Effect<Answer<A>, ProviderError.CallError>
  readonly bytes: (request: Request, send: Send) => Effect.Effect<Answer<Uint8Array>, ProviderError.CallError>
  readonly events: <Events>(
    request: Request,
    send: Send,
    shapes: EventShapes<Events>
  ) => Effect.Effect<
    Answer<Stream.Stream<Event<Events>, ProviderError.CallError>>,
    ProviderError.CallError,
    Scope.Scope
  >
}

/**
 * No call is in flight yet. Closing the scope aborts calls in flight; later calls are interrupted at once. No error
 * repeats the input of a call, or one of the `secrets`.
 */
export const make = Effect.fnUntraced(function*(
  secrets: () => ReadonlyArray<string>
): Effect.fn.Return<Calls, never, Scope.Scope> {
  const inFlight = new Set<Call>()
  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      inFlight.forEach((call) => call.abort())
    })
  )

  const begin = (request: Request, isEventStream: boolean): Call => {
    const call = new Call(request, isEventStream, secrets)
    inFlight.add(call)
    return call
  }
  const abort = (call: Call) =>
    Effect.sync(() => {
      inFlight.delete(call)
      call.abort()
    })

  /** One callback for the whole of a call: what waits for a promise or a body in between costs more than the call. */
  const answer = <A>(
    request: Request,
    send: Send,
    decode: (body: Uint8Array) => Result.Result<A, string>
  ): Effect.Effect<Answer<A>, ProviderError.CallError> =>
    Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        if (closed) return resume(Effect.interrupt)
        const call = begin(request, false)
        const end = (exit: Exit.Exit<Answer<A>, ProviderError.CallError>) => {
          inFlight.delete(call)
          resume(exit)
        }
        const stop = call.send(send, fiber.context, {
          onRefused: end,
          onResponse: (head) =>
            ResponseBody.whole(
              head.body,
              dying(end, (body) => {
                if (Result.isFailure(body)) return end(call.failed(body.failure))
                // A truncated unparsed body looks like a complete one.
                if (Exchange.isCut(call.exchange)) return end(call.lost("inside the answer"))
                const decoded = decode(body.success)
                end(
                  Result.isSuccess(decoded)
                    ? Exit.succeed({ head, value: decoded.success })
                    : call.malformed(decoded.failure)
                )
              })
            )
        })
        return Effect.andThen(Effect.sync(stop), abort(call))
      })
    )

  return {
    json: (request, send, shape) => answer(request, send, (body) => decode(body, shape)),
    bytes: (request, send) => answer(request, send, Result.succeed),
    events: (request, send, shapes) =>
      Effect.flatMap(
        Effect.acquireRelease(
          Effect.suspend(() => closed ? Effect.interrupt : Effect.succeed(begin(request, true))),
          (call) => call.hasEnded ? Effect.sync(() => inFlight.delete(call)) : abort(call)
        ),
        (call) => {
          const response = Effect.withFiber<Exchange.Response, ProviderError.CallError>((fiber) =>
            Effect.callback((resume) => {
              const stop = call.send(send, fiber.context, {
                onRefused: resume,
                onResponse: (head) => {
                  resume(Effect.succeed(head))
                  return () => {}
                }
              })
              return Effect.sync(stop)
            })
          )
          return Effect.flatMap(response, (head) => {
            const { events, opened } = EventStream.read(head.body, {
              decode: (frame) =>
                frame.messageType === "event"
                  ? Result.mapError(decodeEvent(frame.name, frame.payload, shapes), call.malformed)
                  : Result.fail(call.failed(ServiceError.fromFrame(frame))),
              done: Effect.suspend((): Pull.Pull<never, ProviderError.CallError> => {
                if (Exchange.isCut(call.exchange)) return call.lost("inside the answer")
                call.hasEnded = true
                return call.exchange.abort.isAborted ? Effect.interrupt : Cause.done()
              }),
              malformed: call.malformed,
              lost: (error) => error === undefined ? call.lost("inside an event of the stream") : call.failed(error)
            })
            return Effect.as(opened, { head, value: events })
          })
        }
      )
  }
})

/** What becomes of a response; `onResponse` returns what stops reading its body. */
interface Listener {
  readonly onRefused: (exit: Exit.Exit<never, ProviderError.CallError>) => void
  readonly onResponse: (head: Exchange.Response) => () => void
}

/** One call, sent once. What it fails with after an abort is an interruption. */
class Call {
  readonly exchange: Exchange.Exchange
  hasEnded = false
  readonly #request: Request
  readonly #secrets: () => ReadonlyArray<string>

  constructor(request: Request, isEventStream: boolean, secrets: () => ReadonlyArray<string>) {
    this.exchange = { abort: new Exchange.Abort(), isEventStream, address: undefined, response: undefined }
    this.#request = request
    this.#secrets = secrets
    Exchange.attach(request.input, this.exchange)
  }

  abort(): void {
    this.exchange.abort.abort()
  }

  /** Returns what stops listening. */
  send(send: Send, context: Context.Context<never>, { onRefused, onResponse }: Listener): () => void {
    let isStopped = false
    let stopReading = () => {}
    const annotate = () => ClientSpan.annotate(context, this.#request.input, this.exchange.address)
    const onSent = () => {
      if (isStopped) return
      annotate()
      const { response } = this.exchange
      if (this.exchange.abort.isAborted) return onRefused(Exit.interrupt())
      if (response === undefined) return onRefused(this.malformed("the request handler returned no response", ""))
      stopReading = response.status < 300 && !ServiceError.isPage(response)
        ? onResponse(response)
        // Without its body, a refusal still has its status and the name in its headers.
        : ResponseBody.beginning(
          response.body,
          longestRefusal,
          dying(onRefused, (body) =>
            onRefused(
              this.failed(ServiceError.fromResponse(response, Result.getOrElse(body, () => new Uint8Array())))
            ))
        )
    }
    const onFailed = (error: unknown) => {
      if (isStopped) return
      annotate()
      onRefused(this.#unsent(error))
    }
    Result.match(Result.try(send), {
      onSuccess: (sent) => void sent.then(dying(onRefused, onSent), dying(onRefused, onFailed)),
      onFailure: onFailed
    })
    return () => {
      isStopped = true
      annotate()
      stopReading()
    }
  }

  failed(error: unknown): Exit.Exit<never, ProviderError.CallError> {
    return this.#exit(this.#toError(error))
  }

  readonly malformed = (
    problem: string,
    prefix = "the answer cannot be decoded: "
  ): Exit.Exit<never, ProviderError.CallError> => this.#exit(Failure.malformed(this.#asked(), `${prefix}${problem}`))

  lost(where: string): Exit.Exit<never, ProviderError.CallError> {
    return this.#exit(
      new ProviderError.ConnectionError(
        Failure.silent(this.#asked(), `the connection was lost ${where}`, NetworkError.lostRemedy)
      )
    )
  }

  /** The failure of a request that has no response, and may not even have been sent. */
  #unsent(error: unknown) {
    const known = this.#toError(error)
    return this.#exit(
      known._tag === "MalformedResponseError" && this.exchange.address === undefined ? unsendable(error, known) : known
    )
  }

  #exit(error: ProviderError.CallError) {
    return this.exchange.abort.isAborted ? Exit.interrupt() : Exit.fail(error)
  }

  #toError(error: unknown) {
    return BedrockError.fromUnknown(error, {
      ...this.#asked(),
      secrets: this.#secrets(),
      request: this.#request.input
    })
  }

  #asked(): Failure.Asked {
    const { address, response } = this.exchange
    return {
      ...this.#request.asked,
      server: address && serverOf(address),
      proxy: address?.proxy,
      requestId: response && ServiceError.requestId(response)
    }
  }
}

/** A callback of a promise or a socket. What it throws is a defect of the call, and not the end of the process. */
const dying = <A>(end: (exit: Exit.Exit<never>) => void, callback: (value: A) => void) => (value: A): void => {
  const called = Result.try(() => callback(value))
  if (Result.isFailure(called)) end(Exit.die(called.failure))
}

/** In bytes: exceptions are shorter, and pages of a proxy are not shown. */
const longestRefusal = 64 * 1024

const serverOf = ({ host, port }: Exchange.Address): string => port === 443 || port === 80 ? host : `${host}:${port}`

/** An empty body counts as an empty object. */
const decode = <A>(body: Uint8Array, shape: Shape.Shape<A>): Result.Result<A, string> =>
  body.length === 0
    ? Shape.conform(shape, {})
    : Result.flatMap(Json.parseBytes(body), (json) => Shape.conform(shape, json))

const decodeEvent = <Events>(
  type: string,
  payload: Uint8Array,
  shapes: EventShapes<Events>
): Result.Result<Event<Events> | undefined, string> => {
  if (!isKey(shapes, type)) return Result.succeed(undefined)
  return Result.mapBoth(decode(payload, shapes[type]), {
    onFailure: (problem) => `${problem}, in an event ${type}`,
    // a computed key loses its type
    onSuccess: (event) => ({ [type]: event }) as object as Event<Events>
  })
}

const isKey = <A extends object>(record: A, name: string): name is Extract<keyof A, string> =>
  Object.hasOwn(record, name)

/**
 * A failure before anything is sent, except for missing credentials or region, is an invalid request. Messages of the
 * SDK describe it; those of JavaScript errors do not.
 */
const unsendable = (
  error: unknown,
  { cause, exception, message, model, provider }: ProviderError.MalformedResponseError
): ProviderError.InvalidRequestError =>
  error instanceof TypeError || error instanceof RangeError
    ? ProviderError.invalidRequest({
      provider,
      model,
      field: "input",
      problem: "it cannot be serialized for the service",
      remedy: "Check the types of its fields"
    })
    : new ProviderError.InvalidRequestError({ provider, model, exception, message, cause })
