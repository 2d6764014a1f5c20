/**
 * The JSON Schema document of an Effect schema, for a model.
 *
 * Effect describes all that its JSON codec accepts, and omits what JSON Schema cannot express exactly. For a model the schema
 * is narrower (no `"Infinity"` for a number, no bounds of safe integers, no `null` for an optional field) and says more:
 * lengths, patterns and checks that Effect omits are keywords or words of the description, and the descriptions of encoded
 * types (dates, options, classes) are kept. The codec accepts every value of it.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import * as Checks from "./schemaChecks.ts"

/** Throws where Effect does: for a schema without a JSON form. */
export const make = (
  schema: Schema.Constraint,
  options: Schema.ToJsonSchemaOptions
): JsonSchema.Document<"draft-2020-12"> => {
  const { ast } = Schema.toCodecJson(schema)
  const document = SchemaRepresentation.toRepresentation(ast)
  const references = new Map(Object.entries(document.references))
  const representation = makeRewriter(document.references, references)(document.representation, ast)
  return SchemaRepresentation.toJsonSchemaDocument(
    { representation, references: Object.fromEntries(references) },
    options
  )
}

type Representation = SchemaRepresentation.Representation

type Node = Exclude<Representation, SchemaRepresentation.Reference>

/**
 * Rewrites a representation together with the AST it was made from, which has what encoding as JSON lost: which `null` was
 * `undefined`, and the annotations of a date that is now a string.
 */
const makeRewriter = (
  references: SchemaRepresentation.References,
  rewritten: Map<string, Representation>
): (self: Representation, ast: SchemaAST.AST) => Representation => {
  const visited = new Set<string>()

  const node = (self: Representation, ast: SchemaAST.AST, outer: Checks.Notes = Checks.noNotes): Representation => {
    const steps = encodingSteps(ast)
    const encoded = steps.at(-1) ?? ast
    const number = asNumber(self, steps)
    if (number !== undefined) {
      return withNotes(number, Checks.join(outer, decodedNotes(steps.slice(0, -2))))
    }
    const notes = Checks.join(outer, decodedNotes(steps.slice(0, -1)))
    if (self._tag !== "Reference") return withNotes(children(self, encoded), notes)
    if (!visited.has(self.$ref)) {
      visited.add(self.$ref)
      const definition = references[self.$ref]
      if (definition !== undefined && definition._tag !== "Reference") {
        rewritten.set(self.$ref, withNotes(children(definition, encoded), Checks.noNotes))
      }
    }
    // A reference has no annotations, and its definition is shared.
    return Checks.isEmpty(notes) ? self : annotated({ _tag: "Suspend", checks: [], thunk: self }, notes)
  }

  const children = (self: Node, ast: SchemaAST.AST): Node => {
    if (self._tag === "Objects" && ast._tag === "Objects") {
      return {
        ...self,
        propertySignatures: self.propertySignatures.map((signature, index) => ({
          ...signature,
          type: at(ast.propertySignatures, index, signature.type, ({ type }) => property(signature, type))
        })),
        indexSignatures: self.indexSignatures.map((signature, index) => ({
          ...signature,
          type: at(ast.indexSignatures, index, signature.type, ({ type }) => node(signature.type, type))
        }))
      }
    }
    if (self._tag === "Arrays" && ast._tag === "Arrays") {
      return {
        ...self,
        elements: self.elements.map((element, index) => ({
          ...element,
          type: at(ast.elements, index, element.type, (type) => node(element.type, type))
        })),
        rest: self.rest.map((rest, index) => at(ast.rest, index, rest, (type) => node(rest, type)))
      }
    }
    if (self._tag === "Union" && ast._tag === "Union") {
      return { ...self, types: self.types.map((type, index) => at(ast.types, index, type, (ast) => node(type, ast))) }
    }
    if (self._tag === "Suspend" && ast._tag === "Suspend") return { ...self, thunk: node(self.thunk, ast.thunk()) }
    return self
  }

  /** An optional field without the `null` that encodes `undefined`. */
  const property = (signature: SchemaRepresentation.PropertySignature, ast: SchemaAST.AST): Representation => {
    const self = signature.type
    const steps = encodingSteps(ast)
    const union = steps.at(-1)
    if (!signature.isOptional || self._tag !== "Union" || union?._tag !== "Union") return node(self, ast)
    const kept = self.types.flatMap((type, index) => {
      const member = union.types[index]
      return member === undefined || member._tag === "Undefined" ? [] : [{ type, ast: member }]
    })
    const [first, ...others] = kept
    if (first === undefined || kept.length === self.types.length) return node(self, ast)
    const notes = decodedNotes(steps.slice(0, -1))
    return others.length === 0 && self.checks.length === 0
      ? node(first.type, first.ast, Checks.join(notes, Checks.notesOf(self.annotations)))
      : withNotes({ ...self, types: kept.map(({ ast, type }) => node(type, ast)) }, notes)
  }

  return (self, ast) => node(self, ast)
}

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
  if (number?._tag !== "Number" || self._tag !== "Union") return undefined
  const finite = self.types[0]
  return finite?._tag !== "Number" ? undefined : {
    ...finite,
    checks: [...finite.checks, ...(number.checks ?? []).map(represent)],
    annotations: number.annotations
  }
}

