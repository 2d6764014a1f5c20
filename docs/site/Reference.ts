/**
 * The pages of `docs/*.md` and `docs/decisions` as pages of the site: a copy with a title and links of the site.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Project from "./Project.ts"

export const repository = "https://github.com/strata-effect/strata"

/** `source` is the path in the repository, `file` the path below `src/generated`, `id` the address. */
export interface Page {
  readonly source: string
  readonly file: string
  readonly id: string
  readonly title: string
  readonly description: string
  readonly text: string
}

/** In the order of the sidebar; pages of other names come after them. */
const order = ["providers", "errors", "performance", "scaling", "effect-ai", "architecture"]

export const pages = (): ReadonlyArray<Page> => [
  ...Fs.readdirSync(Project.docs)
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
    .map((name) => page(`docs/${name}`)),
  ...Fs.readdirSync(Path.join(Project.docs, "decisions"))
    .filter((name) => name.endsWith(".md"))
    .toSorted()
    .map((name) => page(`docs/decisions/${name}`))
]

/** The list of the decisions. */
const decisions = (pages: ReadonlyArray<Page>): string => {
  const description = "What was decided about the structure of Strata, and why: one short page each."
  const items = pages.filter(({ id }) => id.startsWith("reference/decisions/")).map(({ id, title }) =>
    `- [${title}](/${id}/)\n`
  )
  return `${frontmatter({ title: "Decisions", description, editUrl: false })}${description}\n\n${items.join("")}`
}

const rank = (name: string): number => {
  const index = order.indexOf(name.slice(0, -3))
  return index === -1 ? order.length : index
}

/** The files to write below `src/generated`. */
export const files = (pages: ReadonlyArray<Page>): ReadonlyMap<string, string | Buffer> =>
  new Map<string, string | Buffer>([
    ...pages.map(({ file, text }) => [file, text] as const),
    ["reference/decisions/index.md", decisions(pages)],
    ...Fs.readdirSync(Project.docs)
      .filter((name) => /\.(svg|png)$/.test(name))
      .map((name) => [`reference/${name}`, Fs.readFileSync(Path.join(Project.docs, name))] as const)
  ])

const page = (source: string): Page => {
  const text = Fs.readFileSync(Path.join(Project.root, source), "utf8")
  const heading = /^# (.+)\n+/m.exec(text)
  const title = capitalized((heading?.[1] ?? Path.basename(source, ".md")).replaceAll("`", ""))
  const body = heading === null ? text : text.slice(0, heading.index) + text.slice(heading.index + heading[0].length)
  const id = `reference/${source.slice("docs/".length, -".md".length)}`
  const description = summary(body)
  const front = {
    title,
    ...(description === "" ? undefined : { description }),
    editUrl: `${repository}/edit/main/${source}`
  }
  const file = `${id}.md`
  return { source, file, id, title, description, text: `${frontmatter(front)}${links(body, source)}` }
}

/** YAML is JSON. */
export const frontmatter = (data: object): string =>
  `---\n${Object.entries(data).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join("")}---\n\n`

const capitalized = (text: string): string =>
  text.replace(/^(\d+: )?(.)/, (_, number: string = "", first: string) => number + first.toUpperCase())

/** The first sentences of a page, if it begins with a paragraph. */
const summary = (body: string): string => {
  const paragraph = body.trimStart().split(/\n\s*\n/, 1)[0] ?? ""
  if (!/^[A-Z`[*@]/.test(paragraph)) return ""
  const text = plain(paragraph)
  const end = /[.:](?=\s|$)/.exec(text)
  return end === null ? text.slice(0, 160) : text.slice(0, end.index) + "."
}

export const plain = (markdown: string): string =>
  markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "").replaceAll(/\s+/g, " ").trim()

/** Relative links are those of the repository: to a page, or to a file or folder on GitHub. Code stays as it is. */
export const links = (markdown: string, source: string): string =>
  markdown.replace(
    /^```[\s\S]*?^```|`[^`\n]*`|(!?\]\()([^)\s]+)(\))/gm,
    (all, open?: string, target?: string, close?: string) => {
      if (open === undefined || target === undefined || /^(https?:|#|\/|mailto:)/.test(target)) return all
      if (/\.(svg|png)(#.*)?$/.test(target)) return all.replace(target, `./${target.replace(/^\.\//, "")}`)
      const [path = "", anchor] = target.split("#")
      const absolute = Path.posix.normalize(Path.posix.join(Path.posix.dirname(source), path))
      return `${open}${address(absolute)}${anchor === undefined ? "" : `#${anchor}`}${close}`
    }
  )

const address = (path: string): string => {
  const page = /^docs\/(?:src\/content\/docs\/)?(.+)\.mdx?$/.exec(path)
  if (page !== null) return path.startsWith("docs/src/") ? `/${page[1]}/` : `/reference/${page[1]}/`
  if (path.replace(/\/$/, "") === "docs/decisions") return "/reference/decisions/"
  const absolute = Path.join(Project.root, path)
  const kind = Fs.existsSync(absolute) && Fs.statSync(absolute).isDirectory() ? "tree" : "blob"
  return `${repository}/${kind}/main/${path.replace(/\/$/, "")}`
}
