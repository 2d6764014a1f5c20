/**
 * Reads values that a program was given: requests and options, which may come from plain JavaScript, from JSON or from
 * a database, whatever their types say.
 *
 * A {@link Check} makes plain data of its type out of any value, reading each property once, or tells what is wrong
 * with it: where, what, and what to do about it. None throws: a getter or a proxy that throws is a problem like any
 * other.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { type Cursor, type Found, isRecord, refuse, type Refused, refused, refuseKind } from "./internal/checkCursor.ts"
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

/** Gives plain data of type `A`, or says with {@link refuse} what is wrong and gives {@link refused}. */
export type Check<A> = (given: unknown, at: Cursor) => A | Refused

/** What values are called in problems: `field` goes before a path, `whole` is the value itself. */
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
  const { problem, remedy } = at.found ?? { problem: "it is not what is wanted", remedy: "Look at its type" }
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
 * - `remedy`: what to give where there is no object.
 * - `others`: what becomes of properties that are not among the fields. They are refused unless said otherwise;
 *   `ignored` leaves them out, but for those that look like a slip of the pen for one that is missing. For data which the
 *   program may extend.
 * - `instead`: what to do about properties that belong to another API, by name.
 */
export interface StructOptions {
  readonly remedy?: string | undefined
  readonly others?: "refused" | "ignored" | undefined
  readonly instead?: Readonly<Record<string, string>> | undefined
}

/** An object with these fields, and a copy of it with nothing else. A field that is `undefined` is left out. */
export const struct = <A extends object>(fields: Fields<A>, options: StructOptions = {}): Check<A> => {
  const entries: ReadonlyArray<readonly [string, Check<unknown>]> = Object.entries(fields)
  const stray = strays(fields, options)
  return (given, at) => {
    if (!isRecord(given)) return refuseKind(at, given, options.remedy ?? "Give an object")
    const copy: Record<string, unknown> = {}
    for (const [key, check] of entries) {
      if (member(copy, key, check, given, at) === refused) return refused
    }
    // Each field of `A` has gone through its check.
    return stray(given, at) === refused ? refused : copy as A
  }
}

/** As {@link struct}, of which each field may be missing. */
export const partial = <A extends object>(fields: Fields<A>, options?: StructOptions): Check<Partial<A>> =>
  // A field that is missing is left out of the copy, never `undefined`.
  struct(
    Object.fromEntries(
      Object.entries<Check<unknown>>(fields).map(([key, check]) => [key, optional(check)])
    ),
    options
  ) as Check<Partial<A>>

/**
 * - `unknown`: what is wrong with a word that is none of the kinds, and what to do about it.
 * - `alias`: other words for a kind.
 */
export interface TaggedOptions extends StructOptions {
  readonly unknown: (word: string) => readonly [problem: string, remedy: string]
  readonly alias?: Readonly<Record<string, string>> | undefined
}

/**
 * An object of one of several kinds, told apart by the word under `key`: the fields of each kind, besides that word.
 */
export const tagged = <Key extends string, A extends { readonly [K in Key]: string }>(
  key: Key,
  kinds: { readonly [Word in A[Key]]: Fields<Omit<Extract<A, { readonly [K in Key]: Word }>, Key>> },
  options: TaggedOptions
): Check<A> => {
  const words = Object.keys(kinds)
  const known = new Map(
    Object.entries<Readonly<Record<string, Check<unknown>>>>(kinds).map(([word, fields]) => [word, {
      word,
      entries: Object.entries(fields),
      stray: strays({ ...fields, [key]: true }, options)
    }])
  )
  for (const [word, kind] of Object.entries(options.alias ?? {})) known.set(word, known.get(kind)!)
  return (given, at) => {
    if (!isRecord(given)) return refuseKind(at, given, options.remedy ?? "Give an object")
    const word = given[key]
    const kind = typeof word === "string" ? known.get(word) : undefined
    if (kind === undefined) {
      at.path.push(key)
      return typeof word === "string"
        ? refuse(at, ...options.unknown(word))
        : refuseKind(at, word, `Use ${CheckWords.list(words)}`)
    }
    const copy: Record<string, unknown> = { [key]: kind.word }
    for (const [field, check] of kind.entries) {
      if (member(copy, field, check, given, at) === refused) return refused
    }
    // Each field of this kind has gone through its check.
    return kind.stray(given, at) === refused ? refused : copy as A
  }
}

const member = (
  copy: Record<string, unknown>,
  key: string,
  check: Check<unknown>,
  given: Readonly<Record<string, unknown>>,
  at: Cursor
): Refused | undefined => {
  at.path.push(key)
  const settled = check(given[key], at)
  if (settled === refused) return refused
  if (settled !== undefined) copy[key] = settled
  at.path.pop()
}

/** Refuses the first property that is no field. */
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
      // Where the field itself is there, it was not meant.
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

/** Nothing, or what the check takes. `null` is something. */
export const optional = <A>(check: Check<A>): Check<A | undefined> => (given, at) =>
  given === undefined ? undefined : check(given, at)

/** An array of what the check takes, of no more than `most` items; a copy of it. */
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

