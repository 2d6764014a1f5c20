/**
 * Everything that is made from the repository before Astro runs: pages below `src/generated`, the types of code blocks, the sidebar.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Api from "./Api.ts"
import type * as Code from "./Code.ts"
import * as Project from "./Project.ts"
import * as Reference from "./Reference.ts"
import * as Snippets from "./Snippets.ts"

const generated = Path.join(Project.docs, "src/generated")
const content = "docs/src/content/docs"

/** Blocks with types and links of code, by the absolute paths of the files that have them, and the sidebar. */
export interface Site {
  readonly typed: ReadonlyMap<string, ReadonlyArray<Code.Typed>>
  readonly linked: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly sidebar: ReadonlyArray<Item>
}

type Item =
  | { readonly label: string; readonly link: string }
  | { readonly label: string; readonly collapsed?: boolean; readonly items: ReadonlyArray<Item> }

/** Fails with all errors of all code blocks. */
export const make = async (): Promise<Site> => {
  const reference = Reference.pages()
  const written = Fs.globSync("**/*.{md,mdx}", { cwd: Path.join(Project.root, content) })
    .filter((name) => !Path.basename(name).startsWith("_"))
    .map((name) => `${content}/${name}`)
    .toSorted()
  const blocks = Snippets.blocks([...written, ...reference.map(({ source }) => source)])
  const entries = Api.entries()
  const service = Project.make(
    entries.flatMap(({ file, modules }) => [file, ...modules.map((module) => module.file)]),
    new Map(blocks.map(({ code, file, preamble }) => [file, preamble + code]))
  )
  const errors = Snippets.errors(service, blocks)
  if (errors.length > 0) throw new Error(`Code of the pages does not compile:\n\n${errors.join("\n")}\n`)

  Project.narrow(service)
  const api = await Api.pages(service.getProgram()!, entries)
  Project.folder(
    generated,
    new Map([...Reference.files(reference), ...api.map(({ file, text }) => [file, text] as const)])
  )
  const shown = new Map([
    ...written.map((page) => [page, Path.join(Project.root, page)] as const),
    ...reference.map(({ file, source }) => [source, Path.join(generated, file)] as const)
  ])
  const typed = Map.groupBy(blocks, ({ page }) => shown.get(page)!)
  return {
    typed: new Map(
      [...typed].map(([file, blocks]) => [
        file,
        blocks.map((block) => ({ code: block.code, hovers: Snippets.hovers(service, block) }))
      ])
    ),
    linked: new Map(api.map(({ file, links }) => [Path.join(generated, file), links])),
    sidebar: [
      ...["guides", "recipes", "migration"].map((folder) => ({
        label: folder[0]!.toUpperCase() + folder.slice(1),
        items: written.filter((page) => page.startsWith(`${content}/${folder}/`)).map(ordered)
          .toSorted((a, b) => a.order - b.order)
          .map(({ label, link }) => ({ label, link }))
      })).filter(({ items }) => items.length > 0),
      {
        label: "Reference",
        items: [
          ...reference.filter(({ id }) => !id.includes("decisions/")).map(({ id, title }) => ({
            label: title,
            link: `/${id}/`
          })),
          {
            label: "Decisions",
            collapsed: true,
            items: [
              { label: "All decisions", link: "/reference/decisions/" },
              ...reference.filter(({ id }) => id.includes("decisions/")).map(({ id, title }) => ({
                label: title,
                link: `/${id}/`
              }))
            ]
          }
        ]
      },
      { label: "API", items: entries.map(apiGroup) }
    ]
  }
}

/** A page with its place in the sidebar, from its frontmatter. */
const ordered = (page: string) => {
  const text = Fs.readFileSync(Path.join(Project.root, page), "utf8")
  const front = text.split(/^---$/m, 2)[1] ?? ""
  return {
    label: /^title: *["']?(.*?)["']?$/m.exec(front)?.[1] ?? page,
    link: `/${page.slice(content.length + 1).replace(/(\/index)?\.mdx?$/, "")}/`,
    order: Number(/\border: *(\d+)/.exec(front)?.[1] ?? 1000)
  }
}

const apiGroup = ({ id, modules, name }: Api.Entry): Item => {
  const link = (module: Api.Module): Item => ({ label: module.name, link: `/${module.id}/` })
  const groups = Map.groupBy(modules.filter(({ group }) => group !== undefined), ({ group }) => group!)
  return {
    label: name,
    collapsed: true,
    items: [
      { label: "Overview", link: `/${id}/` },
      ...modules.filter(({ group }) => group === undefined).map(link),
      ...[...groups].toSorted(([a], [b]) => rank(a) - rank(b)).map(([group, modules]) => ({
        label: group,
        collapsed: true,
        items: modules.map(link)
      }))
    ]
  }
}

const rank = (group: string): number => {
  const index = ["chat", "embedding", "policy", "tool", "conversation"].indexOf(group)
  return index === -1 ? 9 : index
}
