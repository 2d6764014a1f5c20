/**
 * Permits up to a limit that adapts to what the provider takes, for each provider, scope and model.
 *
 * The limit is kept in `AdaptiveLimits`, and worked on here: a call never waits for the store, but for the first one of a
 * key. What was answered is told the store about once a second, what was refused at once, and each time its answer is
 * what holds from then on. Without an answer, this process goes on by itself.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as AdaptiveLimits from "../../../state/AdaptiveLimits.ts"
import * as LimitCurve from "../../../state/internal/limitCurve.ts"
import * as Outage from "../../../state/internal/outage.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Concurrency from "../../Concurrency.ts"
import * as WaitingLine from "../waitingLine.ts"
import * as PermitGauges from "./permitGauges.ts"
import type * as Permits from "./permits.ts"

/** Builds permits for all keys; what they tell the store, they tell as long as their scope is open. */
export const make = (adaptive: Concurrency.Adaptive): Effect.Effect<Permits.Permits, never, Scope.Scope> =>
  Effect.gen(function*() {
    const limits = yield* AdaptiveLimits.AdaptiveLimits
    const scope = yield* Effect.scope
    return makeIn(new Map(), { adaptive, limits, scope })
  })

/** What all gates have in common. */
export interface Options {
  readonly adaptive: Concurrency.Adaptive
  readonly limits: AdaptiveLimits.AdaptiveLimits
  readonly scope: Scope.Scope
}

/** Builds permits whose gates can be looked at. */
export const makeIn = (gates: Map<string, Gate>, { adaptive, limits, scope }: Options): Permits.Permits => {
  const outage = Outage.make("store of concurrency limits")

  /** Asks the store, and goes by its answer, unless the limit was decreased here in the meantime. */
  const ask = (
    gate: Gate,
    question: Effect.Effect<AdaptiveLimits.Current, AdaptiveLimits.AdaptiveLimitsError>
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { decreases } = gate
      return Effect.map(outage.ask(question), (current) => {
        if (current === undefined || decreases !== gate.decreases) return
        gate.epoch = current.epoch
        resize(gate, LimitCurve.grown(adaptive, current.limit, gate.answered))
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

  const decrease = (gate: Gate): Effect.Effect<void> => {
    const { epoch } = gate
    gate.epoch++
    gate.decreases++
    gate.answered = 0
    resize(gate, LimitCurve.shrunk(adaptive, gate.limit))
    return inBackground(ask(gate, limits.decrease(gate.key, adaptive, epoch)))
  }

  const resize = (gate: Gate, limit: number) => {
    gate.limit = limit
    gate.open = LimitCurve.whole(adaptive, limit)
    while (gate.used < gate.open && gate.line.next()) gate.used++
    if (gate.used >= gate.open) gate.fills++
  }

  const leave = (gate: Gate) => {
    gate.used--
    while (gate.used < gate.open && gate.line.next()) gate.used++
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
            if (epoch === gate.epoch && outcome === "refused") told = decrease(gate)
            // While there is room to spare, an answer does not show that more would be answered.
            if (epoch === gate.epoch && outcome === "answered" && gate.fills > fills) {
              gate.answered++
              resize(gate, LimitCurve.grown(adaptive, gate.limit, 1))
            }
            leave(gate)
            return Effect.andThen(Effect.andThen(told, exchange(gate, monotonic(clock))), observe(gate))
          })
        )
    }
  }

  const observe = (gate: Gate): Effect.Effect<void> =>
    Effect.andThen(gate.gauges.used(gate.used), gate.gauges.limit(gate.open))

  /** The gate of a target. Whenever one comes, two that are there are looked at, in turn, and forgotten when long unused. */
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

  /** The first call of a key asks for its limit; those that come meanwhile wait in line. */
  const introduce = (gate: Gate, now: number, restore: WaitingLine.Restore): Effect.Effect<Permits.Permit> => {
    gate.used = 1
    gate.exchangedAt = now
    const begin = Effect.sync(() => {
      if (gate.open === 0) resize(gate, gate.limit)
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
              const wait = gate.line.wait(restore, takeFree, () => leave(gate))
              return Effect.map(WaitingLine.recorded(wait, target, "concurrency"), () => permit(gate, fills))
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
 * - `answered`: answers that taught something since the store was told.
 * - `decreases`: decreases here, in order to see whether an answer of the store is older than one.
 */
export interface Gate {
  readonly key: string
  readonly line: WaitingLine.WaitingLine
  readonly gauges: PermitGauges.PermitGauges
  limit: number
  open: number
  epoch: number
  used: number
  fills: number
  answered: number
  decreases: number
  exchanging: boolean
  exchangedAt: number
  takenAt: number
}

const gate = (key: string, target: Telemetry.Target, { initial }: Concurrency.Adaptive): Gate => {
  const gauges = PermitGauges.make({
    "gen_ai.provider.name": target.provider,
    "gen_ai.request.model": Telemetry.modelLabel(target.model),
    ...(target.scope === undefined ? {} : { "strata.scope": target.scope })
  })
  return {
    key,
    line: WaitingLine.make(),
    gauges,
    limit: initial,
    open: 0,
    epoch: 0,
    used: 0,
    fills: 0,
    answered: 0,
    decreases: 0,
    exchanging: false,
    exchangedAt: -Infinity,
    takenAt: -Infinity
  }
}

/** How often the store is told what was answered, at most. */
const exchangeMillis = 1_000

/** How long a key is remembered that nobody uses. The store remembers its limit. */
const unusedMillis = 600_000

const monotonic = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
