/**
 * Decides which inputs travel together: every different one once, in order, in as few requests as the limits allow.
 *
 * Pure: it sends nothing.
 */
import * as Embedding from "../Embedding.ts"
import * as Capacity from "./capacity.ts"
import * as Chunks from "./chunks.ts"

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
  const whole = distinct(inputs)
  const longest = Capacity.longestText(limits)
  const isTooLong = (content: Capacity.Content) => typeof content === "string" && content.length > longest
  if (!whole.contents.some(isTooLong)) {
    return { ...whole, pieces: undefined, batches: divide(whole.contents, limits) }
  }
  const cut = whole.contents.map((content) => typeof content === "string" ? Chunks.cut(content, longest) : [content])
  const { contents, slots } = distinct(cut.flat())
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

/**
 * - `contents`: the different ones, in the order they first appear.
 * - `slots`: for each input, the place of its equal in `contents`.
 */
interface Distinct {
  readonly contents: ReadonlyArray<Capacity.Content>
  readonly slots: Uint32Array
}

/** Every different input once: of equal strings, and of images with the same bytes and media type, the first. */
const distinct = (inputs: ReadonlyArray<Capacity.Content>): Distinct => {
  const texts = new Map<string, number>()
  const others = new Map<string, number>()
  const imageId = makeImageId()
  const contents: Array<Capacity.Content> = []
  const slots = new Uint32Array(inputs.length)
  for (const [position, input] of inputs.entries()) {
    const known = typeof input === "string" ? texts : others
    const key = typeof input === "string" ? input : `${imageId(input.image)} ${input.text ?? ""}`
    const slot = known.get(key) ?? contents.length
    if (slot === contents.length) {
      known.set(key, slot)
      contents.push(input)
    }
    slots[position] = slot
  }
  return { contents, slots }
}

/** A number for each different image. All bytes are compared only where media type, size and a sample agree. */
const makeImageId = () => {
  const known = new Map<Embedding.Image, number>()
  const alike = new Map<string, Array<Embedding.Image>>()
  let count = 0
  return (image: Embedding.Image): number => {
    const seen = known.get(image)
    if (seen !== undefined) return seen
    const key = `${image.mediaType} ${image.bytes.length} ${sample(image.bytes)}`
    const candidates = alike.get(key)
    const equal = candidates?.find((candidate) => isSame(candidate.bytes, image.bytes))
    const id = equal === undefined ? count++ : known.get(equal)!
    if (candidates === undefined) alike.set(key, [image])
    else if (equal === undefined) candidates.push(image)
    known.set(image, id)
    return id
  }
}

/** Bytes spread over the image from its first to its last: files of one size often begin and end alike. */
const sample = (bytes: Uint8Array): string =>
  Array.from({ length: samples }, (_, index) => bytes[Math.floor(index * (bytes.length - 1) / (samples - 1))]).join()

const samples = 32

/** Of two images of one size. */
const isSame = (self: Uint8Array, that: Uint8Array): boolean => {
  if (self === that) return true
  for (let index = 0; index < self.length; index++) {
    if (self[index] !== that[index]) return false
  }
  return true
}
