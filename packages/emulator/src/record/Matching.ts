/**
 * Equality of requests: operation, model and body, regardless of key order and ignored paths.
 */
import type * as Schema from "effect/Schema"
import { isArray, isObject } from "./JsonText.ts"
import type * as Recording from "./Recording.ts"

/** The compared parts of a request. */
export interface Compared {
  readonly what: string
  readonly modelId: string | undefined
  readonly body: Schema.Json | undefined
}

/**
 * Extracts the compared parts. An ignored path is one such as `requestMetadata`, `messages[0].content[1].document` or,
 * with `*` for any key or number, `messages[*].content[*].text`; everything below it is ignored too.
 */
export const comparer = (ignored: ReadonlyArray<string>) => {
  const isIgnored = pattern(ignored)
  const strip = (json: Schema.Json, path: string): Schema.Json => {
    if (isArray(json)) {
      return json.map((item, index) => isIgnored(`${path}[${index}]`) ? null : strip(item, `${path}[${index}]`))
    }
    if (!isObject(json)) return json
    return Object.fromEntries(
      Object.entries(json)
        .map(([key, item]) => [key, item, path === "" ? key : `${path}.${key}`] as const)
        .filter(([, , at]) => !isIgnored(at))
        .map(([key, item, at]) => [key, strip(item, at)])
    )
  }
  return (request: Recording.Request): Compared => ({
    what: request.operation ?? request.method,
    // without a model, the path identifies the request
    modelId: request.modelId ?? request.path,
    body: request.body === undefined ? bodyOf(request) : strip(request.body, "")
  })
}

const bodyOf = ({ bytes, text }: Recording.Content): Schema.Json | undefined =>
  bytes === undefined ? text : Buffer.from(bytes).toString("base64")

/** Equal for equal requests. */
export const keyOf = ({ body, modelId, what }: Compared): string =>
  JSON.stringify([what, modelId, body === undefined ? [] : [sorted(body)]])

const sorted = (json: Schema.Json): Schema.Json => {
  if (isArray(json)) return json.map(sorted)
  if (!isObject(json)) return json
  return Object.fromEntries(
    Object.entries(json).toSorted(([a], [b]) => a < b ? -1 : 1).map(([key, item]) => [key, sorted(item)])
  )
}

const pattern = (paths: ReadonlyArray<string>): (path: string) => boolean => {
  const written = paths.map((path) =>
    path.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", String.raw`[^.[\]]+`)
  )
  const expression = new RegExp(`^(?:${written.join("|")})$`)
  return paths.length === 0 ? () => false : (path) => expression.test(path)
}
