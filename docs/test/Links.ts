/**
 * Links between the pages of the built site.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileOf } from "../site/serve.ts"

const dist = Path.resolve(import.meta.dirname, "../dist")

/** The addresses of all pages. */
export const pages = (): ReadonlyArray<string> =>
  Fs.globSync("**/index.html", { cwd: dist }).map((file) => `/${file.slice(0, -"index.html".length)}`).toSorted()

const ids = new Map<string, ReadonlySet<string>>()

const idsOf = (file: string): ReadonlySet<string> => {
  const known = ids.get(file)
  if (known !== undefined) return known
  const html = Fs.readFileSync(file, "utf8")
  const found = new Set([...html.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]!))
  ids.set(file, found)
  return found
}

/** `/guides/chats/ does not exist: /guides/chat/`. Links to other hosts are not followed. */
export const broken = (pages: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found = Map.groupBy(brokenOf(pages), ({ problem }) => problem)
  return [...found].map(([problem, [first, ...others]]) =>
    `${problem}: ${first!.page}${others.length === 0 ? "" : ` and ${others.length} other pages`}`
  )
}

const brokenOf = (pages: ReadonlyArray<string>) =>
  pages.flatMap((page) => {
    const html = Fs.readFileSync(Path.join(dist, page, "index.html"), "utf8")
    const targets = new Set(
      [...html.matchAll(/\s(?:href|src)="([^"]+)"/g)].map((match) => match[1]!.replaceAll("&amp;", "&"))
    )
    return [...targets].flatMap((target) => {
      const url = new URL(target, `http://site${page}`)
      if (url.host !== "site") return []
      const file = fileOf(url.pathname)
      if (file === undefined) return [{ page, problem: `${target} does not exist` }]
      if (file.endsWith(".html") && !url.pathname.endsWith("/")) {
        return [{ page, problem: `${target} needs a slash at its end` }]
      }
      const anchor = decodeURIComponent(url.hash.slice(1))
      return anchor === "" || anchor === "_top" || idsOf(file).has(anchor)
        ? []
        : [{ page, problem: `${target} has no such heading` }]
    })
  })
