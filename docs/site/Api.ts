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

/** `name` is that of the namespace. */
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
  const modules = entries.flatMap(({ modules }) => modules)
  const model = await Model.make(program, new Map([...modules, ...entries].map(({ file, id }) => [id, file])))
  const names = new Map(modules.map(({ id, name }) => [`/${id}/`, name]))
  const page = ({ id, name }: Entry | Module, file: string, editUrl: string | false, beginning: string): Page => {
    const module = model.modules.get(id)
    const summary = summaryOf(module)
    const { links, text } = sections(model, names, module)
    const description = Reference.plain(firstSentence(summary))
    const tableOfContents = text === "" ? false : { minHeadingLevel: 2, maxHeadingLevel: 2 }
    const front = Reference.frontmatter({ title: name, description, editUrl, tableOfContents })
    return { file, links, text: `${front}${summary}\n\n${beginning}\n\n${text}` }
  }
  return entries.flatMap((entry) => [
    page(entry, `${entry.id}/index.md`, false, overview(entry, model)),
    ...entry.modules.map((module) => {
      const editUrl = `${Reference.repository}/edit/main/${Path.relative(Project.root, module.file)}`
      const code = `import { ${module.name} } from "${entry.name}"`
      return page(module, `${module.id}.md`, editUrl, `\`\`\`ts\n${code}\n\`\`\``)
    })
  ])
}

/** How a package is installed, and its modules. */
const overview = ({ modules, name }: Entry, model: Model.Model): string => {
  const folder = name.split("/")[1]!
  const libraries = ["cli", "emulator"].includes(folder) ? [] : ["effect", "@strata/core"]
  const list = modules.map(({ id, name }) => {
    const text = firstSentence(summaryOf(model.modules.get(id)))
    return `| [\`${name}\`](/${id}/) | ${text.replaceAll("|", "\\|")} |`
  })
  return `\`\`\`sh
npm install ${[...new Set([...libraries, `@strata/${folder}`])].join(" ")}
\`\`\`

Guide and examples: [README of the package](${Reference.repository}/tree/main/packages/${folder}#readme).

| module | |
| --- | --- |
${list.join("\n")}`
}

const firstSentence = (text: string): string => /^[\s\S]*?(?=\.(?:\s|$)|\n\s*\n|$)/.exec(text)![0].replaceAll("\n", " ")

/** The exports in the order of the source, then those of other files; what is documented elsewhere is a link, at the end. */
const sections = (
  { context }: Model.Model,
  names: ReadonlyMap<string, string>,
  module: TypeDoc.DeclarationReflection | undefined
): Omit<Page, "file"> => {
  const links = new Map<string, string>()
  const link = (name: string, address: string): string => {
    const [page = ""] = address.split("#")
    const namespace = page === `/${module?.name}/` ? undefined : names.get(page) ?? Model.libraryOf(address)
    const qualified = namespace === undefined || name.includes(".") ? name : `${namespace}.${name}`
    if (page.startsWith("/")) links.set(qualified, address)
    return qualified
  }
  const line = ({ sources }: TypeDoc.DeclarationReflection): number =>
    sources?.find(({ fileName }) => fileName === module?.sources?.[0]?.fileName)?.line ?? Number.MAX_SAFE_INTEGER
  const exported = (module?.children ?? []).filter((child) => !Model.isModule(child))
  const own = exported.filter((child) => !child.isReference()).toSorted((a, b) => line(a) - line(b))
  const texts = [
    ...[...Map.groupBy(own, ({ name }) => name)].map((
      [name, declared]
    ) => [name, section({ context, link }, declared)]),
    ...exported.filter((child) => child.isReference()).map((reference) => {
      const target = reference.getTargetReflectionDeep()
      const address = Model.addressOf(target)
      const text = firstSentence(summaryOf(target))
      const same = `The same as [\`${link(target.name, address)}\`](${address}).\n\n`
      return [reference.name, `${text === "" ? "" : `${text}. `}${same}`]
    })
  ]
  return { links, text: texts.map(([name, text]) => `## ${name!.replaceAll("_", "\\_")}\n\n${text}`).join("") }
}

/** A type and a schema of one name have one section. */
const section = (printer: Declarations.Printer, declared: ReadonlyArray<TypeDoc.DeclarationReflection>): string => {
  const all = declared.toSorted((a, b) => Number(isVariable(a)) - Number(isVariable(b)))
  const documented = all.find((reflection) => summaryOf(reflection) !== "")
  const examples = commentOf(documented)?.getTags("@example").map(({ content }) =>
    `**Example**\n\n${markdown(content)}\n\n`
  )
  const { fileName, line } = all[0]!.sources![0]!
  return `${summaryOf(documented)}

\`\`\`ts wrap
${all.map((reflection) => Declarations.of(printer, reflection, all.length > 1)).join("\n\n")}
\`\`\`

${examples?.join("") ?? ""}[Source](${Reference.repository}/blob/main/${fileName}#L${line})\n\n`
}

const isVariable = ({ kind }: TypeDoc.Reflection): boolean => kind === TypeDoc.ReflectionKind.Variable

/** That of a function is at its signature. */
const commentOf = (reflection: TypeDoc.Reflection | undefined): TypeDoc.Comment | undefined =>
  reflection?.comment ?? (reflection?.isDeclaration() ? reflection.signatures?.[0]?.comment : undefined)

const summaryOf = (reflection: TypeDoc.Reflection | undefined): string =>
  markdown(commentOf(reflection)?.summary ?? []).trim()

const markdown = (parts: ReadonlyArray<TypeDoc.CommentDisplayPart>): string =>
  parts.map((part) => {
    if (part.kind !== "inline-tag") return part.text
    const label = `\`${part.text.replaceAll("`", "").trim()}\``
    const address = part.target instanceof TypeDoc.Reflection ? Model.addressOf(part.target) : part.target
    return typeof address === "string" ? `[${label}](${address})` : label
  }).join("")
