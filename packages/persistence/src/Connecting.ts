/**
 * A service of a layer that may not be there yet: it is built when the program starts, and else by the first who needs it.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Scope from "effect/Scope"

/** What a layer fails with, but for the error that says that the server is not there. */
export type Failure<E, Tag> = Exclude<E, { readonly _tag: Tag }> | ProviderError.InvalidRequestError

/**
 * - `outage`: the tag of the error that says that the server is not there.
 * - `connection`, `url`: what is said of a layer that cannot be right.
 */
export interface Kind<Tag> {
  readonly outage: Tag
  readonly connection: readonly [problem: string, remedy: string]
  readonly url: readonly [problem: string, remedy: string]
}

/**
 * Builds a layer, and with `use` what is wanted of it; `undefined` where the layer does not give that. Answers an effect
 * that waits for the attempt in progress, or begins another one. Does not fail, and does not wait for longer than a second,
 * where there is no server: only where the layer cannot be right.
 */
export const make = Effect.fnUntraced(function*<A, E, R, B, E2, Tag extends string>(
  layer: Layer.Layer<A, E, R>,
  use: (built: Context.Context<A>) => Effect.Effect<B | undefined, E2, Scope.Scope>,
  kind: Kind<Tag>
): Effect.fn.Return<
  Effect.Effect<Exit.Exit<B, E | E2 | ProviderError.InvalidRequestError>>,
  Failure<E | E2, Tag>,
  R | Scope.Scope
> {
  type Failed = E | E2 | ProviderError.InvalidRequestError
  const scope = yield* Effect.scope
  const context = yield* Effect.context<R>()
  /** The attempt that is in progress, or has succeeded. */
  let attempt: Fiber.Fiber<B, Failed> | undefined
  yield* Effect.addFinalizer(() => attempt === undefined ? Effect.void : Fiber.interrupt(attempt))

  const build: Effect.Effect<B, Failed, R> = Effect.flatMap(
    Scope.fork(scope),
    (scope) =>
      // Each attempt has a client of its own. That of NodeRedis warns of each command and each attempt that fails.
      Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope).pipe(
        Effect.provideService(References.MinimumLogLevel, "Error"),
        Effect.flatMap((built): Effect.Effect<B | undefined, E2> => Scope.provide(use(built), scope)),
        Effect.flatMap((made): Effect.Effect<B, ProviderError.InvalidRequestError> =>
          made === undefined ? Effect.fail(invalid(kind.connection)) : Effect.succeed(made)
        ),
        Effect.catchCause((cause) => isInvalidUrl(cause) ? Effect.fail(invalid(kind.url)) : Effect.failCause(cause)),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
  )

  const connection = Effect.suspend(() => {
    if (attempt !== undefined) return Fiber.await(attempt)
    // The attempt goes on when the command that made it is interrupted.
    const fiber = Effect.runForkWith(context)(build)
    attempt = fiber
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit)) attempt = undefined
    })
    return Fiber.await(fiber)
  })

  const first = Option.getOrUndefined(yield* Effect.timeoutOption(connection, "1 second"))
  if (first !== undefined && Exit.isFailure(first)) {
    const error = Option.getOrUndefined(Cause.findErrorOption(first.cause))
    if (error !== undefined && !Predicate.isTagged(error, kind.outage)) {
      // The other failures of the layer.
      return yield* Effect.fail(error as Failure<E | E2, Tag>)
    }
  }
  return connection
})

const invalid = ([problem, remedy]: readonly [problem: string, remedy: string]) =>
  ProviderError.invalidRequest({ provider: "strata", field: "connection", problem, remedy })

/** An error of the runtime, which has the URL in it, and so the password: it goes no further. */
const isInvalidUrl = (cause: Cause.Cause<unknown>): boolean => {
  const error = Cause.squash(cause)
  return [error, causeOf(error), causeOf(property(error, "reason"))].some((reason) =>
    reason instanceof TypeError && /\burl\b/i.test(reason.message)
  )
}

const causeOf = (error: unknown) => property(error, "cause")

const property = (value: unknown, name: string): unknown => Predicate.hasProperty(value, name) ? value[name] : undefined
