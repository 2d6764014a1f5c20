/**
 * Compiles the code blocks of pages, as modules of a project of a user: one run of `tsc` for all.
 */
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Completion from "../../src/Completion.ts"
import * as Snippet from "../../src/Snippet.ts"
import * as Files from "./Files.ts"
import type * as Pages from "./Pages.ts"

const options = {
  target: "es2023",
  lib: ["es2023"],
  module: "nodenext",
  moduleResolution: "nodenext",
  strict: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  // The packages are used as sources, whose imports end so.
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node"]
}

/** What is compiled: blocks of TypeScript that do not say `nocheck`. */
export const compiled = (page: Pages.Page): ReadonlyArray<Snippet.Snippet> =>
  page.snippets.filter((snippet) => Snippet.isTypeScript(snippet) && !snippet.words.includes("nocheck"))

/** Errors of each page, such as `README.md:12: Cannot find name 'question'. (TS2304)`. */
export const errors = async (
  pages: ReadonlyArray<Pages.Page>,
  name: string
): Promise<ReadonlyMap<string, ReadonlyArray<string>>> => {
  const cwd = Files.make(name)
  try {
    const used = new Set<string>()
    const lines = new Map<string, (line: number) => string | undefined>()
    for (const page of pages) {
      for (const snippet of compiled(page)) {
        const { code, preamble } = Completion.complete(snippet, page.names)
        for (const [, name = ""] of (preamble + code).matchAll(/"@strata\/([\w-]+)/g)) used.add(name)
        const file = Path.relative(cwd, Files.write(cwd, page, snippet))
        const hidden = count(preamble)
        const own = snippet.continued === undefined ? 0 : hidden - count(snippet.given ?? "")
        // Errors of the block it continues have been found there.
        lines.set(
          file,
          (line) => line <= own ? undefined : `${page.name}:${snippet.line + Math.max(0, line - hidden)}`
        )
      }
    }
    Fs.writeFileSync(
      Path.join(cwd, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...options, paths: unchecked(cwd, used) }, files: [...lines.keys()] })
    )
    const output = await tsc(cwd)
    const found = new Map<string, Array<string>>(pages.map(({ name }) => [name, []]))
    for (
      const [, file, line, code, message] of output.matchAll(/^(.+?)\((\d+),\d+\): error (TS\d+): (.*(?:\n .*)*)/gm)
    ) {
      const placeOf = lines.get(file!) ?? (() => `${file}:${line}`)
      const place = placeOf(Number(line))
      if (place === undefined) continue
      const errors = found.get(place.slice(0, place.lastIndexOf(":"))) ?? [...found.values()][0]!
      errors.push(`${place}: ${message} (${code})`)
    }
    // An error without a place is one of the options.
    if (/^error TS/m.test(output)) throw new Error(output)
    return found
  } finally {
    Fs.rmSync(cwd, { recursive: true, force: true })
  }
}

const count = (text: string): number => text.split("\n").length - 1

/**
 * Copies the sources of packages and of those they need, which other tests compile, as such that are not checked: a third of
 * the time. Returns the paths by which imports find them, those that the manifests export.
 */
const unchecked = (cwd: string, names: Iterable<string>): Record<string, ReadonlyArray<string>> => {
  const paths: Record<string, ReadonlyArray<string>> = {}
  const scope = Path.resolve(import.meta.dirname, "../../node_modules/@strata")
  // Grows while it is read.
  const packages = new Set(names)
  for (const name of packages) {
    const [from, to] = [Path.join(scope, name), Path.join(cwd, "packages", name)]
    // Its error is that of the page.
    if (!Fs.existsSync(from)) continue
    for (const file of Fs.globSync("src/**/*.ts", { cwd: from })) {
      Fs.mkdirSync(Path.dirname(Path.join(to, file)), { recursive: true })
      Fs.writeFileSync(Path.join(to, file), `// @ts-nocheck\n${Fs.readFileSync(Path.join(from, file), "utf8")}`)
    }
    Fs.symlinkSync(Path.join(from, "node_modules"), Path.join(to, "node_modules"))
    const manifest = JSON.parse(Fs.readFileSync(Path.join(from, "package.json"), "utf8"))
    for (const needed of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
      if (needed.startsWith("@strata/")) packages.add(needed.slice("@strata/".length))
    }
    for (const [key, file] of Object.entries<string | null>(manifest.exports)) {
      paths[Path.posix.join("@strata", name, key)] = [
        file === null ? "./none/*" : `./packages/${name}/${file.slice(2)}`
      ]
    }
  }
  return paths
}

const tsc = (cwd: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const bin = Path.resolve(import.meta.dirname, "../../node_modules/typescript/bin/tsc")
    ChildProcess.execFile(
      process.execPath,
      [bin, "-p", ".", "--pretty", "false"],
      { cwd, maxBuffer: 64e6, encoding: "utf8" },
      (error, stdout, stderr) =>
        error !== null && !stdout.includes("error TS") ? reject(new Error(stdout + stderr)) : resolve(stdout)
    )
  })
