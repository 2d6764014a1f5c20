/**
 * Permits up to a limit that adapts to the capacity of the provider, for each provider, scope and model.
 *
 * The limit is kept in `AdaptiveLimits` and computed here: only the first call of a key waits for the store. The store is
 * updated about once a second with the number of answers, and at once when the limit is decreased; its reply is adopted.
 * Without a reply, this process goes on by itself.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import * as Watchdog from "../../../internal/watchdog.ts"
import * as AdaptiveLimits from "../../../state/AdaptiveLimits.ts"
import * as FailingStore from "../../../state/internal/failingStore.ts"
import * as LimitCurve from "../../../state/internal/limitCurve.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Concurrency from "../../Concurrency.ts"
import * as Share from "../share.ts"
import * as WaitQueue from "../waitQueue.ts"
import * as FewestFirst from "./fewestFirst.ts"
import * as Permit from "./permit.ts"

/** Builds permits for all keys, whose `gates` can be looked at. They update the store as long as their scope is open. */
export const make = Effect.fnUntraced(function*(
  { key, ...adaptive }: Concurrency.Adaptive,
  gates: Map<string, Gate> = new Map()
): Effect.fn.Return<Permit.Permits, never, Scope.Scope> {
  const limits = yield* AdaptiveLimits.AdaptiveLimits
  const scope = yield* Effect.scope
  const { attempt } = FailingStore.of(limits, {
    name: "The store of concurrency limits",
    meanwhile: "this process goes on with limits of its own"
  })

  /** Asks the store and adopts its answer, unless the limit was decreased here in the meantime. */
  const ask = (
    gate: Gate,
    question: Effect.Effect<AdaptiveLimits.Current, AdaptiveLimits.AdaptiveLimitsError>
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { decreases } = gate
      return Effect.map(attempt(() => question, Effect.undefined), (current) => {
        if (current === undefined || decreases !== gate.decreases) return
        const isOver = gate.epoch !== current.epoch
        gate.epoch = current.epoch
        resize(gate, LimitCurve.grown(adaptive, current, gate.answered))
        if (isOver) beginRound(gate)
      })
    })

  const inBackground = (question: Effect.Effect<void>): Effect.Effect<void> =>
    Effect.asVoid(Effect.forkIn(question, scope, { startImmediately: true }))

  const exchange = (gate: Gate, now: number): Effect.Effect<void> => {
    if (gate.exchanging || now - gate.exchangedAt < exchangeMillis) return Effect.void
    gate.exchangedAt = now
    return inBackground(Effect.suspend(() => {
      const { answered, key } = gate
      gate.exchanging = true
      gate.answered = 0
      return Effect.ensuring(
        ask(gate, answered > 0 ? limits.increase(key, adaptive, answered) : limits.read(key, adaptive)),
        Effect.sync(() => void (gate.exchanging = false))
      )
    }))
  }

  /** Counts a call of the round, and decreases the limit at its end if too many were refused. */
  const count = (gate: Gate, isRefused: boolean): Effect.Effect<void> => {
    const { round } = gate
    round.calls++
    if (isRefused) {
      round.refused++
      resize(gate, gate.limit)
    }
    if (round.calls < round.size) return Effect.void
    const told = LimitCurve.isCongested(round.refused, round.calls)
      ? decrease(gate, round.refused / round.calls)
      : Effect.void
    beginRound(gate)
    return told
  }

  const beginRound = (gate: Gate) => {
    gate.round = { size: LimitCurve.whole(adaptive, gate.limit), calls: 0, refused: 0 }
    resize(gate, gate.limit)
  }

  const decrease = (gate: Gate, refused: number): Effect.Effect<void> => {
    const { answered, epoch } = gate
    gate.epoch++
    gate.decreases++
    gate.answered = 0
    gate.limit = LimitCurve.shrunk(adaptive, gate.limit, refused)
    // The store decreases its own limit, which must include the answers counted here.
    const told = answered > 0 ? limits.increase(gate.key, adaptive, answered) : Effect.void
    return inBackground(ask(gate, Effect.andThen(told, limits.decrease(gate.key, adaptive, epoch, refused))))
  }

  /** Refused calls above the noise withhold their permits for the rest of the round. */
  const resize = (gate: Gate, limit: number) => {
    const { refused, size } = gate.round
    const withheld = Math.max(0, refused - Math.floor(LimitCurve.noise(size)))
    gate.limit = limit
    gate.open = Math.max(adaptive.min, LimitCurve.whole(adaptive, limit) - withheld)
    grant(gate)
  }

  const grant = (gate: Gate) => {
    while (gate.used < gate.open && gate.queue.next()) gate.used++
    if (gate.used >= gate.open) gate.fills++
  }

  const leave = (gate: Gate, share: string) => {
    gate.used--
    gate.shares?.free(share)
    grant(gate)
  }

  /** A permit of a gate, of which `fills` counts how often it was full before. */
  const permit = (gate: Gate, fills: number, share: string): Permit.Permit => {
    const { epoch } = gate
    return {
      release: (outcome) =>
        Effect.flatMap(Watchdog.now, (now) => {
          let told = Effect.void
          if (epoch === gate.epoch && outcome !== "other") {
            const { refused, size } = gate.round
            // While permits are free, an answer does not show that more calls would be answered.
            if (outcome === "answered" && gate.fills > fills && !LimitCurve.isCongested(refused, size)) {
              gate.answered++
              resize(gate, LimitCurve.grown(adaptive, gate, 1))
            }
            told = count(gate, outcome === "refused")
          }
          leave(gate, share)
          return Effect.andThen(Effect.andThen(told, exchange(gate, now)), observe(gate))
        })
    }
  }

  const observe = (gate: Gate): Effect.Effect<void> =>
    Effect.andThen(gate.gauges.used(gate.used), gate.gauges.limit(gate.open))

  /** The first call of a key asks for its limit; those that come meanwhile wait. */
  const introduce = (
    gate: Gate,
    now: number,
    restore: WaitQueue.Restore,
    share: string
  ): Effect.Effect<Permit.Permit> => {
    gate.used = 1
    gate.shares?.use(share)
    gate.exchangedAt = now
    const begin = Effect.sync(() => {
      if (gate.round.size === 0) beginRound(gate)
    })
    return restore(ask(gate, limits.read(gate.key, adaptive))).pipe(
      Effect.ensuring(begin),
      Effect.onError(() => Effect.sync(() => leave(gate, share))),
      Effect.andThen(Effect.suspend(() => Effect.as(observe(gate), permit(gate, 0, share))))
    )
  }

  return {
    load: (target) => {
      const gate = gates.get(Telemetry.keyOf(target))
      return gate === undefined || gate.open === 0 ? 0 : gate.used / gate.open
    },
    take: Effect.fnUntraced(function*(target, restore, metadata) {
      const share = key === undefined ? "" : yield* restore(Share.of(key, target, metadata, Permit.option))
      const now = yield* Watchdog.now
      const gate: Gate = BoundedMap.getOrMake(gates, Telemetry.keyOf(target), () => {
        BoundedMap.sweep(gates, ({ takenAt, used }) => used === 0 && now - takenAt >= unusedMillis)
        return makeGate(target, adaptive, key === undefined ? undefined : FewestFirst.make())
      })
      const isNew = gate.takenAt === -Infinity
      gate.takenAt = now
      if (isNew) return yield* introduce(gate, now, restore, share)
      yield* exchange(gate, now)
      const { fills } = gate
      const takeFree = () => {
        if (gate.used >= gate.open) return false
        if (++gate.used === gate.open) gate.fills++
        gate.shares?.use(share)
        return true
      }
      if (takeFree()) yield* observe(gate)
      else {
        const wait = gate.queue.wait(restore, takeFree, () => leave(gate, share), share)
        yield* WaitQueue.recorded(wait, target, "concurrency")
      }
      return permit(gate, fills, share)
    })
  }
})

