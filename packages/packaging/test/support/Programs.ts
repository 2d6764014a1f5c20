/**
 * The programs of `programs`, bundled and run.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { inject } from "vitest"
import * as Shell from "../../src/Shell.ts"
import type * as Tools from "./Tools.ts"

/** The module format of a bundle. */
export type Format = "esm" | "cjs"

/** Bundles `entry`, in a project, to the file `out`. Warnings are none of our business. */
export type Bundler = (entry: string, out: string, format: Format) => Promise<unknown>

const programs = Path.resolve(import.meta.dirname, "../../programs")

/** Copies a program to a project, as JavaScript unless told otherwise: the programs have no types. Returns its path. */
export const copy = (program: string, project: string, extension = ".mjs"): string => {
  const path = Path.join(project, `${program}${extension}`)
  Fs.copyFileSync(Path.join(programs, `${program}.ts`), path)
  return path
}

/** The bin of a tool. */
export const bin = (tool: Tools.Name, name: string): string =>
  Path.join(inject("setup").folder, "tools", tool, "node_modules/.bin", name)

/** Why a test has to be skipped, if it has to. */
export const missing = (tool: Tools.Name | "registry"): string | undefined =>
  inject("setup").missing.registry ?? inject("setup").missing[tool]

/** Runs JavaScript that stands alone, in a folder with no packages. */
export const runAlone = (bundle: string, env: NodeJS.ProcessEnv = {}): Promise<Shell.Result> =>
  Shell.run(process.execPath, [bundle], { cwd: Path.dirname(bundle), env: { PATH: process.env["PATH"], ...env } })

/** The emulator of the packed package, by its command with more options: an address, and how to end it. */
export const emulator = (
  ...options: ReadonlyArray<string>
): Promise<{ readonly env: NodeJS.ProcessEnv; readonly stop: () => void }> =>
  new Promise((resolve, reject) => {
    const child = ChildProcess.spawn(Path.join(inject("setup").project, "node_modules/.bin/strata-emulator"), [
      "--port",
      "0",
      ...options
    ])
    const stop = (): void => void child.kill()
    let printed = ""
    const read = (text: Buffer): void => {
      printed += text.toString()
      const env = Object.fromEntries(
        [...printed.matchAll(/\b(AWS_\w+)=(\S+)/g)].map(([, name, value]) => [name, value])
      )
      if (env["AWS_REGION"] !== undefined) resolve({ env, stop })
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
    child.on("exit", () => reject(new Error(`The emulator ended:\n${printed}`)))
  })
