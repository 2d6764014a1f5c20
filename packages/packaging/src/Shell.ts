/**
 * Commands, and what they printed.
 */
import * as ChildProcess from "node:child_process"

/** `output` is what it wrote, to both. */
export interface Result {
  readonly code: number
  readonly output: string
}

export interface Options {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
}

/** Without the path by which pnpm lets its commands find packages of the workspace. */
const { NODE_PATH: _, ...environment } = process.env

/** Runs a command to its end, at most five minutes. */
export const run = (command: string, args: ReadonlyArray<string>, options: Options): Promise<Result> =>
  new Promise((resolve) => {
    ChildProcess.execFile(
      command,
      args,
      { cwd: options.cwd, env: options.env ?? environment, maxBuffer: 64e6, timeout: 300_000, encoding: "utf8" },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : 1, output: stdout + stderr })
    )
  })

/** The same, and an error when it fails. */
export const succeed = async (command: string, args: ReadonlyArray<string>, options: Options): Promise<string> => {
  const { code, output } = await run(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output}`)
  return output
}
