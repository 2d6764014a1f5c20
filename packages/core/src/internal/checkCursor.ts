/**
 * Where a check stands, and how it refuses what it finds there. `Check.ts` is the way in.
 */
import * as CheckWords from "./checkWords.ts"

/** What is wrong: `field` is a path such as `messages[2].content[0].source`. No problem quotes a text. */
export interface Problem {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

/** A problem that a check found; `path` is the way from the value that was given. */
export interface Found extends Problem {
  readonly path: ReadonlyArray<string | number>
}

/** Where a check stands: the keys that led there, and what was found to be wrong. */
export interface Cursor {
  readonly path: Array<string | number>
  found: Pick<Problem, "problem" | "remedy"> | undefined
}

/** What a check gives in place of data. */
export type Refused = typeof refused

/** @see {@link Refused} */
export const refused: unique symbol = Symbol.for("@strata/core/Check/refused")

/** Refuses the value where the cursor stands. The first refusal counts. */
export const refuse = (at: Cursor, problem: string, remedy: string): Refused => {
  at.found ??= { problem, remedy }
  return refused
}

/** Refuses a value of another kind than is wanted: says what it is, and never what it says. */
export const refuseKind = (at: Cursor, given: unknown, remedy: string): Refused =>
  refuse(at, given === undefined ? "it is missing" : `it is ${CheckWords.kindOf(given)}`, remedy)

/** Whether a value is an object with properties, and neither an array nor a function. */
export const isRecord = (given: unknown): given is Readonly<Record<string, unknown>> =>
  typeof given === "object" && given !== null && !Array.isArray(given)
