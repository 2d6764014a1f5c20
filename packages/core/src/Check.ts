/**
 * Validates values of unknown type: requests and options that may come from JavaScript, JSON or a database.
 *
 * A {@link Check} turns a value into plain data of its type, reading each property once, or refuses it with a path, a
 * problem and a remedy. It never throws: a getter or proxy that throws is a problem, too.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { type Cursor, type Found, refuse, type Refused, refused, refuseKind } from "./internal/checkCursor.ts"
import { toDuration } from "./internal/checkDuration.ts"
import * as CheckJson from "./internal/checkJson.ts"
import * as CheckWords from "./internal/checkWords.ts"
import * as ProviderError from "./ProviderError.ts"

export {
  type Cursor,
  type Found,
  type Problem,
  refuse,
  type Refused,
  refused,
  refuseKind
} from "./internal/checkCursor.ts"
export { toDuration } from "./internal/checkDuration.ts"
export { make as total } from "./internal/total.ts"

/** Returns plain data of type `A`, or the result of {@link refuse}. */
export type Check<A> = (given: unknown, at: Cursor) => A | Refused

/** Names in problems: `field` is the prefix of a path, `whole` names the value itself; `field` when missing. */
export interface Names {
  readonly field?: string | undefined
  readonly whole?: string | undefined
}

/** Runs a check on any value. */
export const settle = <A>(check: Check<A>, given: unknown, names: Names = {}): Result.Result<A, Found> => {
  const at: Cursor = { path: [], found: undefined }
  const settled = Result.getOrElse(
    Result.try((): A | Refused => check(given, at)),
    (): A | Refused => refuse(at, ...unread)
  )
  if (settled !== refused) return Result.succeed(settled)
  const { problem, remedy } = at.found ?? { problem: "it has the wrong type", remedy: "See its type" }
  const { field = "", whole = field } = names
  return Result.fail({
    field: at.path.length === 0 ? whole : CheckWords.place(field, at.path),
    path: at.path,
    problem,
    remedy
  })
}

const unread = ["it cannot be read: a getter or a proxy throws", "Give plain data"] as const

/** {@link settle} as an effect, which fails with an `InvalidRequestError`. */
export const run = <A>(
  check: Check<A>,
  given: unknown,
  { model, provider, ...names }: Names & { readonly provider: string; readonly model?: string | undefined }
): Effect.Effect<A, ProviderError.InvalidRequestError> =>
  Result.match(settle(check, given, names), {
    onFailure: (problem) => Effect.fail(ProviderError.invalidRequest({ provider, model, ...problem })),
    onSuccess: Effect.succeed
  })

/** The checks of the properties of `A`; what may be missing is {@link optional}. */
export type Fields<A> = { readonly [Key in keyof A]-?: Check<A[Key]> }

/**
 * - `remedy`: for a value that is not an object.
 * - `others`: whether unknown properties are `refused` (the default) or `ignored`, for data that programs may extend.
 *   Probable misspellings of a missing field are refused in any case.
 * - `instead`: remedies for properties of other APIs, by name.
 */
export interface StructOptions {
  readonly remedy?: string | undefined
  readonly others?: "refused" | "ignored" | undefined
  readonly instead?: Readonly<Record<string, string>> | undefined
}

/** An object with these fields; a copy of them without those that are `undefined`. */
export const struct = <A extends object>(fields: Fields<A>, options: StructOptions = {}): Check<A> => {
  const read = reader(fields, options)
  return (given, at) =>
    Predicate.isObject(given)
      // Each field of `A` has been checked.
      ? read(given, at) as A | Refused
      : refuseKind(at, given, options.remedy ?? "Give an object")
}

/** Copies the fields of an object, after a tag that is already read. */
const reader = (fields: object, options: StructOptions, tag: Readonly<Record<string, string>> = {}) => {
  const entries: ReadonlyArray<readonly [string, Check<unknown>]> = Object.entries(fields)
  const stray = strays({ ...fields, ...tag }, options)
  return (given: Readonly<Record<string, unknown>>, at: Cursor): object | Refused => {
    const copy: Record<string, unknown> = { ...tag }
    for (const [key, check] of entries) {
      at.path.push(key)
      const settled = check(given[key], at)
      if (settled === refused) return refused
      if (settled !== undefined) copy[key] = settled
      at.path.pop()
    }
    return stray(given, at) === refused ? refused : copy
  }
}

/** {@link struct} with optional fields. */
export const partial = <A extends object>(fields: Fields<A>, options?: StructOptions): Check<Partial<A>> =>
  // A field that is missing is left out of the copy, never `undefined`.
  struct(
    Object.fromEntries(
      Object.entries<Check<unknown>>(fields).map(([key, check]) => [key, optional(check)])
    ),
    options
  ) as Check<Partial<A>>

/** `unknown`: the problem and remedy for an unknown tag. `alias`: other names of tags. */
export interface TaggedOptions extends StructOptions {
  readonly unknown: (word: string) => readonly [problem: string, remedy: string]
  readonly alias?: Readonly<Record<string, string>> | undefined
}

