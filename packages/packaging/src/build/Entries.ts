/**
 * Which modules of a package get a file of their own name in `dist`: those that its manifest exports, and those that its
 * indexes list.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

/**
 * Paths in the package's `src`.
 *
 * - `exported`: what the manifest exports.
 * - `modules`: files that export what they say under their own name.
 * - `indexes`: files that only list modules.
 * - `listed`: the modules that the main index lists.
 */
export interface Entries {
  readonly exported: ReadonlyArray<string>
  readonly modules: ReadonlyArray<string>
  readonly indexes: ReadonlyArray<string>
  readonly listed: ReadonlyArray<string>
}

/** The entries of the package in this folder. `threads` are entries that no manifest names. */
export const read = (folder: string, threads: ReadonlyArray<string> = []): Entries => {
  const manifest: Manifest = JSON.parse(Fs.readFileSync(Path.join(folder, "package.json"), "utf8"))
  const sources = Fs.readdirSync(Path.join(folder, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .sort()
  const exported = sources.filter((file) => isExported(manifest.exports, file))
  const indexes = exported.filter(isIndex)
  const listedBy = (index: string) => listed(index, Fs.readFileSync(Path.join(folder, "src", index), "utf8"))
  const programs = Object.values(manifest.bin ?? {}).map(inSources)
  return {
    exported,
    modules: [
      ...new Set([...exported.filter((file) => !isIndex(file)), ...indexes.flatMap(listedBy), ...programs, ...threads])
    ],
    indexes,
    listed: listedBy("index.ts")
  }
}

/** Whether a module only lists others. */
export const isIndex = (file: string): boolean => Path.basename(file) === "index.ts"

interface Manifest {
  readonly exports: Record<string, string | null>
  readonly bin?: Record<string, string>
}

const inSources = (target: string): string => target.replace("./src/", "")

/** As Node reads `exports`: an exact name, then the longest pattern; `null` is no export. */
const isExported = (exports: Manifest["exports"], file: string): boolean => {
  if (Object.values(exports).includes(`./src/${file}`)) return true
  const name = `./${file.replace(/\.ts$/, "")}`
  const pattern = Object.keys(exports)
    .filter((key) => key.endsWith("*") && name.startsWith(key.slice(0, -1)))
    .sort((a, b) => b.length - a.length)[0]
  return pattern !== undefined && exports[pattern] !== null && !isIndex(file)
}

/** The modules of an index, which has nothing else. */
const listed = (index: string, source: string): ReadonlyArray<string> => {
  const statements = source.replaceAll(/\/\*[^]*?\*\//g, "").split("\n").filter((line) => line.trim() !== "")
  return statements.flatMap((statement) => {
    const [, kind, path] = /^export (type|\*|\{).* from "\.\/(.+)"$/.exec(statement) ?? []
    if (kind === undefined || path === undefined) {
      throw new Error(`${index} has more than lines of \`export … from "./….ts"\`: ${statement}`)
    }
    return kind === "type" ? [] : [Path.join(Path.dirname(index), path)]
  })
}
