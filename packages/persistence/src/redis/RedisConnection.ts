/**
 * Redis that may not be there yet: a connection is made when the program starts, and else by the first command that needs
 * it. Until then commands fail.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redis from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Connecting from "../Connecting.ts"

/**
 * Connects by way of a layer. Does not fail, and does not wait for longer than a second, where there is no server: only
 * where the layer cannot be right.
 */
export const make = Effect.fnUntraced(function*<A, E, R>(
  layer: Layer.Layer<A, E, R>
): Effect.fn.Return<Redis.Redis["Service"], Connecting.Failure<E, "RedisError">, R | Scope.Scope> {
  const connection = yield* Connecting.make(
    layer,
    (built) => Effect.succeed(Option.getOrUndefined(Context.getOption(built, Redis.Redis))),
    kind
  )
  const use = <A, R>(command: (redis: Redis.Redis["Service"]) => Effect.Effect<A, Redis.RedisError, R>) =>
    Effect.flatMap(connection, (exit) => Exit.isSuccess(exit) ? command(exit.value) : Effect.fail(lost(exit.cause)))

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

const kind: Connecting.Kind<"RedisError"> = {
  outage: "RedisError",
  connection: [
    "the layer does not connect to Redis",
    "Give one that does, such as `NodeRedis.layer({ url })` of `@effect/platform-node`"
  ],
  url: [
    "the URL of Redis is not a URL",
    "Use `redis://user:password@host:port`, or `rediss://` for TLS, with special characters percent-encoded"
  ]
}
