/**
 * Steps on a shared store that may be lost at any time: none of them fails, interrupts or holds up its caller.
 *
 * A step has a second. One that fails, dies, interrupts itself or takes longer counts as a failure; then the store is left
 * alone for five seconds, and after that one step tries it again. Meanwhile callers go on with what the process knows. An
 * outage is one warning when it begins and one notice when it is over, however many steps fail in it.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Function from "effect/Function"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as TaggedError from "../../TaggedError.ts"

/** How long a step may take, in milliseconds. */
const patience = 1_000

/** For how long a store is left alone after a failure, in milliseconds. */
export const rest = 5_000

/** What cannot be reached, at the beginning of a sentence, and what the process does without it. */
export interface Description {
  readonly name: string
  readonly meanwhile: string
}

/** The state of a store: the same for all its users, so that they see one outage. */
export const of = (store: object, description: Description): FailingStore =>
  BoundedMap.getOrMake(stores, store, () => make(description))

export type FailingStore = ReturnType<typeof make>

const stores = new WeakMap<object, FailingStore>()

/** How steps of one kind go, until that changes; `retryAt` while they fail. */
interface State {
  retryAt: number | undefined
}

export const make = ({ meanwhile, name }: Description) => {
  const states = new Map<string, State>()
  const isLost = () => [...states.values()].some(({ retryAt }) => retryAt !== undefined)

  const change = (kind: string, retryAt: number | undefined, cause?: Cause.Cause<unknown>) => {
    const wasLost = isLost()
    states.set(kind, { retryAt })
    return wasLost === isLost()
      ? Effect.void
      : wasLost
      ? Effect.logInfo(`${name} can be reached again`)
      : Effect.logWarning(`${name} cannot be reached: ${meanwhile}`, cause)
  }

  return {
    /**
     * Takes a step, or gives `otherwise` where it failed and while the store is left alone. Steps of different kinds, such
     * as reads and writes, are left alone independently: a full store can still be read.
     */
    attempt: <A, E, R, B, R2>(
      step: Function.LazyArg<Effect.Effect<A, E, R>>,
      otherwise: Effect.Effect<B, never, R2>,
      kind = ""
    ): Effect.Effect<A | B, never, R | R2> =>
      Effect.flatMap(Watchdog.now, (now) => {
        const state = BoundedMap.getOrMake(states, kind, (): State => ({ retryAt: undefined }))
        if (state.retryAt !== undefined) {
          if (now < state.retryAt) return otherwise
          state.retryAt = now + rest
        }
        return Effect.flatMap(timed(step), (exit) =>
          Effect.flatMap(Watchdog.now, (now): Effect.Effect<A | B, never, R2> => {
            // What began before the store was lost, or found again, says nothing new about it.
            const isNews = states.get(kind) === state
            return Exit.isSuccess(exit)
              ? Effect.as(isNews && state.retryAt !== undefined ? change(kind, undefined) : Effect.void, exit.value)
              : Effect.andThen(isNews ? change(kind, now + rest, exit.cause) : Effect.void, otherwise)
          }))
      })
  }
}

/**
 * The end of a step, in time. It runs in a fiber of its own, to tell its interruption from that of the caller, and
 * not to wait for a step that cannot be interrupted. A step that ends at once costs no timer.
 */
export const timed = <A, E, R>(
  step: Function.LazyArg<Effect.Effect<A, E, R>>
): Effect.Effect<Exit.Exit<A, E | TooSlow>, never, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(Effect.suspend(step), { startImmediately: true }), (fiber) => {
      const exit: Exit.Exit<A, E | TooSlow> | undefined = fiber.pollUnsafe()
      if (exit !== undefined) return Effect.succeed(exit)
      return restore(Effect.timeoutOrElse(Fiber.await(fiber), {
        duration: patience,
        orElse: () => Effect.succeed(Exit.fail(new TooSlow()))
      })).pipe(Effect.ensuring(Effect.sync(() => fiber.interruptUnsafe())))
    })
  )

/** The store did not answer in time. */
export class TooSlow extends TaggedError.make<TooSlow>()("TooSlow", {}) {
  override readonly message = `No answer within ${patience} ms`
}
