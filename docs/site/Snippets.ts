/**
 * The TypeScript of the pages: it is compiled with the sources of the packages, and each identifier gets its type.
 *
 * The rules for what a block may leave out are those of `packages/snippets`, which tests the same blocks.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import ts from "typescript"
import * as Completion from "../../packages/snippets/src/Completion.ts"
import * as Names from "../../packages/snippets/src/Names.ts"
import type * as Snippet from "../../packages/snippets/src/Snippet.ts"
import * as Project from "./Project.ts"

/** A block of a page. `file` is what it is called in the program. */
export interface Block extends Completion.Completion {
  readonly page: string
  readonly file: string
  readonly snippet: Snippet.Snippet
}

/** The type of what is from column `start` to `end` of a line of a block, both 0-based. */
export interface Hover {
  readonly line: number
  readonly start: number
  readonly end: number
  readonly type: string
  readonly documentation: string
}

/**
 * The blocks of pages, by their paths in the repository. Blocks that say `nocheck` are left out. A block with a title is a
 * file of that name, which other blocks of its page can import.
 */
export const blocks = (pages: ReadonlyArray<string>): ReadonlyArray<Block> => {
  const names = Names.of(Project.root)
  return pages.flatMap((page) => {
    const all = Completion.ofPage(Fs.readFileSync(Path.join(Project.root, page), "utf8"), names)
      .filter(({ snippet }) => !snippet.words.includes("nocheck"))
    // Beside the dependencies that blocks import.
    const folder = Path.join(Project.root, "packages/snippets/.pages", page.replaceAll(/\W+/g, "-"))
    return all.map((completed) => {
      const { line, title } = completed.snippet
      const first = all.find(({ snippet }) => snippet.title === title) === completed
      return {
        ...completed,
        page,
        file: Path.join(folder, first && title?.endsWith(".ts") === true ? title : `${line}.ts`)
      }
    })
  })
}

/** The errors of blocks: `docs/src/content/docs/guides/chat.md:12: Cannot find name 'question'. (TS2304)`. */
export const errors = (service: ts.LanguageService, blocks: ReadonlyArray<Block>): ReadonlyArray<string> =>
  blocks.flatMap(({ file, page, preamble, snippet }) =>
    [...service.getSyntacticDiagnostics(file), ...service.getSemanticDiagnostics(file)].filter((diagnostic) =>
      // Those of a block that it continues are found there.
      snippet.continued === undefined || (diagnostic.start ?? 0) >= preamble.length - (snippet.given ?? "").length
    ).map((diagnostic) => {
      const line = lines((preamble + snippet.code).slice(0, diagnostic.start ?? 0)) - lines(preamble) + 1
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")
      return `${page}:${snippet.line + Math.max(0, line)}: ${text} (TS${diagnostic.code})`
    })
  )

/** What an editor shows for the identifiers of a block, but for namespaces and modules. */
export const hovers = (service: ts.LanguageService, { code, file, preamble }: Block): ReadonlyArray<Hover> => {
  const source = service.getProgram()?.getSourceFile(file)
  if (source === undefined) return []
  const lines = code.split("\n")
  const found: Array<Hover> = []
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) return
    if (ts.isIdentifier(node) && node.getStart(source) >= preamble.length) {
      const info = service.getQuickInfoAtPosition(file, node.getStart(source))
      const type = info === undefined ? "" : ts.displayPartsToString(info.displayParts).replace(/\nimport .*$/s, "")
      if (type !== "" && !/^(\(alias\) )?(namespace|module|import) /.test(type)) {
        const { character, line } = place(code, node.getStart(source) - preamble.length)
        found.push({
          line,
          start: character,
          end: Math.min(character + node.getWidth(source), lines[line]!.length),
          type: short(type.replace(/^\(alias\) /, "")),
          documentation: firstParagraph(ts.displayPartsToString(info?.documentation))
        })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const lines = (text: string): number => text.split("\n").length - 1

const place = (text: string, offset: number) => {
  const before = text.slice(0, offset).split("\n")
  return { line: before.length - 1, character: before.at(-1)!.length }
}

/** Some types of other libraries fill a screen. */
const short = (type: string): string => type.length > 1000 ? `${type.slice(0, 1000)} …` : type

/** Without the markup of links. */
const firstParagraph = (text: string): string =>
  (text.split(/\n\s*\n/, 1)[0] ?? "").replaceAll(/\{@link\s+([^}|]+?)(?:\s*\|\s*([^}]*))?\}/g, "$1").trim()
