/**
 * Steps on a shared store that may be lost at any time: none of them fails, interrupts or holds up its caller.
 *
 * A step has a second. One that fails, dies, interrupts itself or takes longer counts as a failure; then the store is left
 * alone for five seconds, and after that one step tries it again. Meanwhile callers go on with what the process knows. An
 * outage is one warning when it begins and one notice when it is over, however many steps fail in it.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Function from "effect/Function"
import * as Schema from "effect/Schema"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as Watchdog from "../../internal/watchdog.ts"

/** How long a step may take, in milliseconds. */
export const patience = 1_000

/** For how long a store is left alone after a failure, in milliseconds. */
export const rest = 5_000

/**
 * `attempt` takes a step, or gives `otherwise` where it failed and while the store is left alone.
 *
 * Steps of different kinds, such as reads and writes, are left alone independently: a full store can still be read.
 */
export interface FailingStore {
  readonly attempt: <A, E, R, B, R2>(
    step: Function.LazyArg<Effect.Effect<A, E, R>>,
    otherwise: Effect.Effect<B, never, R2>,
    kind?: string
  ) => Effect.Effect<A | B, never, R | R2>
}

/**
 * - `name`: what cannot be reached, at the beginning of a sentence.
 * - `meanwhile`: what the process does without it.
 */
export interface Description {
  readonly name: string
  readonly meanwhile: string
}

/** The state of a store: the same for all its users, so that they see one outage. */
export const of = (store: object, description: Description): FailingStore =>
  BoundedMap.getOrMake(stores, store, () => make(description))

const stores = new WeakMap<object, FailingStore>()

/** Builds the state of one store. */
export const make = ({ meanwhile, name }: Description): FailingStore => {
  const kinds = new Map<string, Kind>()
  let failing = 0

  const succeeded = (kind: Kind) => {
    if (!kind.isFailing) return Effect.void
    kind.isFailing = false
    kind.changes++
    return --failing > 0 ? Effect.void : Effect.logInfo(`${name} can be reached again`)
  }

  const failed = (kind: Kind, now: number, cause: Cause.Cause<unknown>) => {
    kind.retryAt = now + rest
    if (kind.isFailing) return Effect.void
    kind.isFailing = true
    kind.changes++
    return ++failing > 1 ? Effect.void : Effect.logWarning(`${name} cannot be reached: ${meanwhile}`, cause)
  }

  return {
    attempt: <A, E, R, B, R2>(
      step: Function.LazyArg<Effect.Effect<A, E, R>>,
      otherwise: Effect.Effect<B, never, R2>,
      name = ""
    ) =>
      Effect.flatMap(Watchdog.now, (now): Effect.Effect<A | B, never, R | R2> => {
        const kind = BoundedMap.getOrMake(
          kinds,
          name,
          (): Kind => ({ isFailing: false, retryAt: -Infinity, changes: 0 })
        )
        if (kind.isFailing) {
          if (now < kind.retryAt) return otherwise
          kind.retryAt = now + rest
        }
        const { changes } = kind
        return Effect.flatMap(timed(step), (exit) =>
          Effect.flatMap(Watchdog.now, (now): Effect.Effect<A | B, never, R2> => {
            // What began before the store was lost, or found again, says nothing new about it.
            const isNews = changes === kind.changes
            return Exit.isSuccess(exit)
              ? Effect.as(isNews ? succeeded(kind) : Effect.void, exit.value)
              : Effect.andThen(isNews ? failed(kind, now, exit.cause) : Effect.void, otherwise)
          }))
      })
  }
}

/** `changes` counts how often the kind began to fail, or to work again. */
interface Kind {
  isFailing: boolean
  retryAt: number
  changes: number
}

/**
 * The end of a step, in time. It runs in a fiber of its own, to tell its interruption from that of the caller, and
 * not to wait for a step that cannot be interrupted. A step that ends at once costs no timer.
 */
export const timed = <A, E, R>(
  step: Function.LazyArg<Effect.Effect<A, E, R>>
): Effect.Effect<Exit.Exit<A, E | TooSlow>, never, R> =>
  Effect.contextWith((context: Context.Context<R>) => {
    const run = Effect.runForkWith(context)
    return Effect.callback<Exit.Exit<A, E | TooSlow>>((resume) => {
      const fiber = run(Effect.suspend(step))
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return resume(Effect.succeed(exit))
      const timer = run(Effect.sleep(patience))
      const stop = () => {
        timer.interruptUnsafe()
        fiber.interruptUnsafe()
      }
      fiber.addObserver((exit) => {
        timer.interruptUnsafe()
        resume(Effect.succeed(exit))
      })
      timer.addObserver((exit) => {
        if (Exit.isFailure(exit)) return
        resume(Effect.succeed(Exit.fail(new TooSlow())))
        fiber.interruptUnsafe()
      })
      return Effect.sync(stop)
    })
  })

/** The store did not answer in time. */
export class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", {}) {
  override readonly message = `No answer within ${patience} ms`
}
