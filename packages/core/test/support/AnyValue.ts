/**
 * Values that no type allows, and that plain JavaScript, an unchecked body or a row of a database brings along all the
 * same: for tests that a function has an answer or a typed error for whatever it is given.
 *
 * @example
 * assert.deepStrictEqual(
 *   yield* AnyValue.troublesOf((any) => [() => ChatService.generate(any), () => ChatService.generate([any])]),
 *   []
 * )
 */
import * as Check from "@strata/core/Check"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** A value that is made anew each time, and what a failing test calls it. */
export interface AnyValue {
  readonly name: string
  readonly make: () => unknown
}

/**
 * Values like a given one, with something wrong in them: a field that is missing, unknown, of another kind, or cannot
 * be read. The same `seed` gives the same ones.
 */
export const mutants = (value: unknown, seed: number, count: number): ReadonlyArray<AnyValue> => {
  const random = randomOf(typeof seed === "number" ? seed : 0)
  return Array.from({ length: typeof count === "number" && count < 1e6 ? count : 0 }, () => mutant(value, random))
}

/**
 * What is wrong with how a call ends: with a throw, with a defect, with an error that has no tag, or not within ten
 * seconds. Whatever the call gives is run: an effect, a stream, a layer. Nothing is wrong with an answer or a typed
 * error.
 */
export const troubleOf = Effect.fnUntraced(function*(call: () => unknown): Effect.fn.Return<string | undefined> {
  const given = Result.try(() => call())
  if (Result.isFailure(given)) return `throws: ${describe(given.failure)}`
  const run = runnable(given.success)
  if (run === undefined) return undefined
  const exit = yield* Effect.exit(Effect.timeout(Effect.scoped(run), "10 seconds"))
  if (Exit.isSuccess(exit)) return undefined
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isNone(error) || Cause.hasDies(exit.cause)) return `dies: ${describe(Cause.squash(exit.cause))}`
  if (Cause.isTimeoutError(error.value)) return "does not end"
  return Check.holds((error) => Predicate.hasProperty(error, "_tag"), error.value)
    ? undefined
    : `fails without a tag: ${describe(error.value)}`
})

/**
 * {@link troubleOf} each call with each of the {@link values}, and what each is about. The value that `calls` gets stands
 * for one of any type; it is made anew for each call, since a call may use it up. With `every` each call is tried with one
 * in so many of the values, and the next call with others.
 */
export const troublesOf = Effect.fnUntraced(function*(
  calls: (any: never) => ReadonlyArray<() => unknown>,
  every = 1
): Effect.fn.Return<ReadonlyArray<string>> {
  const troubles: Array<string> = []
  for (const [place, { make, name }] of values.entries()) {
    const made = Result.try(() => calls(make() as never))
    const { length } = Check.itemsOf(Result.getOrUndefined(made)) ?? []
    if (length === 0) troubles.push(`there are no calls with ${name}`)
    for (let index = 0; index < length; index++) {
      if ((place + index) % every !== 0) continue
      const trouble = yield* troubleOf(() => calls(make() as never)[index]!())
      if (trouble !== undefined) troubles.push(`call ${index} with ${name} ${trouble}`)
    }
  }
  return troubles
})

/** What a call gave, as an effect; its requirements are those of the test. */
const runnable = (given: unknown): Effect.Effect<unknown, unknown, Scope.Scope> | undefined => {
  if (Check.holds(Effect.isEffect, given)) return given as Effect.Effect<unknown, unknown>
  if (Check.holds(Stream.isStream, given)) {
    return Stream.runDrain(Stream.take(given as Stream.Stream<unknown, unknown>, 100))
  }
  if (Check.holds(Layer.isLayer, given)) return Layer.build(given as Layer.Layer<unknown, unknown>)
}

const describe = (cause: unknown): string =>
  Result.getOrElse(Result.try(() => cause instanceof Error ? cause.stack ?? cause.message : String(cause)), () => "?")

