/**
 * Permits up to a limit that adapts to what the provider takes, for each provider, scope and model.
 *
 * The limit is kept in `AdaptiveLimits`, and worked on here: a call never waits for the store, but for the first one of a
 * key. The store is told about once a second how many calls were answered, and at once when the limit is decreased; what it
 * says holds from then on. Without an answer, this process goes on by itself.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as AdaptiveLimits from "../../../state/AdaptiveLimits.ts"
import * as FailingStore from "../../../state/internal/failingStore.ts"
import * as LimitCurve from "../../../state/internal/limitCurve.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Concurrency from "../../Concurrency.ts"
import * as WaitQueue from "../waitQueue.ts"
import * as PermitGauges from "./permitGauges.ts"
import type * as Permits from "./permits.ts"

/** Builds permits for all keys; they tell the store what they learn as long as their scope is open. */
export const make = (adaptive: Concurrency.Adaptive): Effect.Effect<Permits.Permits, never, Scope.Scope> =>
  Effect.gen(function*() {
    const limits = yield* AdaptiveLimits.AdaptiveLimits
    const scope = yield* Effect.scope
    return makeIn(new Map(), { adaptive, limits, scope })
  })

/** What all gates have in common. */
export interface Options {
  readonly adaptive: AdaptiveLimits.Adaptive
  readonly limits: AdaptiveLimits.AdaptiveLimits
  readonly scope: Scope.Scope
}

