/**
 * The calls of one client that are under way: each owns one abort controller, from its request to the end of its response.
 *
 * The signal of `Effect.tryPromise` would not do: it dies when the promise resolves, which for a stream is only its
 * beginning.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as BedrockError from "../BedrockError.ts"
import * as Transport from "../Transport.ts"
import { providerName } from "./provider.ts"

/** What a call sends, to a model or to a guardrail: an object of this call alone. */
export type Input =
  | { readonly modelId: string | undefined }
  | { readonly guardrailIdentifier: string | undefined }

/**
 * One call.
 *
 * - `run`: sends it.
 * - `done`, `fail`: how its stream ends, or fails with an error of the SDK. After an abort of ours, which the SDK shows
 *   as an error over HTTP/1.1 and as an end over HTTP/2, both are interruption.
 * - `responseHeader`: a header of the response, by its lower-case name.
 */
export interface Call {
  readonly controller: AbortController
  readonly run: <A>(send: () => Promise<A>) => Effect.Effect<A, ProviderError.ProviderError>
  readonly done: Pull.Pull<never>
  readonly fail: (error: unknown) => Effect.Effect<never, ProviderError.ProviderError>
  readonly responseHeader: (name: string) => string | undefined
}

/**
 * - `use`: a call whose response is read by its effect. Interruption aborts it.
 * - `open`: a call whose response is read until the scope closes, which aborts it.
 */
export interface Calls {
  readonly use: <A>(
    input: Input,
    f: (call: Call) => Effect.Effect<A, ProviderError.ProviderError>
  ) => Effect.Effect<A, ProviderError.ProviderError>
  readonly open: (input: Input) => Effect.Effect<Call, never, Scope.Scope>
}

/** No call is under way yet. Closing the scope aborts those that are; calls made later are interrupted at once. */
export const make: Effect.Effect<Calls, never, Scope.Scope> = Effect.gen(function*() {
  const underWay = new Set<Call>()
  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      underWay.forEach((call) => call.controller.abort())
    })
  )

  const begin = (input: Input): Effect.Effect<Call> =>
    Effect.suspend(() => {
      if (closed) return Effect.interrupt
      const call = makeCall(input)
      underWay.add(call)
      return Effect.succeed(call)
    })
  const end = (call: Call) => Effect.sync(() => void underWay.delete(call))
  const abort = (call: Call) => Effect.andThen(end(call), Effect.sync(() => call.controller.abort()))

  return {
    use: (input, f) =>
      Effect.acquireUseRelease(
        begin(input),
        f,
        // An abort makes an error object, with its stack: not for calls that ended by themselves.
        (call, exit) => Exit.hasInterrupts(exit) ? abort(call) : end(call)
      ),
    open: (input) => Effect.acquireRelease(begin(input), abort)
  }
})

const makeCall = (input: Input): Call => {
  const controller = new AbortController()
  const exchange: Transport.Exchange = { signal: controller.signal, responseHeaders: {} }
  Transport.attach(input, exchange)

  const context = () => ({
    model: "modelId" in input ? input.modelId : undefined,
    requestId: exchange.responseHeaders["x-amzn-requestid"]
  })
  const lost = () =>
    new ProviderError.ConnectionError({
      provider: providerName,
      ...context(),
      message: "The HTTP/2 connection was lost inside the answer"
    })
  const toError = (error: unknown) => {
    const known = BedrockError.fromUnknown(error, context())
    return known._tag === "MalformedResponseError" && Transport.isCut(exchange) ? lost() : known
  }
  const unlessAborted = <E>(error: E) => controller.signal.aborted ? Effect.interrupt : Effect.fail(error)
  return {
    controller,
    run: (send) =>
      Effect.tryPromise({ try: send, catch: toError }).pipe(
        // What is not parsed here, half of it looks like all of it.
        Effect.flatMap((output) => Transport.isCut(exchange) ? Effect.fail(lost()) : Effect.succeed(output)),
        Effect.catch(unlessAborted)
      ),
    done: Effect.suspend(() => unlessAborted(Cause.Done())),
    fail: (error) => unlessAborted(toError(error)),
    responseHeader: (name) => exchange.responseHeaders[name]
  }
}
