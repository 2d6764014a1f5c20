/**
 * A Redis of one's own: a `redis-server` on 127.0.0.1 that keeps nothing and ends with its scope.
 *
 * In a test, `RedisServer.suite` starts one for the whole block and is skipped, with a message, where there is none to
 * start:
 *
 *     RedisServer.suite("SharedState", (it) => {
 *       it.effect("keeps a quota", () =>
 *         Effect.gen(function*() {
 *           const { port, url } = yield* RedisServer.RedisServer  // for other processes
 *           const redis = yield* Redis.Redis                      // of effect/persistence, connected
 *         }))
 *     })
 *
 * The clock of such a block is the real one, and all its tests share the server: give each keys of its own. A test that
 * stops the server starts one for itself, with `Effect.provide(Layer.fresh(RedisServer.layer))`.
 *
 * `RedisServer.layer` is the same as a layer; guard it with `isInstalled`. Tests of other packages import this file by
 * its path and have `{ "path": "../persistence/tsconfig.test.json" }` among the references of their `tsconfig.test.json`.
 */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, layer as layerSuite, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { spawnSync } from "node:child_process"
import * as Net from "node:net"

/** Where it listens; `stop` ends it before its scope does, for tests of what happens then. */
export class RedisServer extends Context.Service<RedisServer, {
  readonly port: number
  readonly url: string
  readonly stop: Effect.Effect<void>
}>()("@strata/persistence/test/RedisServer") {}

class NotStarted extends Schema.TaggedError<NotStarted>()("NotStarted", { message: Schema.String }) {}

const program = "redis-server"

/** Whether `redis-server` can be found. */
export const isInstalled: boolean = spawnSync(program, ["--version"]).status === 0

/**
 * Starts a server with more options of the program. Without a `port` it takes a free one; when another process is faster,
 * another.
 */
export const start = (
  options: ReadonlyArray<string> = [],
  port?: number
): Effect.Effect<RedisServer["Service"], never, Scope.Scope> =>
  Effect.suspend(() => port === undefined ? freePort : Effect.succeed(port)).pipe(
    Effect.flatMap((port) => startAt(port, options)),
    Effect.retry({ times: 4 }),
    Effect.provide(NodeServices.layer),
    Effect.orDie
  )

/** Starts a server. */
export const layerServer: Layer.Layer<RedisServer> = Layer.effect(RedisServer, start())

/** Starts a server and connects to it. */
export const layer: Layer.Layer<RedisServer | Redis.Redis | NodeRedis.NodeRedis> = Layer.unwrap(
  Effect.map(RedisServer, ({ url }) => NodeRedis.layer({ url, disableOfflineQueue: true }))
).pipe(Layer.provideMerge(layerServer), Layer.orDie)

/** The connection of the test, for `SharedState.layerRedis`. */
export const connection: Layer.Layer<Redis.Redis, never, Redis.Redis> = Layer.effect(Redis.Redis, Redis.Redis)

/** A `describe` whose tests share a server. */
export const suite = (
  name: string,
  tests: (it: Vitest.MethodsNonLive<RedisServer | Redis.Redis | NodeRedis.NodeRedis>) => void
): void => {
  if (!isInstalled) console.warn(`Skipped, for want of a ${program}: ${name}`)
  const block = isInstalled ? describe : describe.skip
  block(name, () => {
    layerSuite(layer, { excludeTestServices: true, timeout: "20 seconds" })(tests)
  })
}

/** Runs one command. */
export const command = <A = unknown>(url: string, ...command: readonly [string, ...ReadonlyArray<string>]) =>
  Effect.flatMap(Redis.Redis, ({ send }) => send<A>(...command)).pipe(
    Effect.provide(NodeRedis.layer({ url }), { local: true }),
    Effect.orDie
  )

const startAt = Effect.fnUntraced(function*(port: number, options: ReadonlyArray<string>) {
  const fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
  const server = yield* ChildProcess.make(program, [
    ...fixed,
    ...(options.includes("--tls-port") ? [] : ["--port", `${port}`]),
    ...options
  ])
  yield* server.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.includes("Ready to accept connections")),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption),
    Effect.timeout("10 seconds"),
    Effect.catch(() => Effect.fail(new NotStarted({ message: `${program} does not listen on ${port}` })))
  )
  return { port, url: `redis://127.0.0.1:${port}`, stop: Effect.orDie(server.kill({ killSignal: "SIGKILL" })) }
})

/** A port that nothing listens on. */
export const freePort = Effect.callback<number>((resume) => {
  const probe = Net.createServer().listen(0, "127.0.0.1", () => {
    const address = probe.address()
    probe.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})
