/**
 * Code blocks as files, in folders beside the packages that they import.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Completion from "../../src/Completion.ts"
import type * as Snippet from "../../src/Snippet.ts"
import type * as Pages from "./Pages.ts"

/** Makes an empty folder, to be removed by the caller. */
export const make = (name: string): string => {
  const folder = Path.resolve(import.meta.dirname, "../../.snippets", `${name}-${process.pid}`)
  Fs.rmSync(folder, { recursive: true, force: true })
  Fs.mkdirSync(folder, { recursive: true })
  link(Path.join(folder, "node_modules"))
  return folder
}

/** What only some package of the workspace depends on can be imported, too, such as a driver of a database. */
const link = (folder: string): void => {
  const root = Path.resolve(import.meta.dirname, "../../../..")
  const own = new Set(Fs.globSync(dependencies, { cwd: Path.join(root, "packages/snippets/node_modules") }))
  for (const from of Fs.globSync(["examples/node_modules", "packages/*/node_modules"], { cwd: root })) {
    for (const name of Fs.globSync(dependencies, { cwd: Path.join(root, from) })) {
      if (own.has(name)) continue
      own.add(name)
      Fs.mkdirSync(Path.dirname(Path.join(folder, name)), { recursive: true })
      Fs.symlinkSync(Path.join(root, from, name), Path.join(folder, name))
    }
  }
}

const dependencies = ["@*/*", "[a-z]*"]

/**
 * Writes a block of TypeScript, completed, to a folder of its page, and returns the path. The file has the title of the
 * block as its name, so that other blocks of the page can import it.
 */
export const write = (folder: string, page: Pages.Page, snippet: Snippet.Snippet): string => {
  const { code, preamble } = Completion.complete(snippet, page.names)
  const titled = page.snippets.find(({ title }) => title === snippet.title) === snippet
  const name = titled && snippet.title?.endsWith(".ts") === true ? snippet.title : `${snippet.line}.ts`
  const file = Path.join(folder, page.name.replaceAll(/\W+/g, "-"), name)
  Fs.mkdirSync(Path.dirname(file), { recursive: true })
  Fs.writeFileSync(file, preamble + code)
  return file
}
