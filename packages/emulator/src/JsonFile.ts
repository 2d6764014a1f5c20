/**
 * Hand-written JSON decoded by a schema, with errors that name the path and the expected value.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** What is wrong at one `path` in JSON, such as `rules[0].answer`; it is empty for the whole. */
export type Problem = typeof Problem.Type
/** @see {@link Problem} */
export const Problem = Schema.Struct({ path: Schema.String, message: Schema.String })

/**
 * A file that cannot be read, is not JSON, or does not match its schema. `message` names the file and, line by line,
 * the paths: `script.json: rules[0].answer.delay: Expected a duration such as "2 seconds", or milliseconds, got true`.
 * `problems`: the first of the paths and what is wrong there.
 */
export class JsonFileError extends Schema.TaggedError<JsonFileError>()("JsonFileError", {
  file: Schema.String,
  message: Schema.String,
  problems: Schema.optional(Schema.Array(Problem)),
  cause: Schema.optional(Schema.Defect())
}) {}

/** Reads a file. An unknown key is an error, as it is probably misspelt. */
export const read = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = fromText(schema)
  return Effect.fnUntraced(function*(file: string): Effect.fn.Return<S["Type"], JsonFileError, FileSystem.FileSystem> {
    const fileSystem = yield* FileSystem.FileSystem
    const text = yield* Effect.mapError(
      fileSystem.readFileString(file),
      unreadable(file)
    )
    return yield* Effect.fromResult(decode(text, file))
  })
}

/** Decodes the text of a file; `file` names it in errors. */
export const fromText =
  <S extends Schema.ConstraintDecoder<unknown>>(schema: S) =>
  (text: string, file: string): Result.Result<S["Type"], JsonFileError> =>
    Result.flatMap(parse(text, file), (json) => fromJson(schema)(json, file))

/** Decodes parsed JSON. */
export const fromJson = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) =>
  decoder<S["Type"]>(Schema.toCodecJson(schema))

/** Checks a value of a program, and reports errors as if it came from a file. */
export const fromValue = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) =>
  decoder<S["Type"]>(Schema.toType(schema))

const decoder = <A>(schema: Schema.ConstraintDecoder<A>) => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error", reportInput: true })
  return (value: unknown, file: string): Result.Result<A, JsonFileError> =>
    Result.mapError(decode(value), ({ issue }) => {
      const found = new Map(
        problemsOf(issue, []).map(({ message, path }) => {
          const at = pathOf(path)
          return [`${file}: ${at === "" ? "" : `${at}: `}${message}`, { path: at, message }] as const
        })
      )
      const lines = [...found.keys()].slice(0, shown)
      const more = found.size - shown
      return new JsonFileError({
        file,
        message: [...lines, ...(more > 0 ? [`${file}: and ${more} more`] : [])].join("\n"),
        problems: [...found.values()].slice(0, shown)
      })
    })
}

/** The maximum number of problems in an error. */
const shown = 20

const parse = (text: string, file: string): Result.Result<unknown, JsonFileError> =>
  Result.try({
    try: (): unknown => JSON.parse(text),
    catch: (cause) => new JsonFileError({ file, message: `${file}: Not valid JSON: ${onOneLine(cause)}` })
  })

/** The engine quotes the text, which may have line breaks. */
const onOneLine = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ")

/** The error for a file that cannot be read or written. */
export const unreadable = (file: string) => (cause: PlatformError.PlatformError): JsonFileError =>
  new JsonFileError({ file, message: `${file}: ${reasonOf(cause)}`, cause })

const reasonOf = ({ message, reason }: PlatformError.PlatformError): string => {
  switch (reason._tag) {
    case "NotFound":
      return "There is no such file or directory"
    case "PermissionDenied":
      return "Permission denied"
    case "BadResource":
      return "This is no file, but a directory or a device"
    default:
      return message
  }
}

interface Found {
  readonly path: ReadonlyArray<PropertyKey>
  readonly message: string
  /** An unexpected or a missing key. */
  readonly key?: "unexpected" | "missing" | undefined
}

const problemsOf = (issue: SchemaIssue.Issue, path: ReadonlyArray<PropertyKey>): ReadonlyArray<Found> => {
  switch (issue._tag) {
    case "Pointer":
      return problemsOf(issue.issue, [...path, ...issue.path])
    case "Encoding":
      return problemsOf(issue.issue, path)
    case "Composite":
      return issue.issues.flatMap((issue) => problemsOf(issue, path))
    case "MissingKey":
      return [{ path, message: "Missing key", key: "missing" }]
    case "UnexpectedKey":
      return [{ path, message: "Unexpected key", key: "unexpected" }]
    case "AnyOf":
      return issue.issues.length === 0 ? asFormatted(issue, path) : ofUnion(issue.issues, path)
    default:
      return asFormatted(issue, path)
  }
}

const asFormatted = (issue: SchemaIssue.Issue, path: ReadonlyArray<PropertyKey>): ReadonlyArray<Found> =>
  format(issue).issues.map(({ message, path: inner = [] }) => ({ message, path: [...path, ...inner.map(keyOf)] }))

/** The problems of the intended member of a union: the one whose keys match best. */
const ofUnion = (
  members: ReadonlyArray<SchemaIssue.Issue>,
  path: ReadonlyArray<PropertyKey>
): ReadonlyArray<Found> => {
  const isOwn = ({ key, path: at }: Found) => key !== undefined && at.length === path.length + 1
  const candidates = members.map((issue) => problemsOf(issue, path))
    .map((problems) => ({
      problems,
      missing: problems.filter((problem) => isOwn(problem) && problem.key === "missing")
    }))
    .toSorted((a, b) => a.problems.filter(isOwn).length - b.problems.filter(isOwn).length)
  const meant = members.length === 1 ? candidates[0] : candidates.find(({ missing }) => missing.length === 0)
  if (meant !== undefined) return meant.problems
  const keys = candidates.flatMap(({ missing }) => missing.map(({ path }) => String(path.at(-1))))
  return [{ path, message: `Expected one of the keys ${[...new Set(keys)].join(", ")}` }]
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const keyOf = (step: PropertyKey | { readonly key: PropertyKey }): PropertyKey =>
  typeof step === "object" ? step.key : step

/** A path in JSON: `rules[0].answer.text`. */
export const pathOf = (path: ReadonlyArray<PropertyKey>): string => {
  let written = ""
  for (const key of path) {
    if (typeof key === "number") written += `[${key}]`
    else if (/^[\w$-]+$/.test(String(key))) written += written === "" ? String(key) : `.${String(key)}`
    else written += `[${JSON.stringify(String(key))}]`
  }
  return written
}
