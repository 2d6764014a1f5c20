/**
 * Converts schema errors to the service's messages.
 *
 * Bedrock checks a request twice, each time with its own wording: the API itself ("coral") and, for InvokeModel, the
 * JSON schema of the model's body.
 */
import * as SchemaIssue from "effect/SchemaIssue"
import * as AwsError from "./AwsError.ts"
import * as JsonFile from "./JsonFile.ts"

/**
 * One violation.
 *
 * - `missing`: a required key is absent; `extraneous`: a key is not permitted.
 * - `type`: the JSON value has another type; `constraint`: a value of the right type is not allowed.
 */
export interface Violation {
  readonly kind: "missing" | "extraneous" | "type" | "constraint"
  readonly path: ReadonlyArray<PropertyKey>
  readonly value: unknown
  readonly message: string
}

/** All violations of one decoding of `root`. */
export const collect = (issue: SchemaIssue.Issue, root: unknown): ReadonlyArray<Violation> =>
  formatter(issue).issues.map((found) => {
    const path = (found.path ?? []).map((segment) => typeof segment === "object" ? segment.key : segment)
    const value = lookup(root, path)
    const [kind, message] = split(found.message)
    return kind === "type" && value === null
      ? { kind: "missing", path, value, message }
      : { kind, path, value, message }
  })

/**
 * The wording of the API: a `SerializationException` when a JSON value has the wrong type, otherwise one
 * `ValidationException` that lists every violated constraint. Conversations, and other members that the service's model
 * marks as sensitive, are not quoted.
 */
export const toCoral = (violations: ReadonlyArray<Violation>): AwsError.AwsError => {
  const mistyped = violations.find((violation) => violation.kind === "type")
  if (mistyped !== undefined) {
    return new AwsError.AwsError({
      exception: "SerializationException",
      status: AwsError.statuses.SerializationException,
      message: mistyping(mistyped.value),
      field: fieldOf([mistyped])
    })
  }
  const sentences = violations.map(({ kind, message, path, value }) => {
    const member = path.map((segment) => typeof segment === "number" ? `${segment + 1}.member` : String(segment))
    const quoted = kind === "missing" ? "Value null" : path.some(isSensitive) || typeof value === "object"
      ? "Value"
      : `Value '${String(value)}'`
    const constraint = kind === "missing" ? "Member must not be null" : message
    return `${quoted} at '${member.join(".")}' failed to satisfy constraint: ${constraint}`
  })
  const count = sentences.length
  return AwsError.validation(
    `${count} validation error${count === 1 ? "" : "s"} detected: ${sentences.join("; ")}`,
    fieldOf(violations)
  )
}

const sensitive: ReadonlySet<PropertyKey> = new Set(["messages", "requestMetadata", "promptVariables", "structure"])

const isSensitive = (key: PropertyKey) => sensitive.has(key)

/** The wording of a model's own body check. `{value}` in a message stands for the received value. */
export const toMalformedInput = (violations: ReadonlyArray<Violation>): AwsError.AwsError =>
  malformedInput(
    violations.map(({ kind, message, path, value }) => {
      const key = String(path.at(-1) ?? "")
      switch (kind) {
        case "missing":
          return `${pointer(path.slice(0, -1))}: required key [${key}] not found`
        case "extraneous":
          return `${pointer(path.slice(0, -1))}: extraneous key [${key}] is not permitted`
        case "type":
          return `${pointer(path)}: expected type: ${message}, found: ${jsonType(value)}`
        case "constraint":
          return `${pointer(path)}: ${message.replace("{value}", String(value))}`
      }
    }).join(""),
    fieldOf(violations)
  )

/** `ValidationException` of a model that cannot decode its body. */
export const malformedInput = (finding: string, field?: string): AwsError.AwsError =>
  AwsError.validation(`Malformed input request: ${finding}, please reformat your input and try again.`, field)

/** The path of the first, as it is written in JavaScript. */
const fieldOf = ([first]: ReadonlyArray<Violation>): string | undefined =>
  first === undefined || first.path.length === 0 ? undefined : JsonFile.pathOf(first.path)

const formatter = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "MissingKey":
        return "missing:"
      case "UnexpectedKey":
        return "extraneous:"
      case "InvalidType":
        return `type:${expectedType(issue)}`
      default:
        return `constraint:${SchemaIssue.defaultLeafHook(issue)}`
    }
  },
  // the only checks without a message are those of `Schema.Int` and `Schema.Finite`, which are about the type
  checkHook: (issue) => {
    const message = SchemaIssue.defaultCheckHook(issue)
    return message === undefined ? "type:Integer" : `constraint:${message}`
  }
})

const expectedType = (issue: SchemaIssue.InvalidType): string => {
  switch (issue.ast._tag) {
    case "Arrays":
      return "JSONArray"
    case "Objects":
      return "JSONObject"
    default:
      return issue.ast._tag
  }
}

const isKind = (kind: string): kind is Violation["kind"] =>
  kind === "missing" || kind === "extraneous" || kind === "type" || kind === "constraint"

const split = (tagged: string): readonly [Violation["kind"], string] => {
  const at = tagged.indexOf(":")
  const kind = tagged.slice(0, at)
  return isKind(kind) ? [kind, tagged.slice(at + 1)] : ["constraint", tagged]
}

const lookup = (root: unknown, path: ReadonlyArray<PropertyKey>): unknown => {
  let value: unknown = root
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

const pointer = (path: ReadonlyArray<PropertyKey>): string => ["#", ...path.map(String)].join("/")

const mistyping = (value: unknown): string => {
  if (Array.isArray(value)) return "Start of list found where not expected."
  switch (typeof value) {
    case "object":
      return "Start of structure or map found where not expected."
    case "string":
      return "STRING_VALUE can not be converted to the expected type."
    case "number":
      return "NUMBER_VALUE can not be converted to the expected type."
    default:
      return "Unexpected token received from parser."
  }
}

const jsonType = (value: unknown): string => {
  if (value === null) return "Null"
  if (Array.isArray(value)) return "JSONArray"
  switch (typeof value) {
    case "object":
      return "JSONObject"
    case "number":
      return Number.isInteger(value) ? "Integer" : "BigDecimal"
    case "boolean":
      return "Boolean"
    default:
      return "String"
  }
}
