/** The command as a process. */
import * as ChildProcess from "node:child_process"
import * as Os from "node:os"
import * as Url from "node:url"

const main = Url.fileURLToPath(new URL("../../src/main.ts", import.meta.url))

/** Starts the command; its standard input is a pipe that stays open unless it is ended. */
export const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  ChildProcess.spawn(process.execPath, [main, ...args], {
    cwd: Os.tmpdir(),
    env: { ...process.env, STRATA_PROVIDER: "", TERM: "xterm", ...env },
    stdio: ["pipe", "pipe", "pipe"]
  })

/** A process that ended, and what it wrote. */
export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly error: string
}

/** What a process writes until it ends. */
export const ended = (child: ReturnType<typeof start>): Promise<Ended> => {
  let [out, error] = ["", ""]
  child.stdout.setEncoding("utf8").on("data", (text: string) => out += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => error += text)
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, error })))
}

/** Runs the command to its end. */
export const run = (args: ReadonlyArray<string>, options: {
  readonly input?: string | Uint8Array | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
} = {}): Promise<Ended> => {
  const child = start(args, options.env)
  if (options.input !== undefined) child.stdin.end(options.input)
  return ended(child)
}
