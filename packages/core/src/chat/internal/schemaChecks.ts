/**
 * The checks of a schema for a model: as keywords of JSON Schema where these are exact, else as words of a description.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as SchemaRepresentation from "effect/SchemaRepresentation"

/** The title and description of a node. */
export interface Notes {
  readonly title?: string | undefined
  /** descriptions of the program */
  readonly texts: ReadonlyArray<string>
  /** constraints, in words */
  readonly words: ReadonlyArray<string>
}

export const noNotes: Notes = { texts: [], words: [] }

export const notesOf = (annotations: Schema.Annotations.Annotations | undefined): Notes => ({
  title: Predicate.isString(annotations?.["title"]) ? annotations["title"] : undefined,
  texts: Predicate.isString(annotations?.["description"]) ? [annotations["description"]] : [],
  words: []
})

export const expected = (annotations: Schema.Annotations.Annotations | undefined): ReadonlyArray<string> =>
  Predicate.isString(annotations?.["expected"]) ? [annotations["expected"]] : []

export const join = (...all: ReadonlyArray<Notes>): Notes => ({
  title: all.find(({ title }) => title !== undefined)?.title,
  texts: [...new Set(all.flatMap(({ texts }) => texts))],
  words: [...new Set(all.flatMap(({ words }) => words))]
})

export const isEmpty = ({ texts, title, words }: Notes): boolean =>
  title === undefined && texts.length === 0 && words.length === 0

export const typeOf = ({ _tag }: SchemaRepresentation.Representation): JsonSchema.Type | undefined => types[_tag]

const types: { readonly [Tag in SchemaRepresentation.Representation["_tag"]]?: JsonSchema.Type } = {
  String: "string",
  TemplateLiteral: "string",
  Number: "number",
  Boolean: "boolean",
  Objects: "object",
  Arrays: "array",
  Null: "null"
}

/**
 * A check for a model.
 *
 * - `filters`: those of its parts that keywords express.
 * - `annotations`, `notes`: of the node; an annotation after a check is on the check, though it is about the node.
 */
interface Translated {
  readonly filters: ReadonlyArray<SchemaRepresentation.Filter>
  readonly annotations: Schema.Annotations.Annotations
  readonly notes: Notes
}

export const translate = (check: SchemaRepresentation.Check, type: JsonSchema.Type | undefined): Translated => {
  const { description: _, title: __, toJsonSchema: write, ...annotations } = check.annotations ?? {}
  const own = notesOf(check.annotations)
  if (check._tag === "FilterGroup" && write === undefined) {
    const parts = check.checks.map((part) => translate(part, type))
    return {
      filters: parts.flatMap(({ filters }) => filters),
      annotations: Object.assign({}, ...parts.map(({ annotations }) => annotations), annotations),
      notes: join(own, ...parts.map(({ notes }) => notes))
    }
  }
  const { schema, words } = keywordsOf(check, type)
  const toJsonSchema = schema === undefined ? write : () => schema
  return {
    filters: [{ ...check, _tag: "Filter", aborted: false, annotations: { toJsonSchema } }],
    annotations,
    notes: join(own, { texts: [], words })
  }
}

/** Keywords that replace those of Effect, and words for what they do not express. */
interface Keywords {
  readonly schema?: SchemaRepresentation.ToJsonSchema.CheckOutput
  readonly words: ReadonlyArray<string>
}

const keywordsOf = (
  { annotations, representation }: SchemaRepresentation.Check,
  type: JsonSchema.Type | undefined
): Keywords => {
  const write = annotations?.["toJsonSchema"]
  const isExact = Predicate.isFunction(write)
  // Schemas that a check depends on are compiled later.
  if (isExact && (representation?.schemas ?? []).length > 0) return { words: [] }
  const written: unknown = isExact ? write({ type, schemas: [] }) : undefined
  if (isExact && !Array.isArray(written)) return withoutSafeBounds(written)
  const payload = Predicate.isObject(representation?.payload) ? representation.payload : {}
  switch (representation?.id) {
    case "effect/schema/isPattern":
      return pattern(String(payload["source"]), String(payload["flags"]))
    case "effect/schema/isMaxLength":
      return { words: [] }
    case "effect/schema/isMinLength":
      return type === "string" ? length(Number(payload["minLength"])) : { words: expected(annotations) }
    case "effect/schema/isBetweenLength":
      return type === "string"
        ? length(Number(payload["minimum"]), Number(payload["maximum"]))
        : { words: expected(annotations) }
    default:
      return { words: expected(annotations) }
  }
}

/** Without the bounds of safe integers, which cost tokens: the codec refuses larger ones. */
const withoutSafeBounds = (written: unknown): Keywords => {
  if (!Predicate.isObject(written) || written["minimum"] !== Number.MIN_SAFE_INTEGER) return { words: [] }
  const { maximum, minimum: _, ...schema } = written
  return {
    schema: maximum === Number.MAX_SAFE_INTEGER ? schema : { ...schema, ...(maximum !== undefined && { maximum }) },
    words: []
  }
}

/** Effect counts UTF-16 units and JSON Schema code points, so that a minimum length has no exact keyword. */
const length = (least: number, most?: number): Keywords => {
  if (least < 2) return { words: [] }
  const words = most === undefined
    ? `at least ${least} characters`
    : least === most
    ? `exactly ${least} characters`
    : `${least} to ${most} characters`
  return { schema: [{}, true], words: [words] }
}

/** JSON Schema patterns have the flag `u` and no other; a pattern that differs with it is put in words. */
const pattern = (source: string, flags: string): Keywords => {
  const meaningful = flags.replace(/[dg]/g, "")
  if (/^u?y?$/.test(meaningful) && (meaningful.startsWith("u") || isSameInUnicode(source))) {
    const anchored = meaningful.endsWith("y") ? `^(?:${source})` : source
    return { schema: meaningful.startsWith("u") ? { pattern: anchored } : [{ pattern: anchored }, true], words: [] }
  }
  const words = meaningful === "" || meaningful === "u"
    ? `matches ${source}`
    : meaningful === "i" || meaningful === "iu"
    ? `matches ${source} in upper or lower case`
    : `matches /${source}/${meaningful}`
  return { schema: [{}, true], words: [words] }
}

/** The flag `u` changes some escapes, and what matches a character outside of ASCII. */
const isSameInUnicode = (source: string): boolean =>
  // oxlint-disable-next-line eslint/no-control-regex -- all of ASCII is meant
  /^[\x00-\x7f]*$/.test(source) && !/\\(?:u\{|[pPkSDW])|\[\^|(?<!\\)\./.test(source) &&
  Result.isSuccess(Result.try(() => new RegExp(source, "u")))