/** Builds permits whose gates can be looked at. */
export const makeIn = (gates: Map<string, Gate>, { adaptive, limits, scope }: Options): Permits.Permits => {
  const { attempt } = FailingStore.of(limits, {
    name: "The store of concurrency limits",
    meanwhile: "this process goes on with limits of its own"
  })

  /** Asks the store, and goes by its answer, unless the limit was decreased here in the meantime. */
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

  /** Tells the store what was answered, or only asks how things are. */
  const exchange = (gate: Gate, now: number): Effect.Effect<void> => {
    if (gate.exchanging || now - gate.exchangedAt < exchangeMillis) return Effect.void
    gate.exchangedAt = now
    return inBackground(Effect.suspend(() => {
      const { answered } = gate
      gate.exchanging = true
      gate.answered = 0
      return Effect.ensuring(
        ask(gate, answered > 0 ? limits.increase(gate.key, adaptive, answered) : limits.read(gate.key, adaptive)),
        Effect.sync(() => {
          gate.exchanging = false
        })
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
    // The store decreases its own limit, which must have what this process learned before.
    const told = answered > 0 ? limits.increase(gate.key, adaptive, answered) : Effect.void
    return inBackground(ask(gate, Effect.andThen(told, limits.decrease(gate.key, adaptive, epoch, refused))))
  }

  /** Refused calls above the noise keep their permits back for the rest of the round. */
  const resize = (gate: Gate, limit: number) => {
    const { refused, size } = gate.round
    const keptBack = Math.max(0, refused - Math.floor(LimitCurve.noise(size)))
    gate.limit = limit
    gate.open = Math.max(adaptive.min, LimitCurve.whole(adaptive, limit) - keptBack)
    while (gate.used < gate.open && gate.queue.next()) gate.used++
    if (gate.used >= gate.open) gate.fills++
  }

  const leave = (gate: Gate) => {
    gate.used--
    while (gate.used < gate.open && gate.queue.next()) gate.used++
    if (gate.used >= gate.open) gate.fills++
  }

  /** A permit of a gate, of which `fills` counts how often it was full before. */
  const permit = (gate: Gate, fills: number): Permits.Permit => {
    const { epoch } = gate
    return {
      release: (outcome) =>
        Clock.clockWith((clock) =>
          Effect.suspend(() => {
            let told = Effect.void
            if (epoch === gate.epoch && outcome !== "other") {
              const { refused, size } = gate.round
              // While there is room to spare, an answer does not show that more would be answered.
              if (outcome === "answered" && gate.fills > fills && !LimitCurve.isCongested(refused, size)) {
                gate.answered++
                resize(gate, LimitCurve.grown(adaptive, gate, 1))
              }
              told = count(gate, outcome === "refused")
            }
            leave(gate)
            return Effect.andThen(Effect.andThen(told, exchange(gate, monotonic(clock))), observe(gate))
          })
        )
    }
  }

  const observe = (gate: Gate): Effect.Effect<void> =>
    Effect.andThen(gate.gauges.used(gate.used), gate.gauges.limit(gate.open))

  /** The gate of a target. Each new one looks at two others, in turn, and forgets them when they were not used for long. */
  const gateOf = (target: Telemetry.Target, now: number): Gate => {
    const key = Telemetry.keyOf(target)
    const known = gates.get(key)
    if (known !== undefined) return known
    let looks = 2
    for (const [key, gate] of gates) {
      if (looks-- === 0) break
      gates.delete(key)
      if (gate.used > 0 || now - gate.takenAt < unusedMillis) gates.set(key, gate)
    }
    const made = gate(key, target, adaptive)
    gates.set(key, made)
    return made
  }

  /** The first call of a key asks for its limit; those that come meanwhile wait. */
  const introduce = (gate: Gate, now: number, restore: WaitQueue.Restore): Effect.Effect<Permits.Permit> => {
    gate.used = 1
    gate.exchangedAt = now
    const begin = Effect.sync(() => {
      if (gate.round.size === 0) beginRound(gate)
    })
    return restore(ask(gate, limits.read(gate.key, adaptive))).pipe(
      Effect.ensuring(begin),
      Effect.onError(() => Effect.sync(() => leave(gate))),
      Effect.andThen(Effect.suspend(() => Effect.as(observe(gate), permit(gate, 0))))
    )
  }

  return {
    take: (target, given) =>
      Effect.uninterruptibleMask((masked) =>
        Clock.clockWith((clock) => {
          const restore = given ?? masked
          const now = monotonic(clock)
          const gate = gateOf(target, now)
          const isNew = gate.takenAt === -Infinity
          gate.takenAt = now
          if (isNew) return introduce(gate, now, restore)
          const told = exchange(gate, now)
          return Effect.andThen(
            told,
            Effect.suspend(() => {
              const { fills } = gate
              const takeFree = () => {
                if (gate.used >= gate.open) return false
                if (++gate.used === gate.open) gate.fills++
                return true
              }
              if (takeFree()) return Effect.as(observe(gate), permit(gate, fills))
              const wait = gate.queue.wait(restore, takeFree, () => leave(gate))
              return Effect.map(WaitQueue.recorded(wait, target, "concurrency"), () => permit(gate, fills))
            })
          )
        })
      )
  }
}

/**
 * Where the calls of one key pass.
 *
 * - `limit`: the limit with its fraction, and `open`, what it lets through; 0 until the limit is known.
 * - `fills`: how often all permits came to be taken, in order to see whether they were while a call was in flight.
 * - `answered`: answers that made the limit grow since the store was told.
 * - `round`: as many calls as the limit, and how many of them have ended and were refused.
 * - `decreases`: decreases here, in order to see whether an answer of the store is older than one.
 */
export interface Gate {
  readonly key: string
  readonly queue: WaitQueue.WaitQueue
  readonly gauges: PermitGauges.PermitGauges
  limit: number
  open: number
  epoch: number
  used: number
  fills: number
  answered: number
  decreases: number
  round: { readonly size: number; calls: number; refused: number }
  exchanging: boolean
  exchangedAt: number
  takenAt: number
}

const gate = (key: string, target: Telemetry.Target, { initial }: AdaptiveLimits.Adaptive): Gate => {
  const gauges = PermitGauges.make({
    "gen_ai.provider.name": target.provider,
    "gen_ai.request.model": Telemetry.modelLabel(target.model),
    ...(target.scope === undefined ? {} : { "strata.scope": target.scope })
  })
  return {
    key,
    queue: WaitQueue.make(),
    gauges,
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
  }
}

/** How often the store is told what was answered, at most. */
const exchangeMillis = 1_000

/** How long an unused key is remembered. The store remembers its limit. */
const unusedMillis = 600_000

const monotonic = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
