/**
 * Runs the examples: most of them inside the process of the tests, for one of their own takes seconds to start.
 */
import { NodeServices } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { ConfigProvider, Console, Effect, Metric, Queue, Stream, Terminal } from "effect"
import { ChildProcess } from "effect/process"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"

/** Where the examples are. */
export const directory = Path.resolve(import.meta.dirname, "..")

/** What they are called; `example.ts` runs the others. */
export const names = Fs.readdirSync(directory)
  .filter((file) => file.endsWith(".ts") && file !== "example.ts")
  .map((file) => Path.basename(file, ".ts"))

/** Whether there is a `redis-server` to start; says so where there is none. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0
if (!hasRedis) console.warn("Skipped, for want of a redis-server: the example shared-redis")

/** The defaults, whatever the environment of the tests says. */
export const offline = ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))

/** A folder for what examples keep; it is gone with the scope. */
export const data = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(tmpdir(), "strata-examples-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true }))
)

/**
 * Runs the `main` of an example with the offline defaults and `variables`, whatever the environment of the tests says, and
 * with metrics and a folder of its own; gives what it printed.
 */
export const output = Effect.fnUntraced(function*<E>(
  main: Effect.Effect<unknown, E, NodeServices.NodeServices>,
  variables: Readonly<Record<string, string>> = {}
) {
  const env = { ...variables, STRATA_DATA: yield* data }
  let printed = ""
  const log = (...values: ReadonlyArray<unknown>) => void (printed += `${values.join(" ")}\n`)
  const terminal = Terminal.make({
    columns: Effect.succeed(80),
    rows: Effect.succeed(24),
    size: Effect.succeed(Queue.asDequeue(yield* Queue.unbounded<Terminal.Size>())),
    readInput: Effect.die(new Error("nobody types")),
    readLine: Effect.die(new Error("nobody types")),
    display: (text) => Effect.sync(() => void (printed += text))
  })
  yield* main.pipe(
    Effect.provideService(Terminal.Terminal, terminal),
    Effect.provide([NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env }))]),
    Effect.provideService(Console.Console, Object.assign(Object.create(console), { log, error: log })),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
  return printed
}, Effect.scoped)

/** What a process prints, on both streams. */
export const text = (process: ChildProcess.Command) =>
  process.pipe(
    Effect.flatMap(({ all }) => Stream.mkString(Stream.decodeText(all))),
    Effect.provide(NodeServices.layer)
  )

/** Runs `node examples/….ts` as a user would, offline; gives what it printed. */
export const node = (...args: readonly [file: string, ...rest: ReadonlyArray<string>]) =>
  Effect.gen(function*() {
    const { code, output } = yield* run({ args })
    assert.strictEqual(code, 0, output)
    return output
  })

/**
 * The same, with what it printed and its exit code.
 *
 * - `data`: where it keeps what outlives it. `env`: more variables.
 * - `interruptAt`: sends it SIGINT, as Ctrl-C does, at the first line like this.
 */
export const run = ({ args: [file, ...rest], data, env, interruptAt }: {
  readonly args: readonly [file: string, ...rest: ReadonlyArray<string>]
  readonly data?: string
  readonly env?: Readonly<Record<string, string>>
  readonly interruptAt?: RegExp
}) =>
  Effect.gen(function*() {
    const child = yield* ChildProcess.make(process.execPath, [Path.join(directory, file), ...rest], {
      env: {
        STRATA_PROVIDER: "local",
        STRATA_DATA: data,
        DATABASE_URL: undefined,
        PGLITE_DIRECTORY: undefined,
        REDIS_URL: undefined,
        ...env
      },
      extendEnv: true,
      stdin: "ignore"
    })
    const lines: Array<string> = []
    let isInterrupted = false
    yield* child.all.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.runForEach((line) => {
        lines.push(line)
        if (isInterrupted || interruptAt?.test(line) !== true) return Effect.void
        isInterrupted = true
        return Effect.forkScoped(child.kill({ killSignal: "SIGINT" }))
      })
    )
    return { code: Number(yield* child.exitCode), output: `${lines.join("\n")}\n` }
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
