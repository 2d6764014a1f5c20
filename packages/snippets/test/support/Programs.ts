/**
 * Runs the programs of pages, each as a process of its own, against an emulator of its own.
 */
import { NodeServices } from "@effect/platform-node"
import { Emulator, Script } from "@strata/emulator"
import { Deferred, Effect, Fiber, Layer, Redacted, Semaphore, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Backend from "../../../emulator/src/cli/Backend.ts"
import * as Snippet from "../../src/Snippet.ts"
import * as Files from "./Files.ts"
import * as Pages from "./Pages.ts"

/** A program of a page. */
export interface Program {
  readonly page: Pages.Page
  readonly snippet: Snippet.Snippet
}

/** The programs of a page that run. */
export const of = (page: Pages.Page): ReadonlyArray<Program> =>
  page.snippets.filter(Snippet.isProgram).map((snippet) => ({ page, snippet }))

/** The same of all pages, which need a server that the variable of the environment names; or none. */
export const needing = (variable: string | undefined): ReadonlyArray<Program> =>
  Pages.all().flatMap(of).filter(({ snippet }) => snippet.needs === variable)

/** Whether the commands that ask servers can run. */
export const hasCurl = spawnSync("curl", ["--version"]).status === 0

/** What a program printed, or the commands that asked it, and how it ended. */
export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program in a process, from a file in `folder`, with more `variables` of the environment: two at a time. One that
 * serves is asked as its page does, and stopped as a container stops it.
 */
export const run = (
  program: Program,
  folder: string,
  variables: Readonly<Record<string, string>> = {}
): Effect.Effect<Result> =>
  (Snippet.isServer(program.snippet) ? serve(program, folder) : start(program, folder, variables)).pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(emulator(program.snippet.model), NodeServices.layer)),
    Effect.timeout("2 minutes"),
    Effect.orDie,
    processes.withPermit
  )

const processes = Semaphore.makeUnsafe(2)

const start = Effect.fnUntraced(function*(
  program: Program,
  folder: string,
  variables: Readonly<Record<string, string>>
) {
  const child = yield* spawn(program, folder, variables)
  const [stdout, stderr] = yield* Effect.all([text(child.stdout), text(child.stderr)], { concurrency: 2 })
  return { code: yield* child.exitCode, stdout, stderr }
})

const serve = Effect.fnUntraced(function*({ page, snippet }: Program, folder: string) {
  const requests = Snippet.requestsOf(snippet, page.snippets)
  const shown = /\bport: (\d+)/.exec(snippet.code)?.[1]
  if (requests === undefined || shown === undefined) {
    return yield* Effect.die(new Error(`${page.name}:${snippet.line}: no port, or no commands with their output`))
  }
  // On any free port: another program may listen on that of the page.
  const code = snippet.code.replace(`port: ${shown}`, "port: 0")
  const child = yield* spawn({ page, snippet: { ...snippet, code } }, folder, {})
  const listening = yield* Deferred.make<string>()
  const log = yield* child.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => {
      const port = /Listening on .*:(\d+)/.exec(line)?.[1]
      return port === undefined ? Effect.void : Deferred.succeed(listening, port)
    }),
    Effect.andThen(Effect.die(new Error("it has ended"))),
    Effect.forkScoped
  )
  const complaints = yield* Effect.forkScoped(text(child.stderr))
  const port = yield* Effect.raceFirst(Deferred.await(listening), Fiber.join(log))
  const asking = yield* ChildProcess.make("sh", ["-c", requests.code.replaceAll(`:${shown}`, `:${port}`)])
  const stdout = yield* text(asking.stdout)
  yield* child.kill({ killSignal: "SIGTERM" })
  return { code: yield* child.exitCode, stdout, stderr: yield* Fiber.join(complaints) }
})

/** Starts a program, with its files beside it. */
const spawn = Effect.fnUntraced(function*(
  { page, snippet }: Program,
  folder: string,
  variables: Readonly<Record<string, string>>
) {
  const file = Files.write(folder, page, snippet)
  for (const name of snippet.files) {
    Fs.cpSync(Path.join(Pages.root, name), Path.join(Path.dirname(file), Path.basename(name)), { recursive: true })
  }
  const { client, openai, url } = yield* Emulator.Emulator
  return yield* ChildProcess.make(process.execPath, [file], {
    cwd: Path.dirname(file),
    stdin: "ignore",
    extendEnv: false,
    env: {
      PATH: process.env["PATH"],
      // Without the configuration files of AWS.
      HOME: folder,
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      AWS_ENDPOINT_URL_BEDROCK: url,
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url,
      AWS_ENDPOINT_URL_S3: url,
      AWS_ACCESS_KEY_ID: client.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: Redacted.value(client.credentials.secretAccessKey),
      AWS_REGION: client.region,
      OPENAI_BASE_URL: openai.baseUrl,
      OPENAI_API_KEY: Redacted.value(openai.apiKey),
      ...variables
    }
  })
})

const text = <E>(stream: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(stream))

/** A text is the answer to every call, anything else a script. Without either, prompts are echoed. */
const emulator = (model: string | undefined) => {
  if (model === undefined) return Backend.layer({ type: "echo" }, {})
  const answer = model.startsWith("\"") ? `{ "answers": [${model}], "atEnd": "repeat" }` : model
  return Layer.unwrap(
    Effect.map(
      Effect.fromResult(Script.fromText(answer, "the comment `model`")),
      (script) => Script.layerEmulator(script)
    )
  )
}
