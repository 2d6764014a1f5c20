/**
 * The events of an HTTP response as a `Stream`.
 *
 * Reads ahead while the consumer works and hands over what is there as one array, so that an event costs no fiber step
 * of its own. Stops reading at 64 waiting events: the socket then holds the sender back.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

/** How the stream ends: `done` after the last event, `fail` when the iterator rejects. */
export interface End<E> {
  readonly done: Pull.Pull<never>
  readonly fail: (error: unknown) => Effect.Effect<never, E>
}

/**
 * A stream of what `iterator` yields; it can be run once.
 *
 * Nothing here closes the response: the iterators of the SDK do not close it either when `return` is called, only the
 * abort signal of the request does.
 */
export const fromIterator = <A, E>(iterator: AsyncIterator<A>, end: End<E>): Stream.Stream<A, E> =>
  Stream.fromPull(Effect.sync(() => pull(iterator, end)))

const capacity = 64

const pull = <A, E>(
  iterator: AsyncIterator<A>,
  { done, fail }: End<E>
): Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E> => {
  let waiting: Array<A> = []
  let end: Pull.Pull<never, E> | undefined
  let reading = false
  let wake = () => {}

  const read = () => {
    if (reading || end !== undefined || waiting.length >= capacity) return
    reading = true
    iterator.next().then(
      (result) => {
        if (result.done === true) end = done
        else waiting.push(result.value)
      },
      (error) => {
        end = fail(error)
      }
    ).then(() => {
      reading = false
      wake()
      read()
    })
  }

  const arrival = Effect.callback<void>((resume) => {
    wake = () => resume(Effect.void)
    read()
  })

  const take: Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E> = Effect.suspend(() => {
    if (Arr.isArrayNonEmpty(waiting)) {
      const events = waiting
      waiting = []
      read()
      return Effect.succeed(events)
    }
    // The yield lets the events of the same packet be decoded too, before the first of them is handed over.
    return end ?? Effect.andThen(arrival, Effect.andThen(Effect.yieldNow, take))
  })
  return take
}
