/**
 * Documentation comments as Markdown, with links of the site.
 */
import ts from "typescript"

/** Of an export: the text, and the code of its examples. */
export interface Documentation {
  readonly text: string
  readonly examples: ReadonlyArray<string>
}

/** What an alias stands for. */
export const original = (checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol

export const isInternal = (symbol: ts.Symbol): boolean => symbol.getJsDocTags().some(({ name }) => name === "internal")

/** Of a symbol with several declarations, such as a type and a schema of one name, the first that has any. */
export const of = (
  checker: ts.TypeChecker,
  symbol: ts.Symbol,
  addresses: ReadonlyMap<ts.Symbol, string>
): Documentation => {
  for (const declaration of symbol.declarations ?? []) {
    const comments = ts.getJSDocCommentsAndTags(declaration).filter(ts.isJSDoc)
    const comment = comments.at(-1)
    if (comment === undefined) continue
    const examples = (comment.tags ?? []).filter((tag) => tag.tagName.text === "example")
      .map((tag) => code(ts.getTextOfJSDocComment(tag.comment) ?? "", tag))
    return { text: markdown(checker, comment.comment, addresses), examples }
  }
  return { text: "", examples: [] }
}

/** The comment at the beginning of a file. */
export const ofModule = (program: ts.Program, file: string, addresses: ReadonlyMap<ts.Symbol, string>): string => {
  const source = program.getSourceFile(file)
  const text = /^\/\*\*([\s\S]*?)\*\//.exec(source?.text ?? "")?.[1]
  if (source === undefined || text === undefined) return ""
  const checker = program.getTypeChecker()
  const lines = text.split("\n").map((line) => line.replace(/^\s*\* ?/, "")).join("\n").trim()
  // The comment belongs to the first statement in the eyes of the compiler, or to nothing: links are looked up by name.
  return lines.replaceAll(/\{@link\s+([\w.]+)\s*(?:\|\s*([^}]*))?\}/g, (_, name: string, label?: string) => {
    const symbol = checker.resolveName(name, source, ts.SymbolFlags.All, false)
    const address = symbol === undefined ? undefined : addresses.get(original(checker, symbol))
    return reference(label?.trim() || name, address)
  })
}

const markdown = (
  checker: ts.TypeChecker,
  comment: string | ts.NodeArray<ts.JSDocComment> | undefined,
  addresses: ReadonlyMap<ts.Symbol, string>
): string => {
  if (comment === undefined) return ""
  if (typeof comment === "string") return comment.trim()
  return comment.map((part) => {
    if (part.kind === ts.SyntaxKind.JSDocText) return part.text
    const link = part as ts.JSDocLink
    if (link.name === undefined) return link.text
    const symbol = checker.getSymbolAtLocation(link.name)
    const address = symbol === undefined ? undefined : addressOf(checker, symbol, addresses)
    const label = link.text.replace(/^\s*\|\s*/, "").trim()
    return reference(label || nameOf(link.name), address)
  }).join("").trim()
}

/** Of the symbol itself, or of what declares it: a property is documented at its interface. */
const addressOf = (
  checker: ts.TypeChecker,
  symbol: ts.Symbol,
  addresses: ReadonlyMap<ts.Symbol, string>
): string | undefined => {
  const known = addresses.get(original(checker, symbol))
  if (known !== undefined) return known
  const parent = symbol.declarations?.[0]?.parent
  const owner = parent !== undefined && (ts.isInterfaceDeclaration(parent) || ts.isClassDeclaration(parent))
    ? parent.name && checker.getSymbolAtLocation(parent.name)
    : undefined
  return owner === undefined ? undefined : addresses.get(owner)
}

const nameOf = (name: ts.EntityName | ts.JSDocMemberName): string => name.getText().replaceAll("#", ".")

const reference = (label: string, address: string | undefined): string =>
  address === undefined ? `\`${label.replaceAll("`", "")}\`` : `[\`${label.replaceAll("`", "")}\`](${address})`

/** Examples have no fence; one that has loses it. The indentation is that of the comment. */
const code = (text: string, tag: ts.JSDocTag): string => {
  const source = tag.getSourceFile().text
  const raw = source.slice(tag.getStart(), tag.getEnd())
  const lines = raw.replace(/^@example[ \t]*/, "").split("\n").map((line, index) =>
    index === 0 ? line : line.replace(/^\s*\* ?/, "")
  )
  const body = lines.join("\n").replace(/\*\/\s*$/, "").trim()
  return body === "" ? text.trim() : body.replace(/^```\w*\n/, "").replace(/\n```$/, "")
}
