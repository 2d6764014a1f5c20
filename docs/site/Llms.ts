/**
 * The pages as Markdown, for programs that read: each page, a list of them, and all but the API in one file.
 */
import { type CollectionEntry, getCollection } from "astro:content"

type Entry = CollectionEntry<"docs">

const summary = `# Strata

> Chat and embeddings on Amazon Bedrock as Effect layers: typed answers, typed errors, declared retries and limits. TypeScript, Effect 4, Node 22.19 or newer.
`

const sections = [
  ["guides/", "Guides"],
  ["recipes/", "Recipes"],
  ["migration/", "Migration"],
  ["reference/", "Reference"],
  ["api/", "API"]
] as const

/** In the order of the sidebar, without the landing page. */
export const pages = async (): Promise<ReadonlyArray<Entry>> =>
  (await getCollection("docs"))
    .filter(({ id }) => sections.some(([prefix]) => id.startsWith(prefix)))
    .toSorted((a, b) =>
      rank(a) - rank(b) || (a.data.sidebar.order ?? 1000) - (b.data.sidebar.order ?? 1000) || a.id.localeCompare(b.id)
    )

const rank = ({ id }: Entry): number => sections.findIndex(([prefix]) => id.startsWith(prefix))

/** A page without what only the site and the tests need: comments, and words after the language of a fence. */
export const markdown = ({ body = "", data }: Entry): string => {
  const text = body
    .replaceAll(/^<!--[\s\S]*?-->\n*/gm, "")
    .replaceAll(/^(```\w+)[ \t]+(.*)$/gm, (_, fence: string, words: string) => {
      const title = /title="([^"]*)"/.exec(words)?.[1]
      return title === undefined ? fence : `${fence} title="${title}"`
    })
  return `# ${data.title}\n\n${text.trim()}\n`
}

/** A decision, or a module of a package. */
const isDetail = (id: string): boolean =>
  id.startsWith("reference/decisions/") || /^api\/[^/]+\/.+$/.test(id) && id !== "api/core/testing"

/** `llms.txt`: modules of the API are behind the pages of their packages. */
export const index = async (): Promise<string> => {
  const all = await pages()
  const lists = sections.map(([prefix, label]) => {
    const items = all
      .filter(({ id }) => id.startsWith(prefix) && !isDetail(id))
      .map(({ data, id }) => `- [${data.title}](/${id}.md)${data.description ? `: ${data.description}` : ""}\n`)
    return items.length === 0 ? "" : `## ${label}\n\n${items.join("")}`
  })
  return [summary, ...lists.filter((list) => list !== "")].join("\n")
}

/** `llms-full.txt`: guides, recipes, migration and reference. */
export const full = async (): Promise<string> => {
  const all = (await pages()).filter(({ id }) => !/^(api|reference\/decisions)\//.test(id))
  return [summary, ...all.map(markdown)].join("\n\n")
}
