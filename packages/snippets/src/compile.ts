/** Compiles texts as modules of this package: one run of the compiler for all. */
import * as Process from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Exports from "./Exports.ts"

/** `file`: the name that the module was given; `line` in it, from 1. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly code: string
  readonly message: string
}

const tsc = Path.join(Exports.root, "node_modules/.bin/tsc")

/** Compiles modules by their names, without extension. */
export const compile = (modules: Readonly<Record<string, string>>): ReadonlyArray<Problem> => {
  const folder = Fs.mkdtempSync(Path.join(import.meta.dirname, "../.examples-"))
  try {
    for (const [name, text] of Object.entries(modules)) Fs.writeFileSync(Path.join(folder, `${name}.ts`), text)
    Fs.writeFileSync(
      Path.join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: Path.join(Exports.root, "tsconfig.base.json"),
        compilerOptions: {
          composite: false,
          incremental: false,
          declaration: false,
          declarationMap: false,
          sourceMap: false,
          noEmit: true,
          noImplicitAny: false,
          noUnusedLocals: false,
          rewriteRelativeImportExtensions: false,
          plugins: []
        },
        include: ["*.ts"],
        references: Exports.packages.map((name) => ({ path: Path.join(Exports.root, "packages", name) }))
      })
    )
    const { stdout } = Process.spawnSync(tsc, ["-p", folder, "--pretty", "false"], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
      cwd: folder
    })
    return problemsOf(stdout)
  } finally {
    Fs.rmSync(folder, { recursive: true })
  }
}

/** The problems that a compiler printed; further lines of a message belong to it. */
export const problemsOf = (output: string): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  for (const line of output.split("\n")) {
    const [, file, at, code, message] = /^(?:.*[/\\])?([\w.-]+)\.ts\((\d+),\d+\): error (TS\d+): (.*)$/.exec(line) ?? []
    const last = problems.at(-1)
    if (file !== undefined) problems.push({ file, line: Number(at), code: code!, message: message! })
    else if (last !== undefined && line.startsWith("  ")) {
      problems[problems.length - 1] = { ...last, message: `${last.message}\n${line}` }
    }
  }
  return problems
}
