import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { NodeHttpHandler } from "@smithy/node-http-handler"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Https from "node:https"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Url from "node:url"
import * as Fixture from "./Fixture.ts"

const main = Url.fileURLToPath(new URL("../src/cli/main.ts", import.meta.url))

/** The command as a process: `says` waits for an output line that matches. */
const start = Effect.fnUntraced(function*(...flags: ReadonlyArray<string>) {
  const child = yield* ChildProcess.make(process.execPath, [main, ...flags], {
    killSignal: "SIGINT",
    // a directory without packages
    cwd: Os.tmpdir(),
    env: { NODE_PATH: "" },
    extendEnv: true
  })
  const lines = yield* Queue.unbounded<string>()
  const errors: Array<string> = []
  const read = (stream: typeof child.stdout) => stream.pipe(Stream.decodeText(), Stream.splitLines)
  yield* Effect.forkScoped(Stream.runForEach(read(child.stdout), (line) => Queue.offer(lines, line)))
  const reading = yield* Effect.forkScoped(
    Stream.runForEach(read(child.stderr), (line) => Effect.sync(() => errors.push(line)))
  )
  const says = (pattern: RegExp): Effect.Effect<string> =>
    Effect.flatMap(Queue.take(lines), (line) => pattern.test(line) ? Effect.succeed(line) : says(pattern))
  return { ...child, says, reading, errors }
})

const variable = (line: string, name: string) => new RegExp(`\\b${name}=(\\S+)`).exec(line)?.[1] ?? ""

const refusal = (url: string) =>
  Effect.callback<string | undefined>((resume) => {
    const socket = Net.connect(Number(new URL(url).port), "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(undefined))
    })
    socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code)))
  })

describe("strata-emulator", () => {
  it.live(
    "serves a client configured by its printed lines, logs no prompt, and closes its port and removes its files at SIGINT",
    () =>
      Effect.gen(function*() {
        const fileSystem = yield* FileSystem.FileSystem
        const emulator = yield* start("--port", "0", "--tls", "--region", "eu-west-1", "--fault", "throttle")
        const endpoint = variable(yield* emulator.says(/^export AWS_ENDPOINT/), "AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
        const accessKeyId = variable(yield* emulator.says(/^export AWS_ACCESS/), "AWS_ACCESS_KEY_ID")
        const secretAccessKey = variable(yield* emulator.says(/^export AWS_SECRET/), "AWS_SECRET_ACCESS_KEY")
        const region = variable(yield* emulator.says(/^export AWS_REGION/), "AWS_REGION")
        const certificateFile = variable(yield* emulator.says(/^export NODE_EXTRA/), "AWS_CA_BUNDLE")
        const head = yield* emulator.says(/^time/)
        const ca = yield* fileSystem.readFileString(certificateFile)
        const client = new BedrockRuntimeClient({
          endpoint,
          region,
          credentials: { accessKeyId, secretAccessKey },
          maxAttempts: 2,
          requestHandler: new NodeHttpHandler({ httpsAgent: new Https.Agent({ ca, keepAlive: true }) })
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => client.destroy()))
        const answer = yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
        assert.deepStrictEqual(answer.output?.message?.content, [{ text: "Hi" }])

        const refused = yield* emulator.says(/./)
        assert.match(refused, /^[\d:.]{12} {5}429 +\d+ +- +- {2}Converse {8}amazon\.nova-lite-v1:0 {2}throttle$/)
        const answered = yield* emulator.says(/./)
        assert.match(answered, /^[\d:.]{12} {5}200 +\d+ +1 +1 {2}Converse {8}amazon\.nova-lite-v1:0$/)
        for (const column of ["operation", "model"]) {
          assert.match(answered.slice(head.indexOf(column)), column === "model" ? /^amazon/ : /^Converse/)
        }

        // the connection of the client is still open
        yield* emulator.kill({ killSignal: "SIGINT" })
        assert.strictEqual(yield* emulator.exitCode, 130)
        assert.strictEqual(yield* refusal(endpoint), "ECONNREFUSED")
        assert.isFalse(yield* fileSystem.exists(certificateFile))
        assert.deepStrictEqual(emulator.errors, [])
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    30_000
  )

  it.live(
    "exits with 1 and a message without a stack, for an invalid flag and a missing package",
    () =>
      Effect.gen(function*() {
        const fails = Effect.fnUntraced(function*(...flags: ReadonlyArray<string>) {
          const { errors, exitCode, reading } = yield* start(...flags)
          const code = yield* exitCode
          yield* Fiber.join(reading)
          assert.strictEqual(code, 1)
          return errors.join("\n").trim()
        })
        const [flag, local] = yield* Effect.all(
          [fails("--fault", "trottle"), fails("--port", "0", "--answer", "local")],
          { concurrency: 2 }
        )
        assert.include(local, "npm install @strata/local")
        assert.match(flag, /^--fault trottle: unknown fault[^]+See strata-emulator --help$/)
        assert.notMatch(local, /\n +at /)
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    30_000
  )
})
