/**
 * Declarations as a user of a package sees them.
 */
import ts from "typescript"
import * as Documentation from "./Documentation.ts"

/** The declaration of an export, with the comments inside it, without the one before it. */
export const of = (service: ts.LanguageService, symbol: ts.Symbol): string => {
  const checker = service.getProgram()!.getTypeChecker()
  const declared = symbol.declarations?.find(ts.isClassDeclaration)
  if (declared !== undefined) return classOf(checker, symbol, declared)
  const files = new Set(symbol.declarations?.map((declaration) => declaration.getSourceFile().fileName))
  const code = [...files].flatMap((file) => emitted(service, file, symbol.name)).join("\n")
  const alias = symbol.declarations?.find(ts.isTypeAliasDeclaration)
  return alias === undefined || !/= typeof [\w.]+\.Type$/m.test(code) ? code : schemaOf(checker, symbol, alias, code)
}

/** A schema and the type of its values: the type is written out, the schema only named, since it says the same. */
const schemaOf = (
  checker: ts.TypeChecker,
  symbol: ts.Symbol,
  alias: ts.TypeAliasDeclaration,
  code: string
): string => {
  const text = typeText(checker, checker.getTypeAtLocation(alias.type), alias, "")
  // What is too long to read is described by the documentation.
  const type = `type ${symbol.name} =${text.length > 5000 ? ` typeof ${symbol.name}.Type` : text}`
  const schema = new RegExp(`^const ${symbol.name}: ([\\w.$]+)`, "m").exec(code)?.[1]
  return schema === undefined ? type : `${type}\n\nconst ${symbol.name}: ${schema}<…>`
}

const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope

/** A type with a space before it; what is long has a line for each member. */
const typeText = (checker: ts.TypeChecker, type: ts.Type, at: ts.Node, indent: string): string => {
  const text = checker.typeToString(type, at, flags | ts.TypeFormatFlags.InTypeAlias)
  if (text.length < 90) return ` ${text}`
  // Lines are separated by their indentation only.
  const multiline = (type: ts.Type, indent: string, more = 0): string =>
    checker.typeToString(type, at, flags | more | ts.TypeFormatFlags.MultilineObjectLiterals)
      .replaceAll(/(?<=[{;])( {4})+/g, (spaces) => `\n${" ".repeat(spaces.length / 2)}`)
      .replaceAll(";}", ";\n}")
      .replaceAll(/;$/gm, "")
      .replaceAll("\n", `\n${indent}`)
  return type.isUnion() && !(type.flags & ts.TypeFlags.Boolean)
    ? members(checker, type).map((member) => `\n${indent}  | ${multiline(member, `${indent}    `)}`).join("")
    : ` ${multiline(type, indent, ts.TypeFormatFlags.InTypeAlias)}`
}

/** `boolean` is a union of two. */
const members = (checker: ts.TypeChecker, type: ts.UnionType): ReadonlyArray<ts.Type> => {
  const plain = type.types.filter(({ flags }) => !(flags & ts.TypeFlags.BooleanLiteral))
  return type.types.length - plain.length === 2 ? [checker.getBooleanType(), ...plain] : type.types
}

const sources = new Map<string, ts.SourceFile>()

/** The statements of the declaration file that declare a name. */
const emitted = (service: ts.LanguageService, file: string, name: string): ReadonlyArray<string> => {
  let source = sources.get(file)
  if (source === undefined) {
    const output = service.getEmitOutput(file, true, true).outputFiles.find(({ name }) => name.endsWith(".d.ts"))
    source = ts.createSourceFile(`${file}.d.ts`, output?.text ?? "", ts.ScriptTarget.ESNext, true)
    sources.set(file, source)
  }
  const found = source.statements.filter((statement) =>
    ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.some((declaration) => declaration.name.getText(source) === name)
      : (ts.isFunctionDeclaration(statement) || ts.isInterfaceDeclaration(statement) ||
        ts.isTypeAliasDeclaration(statement)
        || ts.isModuleDeclaration(statement)) && statement.name?.getText(source) === name
  )
  return found.map((statement) => tidy(statement.getText(source)))
}

const tidy = (text: string): string =>
  text
    .replace(/^export /, "")
    .replace(/^declare /, "")
    .replaceAll(/import\("[^"]*"\)\./g, "")
    .replaceAll(/^( {4})+/gm, (spaces) => " ".repeat(spaces.length / 2))
    .replaceAll(/;$/gm, "")
    .replaceAll(/^\/\/# sourceMappingURL.*$/gm, "")
    .trim()

/**
 * A class is what it extends, without the arguments, and its fields: those of a schema are declared by the arguments.
 * What Effect declares, such as `stack` of an error, is left out.
 */
const classOf = (checker: ts.TypeChecker, symbol: ts.Symbol, declaration: ts.ClassDeclaration): string => {
  const parent = declaration.heritageClauses?.[0]?.types[0]?.expression.getText() ?? ""
  const extended = parent === "" ? "" : ` extends ${parent.split("(", 1)[0]}`
  const type = checker.getDeclaredTypeOfSymbol(symbol)
  const fields = type.getProperties().filter((property) => isOwn(property)).map((property) => {
    const type = checker.getTypeOfSymbolAtLocation(property, declaration)
    const optional = property.flags & ts.SymbolFlags.Optional
    const given = optional && !(type.flags & ts.TypeFlags.Unknown) ? checker.getNonNullableType(type) : type
    const text = typeText(checker, given, declaration, "  ")
    const comment = ts.displayPartsToString(property.getDocumentationComment(checker))
    const note = comment === ""
      ? ""
      : comment.includes("\n")
      ? `  /**\n${comment.split("\n").map((line) => `   * ${line}`.trimEnd()).join("\n")}\n   */\n`
      : `  /** ${comment} */\n`
    return `${note}  readonly ${property.name}${optional ? "?" : ""}:${text}`
  })
  const parameters = declaration.typeParameters === undefined
    ? ""
    : `<${declaration.typeParameters.map((parameter) => parameter.getText()).join(", ")}>`
  return `class ${symbol.name}${parameters}${extended} {${fields.length === 0 ? "" : `\n${fields.join("\n")}\n`}}`
}

const isOwn = (property: ts.Symbol): boolean =>
  !property.name.startsWith("__@") && property.declarations?.some((declaration) => {
      const file = declaration.getSourceFile().fileName
      return !file.includes("node_modules") && !file.endsWith(".d.ts")
    }) !== false

/** Addresses of the names that the declarations of a symbol use: `Chat.ChatError`, or `Options` of the same module. */
export const links = (
  program: ts.Program,
  symbol: ts.Symbol,
  addresses: ReadonlyMap<ts.Symbol, string>
): ReadonlyMap<string, string> => {
  const checker = program.getTypeChecker()
  const own = addresses.get(symbol)
  const found = new Map<string, string>()
  const visit = (node: ts.Node): void => {
    if (ts.isQualifiedName(node) || ts.isIdentifier(node)) {
      const target = checker.getSymbolAtLocation(node)
      const original = target === undefined ? undefined : Documentation.original(checker, target)
      const address = original === undefined ? undefined : addresses.get(original)
      if (address !== undefined && address !== own) found.set(node.getText(), address)
    }
    ts.forEachChild(node, visit)
  }
  for (const declaration of symbol.declarations ?? []) visit(declaration)
  return found
}
