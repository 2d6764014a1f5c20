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
  declaration: true,
  emitDeclarationOnly: true,
  stripInternal: true,
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
  const host: ts.LanguageServiceHost = {
    getScriptFileNames: () => [...files, ...virtual.keys()],
    getScriptVersion: () => "1",
    getScriptSnapshot: snapshot,
    getCurrentDirectory: () => Path.join(root, "packages/snippets"),
    getCompilationSettings: () => options,
    getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
    fileExists: (file) => virtual.has(file) || ts.sys.fileExists(file),
    readFile: (file) => virtual.get(file) ?? ts.sys.readFile(file),
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
    ...(ts.sys.realpath === undefined ? undefined : { realpath: ts.sys.realpath })
  }
  return ts.createLanguageService(host, ts.createDocumentRegistry())
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
