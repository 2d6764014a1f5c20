/**
 * The API reference: a page for each module that the index of a package exports, written from its types and comments.
 *
 * An export is its documentation, its declaration as users get it, and its examples, in the order of the source.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import ts from "typescript"
import * as Declarations from "./Declarations.ts"
import * as Documentation from "./Documentation.ts"
import * as Project from "./Project.ts"
import * as Reference from "./Reference.ts"

const repository = "https://github.com/strata-effect/strata"

/** In the order of the sidebar. */
const packages = [
  "core",
  "bedrock",
  "openai",
  "effect-ai",
  "local",
  "emulator",
  "persistence",
  "jobs",
  "documents",
  "mcp",
  "ui",
  "cli"
]

/** A way to import modules: `@strata/core` or `@strata/core/testing`. `file` is its index. */
export interface Entry {
  readonly name: string
  readonly id: string
  readonly file: string
  readonly modules: ReadonlyArray<Module>
}

/** `name` is that of the namespace. `types` are the only exports that the index has of it. */
export interface Module {
  readonly name: string
  readonly id: string
  readonly file: string
  /** Of core, the folder. */
  readonly group: string | undefined
}

/** What is published. */
export const entries = (): ReadonlyArray<Entry> =>
  packages.flatMap((name) => {
    const source = Path.join(Project.root, "packages", name, "src")
    const main = entry(`@strata/${name}`, `api/${name}`, source, Path.join(source, "index.ts"))
    const testing = Path.join(source, "testing/index.ts")
    return name === "core" ? [main, entry("@strata/core/testing", "api/core/testing", source, testing)] : [main]
  })

const entry = (name: string, id: string, source: string, file: string): Entry => ({
  name,
  id,
  file,
  modules: [...Fs.readFileSync(file, "utf8").matchAll(/^export \* as (\w+) from "(.+)\.ts"/gm)].map((match) => {
    const path = Path.resolve(Path.dirname(file), match[2]!)
    const relative = Path.relative(source, path)
    const group = name === "@strata/core" && relative.includes("/") ? relative.split("/")[0] : undefined
    return { name: match[1]!, id: `api/${name.split("/")[1]}/${relative.toLowerCase()}`, file: `${path}.ts`, group }
  })
})

/** A page: its path below `src/generated`, its text, and the addresses of names in its code. */
export interface Page {
  readonly file: string
  readonly text: string
  readonly links: ReadonlyMap<string, string>
}

export const pages = (service: ts.LanguageService, entries: ReadonlyArray<Entry>): ReadonlyArray<Page> => {
  const program = service.getProgram()!
  const checker = program.getTypeChecker()
  const addresses = addressesOf(program, entries)
  return entries.flatMap((entry) => [
    index(service, entry, addresses),
    ...entry.modules.map((module) => page(service, checker, entry, module, addresses))
  ])
}

/** Addresses of what is documented, by symbol. */
const addressesOf = (program: ts.Program, entries: ReadonlyArray<Entry>): ReadonlyMap<ts.Symbol, string> => {
  const checker = program.getTypeChecker()
  const addresses = new Map<ts.Symbol, string>()
  const add = (symbol: ts.Symbol, address: string, file: string): void => {
    const original = Documentation.original(checker, symbol)
    const own = original.declarations?.some((declaration) => declaration.getSourceFile().fileName === file) === true
    if (own || !addresses.has(original)) addresses.set(original, address)
  }
  for (const { file, id, modules } of entries) {
    for (const module of modules) {
      const symbol = moduleOf(program, module.file)
      if (symbol === undefined) continue
      addresses.set(symbol, `/${module.id}/`)
      for (const exported of checker.getExportsOfModule(symbol)) {
        add(exported, `/${module.id}/#${slug(exported.name)}`, module.file)
      }
    }
    for (const exported of ownExports(program, file)) add(exported, `/${id}/#${slug(exported.name)}`, file)
  }
  return addresses
}

const moduleOf = (program: ts.Program, file: string): ts.Symbol | undefined => {
  const source = program.getSourceFile(file)
  return source === undefined ? undefined : program.getTypeChecker().getSymbolAtLocation(source)
}

/** What an index exports beside namespaces. */
const ownExports = (program: ts.Program, file: string): ReadonlyArray<ts.Symbol> => {
  const symbol = moduleOf(program, file)
  return symbol === undefined
    ? []
    : program.getTypeChecker().getExportsOfModule(symbol).filter((exported) =>
      exported.declarations?.some(ts.isNamespaceExport) !== true
    )
}

/** As the headings of the site are: of a word, its letters in lower case. */
export const slug = (name: string): string => name.toLowerCase().replaceAll("$", "")

