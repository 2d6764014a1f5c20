/**
 * The packages' sources and the code blocks of the pages, as one program of the TypeScript compiler.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import ts from "typescript"

export const docs = Path.resolve(import.meta.dirname, "..")
export const root = Path.resolve(docs, "..")

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ["lib.es2023.d.ts"],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node"]
}

/** A program, as editors see it. `virtual` are texts of files that are not on the disk. */
export const make = (files: ReadonlyArray<string>, virtual: ReadonlyMap<string, string>): ts.LanguageService => {
  const texts = new Map<string, ts.IScriptSnapshot>()
  const snapshot = (file: string): ts.IScriptSnapshot | undefined => {
    const known = texts.get(file)
    if (known !== undefined) return known
    const text = virtual.get(file) ?? ts.sys.readFile(file)
    if (text === undefined) return undefined
    const made = ts.ScriptSnapshot.fromString(text)
    texts.set(file, made)
    return made
  }
  const folders = new Set([...virtual.keys()].map((file) => Path.dirname(file)))
  const packages = Fs.readdirSync(Path.join(root, "packages"))
  const cache = ts.createModuleResolutionCache(root, (name) => name, options)
  const host: ts.LanguageServiceHost = {
    getScriptFileNames: () => [...files, ...virtual.keys()],
    // Nothing changes: without this, each question looks at all files again.
    getProjectVersion: () => "1",
    getScriptVersion: () => "1",
    getScriptSnapshot: snapshot,
    getCurrentDirectory: () => Path.join(root, "packages/snippets"),
    getCompilationSettings: () => options,
    getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
    fileExists: (file) => virtual.has(file) || ts.sys.fileExists(file),
    readFile: (file) => virtual.get(file) ?? ts.sys.readFile(file),
    readDirectory: ts.sys.readDirectory,
    resolveModuleNameLiterals: (literals, file, _, options, source) =>
      literals.map((literal) => {
        const mode = ts.getModeForUsageLocation(source, literal, options)
        const resolve = (from: string) =>
          ts.resolveModuleName(literal.text, from, options, host, cache, undefined, mode)
        const resolved = resolve(file)
        if (resolved.resolvedModule !== undefined || !virtual.has(file)) return resolved
        // A page may import what any package has, such as a driver of a database.
        return packages.map((name) => resolve(Path.join(root, "packages", name, "page.ts")))
          .find(({ resolvedModule }) => resolvedModule !== undefined) ?? resolved
      }),
    directoryExists: (folder) => folders.has(folder) || ts.sys.directoryExists(folder),
    getDirectories: ts.sys.getDirectories,
    ...(ts.sys.realpath === undefined ? undefined : { realpath: ts.sys.realpath })
  }
  return ts.createLanguageService(host, ts.createDocumentRegistry())
}

/**
 * The modules that a name may be of are looked for in all files of a program, for each name of a type that is printed: half of
 * the time of a build. From here on they are looked for in what the file imports, and in the packages.
 */
export const narrow = (service: ts.LanguageService): void => {
  const program = service.getProgram()!
  const files = program.getSourceFiles().filter(({ fileName }) => !fileName.includes("/node_modules/"))
  program.getSourceFiles = () => files
}

/** Writes a file, unless it is the same already. */
export const write = (file: string, text: string): void => {
  if (Fs.existsSync(file) && Fs.readFileSync(file, "utf8") === text) return
  Fs.mkdirSync(Path.dirname(file), { recursive: true })
  Fs.writeFileSync(file, text)
}

/** Runs `make`, which writes all files of a folder, and removes the others. */
export const folder = (path: string, files: ReadonlyMap<string, string | Buffer>): void => {
  const keep = new Set<string>()
  for (const [name, content] of files) {
    const file = Path.join(path, name)
    keep.add(file)
    if (typeof content === "string") write(file, content)
    else {
      Fs.mkdirSync(Path.dirname(file), { recursive: true })
      Fs.writeFileSync(file, content)
    }
  }
  if (!Fs.existsSync(path)) return
  for (const entry of Fs.readdirSync(path, { recursive: true, withFileTypes: true })) {
    const file = Path.join(entry.parentPath, entry.name)
    if (entry.isFile() && !keep.has(file)) Fs.rmSync(file)
  }
}
