/**
 * The Redis of the examples: that of `REDIS_URL`, or a `redis-server` of their own, which keeps nothing.
 */
import { Config, Console, Context, Effect, Layer, Option, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { createServer } from "node:net"

/** Where it listens. */
export class RedisUrl extends Context.Service<RedisUrl, string>()("@strata/examples/RedisUrl") {}

class NoRedis extends Schema.TaggedError<NoRedis>()("NoRedis", { message: Schema.String }) {}

const freePort = Effect.callback<number>((resume) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const address = probe.address()
    probe.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const started = Effect.gen(function*() {
  const port = yield* freePort
  const server = yield* ChildProcess.make("redis-server", ["--bind", "127.0.0.1", "--port", `${port}`, "--save", ""])
  yield* server.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.includes("Ready to accept connections")),
    Stream.runHead
  )
  yield* Console.log(`redis-server started on port ${port}`)
  return `redis://127.0.0.1:${port}`
}).pipe(
  Effect.mapError(() =>
    new NoRedis({ message: "There is no redis-server here. Install one, or name one with REDIS_URL=redis://…" })
  )
)

/** The address, and the server where there was none. */
export const layer = Layer.effect(
  RedisUrl,
  Effect.flatMap(
    Config.option(Config.String("REDIS_URL")),
    Option.match({ onNone: () => started, onSome: (url) => Effect.succeed(url) })
  )
)
