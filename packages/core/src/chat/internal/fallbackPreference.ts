/**
 * Remembers which of several services is asked first: the first of them, or the one that took over from it.
 *
 * Kept for each model that requests name: a model nobody knows must not move the requests for another. Every step is
 * taken at once, without waiting, so calls that fail together move the preference once.
 */
import type * as ChatResponse from "../ChatResponse.ts"

/** `begin`: the turn of one call for a model, at a time in milliseconds. */
export interface Preference {
  readonly begin: (model: string | undefined, now: number) => Turn
}

/**
 * One call on its way from service to service. Services are numbered in the order they were declared.
 *
 * - `passedOver`: why services before the preferred one are not asked.
 * - `next`: whom to ask of those that were not; `undefined` when all were.
 * - `failed`: a service failed in a way that lasts. Says whether that moved the preference.
 * - `answered`: says whether that brought the preference back to the first service.
 * - `end`: the call is over, whatever became of it.
 */
export interface Turn {
  readonly passedOver: ReadonlyMap<number, ChatResponse.Fallen>
  readonly next: (asked: ReadonlySet<number>) => number | undefined
  readonly failed: (service: number, fallen: ChatResponse.Fallen, now: number) => boolean
  readonly answered: (service: number, now: number) => boolean
  readonly end: () => void
}

/** For `count` services; a fallback is preferred for `stickFor` milliseconds. */
export const make = (count: number, stickFor: number): Preference => {
  const standings = new Map<string | undefined, Standing>()

  const move = (model: string | undefined, service: number, fallen: ChatResponse.Fallen, now: number) => {
    const standing = standings.get(model)
    if ((standing?.preferred ?? 0) !== service) return false
    const preferred = (service + 1) % count
    if (preferred === 0) {
      standings.delete(model)
    } else if (standing === undefined) {
      forgetOldest(standings)
      standings.set(model, { preferred, until: now + stickFor, fallen: new Map([[service, fallen]]), probing: false })
    } else {
      standing.preferred = preferred
      standing.until = now + stickFor
      standing.fallen.set(service, fallen)
    }
    return true
  }

  return {
    begin: (model, now) => {
      const standing = standings.get(model)
      const probed = standing !== undefined && !standing.probing && now >= standing.until ? standing : undefined
      if (probed !== undefined) probed.probing = true
      return {
        passedOver: probed !== undefined ? new Map() : new Map(standing?.fallen),
        next: (asked) => {
          const start = probed !== undefined ? 0 : standings.get(model)?.preferred ?? 0
          for (let step = 0; step < count; step++) {
            const service = (start + step) % count
            if (!asked.has(service)) return service
          }
        },
        failed: (service, fallen, now) => {
          if (stickFor === 0) return false
          if (probed !== undefined && service < probed.preferred) {
            probed.fallen.set(service, fallen)
            probed.until = now + stickFor
          }
          return move(model, service, fallen, now)
        },
        answered: (service, now) => {
          if (probed === undefined) return false
          if (service === 0) return standings.delete(model)
          if (service < probed.preferred) {
            for (let passed = service; passed < count; passed++) probed.fallen.delete(passed)
            probed.preferred = service
            probed.until = now + stickFor
          }
          return false
        },
        end: () => {
          if (probed !== undefined) probed.probing = false
        }
      }
    }
  }
}

/** Who is preferred, until when, and why not those before it; `probing` while a call asks in the declared order again. */
interface Standing {
  preferred: number
  until: number
  readonly fallen: Map<number, ChatResponse.Fallen>
  probing: boolean
}

/** The names of models come from requests: there may be any number of them. */
const forgetOldest = (standings: Map<string | undefined, Standing>): void => {
  if (standings.size < 256) return
  for (const model of standings.keys()) {
    standings.delete(model)
    return
  }
}