/** A tagged union: the fields of each member by its tag, the text at `key`. */
export const tagged = <Key extends string, A extends { readonly [K in Key]: string }>(
  key: Key,
  kinds: { readonly [Word in A[Key]]: Fields<Omit<Extract<A, { readonly [K in Key]: Word }>, Key>> },
  options: TaggedOptions
): Check<A> => {
  const words = Object.keys(kinds)
  const known = new Map(
    Object.entries<Readonly<Record<string, Check<unknown>>>>(kinds)
      .map(([word, fields]) => [word, reader(fields, options, { [key]: word })])
  )
  for (const [word, kind] of Object.entries(options.alias ?? {})) known.set(word, known.get(kind)!)
  return (given, at) => {
    if (!Predicate.isObject(given)) return refuseKind(at, given, options.remedy ?? "Give an object")
    const word = given[key]
    const kind = typeof word === "string" ? known.get(word) : undefined
    // Each field of this member has been checked.
    if (kind !== undefined) return kind(given, at) as A | Refused
    at.path.push(key)
    return typeof word === "string"
      ? refuse(at, ...options.unknown(word))
      : refuseKind(at, word, `Use ${CheckWords.list(words)}`)
  }
}

/** Refuses the first unknown property. */
const strays = (
  fields: object,
  { instead = {}, others = "refused", remedy = "Give an object" }: StructOptions
) => {
  const names = Object.keys(fields)
  const known = new Set(names)
  return (given: Readonly<Record<string, unknown>>, at: Cursor): Refused | undefined => {
    for (const key of Object.keys(given)) {
      if (known.has(key)) continue
      const value = given[key]
      if (key === noOptions) return value === unreadable ? refuse(at, ...unread) : refuseKind(at, value, remedy)
      if (value === undefined || value === null && others === "ignored") continue
      const near = CheckWords.nearest(key, names)
      // Not a misspelling of a field that is present.
      const meant = others === "ignored" && near !== undefined && near in given ? undefined : near
      const advice = Object.hasOwn(instead, key)
        ? instead[key]
        : meant === undefined
        ? undefined
        : `Did you mean \`${meant}\`? Else leave it out`
      if (advice === undefined && others === "ignored") continue
      at.path.push(key)
      return refuse(at, "there is no such field", advice ?? `Leave it out, or use ${CheckWords.list(names)}`)
    }
  }
}

/** `undefined`, or what the check accepts. */
export const optional = <A>(check: Check<A>): Check<A | undefined> => (given, at) =>
  given === undefined ? undefined : check(given, at)

/** An array of at most `most` items; a copy of it. */
export const list = <A>(
  item: Check<A>,
  { most = mostItems, remedy = "Give an array" }: { readonly most?: number; readonly remedy?: string } = {}
): Check<ReadonlyArray<A>> =>
(given, at) => {
  if (!Array.isArray(given)) return refuseKind(at, given, remedy)
  const { length } = given
  if (length > most) return refuse(at, `it has ${length} items`, `Use at most ${most}`)
  const copy: Array<A> = []
  for (let index = 0; index < length; index++) {
    at.path.push(index)
    const settled = item(given[index], at)
    if (settled === refused) return refused
    copy.push(settled)
    at.path.pop()
  }
  return copy
}

/** Any text. */
export const text: Check<string> = (given, at) => typeof given === "string" ? given : refuseKind(at, given, "Give text")

/** Text that is not blank. */
export const filled: Check<string> = (given, at) =>
  typeof given !== "string"
    ? refuseKind(at, given, "Give text")
    : /\S/u.test(given)
    ? given
    : refuse(at, "the text is blank", "Fill it in, or leave it out")

/** `true` or `false`. */
export const flag: Check<boolean> = (given, at) =>
  typeof given === "boolean" ? given : refuseKind(at, given, "Use true or false")

/** One of several literals; `instead` has remedies for those of other libraries. */
export const word = <const Word extends string>(
  words: ReadonlyArray<Word>,
  instead: Readonly<Record<string, string>> = {}
): Check<Word> =>
(given, at) => {
  const found = words.find((word) => word === given)
  if (found !== undefined) return found
  if (typeof given !== "string") return refuseKind(at, given, `Use ${CheckWords.list(words)}`)
  const elsewhere = Object.hasOwn(instead, given) ? instead[given] : undefined
  return refuse(at, `there is no ${CheckWords.quote(given)} here`, elsewhere ?? CheckWords.advice(given, words))
}

/**
 * - `min`, `max`: inclusive bounds; `above`: an exclusive lower bound.
 * - `whole`: requires a safe integer.
 * - `what`: what the number is, for the problem: "a number of tokens".
 */
export interface NumberOptions {
  readonly min?: number | undefined
  readonly above?: number | undefined
  readonly max?: number | undefined
  readonly whole?: boolean | undefined
  readonly what?: string | undefined
  readonly remedy: string
}

