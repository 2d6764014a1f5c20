/**
 * Redis that may not be there yet: a connection is made when the program starts, and else by the first command that needs
 * it. Until then commands fail.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redis from "effect/persistence/Redis"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Scope from "effect/Scope"

/** What a layer of Redis fails with, but for Redis itself not being there. */
export type Failure<E> = Exclude<E, { readonly _tag: "RedisError" }> | ProviderError.InvalidRequestError

/**
 * Connects by way of a layer. Does not fail, and does not wait for longer than a second, where there is no server: only
 * where the layer cannot be right.
 */
export const make = Effect.fnUntraced(function*<A, E, R>(
  layer: Layer.Layer<A, E, R>
): Effect.fn.Return<Redis.Redis["Service"], Failure<E>, R | Scope.Scope> {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<R>()
  /** The attempt that is in progress, or has succeeded. */
  let attempt: Fiber.Fiber<Redis.Redis["Service"], E | ProviderError.InvalidRequestError> | undefined
  yield* Effect.addFinalizer(() => attempt === undefined ? Effect.void : Fiber.interrupt(attempt))

  const build: Effect.Effect<Redis.Redis["Service"], E | ProviderError.InvalidRequestError, R> = Effect.flatMap(
    Scope.fork(scope),
    (scope) =>
      // Each attempt has a client of its own. That of NodeRedis warns of each command and each attempt that fails.
      Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope).pipe(
        Effect.provideService(References.MinimumLogLevel, "Error"),
        Effect.flatMap((built) =>
          Option.match(Context.getOption(built, Redis.Redis), {
            onNone: () => Effect.fail(noRedis),
            onSome: Effect.succeed
          })
        ),
        Effect.catchCause((cause) => isInvalidUrl(cause) ? Effect.fail(noUrl) : Effect.failCause(cause)),
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

  const use = <A, R>(command: (redis: Redis.Redis["Service"]) => Effect.Effect<A, Redis.RedisError, R>) =>
    Effect.flatMap(connection, (exit) => Exit.isSuccess(exit) ? command(exit.value) : Effect.fail(lost(exit.cause)))

  const first = Option.getOrUndefined(yield* Effect.timeoutOption(connection, "1 second"))
  if (first !== undefined && Exit.isFailure(first)) {
    const error = Option.getOrUndefined(Cause.findErrorOption(first.cause))
    // The other failures of the layer.
    if (error !== undefined && !Predicate.isTagged(error, "RedisError")) return yield* Effect.fail(error as Failure<E>)
  }
  return Redis.Redis.of({
    send: (command, ...args) => use((redis) => redis.send(command, ...args)),
    eval: (script) => (...params) => use((redis) => redis.eval(script)(...params)),
    // A subscription fails by its queue.
    subscribe: (channel) =>
      Effect.flatMap(connection, (exit) =>
        Exit.isSuccess(exit)
          ? exit.value.subscribe(channel)
          : Effect.tap(
            Queue.unbounded<Redis.RedisMessage, Redis.RedisError>(),
            (queue) => Queue.fail(queue, lost(exit.cause))
          )),
    reserve: use(({ reserve }) => reserve)
  })
})

const lost = (cause: Cause.Cause<unknown>) => new Redis.RedisError({ cause: Cause.squash(cause) })

/** An error of the runtime, which has the URL in it, and so the password: it goes no further. */
const isInvalidUrl = (cause: Cause.Cause<unknown>): boolean => {
  const error = Cause.squash(cause)
  const reason = Predicate.isTagged(error, "RedisError") ? (error as Redis.RedisError).cause : error
  return reason instanceof TypeError && /\burl\b/i.test(reason.message)
}

const noUrl = ProviderError.invalidRequest({
  provider: "strata",
  field: "connection",
  problem: "the URL of Redis is not a URL",
  remedy: "Use `redis://user:password@host:port`, or `rediss://` for TLS, with special characters percent-encoded"
})

const noRedis = ProviderError.invalidRequest({
  provider: "strata",
  field: "connection",
  problem: "the layer does not connect to Redis",
  remedy: "Give one that does, such as `NodeRedis.layer({ url })` of `@effect/platform-node`"
})
