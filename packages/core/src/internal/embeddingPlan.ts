/**
 * Decides which texts travel together: every different text once, in order, in as few requests as the limits allow.
 *
 * Pure: it sends nothing. What happens to a plan is in `embeddingExecution.ts`.
 */
import type * as Embedding from "../Embedding.ts"

/**
 * - `texts`: the different inputs, in the order they first appear.
 * - `slots`: for each input, the place of its text in `texts`.
 * - `batches`: the requests; each is a list of places in `texts`.
 */
export interface Plan {
  readonly texts: ReadonlyArray<Embedding.Input>
  readonly slots: Uint32Array
  readonly batches: ReadonlyArray<Batch>
}

/** Places in the `texts` of a plan, ascending, at least one. */
export type Batch = ReadonlyArray<number>

/**
 * Plans the requests for some inputs, none of them longer than {@link longestText}.
 *
 * A batch is closed only when the next text does not fit, so that no division that keeps the order has fewer batches:
 * `ceil(texts / maxItems)` of them when only the count binds.
 */
export const make = (inputs: ReadonlyArray<Embedding.Input>, limits: Embedding.Limits): Plan => {
  const { slots, texts } = distinct(inputs)
  const maxItems = mostItems(limits)
  const maxLength = limits.maxBatchLength ?? Infinity
  const batches: Array<Array<number>> = []
  let batch: Array<number> = []
  let length = 0
  for (const [slot, text] of texts.entries()) {
    if (batch.length > 0 && (batch.length >= maxItems || length + text.length > maxLength)) {
      batches.push(batch)
      batch = []
      length = 0
    }
    batch.push(slot)
    length += text.length
  }
  if (batch.length > 0) batches.push(batch)
  return { texts, slots, batches }
}

/** Characters of the longest text that can be sent: one that fills a request alone still has to fit into it. */
export const longestText = (limits: Embedding.Limits): number =>
  Math.min(limits.maxLength, limits.maxBatchLength ?? Infinity)

/** Inputs of a request: at least one, or nothing could be sent at all. */
export const mostItems = (limits: Embedding.Limits): number => Math.max(1, Math.floor(limits.maxItems) || 1)

const distinct = (inputs: ReadonlyArray<Embedding.Input>) => {
  const known = new Map<Embedding.Input, number>()
  const slots = new Uint32Array(inputs.length)
  for (const [position, input] of inputs.entries()) {
    const slot = known.get(input) ?? known.size
    if (slot === known.size) known.set(input, slot)
    slots[position] = slot
  }
  return { slots, texts: [...known.keys()] }
}
