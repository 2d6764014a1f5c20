/**
 * A store behind a write queue that fails open: an error is a miss, and no answer waits for a write.
 *
 * One fiber writes for all calls. Queued entries can be read, and outlive their calls; a closing scope waits for them.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FailingStore from "../../state/internal/failingStore.ts"
import type * as Telemetry from "../../Telemetry.ts"
import type * as Lru from "./lru.ts"
import * as CacheMetrics from "./metrics.ts"

/** `store`: its identity, which all decorators that use it share. */
interface Options extends FailingStore.Description {
  readonly store: object
  readonly metrics: CacheMetrics.Metrics
}

/** Keys in one command to a store. */
export const batch = 256

const mostEntries = 4_096
const mostBytes = 64 * 1024 * 1024

/** How long a closing scope waits for writes. */
const drain = "2 seconds"

export const make = <E>({ getMany, setMany }: Lru.Bytes<E>, { metrics, store, ...description }: Options) =>
  Effect.gen(function*() {
    const { attempt } = FailingStore.of(store, description)
    const failed = (target: Telemetry.Target) => CacheMetrics.count(metrics.failures, target, 1)
    const queue = new Map<string, { readonly value: Uint8Array; readonly target: Telemetry.Target }>()
    let bytes = 0
    let writer: Fiber.Fiber<void> | undefined

    const write = Effect.whileLoop({
      while: () => queue.size > 0,
      body: () => {
        const group = [...queue].slice(0, batch)
        const [, { target }] = group[0]!
        const written = attempt(() => setMany(group.map(([key, { value }]) => [key, value])), failed(target), "write")
        return Effect.as(written, group)
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

    /** Whether the queue has room for an entry, which is then added. */
    const add = ([key, value]: Lru.Entry, target: Telemetry.Target): boolean => {
      const known = queue.get(key)
      const total = bytes - (known?.value.byteLength ?? 0) + value.byteLength
      if (total > mostBytes || (known === undefined && queue.size >= mostEntries)) return false
      queue.set(key, { value, target })
      bytes = total
      return true
    }

    const start = Effect.suspend(() =>
      writer !== undefined || queue.size === 0
        ? Effect.void
        : Effect.map(Effect.forkDetach(write, { startImmediately: true }), (fiber) => {
          writer = fiber
          fiber.addObserver(() => {
            writer = undefined
          })
        })
    )

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => writer === undefined ? Effect.void : Effect.timeoutOption(Fiber.await(writer), drain))
    )

    return {
      /** The values of at most {@link batch} keys; `undefined` when the store failed. */
      getMany: (keys: ReadonlyArray<string>, target: Telemetry.Target) =>
        Effect.map(
          attempt(() => getMany(keys), Effect.as(failed(target), undefined), "read"),
          (values) =>
            // Queued entries are read even while the store fails.
            values === undefined && keys.every((key) => !queue.has(key))
              ? undefined
              : keys.map((key, index) => queue.get(key)?.value ?? values?.[index])
        ),
      /** Queues entries. */
      setMany: (entries: Iterable<Lru.Entry>, target: Telemetry.Target) =>
        Effect.suspend(() => {
          const dropped = [...entries].filter((entry) => !add(entry, target)).length
          return dropped === 0 ? start : Effect.andThen(CacheMetrics.count(metrics.drops, target, dropped), start)
        })
    }
  })
