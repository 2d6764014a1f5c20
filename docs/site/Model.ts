/**
 * TypeDoc's model of the modules that the indexes of the packages export.
 */
import * as Path from "node:path"
import * as TypeDoc from "typedoc"
import ts from "typescript"
import type * as Api from "./Api.ts"
import * as Declarations from "./Declarations.ts"
import * as Project from "./Project.ts"

/** Converts the sources of a program: it is made and checked already, for the code blocks of the pages. */
export const make = async (
  program: ts.Program,
  entries: ReadonlyArray<Api.Entry>
): Promise<{ readonly app: TypeDoc.Application; readonly project: TypeDoc.ProjectReflection }> => {
  const app = await TypeDoc.Application.bootstrap({
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeProtected: true,
    sort: [],
    typePrintWidth: Declarations.width,
    basePath: Project.root,
    disableGit: true
  }, [])
  app.converter.on("begin", (context) => {
    // Types of properties are those that were written, not what the compiler makes of them.
    context.convertingTypeNode = true
  })
  app.converter.on("createSignature", asWritten)
  app.converter.on("createDeclaration", (context, reflection) => {
    const declarations = context.getSymbolFromReflection(reflection)?.declarations ?? []
    for (const declaration of declarations) {
      if (ts.isSourceFile(declaration)) reflection.comment = ofModule(app, declaration)
      if (ts.isClassDeclaration(declaration) && reflection.kindOf(TypeDoc.ReflectionKind.Class)) {
        reflection.extendedTypes = parents(declaration)
      }
      if (ts.isTypeAliasDeclaration(declaration) && /^typeof [\w.]+\.Type$/.test(declaration.type.getText())) {
        // The type of a schema's values is shown, not where it comes from.
        reflection.comment ??= new TypeDoc.Comment()
        reflection.comment.modifierTags.add("@useDeclaredType")
      }
    }
  })
  app.converter.addUnknownSymbolResolver((reference, from, part, symbol) => {
    // A name of Effect, to be qualified by its module; a module that a comment names.
    if (part === undefined) return symbol?.packageName === "effect" ? `effect:${moduleOf(symbol.packagePath)}` : undefined
    const name = reference.symbolReference?.path?.[0]?.path
    const found = entries.flatMap(({ modules }) => modules).filter((module) => module.name === name)
    const id = (found.find(({ id }) => id.split("/")[1] === from.getFullName().split("/")[1]) ?? found[0])?.id
    return id === undefined ? undefined : `/${id}/`
  })
  const modules = entries.flatMap(({ file, id, modules }) => [...modules, { file, id }])
  const project = app.converter.convert(modules.flatMap(({ file, id }) => {
    const sourceFile = program.getSourceFile(file)
    return sourceFile === undefined ? [] : [{ displayName: id, program, sourceFile }]
  }))
  return { app, project }
}

const moduleOf = (path: string): string => Path.basename(path).replace(/(\.d)?\.ts$/, "")

/** The comment at the beginning of a file: TypeDoc takes it for the module's only with a tag. */
const ofModule = (app: TypeDoc.Application, { fileName, text }: ts.SourceFile): TypeDoc.Comment | undefined => {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1]?.replaceAll(/^\s*\* ?/gm, "").trim()
  if (comment === undefined) return undefined
  const file = new TypeDoc.MinimalSourceFile(comment, TypeDoc.normalizePath(fileName))
  return new TypeDoc.Comment(app.converter.parseRawComment(file, app.files).content)
}

/** What a class extends, without the arguments: the fields of a schema are its members. */
const parents = (declaration: ts.ClassDeclaration): Array<TypeDoc.SomeType> =>
  (declaration.heritageClauses?.[0]?.types ?? []).map(({ expression }) => {
    let called = expression
    while (ts.isCallExpression(called) && ts.isCallExpression(called.expression)) called = called.expression
    const end = ts.isCallExpression(called) ? called.arguments.pos - 1 : called.end
    return new TypeDoc.UnknownType(declaration.getSourceFile().text.slice(called.getStart(), end))
  })

/** TypeDoc asks the compiler for the types of a function, which may write out what has a name. */
const asWritten = (
  context: TypeDoc.Context,
  reflection: TypeDoc.SignatureReflection,
  declaration?: ts.SignatureDeclaration | ts.IndexSignatureDeclaration | ts.JSDocSignature,
  signature?: ts.Signature
): void => {
  const last = reflection.parameters?.at(-1)
  if (last?.flags.isRest && last.type?.type === "tuple") {
    reflection.parameters?.splice(-1, 1, ...last.type.elements.map((type, index) => element(reflection, type, index)))
  }
  if (declaration === undefined || signature === undefined || ts.isJSDocSignature(declaration)) return
  const inside = context.withScope(reflection)
  const convert = (type: ts.TypeNode) => context.converter.convertType(inside, type)
  const isPredicate = reflection.type?.type === "predicate"
  // Of an instance of a generic type, the declaration has other types.
  if (context.checker.getSignatureFromDeclaration(declaration) !== signature) {
    if (!isPredicate) reflection.type = context.converter.convertType(inside, signature.getReturnType())
    return
  }
  if (declaration.type && !isPredicate) reflection.type = convert(declaration.type)
  for (const [index, parameter] of reflection.parameters?.entries() ?? []) {
    const written = declaration.parameters[index]
    if (written && ts.isObjectBindingPattern(written.name)) parameter.name = written.name.getText()
    if (written?.type) parameter.type = convert(written.type)
  }
  for (const [index, parameter] of reflection.typeParameters?.entries() ?? []) {
    const written = declaration.typeParameters?.[index]
    if (written?.constraint) parameter.type = convert(written.constraint)
    if (written?.default) parameter.default = convert(written.default)
  }
}

/** An element of a tuple of arguments. */
const element = (
  signature: TypeDoc.SignatureReflection,
  type: TypeDoc.SomeType,
  index: number
): TypeDoc.ParameterReflection => {
  const name = type.type === "namedTupleMember" ? type.name : `_${index}`
  const parameter = new TypeDoc.ParameterReflection(name, TypeDoc.ReflectionKind.Parameter, signature)
  parameter.type = type.type === "namedTupleMember" ? type.element : type
  parameter.setFlag(TypeDoc.ReflectionFlag.Optional, type.type === "namedTupleMember" && type.isOptional)
  return parameter
}
