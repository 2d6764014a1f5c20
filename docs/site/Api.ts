/**
 * The API reference: a page for each module that the index of a package exports, written from its types and comments.
 *
 * An export is its documentation, its declaration as users get it, and its examples, in the order of the source.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as TypeDoc from "typedoc"
import type ts from "typescript"
import * as Declarations from "./Declarations.ts"
import * as Model from "./Model.ts"
import * as Project from "./Project.ts"
import * as Reference from "./Reference.ts"

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

export const pages = async (program: ts.Program, entries: ReadonlyArray<Entry>): Promise<ReadonlyArray<Page>> => {
  const { app, project } = await Model.make(program, entries)
  const models = new Map(project.children?.map((module) => [module.name, module]))
  const names = new Map(entries.flatMap(({ modules }) => modules.map(({ id, name }) => [`/${id}/`, name] as const)))
  const sections = (model: TypeDoc.DeclarationReflection | undefined) => sectionsOf(app, model, names)
  return entries.flatMap((entry) => [
    index(entry, models, sections(models.get(entry.id))),
    ...entry.modules.map((module) => {
      const model = models.get(module.id)
      return page(entry, module, model, sections(model))
    })
  ])
}

type Models = ReadonlyMap<string, TypeDoc.DeclarationReflection>

interface Sections {
  readonly text: string
  readonly links: ReadonlyMap<string, string>
}

const index = ({ id, modules, name }: Entry, models: Models, { links, text }: Sections): Page => {
  const folder = name.split("/")[1]!
  const summary = summaryOf(models.get(id))
  const list = modules.map((module) => {
    const text = firstSentence(summaryOf(models.get(module.id)))
    return `| [\`${module.name}\`](/${module.id}/) | ${text.replaceAll("|", "\\|")} |\n`
  })
  const install = folder === "core" ? "effect @strata/core" : `effect @strata/core @strata/${folder}`
  const front = {
    title: name,
    description: Reference.plain(firstSentence(summary)),
    editUrl: false,
    tableOfContents: text === "" ? false : { minHeadingLevel: 2, maxHeadingLevel: 2 }
  }
  return {
    file: `${id}/index.md`,
    links,
    text: `${Reference.frontmatter(front)}${summary}

\`\`\`sh
npm install ${folder === "cli" || folder === "emulator" ? `@strata/${folder}` : install}
\`\`\`

Guide and examples: [README of the package](${Reference.repository}/tree/main/packages/${folder}#readme).

| module | |
| --- | --- |
${list.join("")}
${text}`
  }
}

const firstSentence = (text: string): string => /^[\s\S]*?(?=\.(?:\s|$)|\n\s*\n|$)/.exec(text)![0].replaceAll("\n", " ")

const page = (
  entry: Entry,
  module: Module,
  model: TypeDoc.DeclarationReflection | undefined,
  { links, text }: Sections
): Page => {
  const summary = summaryOf(model)
  const front = {
    title: module.name,
    description: Reference.plain(firstSentence(summary)),
    editUrl: `${Reference.repository}/edit/main/${Path.relative(Project.root, module.file)}`,
    tableOfContents: { minHeadingLevel: 2, maxHeadingLevel: 2 }
  }
  return {
    file: `${module.id}.md`,
    links,
    text: `${Reference.frontmatter(front)}${summary}

\`\`\`ts
import { ${module.name} } from "${entry.name}"
\`\`\`

${text}`
  }
}

/** The exports in the order of the source; those that are documented elsewhere are links, at the end. */
const sectionsOf = (
  app: TypeDoc.Application,
  model: TypeDoc.DeclarationReflection | undefined,
  names: ReadonlyMap<string, string>
): Sections => {
  if (model === undefined) return { links: new Map(), text: "" }
  const printer = new Declarations.Printer(app, model, names)
  const children = model.children?.filter((child) => !isModule(child)) ?? []
  const references = children.filter((child) => child.isReference())
  const own = children.filter((child) => !child.isReference())
  const texts = [
    ...[...Map.groupBy(own, ({ name }) => name)].map(([name, declared]) => section(printer, name, declared)),
    ...references.map((reference) => referred(reference, names))
  ]
  return { links: printer.links, text: texts.join("") }
}

const heading = (name: string): string => `## ${name.replaceAll("_", "\\_")}\n\n`

const isModule = (reflection: TypeDoc.Reflection): boolean =>
  reflection.isReference()
    ? reflection.getTargetReflectionDeep().kindOf(TypeDoc.ReflectionKind.SomeModule)
    : reflection.kindOf(TypeDoc.ReflectionKind.SomeModule)

/** A type and a schema of one name have one section. */
const section = (
  printer: Declarations.Printer,
  name: string,
  declared: ReadonlyArray<TypeDoc.DeclarationReflection>
): string => {
  const variables = declared.filter((reflection) => reflection.kindOf(TypeDoc.ReflectionKind.Variable))
  const types = declared.filter((reflection) => !variables.includes(reflection))
  const all = [...types, ...variables]
  const isSchema = types.length > 0 && variables.length > 0
  const documented = all.find((reflection) => summaryOf(reflection) !== "")
  const examples = commentOf(documented)?.getTags("@example").map(({ content }) =>
    `**Example**\n\n${markdown(content)}\n\n`
  ) ?? []
  const source = all[0]?.sources?.[0]
  return `${heading(name)}${summaryOf(documented)}\n\n\`\`\`ts wrap
${all.map((reflection) => printer.of(reflection, isSchema)).join("\n\n")}
\`\`\`

${examples.join("")}${
    source === undefined ? "" : `[Source](${Reference.repository}/blob/main/${source.fileName}#L${source.line})\n\n`
  }`
}

const referred = (reference: TypeDoc.ReferenceReflection, names: ReadonlyMap<string, string>): string => {
  const target = reference.getTargetReflectionDeep()
  const address = Declarations.address(target) ?? ""
  const text = firstSentence(summaryOf(target))
  const name = `${names.get(address.split("#")[0]!) ?? ""}.${target.name}`
  return `${heading(reference.name)}${text === "" ? "" : `${text}. `}The same as [\`${name}\`](${address}).\n\n`
}

const commentOf = (reflection: TypeDoc.Reflection | undefined): TypeDoc.Comment | undefined =>
  reflection?.comment ?? (reflection?.isDeclaration() ? reflection.signatures?.[0]?.comment : undefined)

const summaryOf = (reflection: TypeDoc.Reflection | undefined): string =>
  markdown(commentOf(reflection)?.summary ?? []).trim()

const markdown = (parts: ReadonlyArray<TypeDoc.CommentDisplayPart>): string =>
  parts.map((part) => {
    if (part.kind !== "inline-tag") return part.text
    const { target } = part
    const address = typeof target === "string"
      ? target
      : target instanceof TypeDoc.Reflection
      ? Declarations.address(target)
      : undefined
    const label = `\`${part.text.replaceAll("`", "").trim()}\``
    return address === undefined ? label : `[${label}](${address})`
  }).join("")
