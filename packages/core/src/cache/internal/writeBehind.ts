/**
 * The store of a cache as its calls see it: it fails open, so that a store out of reach has no entries, and writes are
 * behind, so that no answer waits for them.
 *
 * Writes are kept in memory until they are made, by one fiber for all calls, and read from there. They outlive the calls
 * they come from, and are made before the scope closes.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as FailingStore from "../../state/internal/failingStore.ts"
import type * as Telemetry from "../../Telemetry.ts"

/** A key, and what is kept under it. */
export type Entry = readonly [key: string, value: Uint8Array]

/** Reads and writes of a store. */
export interface Bytes<E> {
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, E>
  readonly setMany: (entries: ReadonlyArray<Entry>) => Effect.Effect<void, E>
}

/**
 * - `getMany`: the values of at most {@link batch} keys; `undefined` where the store did not answer.
 * - `setMany`: writes entries later.
 */
export interface WriteBehind {
  readonly getMany: (
    keys: ReadonlyArray<string>,
    target: Telemetry.Target
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined> | undefined>
  readonly setMany: (entries: Iterable<Entry>, target: Telemetry.Target) => Effect.Effect<void>
}

/**
 * - `store`: what may be out of reach, common to all that use it.
 * - `onFailure`: a read or a write failed, or was left out.
 * - `onDrop`: so many entries were not kept because too many wait to be written.
 */
export interface Options extends FailingStore.Description {
  readonly store: object
  readonly onFailure: (target: Telemetry.Target) => Effect.Effect<void>
  readonly onDrop: (target: Telemetry.Target, entries: number) => Effect.Effect<void>
}

/** Keys in one command to a store. */
export const batch = 256

/** What waits to be written, at most. */
const mostEntries = 4_096
const mostBytes = 64 * 1024 * 1024

/** How long a scope that closes waits for writes. */
const drain = "2 seconds"

/** Builds it; what is not written when the scope closes is written before it is closed. */
export const make = <E>(
  { getMany, setMany }: Bytes<E>,
  { onDrop, onFailure, store, ...description }: Options
): Effect.Effect<WriteBehind, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { attempt } = FailingStore.of(store, description)
    const waiting = new Map<string, Waiting>()
    let bytes = 0
    let writer: Fiber.Fiber<void> | undefined

    const write = Effect.whileLoop({
      while: () => waiting.size > 0,
      body: () => {
        const group = [...waiting].slice(0, batch)
        const [, { target }] = group[0]!
        return Effect.map(
          attempt(() => setMany(group.map(([key, { value }]) => [key, value])), onFailure(target), "write"),
          () => group
        )
      },
      step: (group) => {
        for (const [key, entry] of group) {
          // What was replaced meanwhile has not been written.
          if (waiting.get(key) !== entry) continue
          waiting.delete(key)
          bytes -= entry.value.byteLength
        }
      }
    })

    const add = (key: string, entry: Waiting) => {
      const known = waiting.get(key)
      const total = bytes - (known?.value.byteLength ?? 0) + entry.value.byteLength
      if (total > mostBytes || (known === undefined && waiting.size >= mostEntries)) return false
      waiting.set(key, entry)
      bytes = total
      return true
    }

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => writer === undefined ? Effect.void : Effect.timeoutOption(Fiber.await(writer), drain))
    )

    return {
      getMany: (keys, target) =>
        Effect.map(
          attempt(() => getMany(keys), Effect.as(onFailure(target), undefined), "read"),
          (values) =>
            // A store that does not answer may still have been told what waits to be written.
            values === undefined && keys.every((key) => !waiting.has(key))
              ? undefined
              : keys.map((key, index) => waiting.get(key)?.value ?? values?.[index])
        ),
      setMany: (entries, target) =>
        Effect.suspend(() => {
          let dropped = 0
          for (const [key, value] of entries) if (!add(key, { value, target })) dropped++
          const counted = dropped === 0 ? Effect.void : onDrop(target, dropped)
          if (writer !== undefined || waiting.size === 0) return counted
          return Effect.andThen(
            counted,
            Effect.map(Effect.forkDetach(write, { startImmediately: true }), (fiber) => {
              writer = fiber
              fiber.addObserver(() => {
                writer = undefined
              })
            })
          )
        })
    }
  })

/** A value that is not written yet, and the call it comes from. */
interface Waiting {
  readonly value: Uint8Array
  readonly target: Telemetry.Target
}