const mutant = (value: unknown, random: Random): AnyValue => {
  const places = placesOf(value)
  const place = places[random(places.length)] ?? []
  const other = values[random(values.length)]!
  const [key, ...rest] = [...place].reverse()
  const parent = rest.reverse()
  const changes: ReadonlyArray<Change> = [
    { name: `${other.name} at ${shown(place)}`, apply: (copy) => put(copy, place, other.make()) },
    { name: `nothing at ${shown(place)}`, apply: (copy) => remove(copy, place) },
    { name: `${other.name} beside ${shown(place)}`, apply: (copy) => put(copy, [...parent, `${key}s`], other.make()) },
    { name: `a getter that throws at ${shown(place)}`, apply: (copy) => spoil(copy, place) }
  ]
  const change = place.length === 0 ? changes[0]! : changes[random(changes.length)]!
  return { name: change.name, make: () => change.apply(cloned(value)) }
}

interface Change {
  readonly name: string
  readonly apply: (copy: unknown) => unknown
}

type Place = ReadonlyArray<string>

const shown = (place: Place): string => place.length === 0 ? "the top" : place.join(".")

/** Whether a value has places of its own. */
const isInner = (value: unknown): value is Record<string, unknown> =>
  Check.holds(
    (value) =>
      Array.isArray(value) && value.length < 1000 ||
      typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype,
    value
  )

/** Every place in a value, that of the value itself first; of one that cannot be read, that alone. */
const placesOf = (value: unknown): ReadonlyArray<Place> =>
  Result.getOrElse(Result.try(() => placesWithin(value, 0)), () => [[]])

const placesWithin = (value: unknown, depth: number): ReadonlyArray<Place> => [
  [],
  ...(isInner(value) && depth < 12
    ? Object.entries(value).flatMap(([key, inner]) => placesWithin(inner, depth + 1).map((place) => [key, ...place]))
    : [])
]

const cloned = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(cloned)
    : isInner(value)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cloned(inner)]))
    : value

/** Does something with what holds a place of a copy. */
const at = (
  copy: unknown,
  place: Place,
  change: (holder: Record<string, unknown>, key: string) => void
): unknown => {
  const key = place.at(-1)
  const holder = place.slice(0, -1).reduce<unknown>((inner, key) => isInner(inner) ? inner[key] : undefined, copy)
  if (key !== undefined && isInner(holder)) change(holder, key)
  return copy
}

const put = (copy: unknown, place: Place, value: unknown): unknown =>
  place.length === 0 ? value : at(copy, place, (holder, key) => holder[key] = value)

const remove = (copy: unknown, place: Place): unknown => at(copy, place, (holder, key) => delete holder[key])

const spoil = (copy: unknown, place: Place): unknown =>
  at(copy, place, (holder, key) => Object.defineProperty(holder, key, { get: fail, enumerable: true }))

/** What is revoked throws whenever it is touched. */
const revoked = <A extends object>(target: A): A => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const dead = revoked({ touched: true })

const fail = (): never => {
  // Reading it throws, so nothing is ever given.
  const { touched } = dead
  return touched as never
}

const throwing = (): unknown =>
  new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail })

const withGetter = (...names: ReadonlyArray<string>): unknown =>
  Object.defineProperties({}, Object.fromEntries(names.map((name) => [name, { get: fail, enumerable: true }])))

const cycle = (): unknown => {
  const self: Record<string, unknown> = { type: "object" }
  self["properties"] = { self }
  return self
}

const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = "the innermost"
  for (let level = 0; level < levels; level++) value = wrap(value)
  return value
}

// Once: they are large, and no call can use them up but by writing to its argument.
const deepArray = nested(20_000, (inner) => Object.freeze([inner]))
const deepObject = nested(20_000, (inner) => Object.freeze({ inner }))

const hole = (): unknown => {
  const items: Array<unknown> = ["first"]
  items[3] = "last"
  return items
}

const listWithGetter = (): unknown => Object.defineProperty(["first", "second"], 1, { get: fail, enumerable: true })

class Thing {
  readonly #secret = 1
  readonly messages = "of a class"
  get secret() {
    return this.#secret
  }
}

