/**
 * The recent past of a quota, for a chart: its use in slots of time, and the refusals in each.
 *
 * Bounded: the oldest slots are dropped. There is no timer. A slot without an event is filled in at the next one, from
 * what the windows say of it, so that it is right whenever it is read.
 */

import * as Schema from "effect/Schema"

/**
 * The recent past of a quota: its `limits` by their units (`requests`, `tokens`, `input tokens`, `output tokens`), and
 * what was used of each, reserved tokens included, in each slot of time.
 *
 * - `now`, `at`: milliseconds of the emulator's clock; `at` is the begin of a slot of `slotMillis`.
 * - `used`: the most in the slot, in the order of the limits. `throttled`: the requests that were refused in it, by the
 *   limit that they exceeded; the first stands for a limit of a day too.
 */
export type Past = typeof Past.Type
/** @see {@link Past} */
export const Past = Schema.Struct({
  now: Schema.Finite,
  slotMillis: Schema.Finite,
  windowMillis: Schema.Finite,
  limits: Schema.Array(Schema.Struct({ unit: Schema.String, limit: Schema.Finite })),
  slots: Schema.Array(
    Schema.Struct({ at: Schema.Finite, used: Schema.Array(Schema.Finite), throttled: Schema.Array(Schema.Finite) })
  )
})

/** - `at`: the begin of the slot, in milliseconds. `used`: the most that was used in it, of each limit, reserved included. */
export interface Slot {
  readonly at: number
  readonly used: ReadonlyArray<number>
  readonly throttled: ReadonlyArray<number>
}

/**
 * - `before`: call it before a change at this time. `after`: after it. `throttled`: a request was refused, by the limit of
 *   this index.
 * - `slots`: the past up to a time, the oldest first.
 */
export interface History {
  readonly before: (now: number) => void
  readonly after: (now: number) => void
  readonly throttled: (now: number, index: number) => void
  readonly slots: (now: number) => ReadonlyArray<Slot>
}

/** The number of slots that are kept, and how many there are in a window. */
export const kept = 120

/** @see {@link kept} */
export const perWindow = 12

/** `used` says what is used of each limit at a time, without changing it; time goes forward only. */
export const make = (
  { slotMillis, start, used }: {
    readonly start: number
    readonly slotMillis: number
    readonly used: (now: number) => ReadonlyArray<number>
  }
): History => {
  const past: Array<{ readonly at: number; used: ReadonlyArray<number>; throttled: ReadonlyArray<number> }> = []
  let latest = -1
  const indexOf = (time: number) => Math.max(latest, Math.floor((time - start) / slotMillis))
  const before = (now: number) => {
    const index = indexOf(now)
    for (let next = Math.max(latest + 1, index - kept + 1); next <= index; next++) {
      const at = start + next * slotMillis
      const amounts = used(at)
      past.push({ at, used: amounts, throttled: amounts.map(() => 0) })
    }
    latest = index
    past.splice(0, past.length - kept)
  }
  const current = (now: number) => {
    before(now)
    return past.at(-1)
  }
  return {
    before,
    after: (now) => {
      const slot = current(now)
      const amounts = used(now)
      if (slot !== undefined) slot.used = slot.used.map((most, index) => Math.max(most, amounts[index] ?? 0))
    },
    throttled: (now, index) => {
      const slot = current(now)
      if (slot !== undefined) slot.throttled = slot.throttled.map((times, other) => other === index ? times + 1 : times)
    },
    slots: (now) => {
      before(now)
      return past.map((slot) => ({ ...slot }))
    }
  }
}
