/**
 * How much one request of a kind holds: inputs, characters, bytes of images.
 *
 * Planning and streaming fill requests by the same measure, so that a group of a stream is what one request takes.
 */
import * as Embedding from "../Embedding.ts"

/** An input that passed the checks: a text as a plain string, an image, or both. */
export type Content = string | Embedding.ImageInput | Embedding.CombinedInput

/** What all the inputs of one request may come to. */
export interface Capacity {
  readonly items: number
  readonly length: number
  readonly bytes: number
}

/** What one request of a kind holds. A kind the model does not take has been refused by then, and counts one by one. */
export const make = (limits: Embedding.Limits, kind: Embedding.Kind): Capacity => ({
  items: mostItems(kind, limits),
  length: limits.maxBatchLength ?? Infinity,
  bytes: limits.images?.maxBatchBytes ?? Infinity
})

/** Characters of the longest text that can be sent: one that fills a request alone still has to fit into it. */
export const longestText = (limits: Embedding.Limits): number =>
  Math.min(limits.maxLength, limits.maxBatchLength ?? Infinity)

/** Bytes of the largest image that can be sent. */
export const largestImage = ({ images }: Embedding.Limits): number =>
  Math.min(images?.maxBytes ?? Infinity, images?.maxBatchBytes ?? Infinity)

/**
 * One request being filled.
 *
 * - `add`: whether the input still fits; it is counted if it does. The first one always does.
 * - `isFull`: whether no other input can fit.
 */
export interface Filling {
  readonly add: (input: Embedding.Input) => boolean
  readonly isFull: () => boolean
}

/** An empty request. */
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

/** At least one, or nothing could be sent at all. */
const mostItems = (kind: Embedding.Kind, { combined, images, maxItems }: Embedding.Limits): number => {
  const most = { text: maxItems, image: images?.maxItems ?? 1, combined: combined?.maxItems ?? 1 }[kind]
  return Math.max(1, Math.floor(most) || 1)
}
