/**
 * Writes into the books of a request what happens to it out of the router's sight: the faults that strike it, and the
 * tokens it costs. Neither faults nor quotas know of requests; the fiber that answers one does.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Faults from "../fault/Faults.ts"
import type * as Listener from "../Listener.ts"
import type * as Quota from "../Quota.ts"
import type * as Statistics from "../Statistics.ts"

/** What a request meets on its way. */
interface Parts {
  readonly recorder: Statistics.Recorder
  readonly faults: Faults.Faults
  readonly quotas: Quota.Quotas
}

/**
 * - `parts`: the same, watched.
 * - `follow`: the fiber that runs this effect, and those it starts, answer this request.
 */
export interface Witness {
  readonly parts: Parts
  readonly follow: <A, E, R>(exchange: Listener.Exchange, answer: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Watches the faults and quotas of an emulator. */
export const make = ({ faults, quotas, recorder }: Parts): Witness => {
  const attempts = new WeakMap<Listener.Exchange, Statistics.Attempt>()
  const attemptOf = (exchange: Listener.Exchange | undefined) =>
    exchange === undefined ? undefined : attempts.get(exchange)
  return {
    follow: (exchange, answer) => Effect.provideService(answer, Followed, exchange),
    parts: {
      recorder: {
        ...recorder,
        begin: (exchange, requestId) => {
          const attempt = recorder.begin(exchange, requestId)
          attempts.set(exchange, attempt)
          return attempt
        }
      },
      faults: {
        ...faults,
        strike: (candidate) => {
          const strike = faults.strike(candidate)
          const attempt = attemptOf(Fiber.getCurrent()?.getRef(Followed))
          const names = namesOf(strike)
          if (attempt !== undefined && names.length > 0) recorder.struck(attempt, names)
          return strike
        }
      },
      quotas: {
        ...quotas,
        reserve: (names) => {
          const reserve = quotas.reserve(names)
          return (claim) =>
            Effect.zipWith(
              reserve(claim),
              Followed,
              (reservation, exchange) => {
                const attempt = attemptOf(exchange)
                return attempt === undefined ? reservation : metered(recorder, attempt, reservation)
              }
            )
        }
      }
    }
  }
}

const Followed = Context.Reference<Listener.Exchange | undefined>("@strata/emulator/web/Witness/Followed", {
  defaultValue: () => undefined
})

const namesOf = ({ fault, latency, pause }: Faults.Strike) => [
  ...(Duration.isZero(latency) ? [] : ["latency" as const]),
  ...(pause === undefined ? [] : ["slow" as const]),
  ...(fault === undefined ? [] : [fault.type])
]

/** Output is counted as it is written, until the model says itself how much it was. */
const metered = (
  recorder: Statistics.Recorder,
  attempt: Statistics.Attempt,
  reservation: Quota.Reservation
): Quota.Reservation => {
  let [fromCache, written, settled] = [0, 0, false]
  return {
    cached: (tokens) => {
      fromCache = tokens
      reservation.cached(tokens)
    },
    wrote: (tokens) => {
      reservation.wrote(tokens)
      if (settled) return
      written += tokens
      recorder.spent(attempt, 0, tokens)
    },
    settle: (usage) => {
      reservation.settle(usage)
      if (settled) return
      settled = true
      recorder.spent(attempt, usage.inputTokens + usage.cacheWriteTokens + fromCache, usage.outputTokens - written)
    }
  }
}
