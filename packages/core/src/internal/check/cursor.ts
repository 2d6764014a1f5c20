/** The position of a check in a value, and how it refuses what it finds there; see `Check.ts`. */
import * as CheckWords from "./words.ts"

/** `field` is a path such as `messages[2].content[0].source`. Problems never quote text: it may be confidential. */
export interface Problem {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

/** A problem with its `path` in the checked value. */
export interface Found extends Problem {
  readonly path: ReadonlyArray<string | number>
}

/** The path of the value being checked, and the first problem. */
export interface Cursor {
  readonly path: Array<string | number>
  found: Pick<Problem, "problem" | "remedy"> | undefined
}

/** The result of a check that refuses. */
export type Refused = typeof refused

export const refused: unique symbol = Symbol.for("@strata/core/Check/refused")

/** Refuses the value at the cursor. The first refusal counts. */
export const refuse = (at: Cursor, problem: string, remedy: string): Refused => {
  at.found ??= { problem, remedy }
  return refused
}

/** Refuses a value of the wrong type, and names its type. */
export const refuseKind = (at: Cursor, given: unknown, remedy: string): Refused =>
  refuse(at, given === undefined ? "it is missing" : `it is ${CheckWords.kindOf(given)}`, remedy)

/** Checks a property or an item of `holder`, which is read here, once; the path of a refused one stays in the cursor. */
export const part = <A>(
  check: (given: unknown, at: Cursor) => A | Refused,
  holder: object,
  key: string | number,
  at: Cursor
): A | Refused => {
  at.path.push(key)
  // Any object has values under keys, if only `undefined`.
  const settled = check((holder as { readonly [key: string | number]: unknown })[key], at)
  if (settled !== refused) at.path.pop()
  return settled
}