const represent = (check: SchemaAST.Check<number>): SchemaRepresentation.Check => {
  const { representation, ...annotations } = check.annotations ?? {}
  const common = {
    annotations,
    ...(representation === undefined ? undefined : { representation: { ...representation, schemas: undefined } })
  }
  if (check._tag === "Filter") return { _tag: "Filter", aborted: check.aborted, ...common }
  const [first, ...others] = check.checks
  return { _tag: "FilterGroup", checks: [represent(first), ...others.map(represent)], ...common }
}

/** The annotations of the decoded sides of a node; keywords can only describe the encoded one. */
const decodedNotes = (steps: ReadonlyArray<SchemaAST.AST>): Checks.Notes =>
  steps.reduce((notes, { annotations, checks = [] }) => {
    const form = forms.get(idOf(annotations))
    return Checks.join(
      notes,
      Checks.notesOf(annotations),
      { texts: [], words: form === undefined ? [] : [form] },
      ...checks.map(({ annotations }) =>
        Checks.join(Checks.notesOf(annotations), {
          texts: [],
          // every number in JSON is finite
          words: idOf(annotations) === "effect/schema/isFinite" ? [] : Checks.expected(annotations)
        })
      )
    )
  }, Checks.noNotes)

const idOf = (annotations: Schema.Annotations.Annotations | undefined): unknown => {
  const representation = annotations?.["representation"]
  return Predicate.isObject(representation) ? representation["id"] : undefined
}

/** The formats of types that are encoded as text. */
const forms: ReadonlyMap<unknown, string> = new Map([
  ["effect/schema/Date", "an ISO 8601 date and time"],
  ["effect/schema/DateTimeUtc", "an ISO 8601 date and time"],
  ["effect/schema/DateTimeZoned", "an ISO 8601 date and time with a zone, like 2025-06-01T12:00:00+02:00[Europe/Rome]"],
  ["effect/schema/URL", "a URL"],
  ["effect/schema/BigDecimal", "a decimal number"]
])

/** A node with its checks as keywords, and a description of the rest. */
const withNotes = (self: Node, outer: Checks.Notes): Node => {
  if (self._tag === "Suspend") return annotated(self, Checks.join(outer, Checks.notesOf(self.annotations)))
  const checks = self.checks.map((check) => Checks.translate(check, Checks.typeOf(self)))
  const notes = Checks.join(outer, Checks.notesOf(self.annotations), ...checks.map(({ notes }) => notes))
  return annotated({ ...self, checks: checks.map(({ check }) => check) }, notes)
}

const annotated = <N extends Node>(self: N, notes: Checks.Notes): N => {
  if (Checks.isEmpty(notes)) return self
  const { texts, title, words } = notes
  const text = texts.join(" ")
  const inWords = words.join(", ")
  const description = text === "" || inWords === "" ? text + inWords : `${text} (${inWords})`
  return {
    ...self,
    annotations: {
      ...self.annotations,
      ...(title === undefined ? undefined : { title }),
      ...(description === "" ? undefined : { description })
    }
  }
}

const at = <A, B>(all: ReadonlyArray<A>, index: number, otherwise: B, f: (value: A) => B): B => {
  const value = all[index]
  return value === undefined ? otherwise : f(value)
}
