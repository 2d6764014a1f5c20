/**
 * Writes the JavaScript of a package: one file with its modules, and beside it one small file for each exported module, which
 * re-exports what is its own.
 *
 * Node reads one file instead of a hundred, and a bundler still sees each namespace as a module: an index that held namespaces
 * as objects would keep all of their members. Modules that the main index does not reach, such as test doubles, stay apart.
 * Declarations are the compiler's.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type ChunkingContext, rolldown } from "rolldown"
import * as Entries from "./Entries.ts"
import * as NodeModules from "./NodeModules.ts"
import * as PureCalls from "./PureCalls.ts"

/** Replaces all JavaScript in the `dist` of the package in this folder. `threads` are entries that no manifest names. */
export const write = async (folder: string, threads?: ReadonlyArray<string>): Promise<void> => {
  const sources = Path.join(folder, "src")
  const target = Path.join(folder, "dist")
  const entries = Entries.read(folder, threads)
  clean(sources, target)
  const bundle = await rolldown({
    input: Object.fromEntries(entries.modules.map((file) => [file.replace(/\.ts$/, ""), Path.join(sources, file)])),
    platform: "node",
    external: (id) => !id.startsWith(".") && !Path.isAbsolute(id),
    experimental: { nativeMagicString: true },
    checks: { bundlerTimings: false },
    plugins: [NodeModules.plugin(), PureCalls.plugin()]
  })
  await bundle.write({
    dir: target,
    format: "esm",
    comments: { annotation: true, jsdoc: false, legal: true },
    sourcemap: true,
    // They are in the package, beside `dist`.
    sourcemapExcludeSources: true,
    entryFileNames: "[name].js",
    chunkFileNames: ({ name }) => name === modules ? "[name].js" : "internal/[name].js",
    minifyInternalExports: false,
    codeSplitting: {
      groups: [{
        debugName: "reached from the index",
        name: reachedFrom(entries.listed.map((file) => Path.join(sources, file)))
      }]
    }
  })
  await bundle.close()
  for (const index of entries.indexes) {
    const source = Fs.readFileSync(Path.join(sources, index), "utf8")
    Fs.writeFileSync(
      Path.join(target, index.replace(/\.ts$/, ".js")),
      source.replaceAll(/^export type .*\n/gm, "").replaceAll(/\.ts"$/gm, ".js\"")
    )
  }
}

/** The file of the modules that the index reaches. It stays beside `src`, where paths to other files are as in the sources. */
const modules = "modules"

/** All scripts, and the declarations of modules that are gone. */
const clean = (sources: string, target: string): void => {
  Fs.mkdirSync(target, { recursive: true })
  for (const file of Fs.readdirSync(target, { recursive: true, encoding: "utf8" })) {
    const declared = /^(.*)\.d\.ts(\.map)?$/.exec(file)?.[1]
    const isOld = declared === undefined
      ? /\.js(\.map)?$/.test(file)
      : !Fs.existsSync(Path.join(sources, `${declared}.ts`))
    if (isOld) Fs.rmSync(Path.join(target, file))
  }
}

/** The name of the common file for modules that one of these imports; none, so that the bundler decides, for the others. */
const reachedFrom = (roots: ReadonlyArray<string>) => {
  const reached = new Set<string>()
  return (id: string, context: ChunkingContext): string | null => {
    const visit = (id: string): void => {
      if (reached.has(id)) return
      reached.add(id)
      context.getModuleInfo(id)?.importedIds.forEach(visit)
    }
    if (reached.size === 0) roots.forEach(visit)
    return reached.has(id) ? modules : null
  }
}
