/**
 * One entry of the catalogue: which models it matches, and their capabilities.
 *
 * A model is described by all entries that match it, merged in order: the later entry wins, field by field. So a list
 * goes from the family to the single model.
 */
import type { Capabilities } from "./Capabilities.ts"
import type { ModelId } from "./ModelId.ts"

/** See {@link Match} and {@link Capabilities}. */
export interface Entry {
  readonly match: Match
  readonly capabilities: Capabilities
}

/**
 * Which models an entry matches: those that meet all conditions. Without conditions, every model.
 *
 * - `id`: the id or ARN, exactly as the request gives it.
 * - `vendor`, `family`, `version`: as `ModelId.parse` reads them; several versions mean any of them.
 * - `since`, `before`: that version or a later one, an earlier one, in numerical order: `4.5`, `4.10`, `5`. So a
 *   version newer than the catalogue is treated as its latest one.
 * - `words`: words of the name, split at dots, colons and hyphens: `haiku`, `20241022`.
 *
 * @example
 * const match: Match = { vendor: "anthropic", family: "claude", since: "4.5", before: "5", words: ["opus"] }
 */
export interface Match {
  readonly id?: string | undefined
  readonly vendor?: string | undefined
  readonly family?: string | undefined
  readonly version?: string | ReadonlyArray<string> | undefined
  readonly since?: string | undefined
  readonly before?: string | undefined
  readonly words?: ReadonlyArray<string> | undefined
}

/** Whether `match` includes the model: `id` is that of the request, `model` the parsed one. */
export const matches = (match: Match, id: string, model: ModelId): boolean =>
  (match.id === undefined || match.id === id) &&
  (match.vendor === undefined || match.vendor === model.vendor) &&
  (match.family === undefined || match.family === model.family) &&
  (match.version === undefined || isOneOf(match.version, model.version)) &&
  (match.since === undefined || model.version !== undefined && compare(model.version, match.since) >= 0) &&
  (match.before === undefined || model.version !== undefined && compare(model.version, match.before) < 0) &&
  (match.words === undefined || isSubset(match.words, model.baseId?.split(/[.:-]/) ?? []))

/** Merges `over` into `under`, field by field, and limit by limit. A field present as `undefined` becomes unknown. */
export const overlay = (under: Capabilities, over: Capabilities): Capabilities => ({
  ...under,
  ...over,
  ...((under.limits !== undefined && over.limits !== undefined) && { limits: { ...under.limits, ...over.limits } })
})

/** Negative when `version` is the earlier one. */
const compare = (version: string, other: string): number => {
  const numbers = version.split(".").map(Number)
  const others = other.split(".").map(Number)
  for (let index = 0; index < Math.max(numbers.length, others.length); index++) {
    const difference = (numbers[index] ?? 0) - (others[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

const isOneOf = (versions: string | ReadonlyArray<string>, version: string | undefined): boolean =>
  typeof versions === "string" ? versions === version : version !== undefined && versions.includes(version)

const isSubset = (words: ReadonlyArray<string>, all: ReadonlyArray<string>): boolean =>
  words.every((word) => all.includes(word))
