/**
 * A seeded random number generator, so that a case can be repeated by its name.
 */

/**
 * - `below`: a whole number from 0 to `count` - 1.
 * - `chance`: true with this probability.
 * - `pick`: a random item; `undefined` from an empty list.
 */
export interface Seeded {
  readonly below: (count: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <A>(items: ReadonlyArray<A>) => A | undefined
}

/** The numbers of a seed: mulberry32, by Tommy Ettinger. */
export const make = (seed: number): Seeded => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    below: (count) => Math.floor(next() * count),
    chance: (probability) => next() < probability,
    pick: (items) => items[Math.floor(next() * items.length)]
  }
}

/** A seed for the case of a number in a run. */
export const derive = (seed: number, index: number): number =>
  Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)
