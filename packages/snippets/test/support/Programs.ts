/**
 * Runs the programs of pages, each as a process of its own, against an emulator of its own.
 */
import { NodeServices } from "@effect/platform-node"
import { Emulator, Script } from "@strata/emulator"
import { Effect, Layer, Redacted, Semaphore } from "effect"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import * as Backend from "../../../emulator/src/cli/Backend.ts"
import type * as Snippet from "../../src/Snippet.ts"
import * as Files from "./Files.ts"
import type * as Pages from "./Pages.ts"

/** A program of a page. */
export interface Program {
  readonly page: Pages.Page
  readonly snippet: Snippet.Snippet
}

/** The blocks that say `run`. */
export const of = (page: Pages.Page): ReadonlyArray<Program> =>
  page.snippets.filter(({ words }) => words.includes("run")).map((snippet) => ({ page, snippet }))

/** What a program printed, and how it ended. */
export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program in a process, from a file in `folder`: two at a time. */
export const run = (program: Program, folder: string): Effect.Effect<Result> =>
  start(program, folder).pipe(
    Effect.provide(Layer.provide(emulator(program.snippet.model), NodeServices.layer)),
    Effect.orDie,
    processes.withPermit
  )

const processes = Semaphore.makeUnsafe(2)

const start = Effect.fnUntraced(function*({ page, snippet }: Program, folder: string) {
  const file = Files.write(folder, page, snippet)
  const { client, openai, url } = yield* Emulator.Emulator
  const env = {
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
    OPENAI_API_KEY: Redacted.value(openai.apiKey)
  }
  return yield* Effect.callback<Result>((resume) => {
    const child = ChildProcess.execFile(
      process.execPath,
      [file],
      { cwd: Path.dirname(file), env, timeout: 120_000, encoding: "utf8" },
      (_, stdout, stderr) => resume(Effect.succeed({ code: child.exitCode, stdout, stderr }))
    )
    return Effect.sync(() => void child.kill())
  })
})

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
