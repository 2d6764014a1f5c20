/**
 * A store behind a write queue that fails open: an error is a miss, and no answer waits for a write.
 *
 * One fiber writes for all calls. Queued entries can be read, and outlive the calls they come from; a closing scope waits
 * for them.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as FailingStore from "../../state/internal/failingStore.ts"
import type * as Telemetry from "../../Telemetry.ts"
import * as CacheMetrics from "./metrics.ts"

/** A key, and what is kept under it. */
export type Entry = readonly [key: string, value: Uint8Array]

/** Reads and writes of a store. */
export interface Bytes<E> {
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, E>
  readonly setMany: (entries: ReadonlyArray<Entry>) => Effect.Effect<void, E>
}

/**
 * - `getMany`: the values of at most {@link batch} keys; `undefined` when the store failed.
 * - `setMany`: queues entries.
 */
export interface WriteBehind {
  readonly getMany: (
    keys: ReadonlyArray<string>,
    target: Telemetry.Target
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined> | undefined>
  readonly setMany: (entries: Iterable<Entry>, target: Telemetry.Target) => Effect.Effect<void>
}

/** `store`: its identity, which all decorators that use it share. */
export interface Options extends FailingStore.Description {
  readonly store: object
  readonly metrics: CacheMetrics.Metrics
}

/** Keys in one command to a store. */
export const batch = 256

/** Bounds of the write queue. */
const mostEntries = 4_096
const mostBytes = 64 * 1024 * 1024

/** How long a closing scope waits for writes. */
const drain = "2 seconds"

export const make = <E>(
  { getMany, setMany }: Bytes<E>,
  { metrics, store, ...description }: Options
): Effect.Effect<WriteBehind, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { attempt } = FailingStore.of(store, description)
    const failed = (target: Telemetry.Target) => CacheMetrics.count(metrics.failures, target, 1)
    const queue = new Map<string, Queued>()
    let bytes = 0
    let writer: Fiber.Fiber<void> | undefined

    const write = Effect.whileLoop({
      while: () => queue.size > 0,
      body: () => {
        const group = [...queue].slice(0, batch)
        const [, { target }] = group[0]!
        return Effect.map(
          attempt(() => setMany(group.map(([key, { value }]) => [key, value])), failed(target), "write"),
          () => group
        )
      },
      step: (group) => {
        for (const [key, entry] of group) {
          // An entry replaced meanwhile is still to be written.
          if (queue.get(key) !== entry) continue
          queue.delete(key)
          bytes -= entry.value.byteLength
        }
      }
    })

    const add = (key: string, entry: Queued) => {
      const known = queue.get(key)
      const total = bytes - (known?.value.byteLength ?? 0) + entry.value.byteLength
      if (total > mostBytes || (known === undefined && queue.size >= mostEntries)) return false
      queue.set(key, entry)
      bytes = total
      return true
    }

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => writer === undefined ? Effect.void : Effect.timeoutOption(Fiber.await(writer), drain))
    )

    return {
      getMany: (keys, target) =>
        Effect.map(
          attempt(() => getMany(keys), Effect.as(failed(target), undefined), "read"),
          (values) =>
            // Queued entries are read even while the store fails.
            values === undefined && keys.every((key) => !queue.has(key))
              ? undefined
              : keys.map((key, index) => queue.get(key)?.value ?? values?.[index])
        ),
      setMany: (entries, target) =>
        Effect.suspend(() => {
          let dropped = 0
          for (const [key, value] of entries) if (!add(key, { value, target })) dropped++
          const counted = dropped === 0 ? Effect.void : CacheMetrics.count(metrics.drops, target, dropped)
          if (writer !== undefined || queue.size === 0) return counted
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

/** A value to be written, and the call it comes from. */
interface Queued {
  readonly value: Uint8Array
  readonly target: Telemetry.Target
}
