/**
 * Declarations as code, printed by TypeDoc, with the addresses of the names in them.
 */
import * as TypeDoc from "typedoc"

const { ReflectionKind } = TypeDoc

/** Where an export, or what is declared in one, is documented: `/api/core/tool/tool/#make`. */
export const address = (reflection: TypeDoc.Reflection): string | undefined => {
  const { parent } = reflection
  if (reflection.kindOf(ReflectionKind.Module)) return `/${reflection.name}/`
  if (parent?.kindOf(ReflectionKind.Module)) return `/${parent.name}/#${slug(reflection.name)}`
  return parent === undefined ? undefined : address(parent)
}

/** As the headings of the site are: of a word, its letters in lower case. */
const slug = (name: string): string => name.toLowerCase().replaceAll("$", "")

/** Links of types are addresses of the site. */
class Addresses extends TypeDoc.StructureRouter {
  override hasUrl(target: TypeDoc.RouterTarget): boolean {
    return target.parent instanceof TypeDoc.DeclarationReflection && target.parent.kindOf(ReflectionKind.Module)
  }
  override baseRelativeUrl(_: TypeDoc.RouterTarget, target: string): string {
    return target
  }
  override relativeUrl(_: TypeDoc.RouterTarget, target: TypeDoc.RouterTarget): string {
    return target instanceof TypeDoc.Reflection ? address(target) ?? "" : ""
  }
}

/** Characters of a line, and of a type that is written out: what is too long to read is described by its documentation. */
export const width = 90
const longest = 5000

/** Prints the declarations of a page, and remembers the addresses of the names that it prints. */
export class Printer {
  readonly links = new Map<string, string>()
  readonly page: string
  readonly names: ReadonlyMap<string, string>
  readonly context: TypeDoc.DefaultThemeRenderContext

  /** `names` are those of modules, by the addresses of their pages. */
  constructor(app: TypeDoc.Application, module: TypeDoc.Reflection, names: ReadonlyMap<string, string>) {
    app.renderer.router = new Addresses(app)
    this.context = new TypeDoc.DefaultTheme(app.renderer).getRenderContext(new TypeDoc.PageEvent(module))
    this.page = `/${module.name}/`
    this.names = names
  }

  /** The code of a declaration, without the comment before it. `schema` is that of a type of the same name, which says it all. */
  of(reflection: TypeDoc.DeclarationReflection, schema: boolean): string {
    const { name, signatures, type } = reflection
    switch (reflection.kind) {
      case ReflectionKind.Function:
        return signatures?.map((signature) => `function ${this.signature(signature)}`).join("\n") ?? ""
      case ReflectionKind.Variable: {
        const code = this.type(type)
        return `const ${name}: ${schema ? code.replace(/<[\s\S]*/, "<…>") : code}`
      }
      case ReflectionKind.TypeAlias: {
        const code = this.type(type ?? new TypeDoc.ReflectionType(reflection))
        return `type ${this.named(reflection)} =${code.startsWith("\n") ? "" : " "}${schema && code.length > longest ? `typeof ${name}.Type` : code}`
      }
      default: {
        const keyword = reflection.kindOf(ReflectionKind.Class) ? "class" : "interface"
        const parents = reflection.extendedTypes?.map((type) => this.type(type)) ?? []
        const members = reflection.children?.filter((member) => isShown(reflection, member)) ?? []
        return `${keyword} ${this.named(reflection)}${parents.length === 0 ? "" : ` extends ${parents.join(", ")}`} {${
          members.map((member) => `\n${this.member(reflection, member)}`).join("")
        }${members.length === 0 ? "" : "\n"}}`
      }
    }
  }

  private member(parent: TypeDoc.DeclarationReflection, member: TypeDoc.DeclarationReflection): string {
    const { comment, flags, name, signatures, type } = member
    const text = comment?.summary.map(({ text }) => text).join("") ?? ""
    const lines = text.includes("\n") ? `/**\n * ${text.replaceAll("\n", "\n * ")}\n */\n` : `/** ${text} */\n`
    // Fields of a schema are, where they replace those of `Error` too.
    const modifier = flags.isReadonly || parent.kindOf(ReflectionKind.Class) ? "readonly " : ""
    const code = signatures?.map((signature) => this.signature(signature)).join("\n") ??
      `${modifier}${name}${flags.isOptional ? "?" : ""}: ${this.type(type)}`.replaceAll(": \n", ":\n")
    return `${text === "" ? "" : lines}${code}`.replaceAll(/^/gm, "  ")
  }

  private signature(signature: TypeDoc.SignatureReflection): string {
    return this.text(this.context.memberSignatureTitle(signature))
  }

  /** A name with its type parameters. */
  private named(reflection: TypeDoc.DeclarationReflection): string {
    const signature = new TypeDoc.SignatureReflection(reflection.name, ReflectionKind.CallSignature, reflection)
    signature.typeParameters = reflection.typeParameters
    return this.signature(signature).replace(/\(\): any$/, "")
  }

  private type(type: TypeDoc.SomeType | undefined): string {
    return type === undefined ? "unknown" : this.text(this.context.type(type))
  }

  /** The style of our code: two spaces, no semicolons, no trailing commas. */
  private text(element: TypeDoc.JSX.Children): string {
    return this.plain(element)
      .replaceAll("\u00a0\u00a0\u00a0\u00a0", "  ")
      .replaceAll(/\n\s*\n/g, "\n")
      .replaceAll(/[,;](?=\n\s*[)>\]}])|[; ]+$/gm, "")
      .replaceAll(/(?<=[:=] )\| /g, "")
      // Of a union in an argument that has a line of its own, each member would have one too.
      .replaceAll(/^(?!\s*\|)(.*[^:=\n])((?:\n\s*\| [^\n{]+)+)$/gm, (all, first: string, rest: string) => {
        const joined = first + rest.replaceAll(/\n\s*/g, " ")
        return joined.length > width ? all : joined
      })
      .trimEnd()
  }

  private plain(element: TypeDoc.JSX.Children): string {
    if (Array.isArray(element)) return element.map((child) => this.plain(child)).join("")
    if (typeof element !== "object" || element === null) return element?.toString() ?? ""
    if (element.tag === "br") return "\n"
    const text = this.plain(element.children)
    const href = element.props !== null && "href" in element.props ? String(element.props.href) : undefined
    return href === undefined ? text : this.link(text, href)
  }

  /** A name of another page has that of its module before it. */
  private link(name: string, href: string): string {
    const [scheme, library] = href.split(":")
    if (library !== undefined && scheme === "effect") return name.includes(".") ? name : `${library}.${name}`
    const [page = ""] = href.split("#")
    const module = page === this.page ? undefined : this.names.get(page)
    const qualified = module === undefined ? name : `${module}.${name}`
    this.links.set(qualified, href)
    return qualified
  }
}

/** What a class inherits is that of its schema. */
const isShown = (parent: TypeDoc.DeclarationReflection, member: TypeDoc.DeclarationReflection): boolean =>
  !member.kindOf(ReflectionKind.Constructor) && !member.flags.isStatic && !member.flags.isExternal &&
  (parent.kindOf(ReflectionKind.Class) || member.inheritedFrom === undefined && member.sources !== undefined)
