/**
 * One line of the catalogue: which models it is about, and what is so about them.
 *
 * A model is described by all entries that match it, laid over each other in order: the later entry wins, field by
 * field. So a list goes from the family to the single model.
 */
import type { ModelId } from "../ModelId.ts"
import type { Capabilities } from "./Capabilities.ts"

/** See {@link Match} and {@link Capabilities}. */
export interface Entry {
  readonly match: Match
  readonly capabilities: Capabilities
}

/**
 * Which models an entry is about: those that fulfil all conditions. Without conditions, every model.
 *
 * - `id`: the id or ARN, exactly as the request gives it.
 * - `vendor`, `family`, `version`: as `ModelId.parse` reads them; several versions mean any of them.
 * - `since`, `before`: that version or a later one, an earlier one, in the order of their numbers: `4.5`, `4.10`, `5`. So a
 *   version that is newer than the catalogue is taken for the latest one in it.
 * - `words`: all of these stand in the name between dots, colons and hyphens: `haiku`, `20241022`.
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

/** Whether `match` is about the model: `id` is what the request says, `model` what is known of it. */
export const matches = (match: Match, id: string, model: ModelId): boolean =>
  (match.id === undefined || match.id === id) &&
  (match.vendor === undefined || match.vendor === model.vendor) &&
  (match.family === undefined || match.family === model.family) &&
  (match.version === undefined || isOneOf(match.version, model.version)) &&
  (match.since === undefined || model.version !== undefined && compare(model.version, match.since) >= 0) &&
  (match.before === undefined || model.version !== undefined && compare(model.version, match.before) < 0) &&
  (match.words === undefined || isSubset(match.words, model.baseId?.split(/[.:-]/) ?? []))

/** Lays `over` on `under`, field by field, and limit by limit. A field that is there and `undefined` becomes unknown. */
export const overlay = (under: Capabilities, over: Capabilities): Capabilities => ({
  ...under,
  ...over,
  ...((under.limits !== undefined && over.limits !== undefined) && { limits: { ...under.limits, ...over.limits } })
})

/** Below 0 when `version` is the earlier one. */
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
