/**
 * The JSON schema of a tool's arguments, or of a structured answer, self-contained and plain: definitions are inlined, and
 * only recursive ones stay in `$defs`; all of them do where the inlined schema would be very large.
 *
 * Effect describes all that its JSON codec accepts, and omits what JSON Schema cannot express exactly. For a model the
 * schema is narrower (no `"Infinity"` for a number, no bounds of safe integers, no `null` for an optional field) and says
 * more: lengths, patterns and checks that Effect omits are keywords or words of the description, and the descriptions of
 * encoded types (dates, options, classes) are kept. The codec accepts every value of it.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import * as Checks from "./schemaChecks.ts"

/** The schema, of type `object`; or what is wrong with the input. */
export const make = (input: Schema.Constraint, strict: boolean): Result.Result<JsonSchema.JsonSchema, string> =>
  Result.flatMap(
    Result.try({
      try: () => written(input, { onExcessProperty: strict ? "error" : "ignore" }),
      catch: () => "its input has no JSON schema"
    }),
    ({ not, ...schema }) =>
      schema.type === "object"
        ? Result.succeed(schema)
        // What Effect writes for a struct without fields.
        : schema.type === undefined && Predicate.isObject(not) && not["type"] === "null"
        ? Result.succeed({ type: "object", properties: {}, ...(strict && { additionalProperties: false }) })
        : Result.fail("its input is not an object in JSON")
  )

/** Throws where Effect does: for a schema without a JSON form. */
const written = (input: Schema.Constraint, options: Schema.ToJsonSchemaOptions): JsonSchema.JsonSchema => {
  const { ast } = Schema.toCodecJson(input)
  const document = SchemaRepresentation.toRepresentation(ast)
  let kept: ReadonlyArray<string> = []
  for (;;) {
    const { missed, ...rewritten } = rewrite(document, ast, new Set(kept))
    kept = [...kept, ...missed]
    if (missed.length > 0) continue
    const { definitions, schema } = SchemaRepresentation.toJsonSchemaDocument(rewritten, options)
    // An object stays one.
    return closed(kept.length === 0 ? schema : { ...schema, $defs: definitions }) as JsonSchema.JsonSchema
  }
}

/** Without `additionalProperties: true`, which is the default. */
const closed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(closed)
  if (!Predicate.isObject(value)) return value
  const entries = Object.entries(value).filter(([key, value]) => !(key === "additionalProperties" && value === true))
  return Object.fromEntries(entries.map(([key, value]) => [key, closed(value)]))
}

type Representation = SchemaRepresentation.Representation

type Node = Exclude<Representation, SchemaRepresentation.Reference>

/**
 * Rewrites a document together with the AST it was made from, which has what encoding as JSON lost: which `null` was
 * `undefined`, and the annotations of a date that is now a string. Definitions are inlined except those that are `kept`;
 * `missed` are others that could not be.
 */
const rewrite = (document: SchemaRepresentation.Document, ast: SchemaAST.AST, kept: ReadonlySet<string>) => {
  const references: Record<string, Representation> = {}
  const within: Array<string> = []
  const recursive = new Set<string>()
  let nodes = 0

  const node = (self: Representation, ast: SchemaAST.AST, outer: Checks.Notes = Checks.noNotes): Representation => {
    if (++nodes > maxNodes && kept.size === 0) return self
    const steps = encodingSteps(ast)
    const number = asNumber(self, steps)
    if (number !== undefined) return withNotes(number, Checks.join(outer, decodedNotes(steps.slice(0, -2))))
    const encoded = steps.at(-1) ?? ast
    const notes = Checks.join(outer, decodedNotes(steps.slice(0, -1)))
    if (self._tag !== "Reference") return withNotes(children(self, encoded), notes)
    const key = self.$ref
    if (kept.has(key) && self !== document.representation) {
      if (references[key] === undefined) {
        references[key] = self
        references[key] = definition(key, encoded)
      }
      // A reference has no annotations, and its definition is shared.
      return Checks.isEmpty(notes) ? self : annotated({ _tag: "Suspend", checks: [], thunk: self }, notes)
    }
    if (within.includes(key)) {
      within.slice(within.indexOf(key)).forEach((key) => recursive.add(key))
      return self
    }
    within.push(key)
    const inlined = annotated(definition(key, encoded), notes)
    within.pop()
    return inlined
  }

  const definition = (key: string, ast: SchemaAST.AST): Node =>
    // A definition is no reference.
    withNotes(children(document.references[key] as Node, ast), Checks.noNotes)

  const children = (self: Node, ast: SchemaAST.AST): Node => {
    if (self._tag === "Objects" && ast._tag === "Objects") {
      return {
        ...self,
        propertySignatures: self.propertySignatures.map(({ annotations, ...signature }, index) => ({
          ...signature,
          type: member(property(signature, ast.propertySignatures[index]!.type), annotations)
        })),
        indexSignatures: self.indexSignatures.map((signature, index) => ({
          ...signature,
          type: node(signature.type, ast.indexSignatures[index]!.type)
        }))
      }
    }
    if (self._tag === "Arrays" && ast._tag === "Arrays") {
      return {
        ...self,
        elements: self.elements.map(({ annotations, ...element }, index) => ({
          ...element,
          type: member(node(element.type, ast.elements[index]!), annotations)
        })),
        rest: self.rest.map((rest, index) => node(rest, ast.rest[index]!))
      }
    }
    if (self._tag === "Union" && ast._tag === "Union") {
      return { ...self, types: self.types.map((type, index) => node(type, ast.types[index]!)) }
    }
    if (self._tag === "Suspend" && ast._tag === "Suspend") return { ...self, thunk: node(self.thunk, ast.thunk()) }
    return self
  }

  /** An optional field without the `null` that encodes `undefined`. */
  const property = (
    { isOptional, type: self }: SchemaRepresentation.PropertySignature,
    ast: SchemaAST.AST
  ): Representation => {
    const steps = encodingSteps(ast)
    const union = steps.at(-1)
    if (!isOptional || self._tag !== "Union" || union?._tag !== "Union") return node(self, ast)
    const kept = self.types.flatMap((type, index) => {
      const ast = union.types[index]!
      return ast._tag === "Undefined" ? [] : [{ type, ast }]
    })
    const [first, ...others] = kept
    if (first === undefined || kept.length === self.types.length) return node(self, ast)
    const notes = decodedNotes(steps.slice(0, -1))
    return others.length === 0 && self.checks.length === 0
      ? node(first.type, first.ast, Checks.join(notes, Checks.notesOf(self.annotations)))
      : withNotes({ ...self, types: kept.map(({ ast, type }) => node(type, ast)) }, notes)
  }

  const representation = node(document.representation, ast)
  const isLarge = nodes > maxNodes && kept.size === 0
  return { representation, references, missed: isLarge ? Object.keys(document.references) : [...recursive] }
}

