/**
 * Validates values of unknown type: requests and options that may come from JavaScript, JSON or a database.
 *
 * A check turns a value into plain data of its type, reading each property once, or refuses it with a path, a problem and a
 * remedy. It never throws: a getter or proxy that throws is a problem, too.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import { type Cursor, type Found, part, refuse, type Refused, refused, refuseKind } from "./internal/check/cursor.ts"
import * as CheckJson from "./internal/check/json.ts"
import * as CheckWords from "./internal/check/words.ts"
import { defined } from "./internal/defined.ts"
import * as Total from "./internal/total.ts"
import * as ProviderError from "./ProviderError.ts"

export * from "./internal/check/cursor.ts"
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
  const settled = Total.make(check, (): A | Refused => refuse(at, ...unread))(given, at)
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
      const settled = part(check, given, key, at)
      if (settled === refused) return refused
      if (settled !== undefined) copy[key] = settled
    }
    return stray(given, at) ?? copy
  }
}

/** {@link struct} with optional fields, which are left out of the copy where they are missing. */
export const partial = <A extends object>(fields: Fields<A>, options?: StructOptions): Check<Partial<A>> =>
  struct(Record.map(fields as Readonly<Record<string, Check<unknown>>>, optional), options) as Check<Partial<A>>

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

const strays = (fields: object, { instead = {}, others = "refused", remedy = "Give an object" }: StructOptions) => {
  const names = Object.keys(fields)
  const known = new Set(names)
  return (given: Readonly<Record<string, unknown>>, at: Cursor): Refused | undefined => {
    for (const key of Object.keys(given)) {
      if (known.has(key)) continue
      const value = given[key]
      if (key === noOptions) return value === unreadable ? refuse(at, ...unread) : refuseKind(at, value, remedy)
      if (value === undefined || value === null && others === "ignored") continue
      const near = CheckWords.nearest(key, names)
      const isMisspelled = near !== undefined && !(others === "ignored" && near in given)
      const advice = Object.hasOwn(instead, key)
        ? instead[key]
        : isMisspelled
        ? `Did you mean \`${near}\`? Else leave it out`
        : undefined
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
    const settled = part(item, given, index, at)
    if (settled === refused) return refused
    copy.push(settled)
  }
  return copy
}

/** Any text. */
export const text: Check<string> = (given, at) => typeof given === "string" ? given : refuseKind(at, given, "Give text")

/** Text that is not blank. */
export const filled: Check<string> = (given, at) =>
  typeof given === "string" && !/\S/u.test(given)
    ? refuse(at, "the text is blank", "Fill it in, or leave it out")
    : text(given, at)

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
  const remedy = `Use a duration such as "30 seconds"${infinite ? ", or \"Infinity\"" : ""}`
  const found = toDuration(given)
  if (found === undefined) {
    return typeof given === "string" ? refuse(at, "the text is not a duration", remedy) : refuseKind(at, given, remedy)
  }
  const problem = Duration.isNegative(found)
    ? "negative"
    : !infinite && !Duration.isFinite(found)
    ? "infinite"
    : !zero && Duration.isZero(found)
    ? "zero"
    : undefined
  return problem === undefined ? found : refuse(at, `the duration is ${problem}`, remedy)
}

/** The duration of a `Duration.Input`; `undefined` for `NaN`, objects without a unit, and other values. */
export const toDuration: (given: unknown) => Duration.Duration | undefined = Total.make(
  (given) =>
    Duration.isDuration(given)
      ? Number.isNaN(Duration.toMillis(given)) ? undefined : given
      : saysTime(given)
      ? Option.getOrUndefined(Duration.fromInput(given))
      : undefined,
  () => undefined
)

const saysTime = (given: unknown): given is Duration.Input => {
  if (typeof given === "string" || typeof given === "bigint" || isNumber(given)) return true
  if (Array.isArray(given)) return given.length === 2 && given.every(isNumber)
  if (!Predicate.isObject(given)) return false
  const units = Object.keys(given)
  return units.length > 0 && units.every((unit) => unitOfTime.test(unit) && isNumber(given[unit]))
}

const unitOfTime = /^(weeks|days|hours|minutes|(milli|micro|nano)?seconds)$/

const isNumber = (given: unknown): boolean => typeof given === "number" && !Number.isNaN(given)

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
): ProviderError.InvalidRequestError => {
  const remedy = "See the cause"
  const message = `${field}: the function threw. ${remedy}.`
  return new ProviderError.InvalidRequestError({ provider, model, field, remedy, message, cause })
}

/** The error for what a program gives to Strata itself, not to a provider. */
export const invalid = (field: string, problem: string, remedy: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({ provider: "strata", field, problem, remedy })

/** Any value; it is checked elsewhere. */
export const unchecked = <A>(): Check<A> => (given) => given as A

/**
 * The own fields of options, each read once, without those that are `undefined`: for constructors, whose options the
 * layer checks. A value that is not a readable object becomes a field that every {@link struct} refuses.
 */
export const fieldsOf = <A extends object>(options: A | undefined): { readonly [Key in keyof A]: unknown } =>
  // The names are those of `A`, or one that no check accepts.
  ownFields(options) as { readonly [Key in keyof A]: unknown }

const ownFields = Total.make(
  (options: unknown): Readonly<Record<string, unknown>> =>
    options === undefined ? {} : Predicate.isObject(options) ? defined(options) : { [noOptions]: options },
  () => ({ [noOptions]: unreadable })
)

/** The items of an array, unchecked; `undefined` for any other value. */
export const itemsOf: (given: unknown) => ReadonlyArray<unknown> | undefined = Total.make(
  (given) =>
    Array.isArray(given) && given.length <= mostItems
      ? Array.from({ length: given.length }, (_, index): unknown => given[index])
      : undefined,
  () => undefined
)

const mostItems = 1_000_000

/** A predicate that is false where it throws. */
export const holds = (is: (given: unknown) => boolean, given: unknown): boolean => Total.make(is, () => false)(given)

/** A layer; what it provides is checked when it is built. */
export const layer: Check<Layer.Any> = instance(Layer.isLayer, "Give a layer")

const noOptions = "(no options)"

const unreadable = Symbol.for("@strata/core/Check/unreadable")
