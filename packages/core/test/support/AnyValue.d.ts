import * as Effect from "effect/Effect"
/** A value that is made anew each time, and what a failing test calls it. */
export interface AnyValue {
  readonly name: string
  readonly make: () => unknown
}
/**
 * Values like a given one, with something wrong in them: a field that is missing, unknown, of another kind, or cannot
 * be read. The same `seed` gives the same ones.
 */
export declare const mutants: (value: unknown, seed: number, count: number) => ReadonlyArray<AnyValue>
/**
 * What is wrong with how a call ends: with a throw, with a defect, with an error that has no tag, or not within ten
 * seconds. Whatever the call gives is run: an effect, a stream, a layer. Nothing is wrong with an answer or a typed
 * error.
 */
export declare const troubleOf: (call: () => unknown) => Effect.Effect<string | undefined, never, never>
/**
 * {@link troubleOf} each call with each of the {@link values}, and what each is about. The value that `calls` gets stands
 * for one of any type; it is made anew for each call, since a call may use it up. With `every` each call is tried with one
 * in so many of the values, and the next call with others.
 */
export declare const troublesOf: (
  calls: (any: never) => ReadonlyArray<() => unknown>,
  every?: any
) => Effect.Effect<readonly string[], never, never>
/**
 * One of each kind: nothing, numbers, texts, objects that hold themselves, getters and proxies that throw, and so on.
 */
export declare const values: ReadonlyArray<AnyValue>
// # sourceMappingURL=AnyValue.d.ts.map
