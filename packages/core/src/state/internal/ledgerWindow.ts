/**
 * What was spent within a window that slides with time. All times are in milliseconds.
 *
 * Spendings are grouped into slots of a sixtieth of the window, so memory is flat however many they are. A slot leaves
 * as a whole, when its newest spending is as old as the window: what the window says is never too little, and too much
 * for a sixtieth of the window at most.
 */

/** Builds an empty window; one that is infinite is a single slot. */
export const make = (window: number) => {
  const slots = new Map<number, { amount: number; newest: number }>()
  let total = 0
  /** No slot leaves earlier; it may be too low, since a slot can get newer. */
  let nextLeave = Infinity

  const spent = (now: number): number => {
    if (now < nextLeave) return total
    // Added up anew: subtracting fractions would leave dust behind.
    total = 0
    nextLeave = Infinity
    for (const [index, { amount, newest }] of slots) {
      if (newest + window <= now) {
        slots.delete(index)
      } else {
        total += amount
        nextLeave = Math.min(nextLeave, newest + window)
      }
    }
    return total
  }

  return {
    /** The total. */
    spent,
    /** Adds a spending of the past; one that is older than the window adds nothing. */
    enter: (now: number, at: number, amount: number): void => {
      if (at + window <= now) return
      spent(now)
      const index = Math.floor(at / (window / 60))
      const slot = slots.get(index) ?? { amount: 0, newest: at }
      slots.set(index, { amount: slot.amount + amount, newest: Math.max(slot.newest, at) })
      total += amount
      nextLeave = Math.min(nextLeave, at + window)
    },
    /** When at least `amount` of the total will have left; `Infinity` if it never will. */
    leaving: (now: number, amount: number): number => {
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
