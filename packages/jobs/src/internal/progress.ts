/** The progress of a job, from its status now and then. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { called } from "./called.ts"
import type * as Registry from "./store/registry.ts"

/**
 * A status, and
 *
 * - `rate`: items a second that were done or failed, over the last half minute or so.
 * - `remaining`: at this rate; `undefined` while it, or the number of items, is not known.
 */
export interface Progress extends Registry.Status {
  readonly rate: number
  readonly remaining: Duration.Duration | undefined
}

/** Statuses the rate is taken over. */
const window = 30

/** A status each time. */
export const make = <E, R>(
  status: Effect.Effect<Registry.Status, E, R>,
  every: Duration.Duration,
  total: number | undefined
): Stream.Stream<Progress, E, R> =>
  Stream.fromEffect(status).pipe(
    Stream.concat(Stream.fromEffectRepeat(Effect.delay(status, every))),
    Stream.mapAccum((): ReadonlyArray<Registry.Status> => [], (before, status) => {
      const seen = [...before, status].slice(-window)
      return [seen, [progress(seen[0]!, status, total)]] as const
    })
  )

/** Whether there may be a next status. */
export const isOver = ({ state }: Registry.Status): boolean => state === "done" || state === "cancelled"

/** Tells of a job while an effect works on it. */
export const told = <E, R, E2>(
  working: Effect.Effect<void, E, R>,
  status: Effect.Effect<Registry.Status, E2>,
  onProgress: (progress: Progress) => Effect.Effect<unknown>
): Effect.Effect<void, E, R> => {
  const tell = (progress: Progress) => Effect.ignoreCause(called(() => onProgress(progress)))
  let last: Progress | undefined
  const telling = make(status, Duration.seconds(1), undefined).pipe(
    Stream.runForEach((progress) => tell(last = progress)),
    Effect.ignoreCause
  )
  return Effect.scoped(Effect.andThen(Effect.forkScoped(telling), working)).pipe(
    Effect.tap(() =>
      Effect.ignore(
        Effect.flatMap(status, (status) => tell({ ...status, rate: last?.rate ?? 0, remaining: Duration.zero }))
      )
    )
  )
}

const progress = (first: Registry.Status, status: Registry.Status, total: number | undefined): Progress => {
  const settled = ({ done, failed }: Registry.Status) => done + failed
  const seconds = (status.now - first.now) / 1000
  const rate = seconds > 0 ? Math.max(0, settled(status) - settled(first)) / seconds : 0
  const items = total ?? (status.state === "reading" ? undefined : status.read)
  const left = items === undefined ? undefined : Math.max(0, items - settled(status))
  return {
    ...status,
    rate,
    remaining: left === 0
      ? Duration.zero
      : left === undefined || rate === 0
      ? undefined
      : Duration.seconds(left / rate)
  }
}
