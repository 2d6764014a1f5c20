/** Streams that are mapped array by array, without an effect for each element. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

/** What becomes of an array: elements, and why the stream cannot go on after them. */
export interface Mapped<B, E> {
  readonly items: ReadonlyArray<B>
  readonly failure?: { readonly error: E } | undefined
}

/** Maps arrays to arrays, which may be empty. A failure comes after the elements before it, without waiting for more. */
export const map = <A, E, R, B, E2>(
  self: Stream.Stream<A, E, R>,
  make: () => (items: ReadonlyArray<A>) => Mapped<B, E2>
): Stream.Stream<B, E | E2, R> =>
  Stream.transformPull(self, (pull) =>
    Effect.sync(() => {
      const mapped = make()
      let failure: Mapped<B, E2>["failure"]
      const next: Pull.Pull<Arr.NonEmptyReadonlyArray<B>, E | E2, void, R> = Effect.flatMap(pull, (given) => {
        const { failure: found, items } = mapped(given)
        failure = found
        return Arr.isReadonlyArrayNonEmpty(items) ? Effect.succeed(items) : step
      })
      const step: typeof next = Effect.suspend(() => failure === undefined ? next : Effect.fail(failure.error))
      return step
    }))
