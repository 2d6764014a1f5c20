/** Compiles texts as modules of a project of a user: one run of the compiler for all. */
import * as Process from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Exports from "../../src/Exports.ts"
import * as Files from "./Files.ts"

/** `file`: the name that the module was given; `line` in it, from 1. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly code: string
  readonly message: string
}

/** A folder with modules by their names, without extension, and a configuration; `use` is gone with it. */
export const within = async <A>(
  modules: Readonly<Record<string, string>>,
  use: (folder: string) => A | Promise<A>
): Promise<A> => {
  const folder = Files.make(`modules-${++folders}`)
  try {
    for (const [name, text] of Object.entries(modules)) Fs.writeFileSync(Path.join(folder, `${name}.ts`), text)
    Fs.writeFileSync(Path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
    return await use(folder)
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}

let folders = 0

const compilerOptions = {
  target: "es2023",
  lib: ["es2023", "es2024.string"],
  module: "nodenext",
  moduleResolution: "nodenext",
  moduleDetection: "force",
  strict: true,
  // Names that an example leaves to the reader may be anything.
  noImplicitAny: false,
  exactOptionalPropertyTypes: true,
  // The packages are used as sources, whose imports end so.
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node"]
}

/** The problems of modules. */
export const compile = (modules: Readonly<Record<string, string>>): Promise<ReadonlyArray<Problem>> =>
  within(modules, async (folder) => {
    const output = await new Promise<string>((resolve) => {
      const options = { encoding: "utf8", maxBuffer: 1 << 26, cwd: folder } as const
      Process.execFile(tsc, ["-p", ".", "--pretty", "false"], options, (_error, stdout) => resolve(stdout))
    })
    if (/^error TS/m.test(output)) throw new Error(output)
    return problemsOf(output).filter(({ file }) => Object.hasOwn(modules, file))
  })

/** The compiler of this workspace. */
export const tsc = Path.join(Exports.root, "node_modules/.bin/tsc")

/** The problems that a compiler printed; further lines of a message belong to it. */
const problemsOf = (output: string): ReadonlyArray<Problem> =>
  [...output.matchAll(/^([\w-]+)\.ts\((\d+),\d+\): error (TS\d+): (.*(?:\n .*)*)/gm)].map((
    [, file = "", line, code = "", message = ""]
  ) => ({ file, line: Number(line), code, message }))
