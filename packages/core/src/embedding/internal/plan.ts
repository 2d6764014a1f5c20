/**
 * Plans the requests of a call: each distinct input once, in order, in as few requests as the limits allow.
 */
import * as Embedding from "../Embedding.ts"
import * as Capacity from "./capacity.ts"
import * as Chunks from "./chunks.ts"

/**
 * - `slots`: for each input, the number of its distinct input.
 * - `contents`: what is sent, without duplicates: the distinct inputs, or the pieces of those that are too long.
 * - `pieces`: for each distinct input, the places of its pieces in `contents`; missing when no input is cut, and slots are
 *   places.
 * - `batches`: for each request, the places of its inputs in `contents`; all are of one kind.
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
 * Plans the requests of some inputs; a text longer than one request takes is cut into pieces.
 *
 * A batch is closed only when the next input of its kind does not fit: in order, no division has fewer batches.
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

/** The distinct inputs in the order they first appear: images are equal when bytes and media type are. */
const distinct = (inputs: ReadonlyArray<Capacity.Content>): Pick<Plan, "contents" | "slots"> => {
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

/** A number for each distinct image. All bytes are compared only when media type, size and a sample are equal. */
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

/** Bytes spread over the whole image: files of one size often begin and end alike. */
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