/** Text, blank or not. */
export const text: Check<string> = (given, at) => typeof given === "string" ? given : refuseKind(at, given, "Give text")

/** Text that says something. */
export const filled: Check<string> = (given, at) =>
  typeof given !== "string"
    ? refuseKind(at, given, "Give text")
    : /\S/u.test(given)
    ? given
    : refuse(at, "the text is blank", "Fill it in, or leave it out")

/** `true` or `false`. */
export const flag: Check<boolean> = (given, at) =>
  typeof given === "boolean" ? given : refuseKind(at, given, "Use true or false")

/** One of some words; `instead` says what to do about words of other libraries. */
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
 * - `min`, `max`: the bounds, both allowed; `above` in place of `min` where that itself is too little.
 * - `whole`: refuses fractions, and what is too large to count with.
 * - `what`: what it is a number of, for the problem: "a number of tokens".
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

/** A duration in any form that Effect takes, not negative; infinite only where that is said. */
export const duration = (
  { infinite = false, zero = true }: { readonly infinite?: boolean; readonly zero?: boolean } = {}
): Check<Duration.Duration> =>
(given, at) => {
  const found = toDuration(given)
  const remedy = `Use a duration such as "30 seconds"${infinite ? ", or \"Infinity\"" : ""}`
  if (found === undefined) {
    return typeof given === "string"
      ? refuse(at, "the text is no duration", remedy)
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

/** A function. What it does when it is called is for {@link threw} to tell. */
export const callback = <F extends (...args: never) => unknown>(remedy = "Give a function"): Check<F> => (given, at) =>
  // Of a function nothing more can be known.
  typeof given === "function" ? given as F : refuseKind(at, given, remedy)

/** What only its own module can read: an instance of a class, a layer, a schedule. */
export const instance = <A>(is: (given: unknown) => given is A, remedy: string): Check<A> => (given, at) =>
  is(given) ? given : refuseKind(at, given, remedy)

/** Bytes, handed on and not copied. */
export const bytes: Check<Uint8Array> = (given, at) =>
  // A proxy of bytes is none: its length cannot be read.
  given instanceof Uint8Array && given.byteLength >= 0
    ? given
    : refuseKind(at, given, typeof given === "string" ? "Give a Uint8Array: decode the base64" : "Give a Uint8Array")

/** JSON, or a value with a JSON form, as a plain copy; see {@link JsonOptions}. */
export const json = (options: JsonOptions = {}): Check<unknown> => (given, at) => CheckJson.copy(given, at, options)

/** An object of JSON. */
export const jsonObject = (
  remedy = "Give an object",
  options: JsonOptions = {}
): Check<{ readonly [key: string]: unknown }> =>
(given, at) => isRecord(given) ? CheckJson.copy(given, at, options) : refuseKind(at, given, remedy)

/** What may be among the values that JSON cannot say: `bytes`, `bigint`, and all `others`. */
export type JsonOptions = CheckJson.Options

/** Options under the keys of their providers: whether they are right is for these to say. */
export const providerOptions: Check<{ readonly [key: string]: unknown }> = jsonObject(
  "Give an object with the options of each provider",
  { others: true }
)

/** The error for a function of the program's that threw in place of giving what it is asked for at `field`. */
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
    message: `${field}: the function for it threw. ${threwRemedy}.`,
    cause
  })

const threwRemedy = "Look at the cause"

/** Anything, for what is checked elsewhere. */
export const unchecked = <A>(): Check<A> => (given) => given as A

/**
 * The own fields of options, each read once and not checked, without those that are `undefined`: for constructors,
 * which leave it to the layer to refuse what cannot be right. What is no object, or cannot be read, becomes a field
 * that no {@link struct} knows.
 */
export const fieldsOf = <A extends object>(options: A | undefined): { readonly [Key in keyof A]: unknown } =>
  // The names are those of `A`, or none that a check takes.
  Result.getOrElse(
    Result.try(() =>
      options === undefined
        ? {}
        : isRecord(options)
        ? Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
        : { [noOptions]: options }
    ),
    () => ({ [noOptions]: unreadable })
  ) as { readonly [Key in keyof A]: unknown }

/** The items of an array as they are; nothing where there is none, or it cannot be read. */
export const itemsOf = (given: unknown): ReadonlyArray<unknown> | undefined =>
  Result.getOrUndefined(Result.try(() =>
    Array.isArray(given) && given.length <= mostItems
      ? Array.from({ length: given.length }, (_, index): unknown => given[index])
      : undefined
  ))

/** More than any list of options or messages has. */
const mostItems = 1_000_000

/** Whether a value is what a predicate says; a value that cannot be read is not. */
export const holds = (is: (given: unknown) => boolean, given: unknown): boolean =>
  Result.getOrElse(Result.try(() => is(given)), () => false)

/** A layer, by its looks: what it builds shows when it is built. */
export const layer: Check<Layer.Any> = instance(Layer.isLayer, "Give a layer")

/** No name of an option. */
const noOptions = "(no options)"

const unreadable = Symbol.for("@strata/core/Check/unreadable")
