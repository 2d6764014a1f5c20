/**
 * The calls of one client in flight: each can be aborted, from its request to the end of its response.
 *
 * The signal of `Effect.tryPromise` would not do: it ends when the promise resolves, which for a stream is only its
 * beginning.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
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
 * One call. Each of these sends it; an unsuccessful response fails with the service's error.
 *
 * - `json`: decodes a JSON answer of a shape.
 * - `bytes`: returns an answer unchanged.
 * - `events`: opens an event stream, and waits for its first event. After an abort by this client, which the handlers
 *   report as an error over HTTP/1.1 and as an end over HTTP/2, it is interrupted.
 */
export interface Call {
  readonly json: <A>(send: Send, shape: Shape.Shape<A>) => Effect.Effect<Answer<A>, ProviderError.CallError>
  readonly bytes: (send: Send) => Effect.Effect<Answer<Uint8Array>, ProviderError.CallError>
  readonly events: <Events>(
    send: Send,
    shapes: EventShapes<Events>
  ) => Effect.Effect<Answer<Stream.Stream<Event<Events>, ProviderError.CallError>>, ProviderError.CallError>
}

/**
 * - `use`: a call whose response is read by its effect. Interruption aborts it.
 * - `open`: a call whose response is read until the scope closes, which aborts it unless the response has ended.
 */
export interface Calls {
  readonly use: <A>(
    request: Request,
    f: (call: Call) => Effect.Effect<A, ProviderError.CallError>
  ) => Effect.Effect<A, ProviderError.CallError>
  readonly open: (request: Request) => Effect.Effect<Call, never, Scope.Scope>
}

/**
 * No call is in flight yet. Closing the scope aborts calls in flight; later calls are interrupted at once. No error
 * repeats the input of a call, or one of the `secrets`.
 */
export const make = Effect.fnUntraced(function*(
  secrets: () => ReadonlyArray<string>
): Effect.fn.Return<Calls, never, Scope.Scope> {
  const inFlight = new Set<OwnedCall>()
  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      inFlight.forEach((call) => call.abort())
    })
  )

  const begin = (request: Request, isEventStream: boolean): Effect.Effect<OwnedCall> =>
    Effect.suspend(() => {
      if (closed) return Effect.interrupt
      const call = makeCall(request, isEventStream, secrets)
      inFlight.add(call)
      return Effect.succeed(call)
    })
  const end = (call: OwnedCall) => Effect.sync(() => void inFlight.delete(call))
  const abort = (call: OwnedCall) => Effect.andThen(end(call), Effect.sync(() => call.abort()))

  return {
    use: (request, f) =>
      Effect.acquireUseRelease(
        begin(request, false),
        f,
        // An abort creates an error object, with its stack: avoided for calls that ended by themselves.
        (call, exit) => Exit.hasInterrupts(exit) ? abort(call) : end(call)
      ),
    open: (request) => Effect.acquireRelease(begin(request, true), (call) => call.hasEnded() ? end(call) : abort(call))
  }
})

interface OwnedCall extends Call {
  readonly abort: () => void
  readonly hasEnded: () => boolean
}

const makeCall = (
  { input, ...request }: Request,
  isEventStream: boolean,
  secrets: () => ReadonlyArray<string>
): OwnedCall => {
  const abort = new Exchange.Abort()
  const exchange: Exchange.Exchange = {
    abort,
    isEventStream,
    address: undefined,
    response: undefined
  }
  let ended = false
  Exchange.attach(input, exchange)

  const asked = (): Failure.Asked => ({
    ...request.asked,
    server: exchange.address && serverOf(exchange.address),
    proxy: exchange.address?.proxy,
    requestId: exchange.response && ServiceError.requestId(exchange.response)
  })
  const lost = (where: string) =>
    new ProviderError.ConnectionError(
      Failure.silent(asked(), `the connection was lost ${where}`, NetworkError.lostRemedy)
    )
  const malformed = (problem: string) => Failure.malformed(asked(), `the answer cannot be decoded: ${problem}`)
  const toError = (error: unknown) =>
    BedrockError.fromUnknown(error, { ...asked(), secrets: secrets(), request: input })
  const unlessAborted = <E>(error: E) => abort.isAborted ? Effect.interrupt : Effect.fail(error)
  const fail = (error: ProviderError.CallError) => Effect.suspend(() => unlessAborted(error))

  const response = (send: Send): Effect.Effect<Exchange.Response, ProviderError.CallError> =>
    Effect.tryPromise({
      try: send,
      catch: (error) => {
        const known = toError(error)
        return known._tag === "MalformedResponseError" && exchange.address === undefined
          ? unsendable(error, known)
          : known
      }
    }).pipe(
      Effect.flatMap(() => {
        if (exchange.response === undefined) return Effect.fail(malformed("the request handler returned no response"))
        const { response } = exchange
        return response.status < 300 && !ServiceError.isPage(response) ? Effect.succeed(response) : refused(response)
      }),
      Effect.catch(unlessAborted),
      Effect.onExit(() => ClientSpan.annotate(input, exchange.address))
    )
  // Without its body, a refusal still has its status and the name in its headers.
  const refused = (response: Exchange.Response) =>
    Effect.flatMap(
      Effect.orElseSucceed(ResponseBody.beginning(response.body, longestRefusal), () => new Uint8Array()),
      (body) => Effect.fail(toError(ServiceError.fromResponse(response, body)))
    )
  const bytes: Call["bytes"] = (send) =>
    Effect.flatMap(response(send), (head) =>
      ResponseBody.whole(head.body).pipe(
        Effect.mapError(toError),
        // A truncated unparsed body looks like a complete one.
        Effect.flatMap((value) =>
          Exchange.isCut(exchange) ? Effect.fail(lost("inside the answer")) : Effect.succeed({ head, value })
        ),
        Effect.catch(unlessAborted)
      ))

  return {
    abort: () => abort.abort(),
    hasEnded: () => ended,
    bytes,
    json: (send, shape) =>
      Effect.flatMap(bytes(send), ({ head, value }) =>
        Result.match(decode(value, shape), {
          onSuccess: (value) => Effect.succeed({ head, value }),
          onFailure: (problem) => Effect.fail(malformed(problem))
        })),
    events: (send, shapes) =>
      Effect.flatMap(response(send), (head) => {
        const { events, opened } = EventStream.read(head.body, {
          decode: (frame) =>
            frame.messageType === "event"
              ? Result.mapError(decodeEvent(frame.name, frame.payload, shapes), (problem) => fail(malformed(problem)))
              : Result.fail(fail(toError(ServiceError.fromFrame(frame)))),
          done: Effect.suspend((): Pull.Pull<never, ProviderError.CallError> => {
            if (Exchange.isCut(exchange)) return unlessAborted(lost("inside the answer"))
            ended = true
            return unlessAborted(Cause.Done())
          }),
          malformed: (problem) => fail(malformed(problem)),
          lost: (error) => fail(error === undefined ? lost("inside an event of the stream") : toError(error))
        })
        return Effect.as(opened, { head, value: events })
      })
  }
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
