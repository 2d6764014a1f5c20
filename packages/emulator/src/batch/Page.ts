/**
 * Pages of what was submitted: batch jobs and asynchronous invocations, filtered, sorted by time, latest first.
 */
import * as Effect from "effect/Effect"
import * as AwsError from "../AwsError.ts"

/** What can be listed. */
interface Submitted {
  readonly id: string
  readonly status: string
  readonly submitTime: number
}

/** A page, and the token of the next one. */
export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly nextToken: string | undefined
}

/** - `statuses`: those that can be asked for. `sortBy`: the one order there is. `nameOf`: where names can be. */
export interface Options<A> {
  readonly statuses: ReadonlyArray<string>
  readonly sortBy: string
  readonly nameOf?: (item: A) => string
}

type Query = Readonly<Record<string, string>>

/** The page that a query asks for; `all` in the order of their submission. Fails with the API's messages. */
export const of = Effect.fnUntraced(function*<A extends Submitted>(
  all: ReadonlyArray<A>,
  query: Query,
  { nameOf = () => "", sortBy, statuses }: Options<A>
): Effect.fn.Return<Page<A>, AwsError.AwsError> {
  const { maxResults = "100", nameContains, nextToken, sortOrder = "Descending", statusEquals } = query
  if (statusEquals !== undefined) yield* oneOf("statusEquals", statusEquals, statuses)
  yield* oneOf("sortOrder", sortOrder, ["Ascending", "Descending"])
  if (query["sortBy"] !== undefined) yield* oneOf("sortBy", query["sortBy"], [sortBy])
  const size = /^\d{1,6}$/.test(maxResults) ? Number(maxResults) : 0
  if (size < 1 || size > 1000) {
    return yield* constraint("maxResults", maxResults, "Member must have value between 1 and 1000")
  }
  const after = yield* timeOf("submitTimeAfter", query, -Infinity)
  const before = yield* timeOf("submitTimeBefore", query, Infinity)
  const ordered = sortOrder === "Ascending" ? all : all.toReversed()
  const found = ordered.filter((item) =>
    (statusEquals === undefined || item.status === statusEquals) &&
    (nameContains === undefined || nameOf(item).includes(nameContains)) &&
    item.submitTime > after && item.submitTime < before
  )
  // a page begins behind an item, so that new ones do not shift it
  const last = nextToken === undefined ? undefined : /^after-([a-z0-9]{12})$/.exec(nextToken)?.[1]
  const at = last === undefined ? -1 : ordered.findIndex(({ id }) => id === last)
  if (nextToken !== undefined && at < 0) return yield* AwsError.validation("The provided nextToken is invalid.")
  const behind = new Set(ordered.slice(0, at + 1))
  const left = found.filter((item) => !behind.has(item))
  const items = left.slice(0, size)
  const end = items.at(-1)
  return { items, nextToken: left.length > size && end !== undefined ? `after-${end.id}` : undefined }
})

const timeOf = (field: string, query: Query, otherwise: number): Effect.Effect<number, AwsError.AwsError> => {
  const text = query[field]
  if (text === undefined) return Effect.succeed(otherwise)
  const time = /^\d{4}-/.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(time)
    ? constraint(field, text, "Member must be a timestamp in ISO 8601")
    : Effect.succeed(time)
}

const oneOf = (field: string, value: string, values: ReadonlyArray<string>) =>
  values.includes(value)
    ? Effect.void
    : constraint(field, value, `Member must satisfy enum value set: [${values.join(", ")}]`)

const constraint = (field: string, value: string, text: string) =>
  Effect.fail(AwsError.validation(
    `1 validation error detected: Value '${value.slice(0, 100)}' at '${field}' failed to satisfy constraint: ${text}`
  ))