/** A number within bounds, never `NaN`. */
export const number = (
  { above = -Infinity, max = Infinity, min = -Infinity, remedy, what, whole = false }: NumberOptions
): Check<number> =>
(given, at) =>
  typeof given !== "number"
    ? refuseKind(at, given, remedy)
    : given >= min && given <= max && (above === -Infinity || given > above) && (!whole || Number.isSafeInteger(given))
    ? given
    : refuse(at, `${given} is ${what === undefined ? "out of range" : `not ${what}`}`, remedy)

/** A `Duration.Input` that is not negative; zero and infinity as the options say. */
export const duration = (
  { infinite = false, zero = true }: { readonly infinite?: boolean; readonly zero?: boolean } = {}
): Check<Duration.Duration> =>
(given, at) => {
  const found = toDuration(given)
  const remedy = `Use a duration such as "30 seconds"${infinite ? ", or \"Infinity\"" : ""}`
  if (found === undefined) {
    return typeof given === "string"
      ? refuse(at, "the text is not a duration", remedy)
      : refuseKind(at, given, remedy)
  }
  return Duration.isNegative(found)
    ? refuse(at, "the duration is negative", remedy)
    : !infinite && !Duration.isFinite(found)
    ? refuse(at, "the duration is infinite", remedy)
    : !zero && Duration.isZero(found)
    ? refuse(at, "the duration is zero", remedy)
    : found
}

/** A function; {@link threw} is the error for one that throws when it is called. */
export const callback = <F extends (...args: never) => unknown>(remedy = "Give a function"): Check<F> => (given, at) =>
  // The signature of a function cannot be checked.
  typeof given === "function" ? given as F : refuseKind(at, given, remedy)

/** A value that a type guard accepts: an instance of a class, a layer, a schedule. */
export const instance = <A>(is: (given: unknown) => given is A, remedy: string): Check<A> => (given, at) =>
  is(given) ? given : refuseKind(at, given, remedy)

/** Bytes, not copied. */
export const bytes: Check<Uint8Array> = (given, at) =>
  // The length of a proxy of bytes cannot be read.
  given instanceof Uint8Array && given.byteLength >= 0
    ? given
    : refuseKind(at, given, typeof given === "string" ? "Give a Uint8Array: decode the base64" : "Give a Uint8Array")

/** JSON, or a value with `toJSON`; a plain copy of it. */
export const json = (options: JsonOptions = {}): Check<unknown> => (given, at) => CheckJson.copy(given, at, options)

/** A JSON object. */
export const jsonObject = (
  remedy = "Give an object",
  options: JsonOptions = {}
): Check<{ readonly [key: string]: unknown }> =>
(given, at) => Predicate.isObject(given) ? CheckJson.copy(given, at, options) : refuseKind(at, given, remedy)

/** Which values outside of JSON are kept. */
export type JsonOptions = CheckJson.Options

/** Options under the keys of their providers, which check them. */
export const providerOptions: Check<{ readonly [key: string]: unknown }> = jsonObject(
  "Give an object with the options of each provider",
  { others: true }
)

/** The error for a callback of the program, the option `field`, that threw. */
export const threw = (
  { model, provider }: { readonly provider: string; readonly model?: string | undefined },
  field: string,
  cause: unknown
): ProviderError.InvalidRequestError =>
  new ProviderError.InvalidRequestError({
    provider,
    model,
    field,
    remedy: threwRemedy,
    message: `${field}: the function threw. ${threwRemedy}.`,
    cause
  })

const threwRemedy = "See the cause"

/** Any value; it is checked elsewhere. */
export const unchecked = <A>(): Check<A> => (given) => given as A

/**
 * The own fields of options, each read once, without those that are `undefined`: for constructors, whose options the
 * layer checks. A value that is not a readable object becomes a field that every {@link struct} refuses.
 */
export const fieldsOf = <A extends object>(options: A | undefined): { readonly [Key in keyof A]: unknown } =>
  // The names are those of `A`, or one that no check accepts.
  Result.getOrElse(
    Result.try(() =>
      options === undefined
        ? {}
        : Predicate.isObject(options)
        ? Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
        : { [noOptions]: options }
    ),
    () => ({ [noOptions]: unreadable })
  ) as { readonly [Key in keyof A]: unknown }

/** The items of an array, unchecked; `undefined` for any other value. */
export const itemsOf = (given: unknown): ReadonlyArray<unknown> | undefined =>
  Result.getOrUndefined(Result.try(() =>
    Array.isArray(given) && given.length <= mostItems
      ? Array.from({ length: given.length }, (_, index): unknown => given[index])
      : undefined
  ))

const mostItems = 1_000_000

/** A predicate that is false where it throws. */
export const holds = (is: (given: unknown) => boolean, given: unknown): boolean =>
  Result.getOrElse(Result.try(() => is(given)), () => false)

/** A layer; what it provides is checked when it is built. */
export const layer: Check<Layer.Any> = instance(Layer.isLayer, "Give a layer")

const noOptions = "(no options)"

const unreadable = Symbol.for("@strata/core/Check/unreadable")
