/**
 * Checks of arguments, which may come from JavaScript.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as DocumentError from "../DocumentError.ts"

/** What a value must be, and what to give in place of another one. */
export interface Rule<A> {
  readonly accepts: (value: unknown) => value is A
  readonly remedy: string
}

export type Rules<A extends object> = { readonly [Key in keyof A]-?: Rule<A[Key]> }

/** A copy of an object with the fields of `rules`, each read once. */
export const struct = <A extends object>(
  whole: string,
  given: unknown,
  rules: Rules<A>
): Effect.Effect<A, DocumentError.InvalidOptionError> =>
  Result.match(Result.try(() => read(whole, given, rules)), {
    onFailure: () => Effect.fail(invalid(whole, "it cannot be read: a getter or a proxy throws", "Give plain data")),
    onSuccess: (read) => Effect.fromResult(read)
  })

export const invalid = (field: string, problem: string, remedy: string) =>
  new DocumentError.InvalidOptionError({ field, problem, remedy, message: `\`${field}\`: ${problem}. ${remedy}` })

const read = <A extends object>(
  whole: string,
  given: unknown,
  rules: Rules<A>
): Result.Result<A, DocumentError.InvalidOptionError> => {
  if (!Predicate.isObject(given) || Array.isArray(given)) {
    return Result.fail(invalid(whole, `it is ${kindOf(given)}`, "Give an object"))
  }
  const names = Object.keys(rules)
  const stray = Object.keys(given).find((key) => !names.includes(key))
  if (stray !== undefined) {
    return Result.fail(invalid(`${whole}.${stray}`, "there is no such field", `Use ${names.join(", ")}`))
  }
  const copy: Record<string, unknown> = {}
  for (const [key, rule] of Object.entries<Rule<unknown>>(rules)) {
    const value: unknown = given[key]
    if (!rule.accepts(value)) return Result.fail(invalid(`${whole}.${key}`, `it is ${kindOf(value)}`, rule.remedy))
    copy[key] = value
  }
  // Each field of `A` has been checked.
  return Result.succeed(copy as A)
}

/** Names a value without quoting text, which may be confidential. */
const kindOf = (value: unknown): string => {
  if (typeof value === "number" || typeof value === "boolean") return `${value}`
  if (value === undefined) return "missing"
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  if (typeof value === "string") return value.trim() === "" ? "blank text" : "text that is not accepted"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

export const optional = <A>({ accepts, remedy }: Rule<A>): Rule<A | undefined> => ({
  accepts: (value): value is A | undefined => value === undefined || accepts(value),
  remedy: `${remedy}, or leave it out`
})

/** Text that is not blank, and that stores of keys take. */
export const name: Rule<string> = {
  accepts: (value): value is string =>
    typeof value === "string" && value.trim() !== "" && value.isWellFormed() && !value.includes("\0"),
  remedy: "Give the name of the document, such as its path: well-formed text that is not blank"
}

export const text: Rule<string> = {
  accepts: (value): value is string => typeof value === "string",
  remedy: "Give text"
}

export const bytes: Rule<Uint8Array> = {
  accepts: (value): value is Uint8Array => value instanceof Uint8Array && value.byteLength >= 0,
  remedy: "Give a Uint8Array"
}

export const whole = (least: number): Rule<number> => ({
  accepts: (value): value is number => Number.isSafeInteger(value) && Number(value) >= least,
  remedy: `Use a whole number from ${least}`
})
