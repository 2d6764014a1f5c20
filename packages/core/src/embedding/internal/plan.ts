/**
 * Decides which inputs travel together: every different one once, in order, in as few requests as the limits allow.
 *
 * Pure: it sends nothing. What happens to a plan is in `embeddingExecution.ts`.
 */
import * as Embedding from "../Embedding.ts"
import * as Capacity from "./capacity.ts"
import * as Chunks from "./chunks.ts"
import * as Distinct from "./distinct.ts"

/**
 * - `slots`: for each input, the number of its different input.
 * - `contents`: what is sent, all of it different: the different inputs, and for a text that is too long its pieces.
 * - `pieces`: for each different input, its places in `contents`, one or more; missing when every input is sent whole,
 *   and its number is its place.
 * - `batches`: the requests; each is a list of places in `contents` that hold inputs of one kind.
 */
export interface Plan {
  readonly slots: Uint32Array
  readonly contents: ReadonlyArray<Capacity.Content>
  readonly pieces: ReadonlyArray<ReadonlyArray<number>> | undefined
  readonly batches: ReadonlyArray<Batch>
}

/** Places in the `contents` of a plan, ascending, at least one. */
export type Batch = ReadonlyArray<number>

/**
 * Plans the requests for some inputs. A text longer than one request takes goes in pieces.
 *
 * A batch is closed only when the next input of its kind does not fit, so that for each kind no division that keeps the
 * order has fewer batches: `ceil(inputs / maxItems)` of them when only the count binds.
 */
export const make = (inputs: ReadonlyArray<Capacity.Content>, limits: Embedding.Limits): Plan => {
  const whole = Distinct.make(inputs)
  const longest = Capacity.longestText(limits)
  const isTooLong = (content: Capacity.Content) => typeof content === "string" && content.length > longest
  if (!whole.contents.some(isTooLong)) {
    return { ...whole, pieces: undefined, batches: divide(whole.contents, limits) }
  }
  const cut = whole.contents.map((content) => typeof content === "string" ? Chunks.cut(content, longest) : [content])
  const { contents, slots } = Distinct.make(cut.flat())
  let next = 0
  const pieces = cut.map((parts) => parts.map(() => slots[next++]!))
  return { slots: whole.slots, contents, pieces, batches: divide(contents, limits) }
}

/** One request with inputs of one kind. */
export const request = (
  contents: ReadonlyArray<Capacity.Content>,
  options: Embedding.ResolvedOptions
): Embedding.ProviderBatch => {
  const [first = ""] = contents
  switch (Embedding.kindOf(first)) {
    case "text":
      return { kind: "text", inputs: contents.filter((content) => typeof content === "string"), options }
    case "image":
      return { kind: "image", inputs: contents.filter(isImage), options }
    case "combined":
      return { kind: "combined", inputs: contents.filter(isCombined), options }
  }
}

const divide = (contents: ReadonlyArray<Capacity.Content>, limits: Embedding.Limits): ReadonlyArray<Batch> => {
  const batches: Array<Array<number>> = []
  const open = new Map<Embedding.Kind, { readonly batch: Array<number>; readonly filling: Capacity.Filling }>()
  for (const [place, content] of contents.entries()) {
    const kind = Embedding.kindOf(content)
    const current = open.get(kind)
    if (current?.filling.add(content)) {
      current.batch.push(place)
      continue
    }
    const next = { batch: [place], filling: Capacity.fill(Capacity.make(limits, kind)) }
    next.filling.add(content)
    open.set(kind, next)
    batches.push(next.batch)
  }
  return batches
}

const isImage = (content: Capacity.Content): content is Embedding.ImageInput =>
  typeof content !== "string" && content.text === undefined

const isCombined = (content: Capacity.Content): content is Embedding.CombinedInput =>
  typeof content !== "string" && content.text !== undefined
