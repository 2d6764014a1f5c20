/**
 * The Markdown pages of the repository.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Names from "../../src/Names.ts"
import * as Snippet from "../../src/Snippet.ts"

export const root = Path.resolve(import.meta.dirname, "../../../..")

/** `name` is its path in the repository. */
export interface Page {
  readonly name: string
  readonly text: string
  readonly snippets: ReadonlyArray<Snippet.Snippet>
  readonly names: Names.Names
}

export const page = (name: string): Page => {
  const text = Fs.readFileSync(Path.join(root, name), "utf8")
  const names = Names.of(root, /^packages\/([\w-]+)\/README\.md$/.exec(name)?.[1])
  return { name, text, snippets: Snippet.of(text), names }
}

/** READMEs, pages of `docs`, and those of the site. */
export const all = (): ReadonlyArray<Page> =>
  Fs.globSync([
    "README.md",
    "CONTRIBUTING.md",
    "packages/*/*.md",
    "docs/*.md",
    "docs/decisions/*.md",
    "docs/src/content/docs/**/*.{md,mdx}"
  ], { cwd: root }).filter((name) => !name.endsWith("CHANGELOG.md")).toSorted().map(page)