const index = (
  service: ts.LanguageService,
  { file, id, modules, name }: Entry,
  addresses: ReadonlyMap<ts.Symbol, string>
): Page => {
  const program = service.getProgram()!
  const folder = name.split("/")[1]!
  const summary = Documentation.ofModule(program, file, addresses)
  const list = modules.map((module) => {
    const text = firstSentence(Documentation.ofModule(program, module.file, addresses))
    return `| [\`${module.name}\`](/${module.id}/) | ${text.replaceAll("|", "\\|")} |\n`
  })
  const exported = ownExports(program, file).map((symbol) => section(service, symbol, addresses, undefined))
  const install = folder === "core" ? "effect @strata/core" : `effect @strata/core @strata/${folder}`
  const front = {
    title: name,
    description: Reference.plain(firstSentence(summary)),
    editUrl: false,
    tableOfContents: exported.length === 0 ? false : { minHeadingLevel: 2, maxHeadingLevel: 2 }
  }
  const readme = `${repository}/tree/main/packages/${folder}#readme`
  const text = `${Reference.frontmatter(front)}${summary}

\`\`\`sh
npm install ${folder === "cli" || folder === "emulator" ? `@strata/${folder}` : install}
\`\`\`

Guide and examples: [README of the package](${readme}).

| module | |
| --- | --- |
${list.join("")}
${exported.map(({ text }) => text).join("")}`
  return { file: `${id}/index.md`, text, links: new Map(exported.flatMap(({ links }) => [...links])) }
}

const firstSentence = (text: string): string => /^[\s\S]*?(?=\.(?:\s|$)|\n\s*\n|$)/.exec(text)![0].replaceAll("\n", " ")

const page = (
  service: ts.LanguageService,
  checker: ts.TypeChecker,
  entry: Entry,
  module: Module,
  addresses: ReadonlyMap<ts.Symbol, string>
): Page => {
  const program = service.getProgram()!
  const symbol = moduleOf(program, module.file)
  const exported = symbol === undefined ? [] : checker.getExportsOfModule(symbol)
  const summary = Documentation.ofModule(program, module.file, addresses)
  const shown = exported.filter((symbol) => !Documentation.isInternal(Documentation.original(checker, symbol)))
  const own = shown.filter((symbol) => isOf(Documentation.original(checker, symbol), module.file))
  const elsewhere = shown.filter((symbol) => !own.includes(symbol))
  const sections = [...own, ...elsewhere].map((symbol) => section(service, symbol, addresses, module))
  const front = {
    title: module.name,
    description: Reference.plain(firstSentence(summary)),
    editUrl: `${repository}/edit/main/${Path.relative(Project.root, module.file)}`,
    tableOfContents: { minHeadingLevel: 2, maxHeadingLevel: 2 }
  }
  const text = `${Reference.frontmatter(front)}${summary}

\`\`\`ts
import { ${module.name} } from "${entry.name}"
\`\`\`

${sections.map(({ text }) => text).join("")}`
  return { file: `${module.id}.md`, text, links: new Map(sections.flatMap(({ links }) => [...links])) }
}

const isOf = (symbol: ts.Symbol, file: string): boolean =>
  symbol.declarations?.some((declaration) => declaration.getSourceFile().fileName === file) === true

/** An export: where it is documented already, a link. */
const section = (
  service: ts.LanguageService,
  symbol: ts.Symbol,
  addresses: ReadonlyMap<ts.Symbol, string>,
  module: Module | undefined
): { readonly text: string; readonly links: ReadonlyMap<string, string> } => {
  const program = service.getProgram()!
  const checker = program.getTypeChecker()
  const original = Documentation.original(checker, symbol)
  const address = addresses.get(original)
  const here = module === undefined || address === undefined || address.startsWith(`/${module.id}/`)
  const heading = `## ${symbol.name.replaceAll("_", "\\_")}\n\n`
  if (!here) {
    const from = address!.split("/").at(-2)!
    const documentation = firstSentence(Documentation.of(checker, original, addresses).text)
    const name = moduleName(original) ?? from
    return {
      text: `${heading}${documentation}${
        documentation === "" ? "" : ". "
      }The same as [\`${name}.${original.name}\`](${address}).\n\n`,
      links: new Map()
    }
  }
  const { examples, text } = Documentation.of(checker, original, addresses)
  const declaration = Declarations.of(service, original)
  const links = Declarations.links(program, original, addresses)
  const code = declaration === "" ? "" : `\`\`\`ts wrap\n${declaration}\n\`\`\`\n\n`
  const examplesText = examples.map((example) => `**Example**\n\n\`\`\`ts\n${example}\n\`\`\`\n\n`).join("")
  return { text: `${heading}${text}\n\n${code}${examplesText}${source(original)}`, links }
}

const moduleName = (symbol: ts.Symbol): string | undefined => {
  const file = symbol.declarations?.[0]?.getSourceFile().fileName
  return file === undefined ? undefined : Path.basename(file, ".ts")
}

const source = (symbol: ts.Symbol): string => {
  const declaration = symbol.declarations?.[0]
  if (declaration === undefined) return ""
  const file = declaration.getSourceFile()
  const path = Path.relative(Project.root, file.fileName)
  if (path.startsWith("..") || path.includes("node_modules")) return ""
  const line = file.getLineAndCharacterOfPosition(declaration.getStart()).line + 1
  return `[Source](${repository}/blob/main/${path}#L${line})\n\n`
}
