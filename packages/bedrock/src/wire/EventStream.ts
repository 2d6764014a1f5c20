/**
 * The frames of a response as a `Stream` of events.
 *
 * Reads ahead while the consumer works, and hands over what is there as one array. It has the sender wait while 64
 * events or a megabyte of them wait here.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as FrameDecoder from "./FrameDecoder.ts"
import * as ResponseBody from "./ResponseBody.ts"

/** What becomes of the parts of a response. */
export interface Options<A, E> {
  /** The event in a frame, `undefined` where it is of no interest, or what the stream fails with. */
  readonly decode: (frame: FrameDecoder.Frame) => Result.Result<A | undefined, Effect.Effect<never, E>>
  /** How the stream ends when the response does. */
  readonly done: Pull.Pull<never, E>
  /** How it fails when the bytes are no frames. */
  readonly malformed: (problem: string) => Effect.Effect<never, E>
  /** How it fails when the response breaks off: with an error, or with none but inside a frame. */
  readonly lost: (error?: unknown) => Effect.Effect<never, E>
}

/** `opened` waits for the first event, or for the end without one. `events` can be run once. */
export interface EventStream<A, E> {
  readonly opened: Effect.Effect<void, E>
  readonly events: Stream.Stream<A, E>
}

/** Reads a body from now on. It does not close the connection: that is for the owner of the request. */
export const read = <A, E>(body: unknown, { decode, done, lost, malformed }: Options<A, E>): EventStream<A, E> => {
  const frames = FrameDecoder.make()
  let waiting: Array<A> = []
  let waitingBytes = 0
  let failure: Effect.Effect<never, E> | undefined
  let ended = false
  let wake = () => {}

  const fail = (effect: Effect.Effect<never, E>) => {
    if (ended) return
    failure = effect
    ended = true
    reading.stop()
  }
  const onFrame = (frame: FrameDecoder.Frame) => {
    if (ended) return
    const decoded = decode(frame)
    if (Result.isFailure(decoded)) fail(decoded.failure)
    else if (decoded.success !== undefined) waiting.push(decoded.success)
  }
  const reading = ResponseBody.read(body, {
    onPiece: (piece) => {
      const problem = frames.add(piece, onFrame)
      if (problem !== undefined) fail(malformed(problem))
      waitingBytes += piece.length
      if (waiting.length >= capacity || waiting.length > 0 && waitingBytes >= byteCapacity) reading.pause()
      wake()
    },
    onEnd: (error) => {
      if (error !== undefined || frames.isInsideFrame()) fail(lost(error))
      ended = true
      wake()
    }
  })

  /** Looks, and looks again when something has come. Nothing can come between a look and the wait for more. */
  const when = <B, E2>(look: () => Effect.Effect<B, E2> | undefined): Effect.Effect<B, E2> =>
    Effect.callback((resume) => {
      wake = () => {
        const found = look()
        if (found === undefined) return
        wake = () => {}
        resume(found)
      }
      wake()
      return Effect.sync(() => {
        wake = () => {}
      })
    })

  const take = when((): Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E> | undefined => {
    if (!Arr.isArrayNonEmpty(waiting)) return ended ? failure ?? done : undefined
    const events = waiting
    waiting = []
    waitingBytes = 0
    if (!ended) reading.resume()
    return Effect.succeed(events)
  })
  return {
    opened: when(() => waiting.length > 0 ? Effect.void : ended ? failure ?? Effect.void : undefined),
    events: Stream.fromPull(Effect.succeed(take))
  }
}

const capacity = 64

const byteCapacity = 1024 * 1024
