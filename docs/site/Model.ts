/**
 * TypeDoc's model of modules.
 */
import * as TypeDoc from "typedoc"
import ts from "typescript"
import * as Project from "./Project.ts"

export interface Model {
  readonly modules: ReadonlyMap<string, TypeDoc.DeclarationReflection>
  readonly context: TypeDoc.DefaultThemeRenderContext
}

/** Of files of a program, which the code blocks of the pages have checked already, by the ids of their pages. */
export const make = async (program: ts.Program, files: ReadonlyMap<string, string>): Promise<Model> => {
  const app = await TypeDoc.Application.bootstrap({
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeProtected: true,
    sort: ["source-order"],
    basePath: Project.root,
    disableGit: true
  }, [])
  // Types of properties are those that were written, not what the compiler makes of them.
  app.converter.on("begin", (context) => {
    context.convertingTypeNode = true
  })
  app.converter.on("createSignature", asWritten)
  app.converter.on("createDeclaration", (context, reflection) => {
    for (const declaration of context.getSymbolFromReflection(reflection)?.declarations ?? []) {
      if (ts.isSourceFile(declaration)) reflection.comment = commentOf(app, declaration)
      if (ts.isClassDeclaration(declaration) && reflection.kindOf(TypeDoc.ReflectionKind.Class)) {
        // Without the arguments: the fields of a schema are members of the class.
        const extended = declaration.heritageClauses?.[0]?.types[0]?.expression.getText().split("()(", 1)
        reflection.extendedTypes = extended?.map((text) => new TypeDoc.UnknownType(text))
      }
      if (ts.isTypeAliasDeclaration(declaration) && /^typeof [\w.]+\.Type$/.test(declaration.type.getText())) {
        // The type of a schema's values is written out.
        reflection.comment ??= new TypeDoc.Comment()
        reflection.comment.modifierTags.add("@useDeclaredType")
      }
    }
  })
  app.converter.addUnknownSymbolResolver((reference, from, part, symbol) => {
    if (part === undefined) return symbol?.packageName === "effect" ? `effect:${symbol.packagePath}` : undefined
    // A module that the comment of another one names.
    const name = reference.symbolReference?.path?.[0]?.path.toLowerCase()
    const ids = [...files.keys()].filter((id) => isModule(from) && id.endsWith(`/${name}`))
    const id = ids.find((id) => id.split("/")[1] === from.name.split("/")[1]) ?? ids[0]
    return id === undefined ? undefined : `/${id}/`
  })
  const project = app.converter.convert([...files].flatMap(([displayName, file]) => {
    const sourceFile = program.getSourceFile(file)
    return sourceFile === undefined ? [] : [{ displayName, program, sourceFile }]
  }))
  app.renderer.router = Object.assign(new TypeDoc.StructureRouter(app), {
    hasUrl: ({ parent }: TypeDoc.RouterTarget) => parent instanceof TypeDoc.DeclarationReflection && isModule(parent),
    relativeUrl: (_: TypeDoc.RouterTarget, target: TypeDoc.RouterTarget) => addressOf(target),
    baseRelativeUrl: (_: TypeDoc.RouterTarget, path: string) => path
  })
  return {
    modules: new Map(project.children?.map((module) => [module.name, module])),
    context: new TypeDoc.DefaultTheme(app.renderer).getRenderContext(new TypeDoc.PageEvent(project))
  }
}

export const isModule = (reflection: TypeDoc.Reflection): boolean =>
  (reflection.isReference() ? reflection.getTargetReflectionDeep() : reflection)
    .kindOf(TypeDoc.ReflectionKind.SomeModule)

/** The module of Effect that the address of a name is: `Layer`. */
export const libraryOf = (address: string): string | undefined => /^effect:.*\b(\w+)(?:\.d)?\.ts$/.exec(address)?.[1]

/** Of a module, an export, or what is declared in an export: `/api/core/tool/tool/#make`. */
export const addressOf = ({ name, parent }: TypeDoc.RouterTarget): string => {
  if (parent === undefined || parent instanceof TypeDoc.ProjectReflection) return `/${name}/`
  return parent instanceof TypeDoc.DeclarationReflection && isModule(parent)
    // As the headings of the site are: of a word, its letters in lower case.
    ? `/${parent.name}/#${name.toLowerCase().replaceAll("$", "")}`
    : addressOf(parent)
}

/** The comment at the beginning of a file: TypeDoc takes it for the module's only with a tag. */
const commentOf = (app: TypeDoc.Application, { fileName, text }: ts.SourceFile): TypeDoc.Comment | undefined => {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1]?.replaceAll(/^\s*\* ?/gm, "").trim()
  if (comment === undefined) return undefined
  const file = new TypeDoc.MinimalSourceFile(comment, TypeDoc.normalizePath(fileName))
  return new TypeDoc.Comment(app.converter.parseRawComment(file, app.files).content)
}

/** TypeDoc asks the compiler for the types of a function, which may write out what has a name. */
const asWritten = (
  context: TypeDoc.Context,
  reflection: TypeDoc.SignatureReflection,
  declaration?: ts.SignatureDeclaration | ts.IndexSignatureDeclaration | ts.JSDocSignature,
  signature?: ts.Signature
): void => {
  const parameters = reflection.parameters ?? []
  const last = parameters.at(-1)
  if (last?.type?.type === "tuple") parameters.splice(-1, 1, ...last.type.elements.map(argumentOf(reflection)))
  if (declaration === undefined || signature === undefined || ts.isJSDocSignature(declaration)) return
  const { checker, converter } = context
  const inside = context.withScope(reflection)
  // Of an instance of a generic type, the declaration has other types.
  if (checker.getSignatureFromDeclaration(declaration) !== signature) {
    if (!checker.getTypePredicateOfSignature(signature)) {
      reflection.type = converter.convertType(inside, signature.getReturnType())
    }
    return
  }
  const write = (to: { type?: TypeDoc.SomeType }, type: ts.TypeNode | undefined): void => {
    if (type !== undefined) to.type = converter.convertType(inside, type)
  }
  write(reflection, declaration.type)
  for (const [index, { name, type }] of declaration.parameters.entries()) {
    const parameter = parameters[index]!
    write(parameter, type)
    if (ts.isObjectBindingPattern(name)) parameter.name = name.getText()
  }
  for (const [index, { constraint, default: given }] of (declaration.typeParameters ?? []).entries()) {
    const parameter = reflection.typeParameters![index]!
    write(parameter, constraint)
    if (given !== undefined) parameter.default = converter.convertType(inside, given)
  }
}

/** An element of a tuple of arguments, as functions that `Effect.fn` makes have them. */
const argumentOf = (signature: TypeDoc.SignatureReflection) => (type: TypeDoc.SomeType, index: number) => {
  const named = type.type === "namedTupleMember" ? type : new TypeDoc.NamedTupleMember(`_${index}`, false, type)
  const parameter = new TypeDoc.ParameterReflection(named.name, TypeDoc.ReflectionKind.Parameter, signature)
  parameter.type = named.element
  parameter.setFlag(TypeDoc.ReflectionFlag.Optional, named.isOptional)
  return parameter
}
