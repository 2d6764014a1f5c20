/**
 * Where the links of a page lead.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Snippet from "../../src/Snippet.ts"
import * as Pages from "./Pages.ts"

const site = "docs/src/content/docs"
const repository = "https://github.com/strata-effect/strata/"

/** Links of the page that lead nowhere, such as `README.md:12: docs/missing.md`. */
export const broken = (page: Pages.Page): ReadonlyArray<string> => {
  const text = Snippet.prose(page.text).replaceAll(/`[^`\n]+`/g, "").replaceAll(/<!--[\s\S]*?-->/g, blank)
  const links = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)|\b(?:href|src)="([^"]+)"/gm)]
  return links.flatMap((match) => {
    const target = match[1] ?? match[2] ?? match[3]!
    const line = text.slice(0, match.index).split("\n").length
    return resolves(target, page) ? [] : [`${page.name}:${line}: ${target}`]
  })
}

const blank = (text: string): string => text.replaceAll(/[^\n]/g, "")

const resolves = (target: string, page: Pages.Page): boolean => {
  if (target.startsWith(repository)) return inRepository(target.slice(repository.length))
  if (/^[a-z][a-z+.-]*:/.test(target)) return true
  const [path = "", anchor] = target.split("#")
  if (path === "") return anchor === undefined || anchors(page.text).has(anchor)
  if (path.startsWith("/")) return page.name.startsWith(site) && onSite(path, anchor)
  const file = Path.posix.join(Path.posix.dirname(page.name), decodeURIComponent(path))
  return exists(file) && hasAnchor(file, anchor)
}

/** `blob/main/docs/scaling.md#anchor`. */
const inRepository = (path: string): boolean => {
  const match = /^(?:blob|tree)\/main\/([^#]+)(?:#(.*))?$/.exec(path)
  return match === null || (exists(match[1]!) && hasAnchor(match[1]!, match[2]))
}

/** `/reference/scaling/` may be a page of `docs`; those below `/api/` are made from the sources. */
const onSite = (path: string, anchor: string | undefined): boolean => {
  if (path.startsWith("/api/") || path === "/reference/decisions/") return true
  const name = path.replace(/\/$/, "")
  const files = ["", "/index"].flatMap((end) => [".md", ".mdx"].map((type) => `${site}${name}${end}${type}`))
  const reference = /^\/reference\/(.+)$/.exec(name)
  if (reference !== null) files.push(`docs/${reference[1]}.md`)
  const file = files.find(exists) ?? (/\.\w+$/.test(name) ? `docs/public${name}` : "")
  return file !== "" && exists(file) && hasAnchor(file, anchor)
}

const exists = (file: string): boolean => Fs.existsSync(Path.join(Pages.root, file))

const hasAnchor = (file: string, anchor: string | undefined): boolean => {
  if (anchor === undefined || /\.(?!mdx?$)\w+$/.test(file)) return true
  const page = Path.extname(file) === "" ? `${file}/README.md` : file
  return exists(page) && anchors(Fs.readFileSync(Path.join(Pages.root, page), "utf8")).has(anchor)
}

/** As GitHub and Starlight make them of headings. */
const anchors = (markdown: string): ReadonlySet<string> => {
  const found = new Map<string, number>()
  for (const [, heading = ""] of Snippet.prose(markdown).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase()
    const slug = text.replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, "").replaceAll(" ", "-")
    const times = found.get(slug) ?? 0
    found.set(slug, times + 1)
    if (times > 0) found.set(`${slug}-${times}`, 1)
  }
  return new Set(found.keys())
}
