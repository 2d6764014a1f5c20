/**
 * The checks of a schema for a model: as keywords of JSON Schema where these are exact, else as words of a description.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as SchemaRepresentation from "effect/SchemaRepresentation"

/** The title and description of a node: `texts` of the program, and constraints in `words`. */
export interface Notes {
  readonly title?: string | undefined
  readonly texts: ReadonlyArray<string>
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

/** `filters`: what keywords express of a check. The rest is of its node: an annotation after a check is on the check. */
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
  const { schema, words = [] } = keywordsOf(check, type)
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
  readonly words?: ReadonlyArray<string>
}

const keywordsOf = (
  { annotations, representation }: SchemaRepresentation.Check,
  type: JsonSchema.Type | undefined
): Keywords => {
  const write = annotations?.["toJsonSchema"]
  if (Predicate.isFunction(write)) {
    // Schemas that a check depends on are compiled later.
    if ((representation?.schemas ?? []).length > 0) return {}
    const written: unknown = write({ type, schemas: [] })
    if (!Array.isArray(written)) return withoutSafeBounds(written)
  }
  const payload = Predicate.isObject(representation?.payload) ? representation.payload : {}
  switch (representation?.id) {
    case "effect/schema/isPattern":
      return pattern(String(payload["source"]), String(payload["flags"]))
    case "effect/schema/isMaxLength":
      return {}
    case "effect/schema/isMinLength":
      if (type === "string") return length(Number(payload["minLength"]))
      break
    case "effect/schema/isBetweenLength":
      if (type === "string") return length(Number(payload["minimum"]), Number(payload["maximum"]))
  }
  return { words: expected(annotations) }
}

/** Without the bounds of safe integers, which cost tokens: the codec refuses larger ones. */
const withoutSafeBounds = (written: unknown): Keywords => {
  if (!Predicate.isObject(written) || written["minimum"] !== Number.MIN_SAFE_INTEGER) return {}
  const { maximum, minimum: _, ...schema } = written
  const isBounded = maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER
  return { schema: { ...schema, ...(isBounded && { maximum }) } }
}

/** Effect counts UTF-16 units and JSON Schema code points, so that a minimum length has no exact keyword. */
const length = (least: number, most = Infinity): Keywords => {
  if (least < 2) return {}
  const words = most === Infinity ? `at least ${least}` : least === most ? `exactly ${least}` : `${least} to ${most}`
  return { schema: [{}, true], words: [`${words} characters`] }
}

/** JSON Schema patterns have the flag `u` and no other; a pattern that differs with it is put in words. */
const pattern = (source: string, flags: string): Keywords => {
  const meaningful = flags.replace(/[dg]/g, "")
  const isUnicode = meaningful.startsWith("u")
  if (/^u?y?$/.test(meaningful) && (isUnicode || isSameInUnicode(source))) {
    const pattern = meaningful.endsWith("y") ? `^(?:${source})` : source
    return { schema: isUnicode ? { pattern } : [{ pattern }, true] }
  }
  const words = /^u?$/.test(meaningful)
    ? `matches ${source}`
    : /^iu?$/.test(meaningful)
    ? `matches ${source} in upper or lower case`
    : `matches /${source}/${meaningful}`
  return { schema: [{}, true], words: [words] }
}

/** The flag `u` changes some escapes, and what matches a character outside of ASCII. */
const isSameInUnicode = (source: string): boolean =>
  // oxlint-disable-next-line eslint/no-control-regex -- all of ASCII is meant
  /^[\x00-\x7f]*$/.test(source) && !/\\(?:u\{|[pPkSDW])|\[\^|(?<!\\)\./.test(source) &&
  Result.isSuccess(Result.try(() => new RegExp(source, "u")))