/**
 * One of each kind: nothing, numbers, texts, objects that hold themselves, getters and proxies that throw, and so on.
 */
export const values: ReadonlyArray<AnyValue> = Object.entries<() => unknown>({
  "undefined": () => undefined,
  "null": () => null,
  "true": () => true,
  "false": () => false,
  "0": () => 0,
  "-0": () => -0,
  "-1": () => -1,
  "0.5": () => 0.5,
  "1e308": () => 1e308,
  "2 ** 53": () => 2 ** 53,
  "NaN": () => Number.NaN,
  "Infinity": () => Infinity,
  "-Infinity": () => -Infinity,
  "a bigint": () => 10n ** 30n,
  "no text": () => "",
  "a blank text": () => " \n",
  "a text": () => "some text",
  "half a surrogate pair": () => "\ud83d text",
  "__proto__": () => "__proto__",
  "a long text": () => "x-".repeat(50_000),
  "a symbol": () => Symbol.iterator,
  "a function": () => () => "answer",
  "a function that throws": () => fail,
  "a generator": () => function*() {},
  "a class": () => Thing,
  "an empty array": () => [],
  "[null]": () => [null],
  "[undefined]": () => [undefined],
  "an array with holes": hole,
  "an endless array": () => Object.assign([], { length: 2 ** 32 - 1 }),
  "an array with a getter that throws": listWithGetter,
  "an array that is a revoked proxy": () => revoked([]),
  "an array of arrays of arrays": () => [deepArray],
  "an empty object": () => ({}),
  "an object without a prototype": () => Object.create(null),
  "an object that looks like an array": () => ({ length: 2, 0: "a", 1: "b" }),
  "a getter of then that throws": () => withGetter("then"),
  "an object that holds itself": cycle,
  "an object in an object in an object": () => ({ inner: deepObject }),
  "a small object of 2 ** 60 values": () => nested(60, (inner) => ({ left: inner, right: inner })),
  "an object with a prototype of its own": () => ({ ["__proto__"]: { polluted: true }, constructor: null }),
  "a proxy that throws": throwing,
  "a revoked proxy": () => revoked({}),
  "a function that is a revoked proxy": () => revoked(() => "answer"),
  "getters that throw": () => withGetter("messages", "model", "content", "type", "bytes", "text", "length", "toJSON"),
  "toString and toJSON that throw": () => ({ toString: fail, toJSON: fail, valueOf: fail, [Symbol.toPrimitive]: fail }),
  "an endless iterator": () => ({ [Symbol.iterator]: () => ({ next: () => ({ done: false, value: undefined }) }) }),
  "an iterator that throws": () => ({ [Symbol.iterator]: fail }),
  "an instance of a class": () => new Thing(),
  "a Date": () => new Date(0),
  "a Date that is none": () => new Date(Number.NaN),
  "a Map": () => new Map([["messages", "Hi"]]),
  "a Set": () => new Set(["Hi"]),
  "a WeakMap": () => new WeakMap(),
  "a RegExp": () => /x/u,
  "an Error": () => new Error("an error"),
  "a Promise": () => Promise.resolve("Hi"),
  "a boxed text": () => Object("Hi"),
  "bytes": () => Uint8Array.of(1, 2, 3),
  "no bytes": () => new Uint8Array(),
  "floats of double length": () => Float64Array.of(1, 2),
  "a buffer": () => new ArrayBuffer(8),
  "a proxy of bytes": () => new Proxy(Uint8Array.of(1), {}),
  "an effect": () => Effect.succeed("Hi"),
  "a layer": () => Layer.empty,
  "a stream": () => Stream.make("Hi", null, { text: null })
}).map(([name, make]) => ({ name, make }))

/** A number below a bound. */
type Random = (bound: number) => number

/** The generator mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
const randomOf = (seed: number): Random => {
  let state = seed | 0
  return (bound) => {
    state = state + 0x6d2b79f5 | 0
    let mixed = Math.imul(state ^ state >>> 15, 1 | state)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) % bound
  }
}
