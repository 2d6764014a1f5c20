/**
 * The capacity of one request: inputs, characters and bytes of images, for planning and for streaming.
 */
import * as Embedding from "../Embedding.ts"

/** A valid input: a text as a string, an image, or both. */
export type Content = string | Embedding.ImageInput | Embedding.CombinedInput

/** Limits over all inputs of one request. */
export interface Capacity {
  readonly items: number
  readonly length: number
  readonly bytes: number
}

/** The capacity of a request of one kind; a kind the model does not take has been refused before. */
export const make = (limits: Embedding.Limits, kind: Embedding.Kind): Capacity => ({
  items: mostItems(kind, limits),
  length: limits.maxBatchLength ?? Infinity,
  bytes: limits.images?.maxBatchBytes ?? Infinity
})

/** Characters of the longest text that can be sent. */
export const longestText = (limits: Embedding.Limits): number =>
  Math.min(limits.maxLength, limits.maxBatchLength ?? Infinity)

/** Bytes of the largest image that can be sent. */
export const largestImage = ({ images }: Embedding.Limits): number =>
  Math.min(images?.maxBytes ?? Infinity, images?.maxBatchBytes ?? Infinity)

/**
 * A request being filled.
 *
 * - `add`: adds an input if it fits; the first always does.
 * - `isFull`: whether no further input fits.
 */
export interface Filling {
  readonly add: (input: Embedding.Input) => boolean
  readonly isFull: () => boolean
}

export const fill = (capacity: Capacity): Filling => {
  let items = 0
  let length = 0
  let bytes = 0
  return {
    add: (input) => {
      const nextLength = length + (Embedding.textOf(input)?.length ?? 0)
      const nextBytes = bytes + (typeof input === "string" ? 0 : input.image?.bytes.length ?? 0)
      const fits = items < capacity.items && nextLength <= capacity.length && nextBytes <= capacity.bytes
      if (items > 0 && !fits) return false
      items++
      length = nextLength
      bytes = nextBytes
      return true
    },
    isFull: () => items >= capacity.items || length >= capacity.length || bytes >= capacity.bytes
  }
}

/** At least one, or nothing could be sent. */
const mostItems = (kind: Embedding.Kind, { combined, images, maxItems }: Embedding.Limits): number => {
  const most = { text: maxItems, image: images?.maxItems ?? 1, combined: combined?.maxItems ?? 1 }[kind]
  return Math.max(1, Math.floor(most) || 1)
}
