/**
 * A `Redis` whose keys are on several nodes, for the layers of this package.
 *
 * `NodeRedis.layer` talks to one node: enough for a server with replicas, and for a cluster behind one endpoint, such as
 * ElastiCache Serverless. A cluster with an address for each node needs a client that knows them, and this around it.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"

/**
 * A client of a cluster.
 *
 * - `send`: sends a command to the node of a key; to any node where the key is `undefined`.
 * - `sendToAll`: sends a command to every primary, and answers what one of them answered.
 */
export interface Client {
  readonly send: (key: string | undefined, command: Command) => Promise<unknown>
  readonly sendToAll: (command: Command) => Promise<unknown>
}

/** The name of a command, and its arguments. */
export type Command = readonly [name: string, ...args: ReadonlyArray<string>]

/** The client of a cluster of the package `redis`, as far as it is used here. */
export interface NodeRedisCluster<Node> {
  readonly masters: ReadonlyArray<Node>
  readonly on: (event: "error", listener: (error: unknown) => void) => unknown
  readonly connect: () => Promise<unknown>
  readonly destroy: () => void
  readonly sendCommand: (key: string | undefined, isReadonly: boolean, command: Array<string>) => Promise<unknown>
  readonly nodeClient: (node: Node) => Promise<{
    readonly sendCommand: (command: ReadonlyArray<string>) => Promise<unknown>
  }>
}

/**
 * Connects by way of `createCluster` of the package `redis`, and disconnects with the scope. Fails with `RedisError`
 * when no node answers. Fails with `InvalidRequestError` for invalid options.
 *
 * @example
 * import { createCluster } from "redis"
 *
 * const Shared = SharedState.layerRedis(
 *   RedisCluster.layerNodeRedis(() => createCluster({
 *     rootNodes: [{ url: "redis://one:6379" }, { url: "redis://two:6379" }],
 *     defaults: { password, disableOfflineQueue: true }
 *   }))
 * )
 */
export const layerNodeRedis = <Node>(
  create: () => NodeRedisCluster<Node>
): Layer.Layer<Redis.Redis, Redis.RedisError | ProviderError.InvalidRequestError> =>
  layer(Effect.gen(function*() {
    yield* Check.run(Check.callback(), create, { provider: "strata", field: "create" })
    const cluster = yield* Effect.acquireRelease(
      Effect.try({ try: create, catch: failure }),
      (cluster) => Effect.ignoreCause(Effect.sync(() => cluster.destroy()))
    )
    let latest: unknown
    yield* Effect.tryPromise({
      try: () => {
        // Without a listener an error of a socket would end the program; the commands that it costs fail on their own.
        cluster.on("error", (error) => {
          latest = error
        })
        return cluster.connect()
      },
      // The error of `connect` does not say what is wrong with the nodes.
      catch: (cause) => failure(latest ?? cause)
    })
    return {
      send: (key, command) => cluster.sendCommand(key, false, [...command]),
      sendToAll: (command) =>
        Promise.all(
          cluster.masters.map((node) => cluster.nodeClient(node).then((client) => client.sendCommand(command)))
        ).then(([answer]) => answer)
    }
  }))

/**
 * A `Redis` that sends each command to the node of its first key, and scripts to every primary. Commands whose keys
 * are on several nodes, subscriptions and reserved connections fail with `RedisError`; nothing here uses them. Fails
 * with `InvalidRequestError` for invalid options.
 *
 * @example
 * import { Cluster } from "ioredis"
 *
 * const Shared = RedisCluster.layer(Effect.gen(function*() {
 *   const cluster = yield* Effect.acquireRelease(
 *     Effect.sync(() => new Cluster([url])),
 *     (cluster) => Effect.sync(() => cluster.disconnect())
 *   )
 *   return {
 *     send: (_key, [name, ...args]) => cluster.call(name, ...args),
 *     sendToAll: ([name, ...args]) =>
 *       Promise.all(cluster.nodes("master").map((node) => node.call(name, ...args))).then(([answer]) => answer)
 *   }
 * }))
 */
export const layer = <E, R>(
  connect: Effect.Effect<Client, E, R>
): Layer.Layer<Redis.Redis, E | ProviderError.InvalidRequestError, Exclude<R, Scope.Scope>> =>
  Layer.effect(
    Redis.Redis,
    Effect.gen(function*() {
      const client = yield* yield* Check.run(
        Check.instance((given): given is typeof connect => Effect.isEffect(given), "Give an effect that connects"),
        connect,
        { provider: "strata", field: "connect" }
      )
      return yield* Redis.make({
        send: <A = unknown>(command: string, ...args: ReadonlyArray<string>) =>
          Effect.tryPromise({
            try: () => {
              const name = command.toUpperCase()
              const parts: Command = [command, ...args]
              // The caller says what type the answer has.
              return (name === "SCRIPT" ? client.sendToAll(parts) : client.send(keyOf(name, args), parts)) as Promise<A>
            },
            catch: failure
          }),
        subscribe: () => unsupported,
        connect: unsupported
      })
    })
  )

const failure = (cause: unknown) => new Redis.RedisError({ cause })

const unsupported = Effect.fail(failure("A cluster has neither subscriptions nor reserved connections here"))

const keyOf = (command: string, args: ReadonlyArray<string>): string | undefined =>
  command === "EVAL" || command === "EVALSHA"
    ? args[1] === "0" ? undefined : args[2]
    : keyless.has(command)
    ? undefined
    : args[0]

const keyless = new Set(["ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "INFO", "PING", "TIME"])