/** Nodes of a schema that is very large. */
const maxNodes = 3_000

/** A node and its encodings, down to JSON. */
const encodingSteps = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  const steps = [ast]
  for (let last = ast; last.encoding !== undefined;) {
    const tos = last.encoding.map(({ to }) => to)
    steps.push(...tos)
    last = tos.at(-1) ?? ast
  }
  return steps
}

/** The number of `number | "Infinity" | "-Infinity" | "NaN"`, as Effect encodes numbers. */
const asNumber = (self: Representation, steps: ReadonlyArray<SchemaAST.AST>): Node | undefined => {
  const number = steps.at(-2)
  const finite = self._tag === "Union" ? self.types[0] : undefined
  if (number?._tag !== "Number" || finite?._tag !== "Number") return undefined
  const { representation } = SchemaRepresentation.toRepresentation(SchemaAST.toType(number), {
    referencePolicy: () => undefined
  })
  return representation._tag === "Number"
    ? { ...representation, checks: [...finite.checks, ...representation.checks] }
    : undefined
}

/** The annotations of the decoded sides of a node; keywords can only describe the encoded one. */
const decodedNotes = (steps: ReadonlyArray<SchemaAST.AST>): Checks.Notes =>
  Checks.join(...steps.flatMap(({ annotations, checks = [] }) => [
    Checks.notesOf(annotations),
    { texts: [], words: forms.get(idOf(annotations)) ?? [] },
    ...checks.flatMap(({ annotations }) => [
      Checks.notesOf(annotations),
      // every number in JSON is finite
      { texts: [], words: idOf(annotations) === "effect/schema/isFinite" ? [] : Checks.expected(annotations) }
    ])
  ]))

const idOf = (annotations: Schema.Annotations.Annotations | undefined): unknown => {
  const representation = annotations?.["representation"]
  return Predicate.isObject(representation) ? representation["id"] : undefined
}

/** The formats of types that are encoded as text. */
const forms: ReadonlyMap<unknown, ReadonlyArray<string>> = new Map([
  ["effect/schema/Date", ["an ISO 8601 date and time"]],
  ["effect/schema/DateTimeUtc", ["an ISO 8601 date and time"]],
  ["effect/schema/DateTimeZoned", [
    "an ISO 8601 date and time with a zone, like 2025-06-01T12:00:00+02:00[Europe/Rome]"
  ]],
  ["effect/schema/URL", ["a URL"]],
  ["effect/schema/BigDecimal", ["a decimal number"]]
])

/** A node with its checks as keywords, and a description of the rest. */
const withNotes = (self: Node, outer: Checks.Notes): Node => {
  if (self._tag === "Suspend") return annotated(self, Checks.join(outer, Checks.notesOf(self.annotations)))
  const checks = self.checks.map((check) => Checks.translate(check, Checks.typeOf(self)))
  const annotations = Object.assign({}, self.annotations, ...checks.map(({ annotations }) => annotations))
  return annotated(
    { ...self, annotations, checks: checks.flatMap(({ filters }) => filters) },
    Checks.join(outer, Checks.notesOf(self.annotations), ...checks.map(({ notes }) => notes))
  )
}

const annotated = <N extends Node>(self: N, notes: Checks.Notes): N => {
  const { texts, title, words } = notes
  const text = texts.join(" ")
  const inWords = words.join(", ")
  const description = text === "" || inWords === "" ? text + inWords : `${text} (${inWords})`
  return {
    ...self,
    annotations: {
      ...self.annotations,
      ...(title !== undefined && { title }),
      ...(description !== "" && { description })
    }
  }
}

/** A property or element with the annotations of its key. */
const member = (type: Representation, annotations: Schema.Annotations.Annotations | undefined): Representation => {
  if (annotations === undefined) return type
  const self: Node = type._tag === "Reference" ? { _tag: "Suspend", checks: [], thunk: type } : type
  const texts = [self.annotations?.["description"], annotations["description"]].filter(Predicate.isString)
  const description = texts.length === 0 ? undefined : texts.join(" ")
  return { ...self, annotations: { ...annotations, ...self.annotations, description } }
}