/**
 * The state of one key.
 *
 * - `limit`: the limit with its fraction, and `open`, the permits it allows; 0 until the limit is known.
 * - `shares`: the order of the queue where it is fair between keys.
 * - `fills`: how often all permits were taken: shows whether they were while a call was in flight.
 * - `answered`: answers that increased the limit since the store was updated.
 * - `round`: as many calls as the limit, and how many of them have ended and were refused.
 * - `decreases`: decreases here: shows whether an answer of the store is older than one.
 */
export type Gate = ReturnType<typeof makeGate>

const makeGate = (
  target: Telemetry.Target,
  { initial }: AdaptiveLimits.Adaptive,
  shares: FewestFirst.FewestFirst | undefined
) => ({
  key: Telemetry.keyOf(target),
  queue: WaitQueue.make(shares),
  shares,
  gauges: Permit.gauges(Telemetry.sharedAttributes(target)),
  limit: initial,
  open: 0,
  epoch: 0,
  used: 0,
  fills: 0,
  answered: 0,
  decreases: 0,
  round: { size: 0, calls: 0, refused: 0 },
  exchanging: false,
  exchangedAt: -Infinity,
  takenAt: -Infinity
})

const exchangeMillis = 1_000

/** How long an unused key is kept. The store keeps its limit. */
const unusedMillis = 600_000
