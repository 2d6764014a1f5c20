/**
 * Declarations as code, printed by TypeDoc: in the style of ours, with names as users write them.
 */
import * as TypeDoc from "typedoc"

const { ReflectionKind } = TypeDoc

/** `link` gives the text of a name, from its text in TypeDoc and its address. */
export interface Printer {
  readonly context: TypeDoc.DefaultThemeRenderContext
  readonly link: (name: string, address: string) => string
}

/** Characters of a line. */
const width = 80

/** Characters of a type that is written out; what is longer is described by its documentation. */
const longest = 5000

/** Without the comment before it. `isSchema`: a schema and the type of its values have one name, and say the same. */
export const of = (printer: Printer, reflection: TypeDoc.DeclarationReflection, isSchema: boolean): string => {
  const { name, type } = reflection
  const extended = reflection.extendedTypes?.map((type) => typeOf(printer, type)).join(", ") ?? ""
  switch (reflection.kind) {
    case ReflectionKind.Function:
      return reflection.signatures!.map((signature) => `function ${signatureOf(printer, signature)}`).join("\n")
    case ReflectionKind.Variable: {
      const code = `const ${name}: ${typeOf(printer, type)}`
      return isSchema ? code.replace(/(: Schema\.[\w$]+)<[\s\S]*/, "$1<…>") : code
    }
    case ReflectionKind.TypeAlias: {
      const code = typeOf(printer, type ?? new TypeDoc.ReflectionType(reflection))
      const shown = isSchema && code.length > longest ? `typeof ${name}.Type` : code
      return `type ${named(printer, reflection)} = ${shown}`.replace("= \n", "=\n")
    }
    default: {
      const keyword = reflection.kind === ReflectionKind.Class ? "class" : "interface"
      const header = `${keyword} ${named(printer, reflection)}${extended === "" ? "" : ` extends ${extended}`}`
      const members = [
        ...reflection.signatures?.map((signature) => `  ${signatureOf(printer, signature, { hideName: true })}\n`) ??
          [],
        ...reflection.indexSignatures?.map((signature) => `  ${indexOf(printer, signature)}\n`) ?? [],
        ...reflection.children?.filter(isOwn).map((member) => `${memberOf(printer, member)}\n`) ?? []
      ]
      return `${header} {${members.length === 0 ? "" : "\n"}${members.join("")}}`
    }
  }
}

/** What is declared in the interface, or by the schema of a class. */
const isOwn = ({ flags, inheritedFrom, kind, parent, sources }: TypeDoc.DeclarationReflection): boolean =>
  parent?.kind === ReflectionKind.Class
    ? kind !== ReflectionKind.Constructor && !flags.isStatic
    : inheritedFrom === undefined && sources !== undefined

const memberOf = (printer: Printer, member: TypeDoc.DeclarationReflection): string => {
  const { comment, flags, getSignature, name, parent, signatures, type = getSignature?.type } = member
  const text = comment?.summary.map(({ text }) => text).join("") ?? ""
  const before = text.includes("\n") ? `/**\n${text.replaceAll(/^/gm, " * ")}\n */\n` : text && `/** ${text} */\n`
  // Those of a schema are readonly where they replace those of `Error` too.
  const modifier = flags.isReadonly || parent?.kind === ReflectionKind.Class ? "readonly " : ""
  const code = signatures?.map((signature) => signatureOf(printer, signature)).join("\n") ??
    `${modifier}${name}${flags.isOptional ? "?" : ""}: ${typeOf(printer, type)}`.replace(": \n", ":\n")
  return `${before}${code}`.replaceAll(/^/gm, "  ")
}

const indexOf = (printer: Printer, { flags, parameters, type }: TypeDoc.SignatureReflection): string =>
  `${flags.isReadonly ? "readonly " : ""}[${parameters![0]!.name}: ${typeOf(printer, parameters![0]!.type)}]: ${
    typeOf(printer, type)
  }`

/** A name with its type parameters. */
const named = (printer: Printer, reflection: TypeDoc.DeclarationReflection): string => {
  const signature = new TypeDoc.SignatureReflection(reflection.name, ReflectionKind.CallSignature, reflection)
  signature.typeParameters = reflection.typeParameters
  return signatureOf(printer, signature).replace(/\(\): any$/, "")
}

const signatureOf = (printer: Printer, signature: TypeDoc.SignatureReflection, options = {}): string =>
  code(printer, printer.context.memberSignatureTitle(signature, options))

const typeOf = (printer: Printer, type: TypeDoc.SomeType | undefined): string =>
  type === undefined ? "unknown" : code(printer, printer.context.type(type))

/** Two spaces, no semicolons, no trailing commas. */
const code = (printer: Printer, element: TypeDoc.JSX.Element): string =>
  text(printer, element)
    .replaceAll("\u00a0\u00a0", " ")
    .replaceAll(/\n\s*\n/g, "\n")
    .replaceAll(/[,;](?=\n\s*[)>\]}])|;$/gm, "")
    .replaceAll(/(?<=[:=] )\| /g, "")
    .replaceAll(/(\{ [^}\n]*)\n\s*(?=\| [^\n{]*\})/g, "$1 ")
    // Of a union in a wrapped argument, TypeDoc wraps each member, however short.
    .replaceAll(/^(?!\s*\|)(.*[^:=\n])((?:\n\s*\| [^\n{]+)+)$/gm, (all: string) => {
      const joined = all.replaceAll(/\n\s*/g, " ")
      return joined.length > width ? all : joined
    })

const text = (printer: Printer, element: TypeDoc.JSX.Children): string => {
  if (Array.isArray(element)) return element.map((child) => text(printer, child)).join("")
  if (typeof element !== "object" || element === null) return element?.toString() ?? ""
  if (element.tag === "br") return "\n"
  const content = text(printer, element.children)
  return element.props !== null && "href" in element.props ? printer.link(content, `${element.props.href}`) : content
}
