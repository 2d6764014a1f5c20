/**
 * What was spent within a window that slides with time.
 *
 * Spendings are grouped into slots of a sixtieth of the window, so memory is flat however many they are. A slot leaves
 * as a whole, when its newest spending is as old as the window: what the window says is never too little, and too much
 * for a sixtieth of the window at most.
 */

/**
 * All times are in milliseconds.
 *
 * - `enter`: adds a spending of the past; one that is older than the window adds nothing.
 * - `spent`: the total.
 * - `leaving`: when at least `amount` of the total will have left; `Infinity` if it never will.
 */
export interface LedgerWindow {
  readonly enter: (now: number, at: number, amount: number) => void
  readonly spent: (now: number) => number
  readonly leaving: (now: number, amount: number) => number
}

interface Slot {
  amount: number
  newest: number
}

/** Builds an empty window; one that is infinite is a single slot. */
export const make = (window: number): LedgerWindow => {
  const width = window / 60
  const slots = new Map<number, Slot>()
  let total = 0
  /** No slot leaves earlier; it may be too low, since a slot can get newer. */
  let nextLeave = Infinity

  const spent = (now: number) => {
    if (now < nextLeave) return total
    // Added up anew: subtracting fractions would leave dust behind.
    total = 0
    nextLeave = Infinity
    for (const [index, slot] of slots) {
      const leaves = slot.newest + window
      if (leaves <= now) {
        slots.delete(index)
      } else {
        total += slot.amount
        nextLeave = Math.min(nextLeave, leaves)
      }
    }
    return total
  }

  return {
    spent,
    enter: (now, at, amount) => {
      if (at + window <= now) return
      spent(now)
      const index = Math.floor(at / width)
      const slot = slots.get(index)
      if (slot === undefined) {
        slots.set(index, { amount, newest: at })
      } else {
        slot.amount += amount
        slot.newest = Math.max(slot.newest, at)
      }
      total += amount
      nextLeave = Math.min(nextLeave, at + window)
    },
    leaving: (now, amount) => {
      spent(now)
      let left = 0
      for (const slot of [...slots.values()].sort((a, b) => a.newest - b.newest)) {
        left += slot.amount
        // The total was added up in another order, so fractions may differ in the last digit.
        if (left >= amount * (1 - 1e-12)) return slot.newest + window
      }
      return Infinity
    }
  }
}
