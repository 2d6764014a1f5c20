/**
 * What a code block needs before it to be a module that compiles: imports of names it uses and does not import, what a
 * comment `given` declares, and the block it continues.
 */
import type * as Names from "./Names.ts"
import * as Snippet from "./Snippet.ts"

/** `preamble + code` is a module. The preamble is not shown. */
export interface Completion {
  readonly preamble: string
  readonly code: string
}

/** Completes a block with the names of `Names.of`. */
export const complete = (snippet: Snippet.Snippet, names: Names.Names): Completion => {
  const before = declarations(snippet)
  return { preamble: imports(before + snippet.code, names) + before, code: snippet.code }
}

/** The blocks of TypeScript of a page, completed. */
export const ofPage = (
  markdown: string,
  names: Names.Names
): ReadonlyArray<Completion & { readonly snippet: Snippet.Snippet }> =>
  Snippet.of(markdown).filter(Snippet.isTypeScript).map((snippet) => ({ snippet, ...complete(snippet, names) }))

/** Blocks that it continues, and what comments declare, without imports. */
const declarations = ({ continued, given = "" }: Snippet.Snippet): string =>
  (continued === undefined ? "" : declarations(continued) + continued.code) + given

/** A line of imports for each module, and one that makes the text a module. */
const imports = (source: string, names: Names.Names): string => {
  const text = withoutComments(source)
  const declared = declaredIn(text)
  const missing = new Map<string, Array<string>>()
  for (const name of identifiers(text)) {
    const origin = names.get(name)
    if (origin === undefined || declared.has(name)) continue
    const imported = missing.get(origin.module) ?? []
    missing.set(origin.module, [...imported, origin.type ? `type ${name}` : name])
  }
  const lines = [...missing].map(([module, imported]) =>
    `import { ${imported.toSorted().join(", ")} } from "${module}"\n`
  )
  return `${lines.toSorted().join("")}export {}\n`
}

/** Comments are removed; of strings, what is between the quotes, but templates stay, for their expressions. */
const withoutComments = (source: string): string =>
  source.replace(
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/.*|\/\*[\s\S]*?\*\//g,
    (match) => match.startsWith("/") ? "" : match.startsWith("`") ? match : match[0]! + match[0]!
  )

/** Every identifier that is not a property of something. */
const identifiers = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/(?<![\w$]|(?<!\.\.)\.)[A-Za-z_$][\w$]*/g)].map(([name]) => name))

/** What is imported or declared anywhere, but not the parameters of functions. */
const declaredIn = (text: string): ReadonlySet<string> => {
  const declared = new Set<string>()
  const add = (list: string): void => {
    for (const [name] of list.matchAll(/[A-Za-z_$][\w$]*(?!\s*:|[\w$]|\s+as\b)/g)) declared.add(name)
  }
  for (const [, clause = ""] of text.matchAll(/\bimport\s+(?:type\s+)?([\w$\s{},*]+?)\s+from\b/g)) add(clause)
  for (
    const [, name = ""] of text.matchAll(
      /\b(?:const|let|var|function\*?|class|interface|type|enum|namespace)\s+([A-Za-z_$][\w$]*)/g
    )
  ) {
    declared.add(name)
  }
  for (const [, pattern = ""] of text.matchAll(/\b(?:const|let|var)\s*[{[]([\s\S]*?)[}\]]\s*(?:=|:|of\b)/g)) {
    add(pattern)
  }
  return declared
}
