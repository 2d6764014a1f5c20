/** Plans the requests of a call: each distinct input once, in order, in as few requests as the limits allow. */
import * as Embedding from "../Embedding.ts"
import * as Cutting from "./cutting.ts"

/** A valid input: a text as a string, an image, or both. */
export type Content = string | Embedding.ImageInput | Embedding.CombinedInput

/**
 * - `items`: the distinct inputs.
 * - `contents`: what is sent, without duplicates: the distinct inputs, or the pieces of those that are too long.
 * - `owners`: for each of the contents, the numbers of the items it is part of; missing when no input is cut, and items
 *   are contents.
 * - `batches`: for each request, the places of its contents; all are of one kind.
 */
export interface Plan {
  readonly items: ReadonlyArray<Item>
  readonly contents: ReadonlyArray<Content>
  readonly owners: ReadonlyArray<ReadonlyArray<number>> | undefined
  readonly batches: ReadonlyArray<Batch>
}

/** The positions of equal inputs in the call, and the places of their pieces in `contents`: one unless they are cut. */
export interface Item {
  readonly positions: ReadonlyArray<number>
  readonly pieces: ReadonlyArray<number>
}

/** Places in the `contents` of a plan, ascending, at least one. */
export type Batch = ReadonlyArray<number>

/**
 * Plans the requests of some inputs, without those that are `undefined`; a text too long for one is cut into pieces.
 *
 * A batch is closed only when the next input of its kind does not fit: in order, no division has fewer batches.
 */
export const make = (inputs: ReadonlyArray<Content | undefined>, limits: Embedding.Limits): Plan => {
  const longest = longestText(limits)
  const isTooLong = (content: Content): content is string => typeof content === "string" && content.length > longest
  const numberOfImage = imageNumbering()
  const whole = numbering(numberOfImage)
  const positions: Array<Array<number>> = []
  for (const [position, input] of inputs.entries()) {
    if (input !== undefined) (positions[whole.numberOf(input)] ??= []).push(position)
  }
  const isCut = whole.contents.some(isTooLong)
  const { contents, numberOf } = isCut ? numbering(numberOfImage) : whole
  const items = positions.map((positions, number): Item => {
    const content = whole.contents[number]!
    return {
      positions,
      pieces: isTooLong(content) ? Cutting.pieces(content, longest).map(numberOf) : [numberOf(content)]
    }
  })
  return {
    items,
    contents,
    owners: isCut ? ownersOf(items, contents.length) : undefined,
    batches: divide(contents, limits)
  }
}

const ownersOf = (items: ReadonlyArray<Item>, places: number): ReadonlyArray<ReadonlyArray<number>> => {
  const owners = Array.from({ length: places }, (): Array<number> => [])
  items.forEach(({ pieces }, number) => new Set(pieces).forEach((place) => owners[place]!.push(number)))
  return owners
}

/** One request with inputs of one kind. */
export const request = (
  contents: ReadonlyArray<Content>,
  options: Embedding.ResolvedOptions
): Embedding.ProviderBatch => {
  // All are of the kind of the first.
  const batch = { kind: Embedding.kindOf(contents[0] ?? ""), inputs: contents, options }
  return batch as Embedding.ProviderBatch
}

const divide = (contents: ReadonlyArray<Content>, limits: Embedding.Limits): ReadonlyArray<Batch> => {
  const batches: Array<Array<number>> = []
  const open = new Map<Embedding.Kind, { readonly batch: Array<number>; readonly filling: Filling }>()
  for (const [place, content] of contents.entries()) {
    const kind = Embedding.kindOf(content)
    const current = open.get(kind)
    if (current?.filling.add(content)) {
      current.batch.push(place)
      continue
    }
    const next = { batch: [place], filling: fill(kind, limits) }
    next.filling.add(content)
    open.set(kind, next)
    batches.push(next.batch)
  }
  return batches
}

/** Characters of the longest text that can be sent. */
export const longestText = (limits: Embedding.Limits): number =>
  Math.min(limits.maxLength, limits.maxBatchLength ?? Infinity)

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

/** An empty request of one kind, with at most `most.items` inputs and `most.size` characters and bytes. */
export const fill = (
  kind: Embedding.Kind,
  { combined, images, maxBatchLength = Infinity, maxItems }: Embedding.Limits,
  most = { items: Infinity, size: Infinity }
): Filling => {
  const given = { text: maxItems, image: images?.maxItems ?? 1, combined: combined?.maxItems ?? 1 }[kind]
  // At least one, or nothing could be sent.
  const count = Math.min(most.items, Math.max(1, Math.floor(given) || 1))
  const maxLength = Math.min(most.size, maxBatchLength)
  const maxBytes = Math.min(most.size, images?.maxBatchBytes ?? Infinity)
  let items = 0
  let length = 0
  let bytes = 0
  return {
    add: (input) => {
      const nextLength = length + (Embedding.textOf(input)?.length ?? 0)
      const nextBytes = bytes + (typeof input === "string" ? 0 : input.image?.bytes.length ?? 0)
      if (items > 0 && (items >= count || nextLength > maxLength || nextBytes > maxBytes)) return false
      items++
      length = nextLength
      bytes = nextBytes
      return true
    },
    isFull: () => items >= count || length >= maxLength || bytes >= maxBytes
  }
}

/** Numbers contents in the order they first appear, equal ones alike. */
const numbering = (numberOfImage: (image: Embedding.Image) => number) => {
  const texts = new Map<string, number>()
  const others = new Map<string, number>()
  const contents: Array<Content> = []
  const numberOf = (content: Content): number => {
    const known = typeof content === "string" ? texts : others
    const key = typeof content === "string" ? content : `${numberOfImage(content.image)} ${content.text ?? ""}`
    const number = known.get(key)
    if (number !== undefined) return number
    known.set(key, contents.length)
    return contents.push(content) - 1
  }
  return { contents, numberOf }
}

/** Numbers images. All bytes are compared only when media type, size and a sample are equal. */
const imageNumbering = () => {
  const numbers = new Map<Embedding.Image, number>()
  const alike = new Map<string, Array<Embedding.Image>>()
  let count = 0
  return (image: Embedding.Image): number => {
    const { bytes, mediaType } = image
    const known = numbers.get(image)
    if (known !== undefined) return known
    const key = `${mediaType} ${bytes.length} ${sample(bytes)}`
    const candidates = alike.get(key) ?? []
    const equal = candidates.find((other) =>
      bytes === other.bytes || bytes.every((byte, index) => byte === other.bytes[index])
    )
    const number = equal === undefined ? count++ : numbers.get(equal)!
    if (equal === undefined) alike.set(key, [...candidates, image])
    numbers.set(image, number)
    return number
  }
}

/** Bytes spread over the whole image: files of one size often begin and end alike. */
const sample = (bytes: Uint8Array): string =>
  Array.from({ length: 32 }, (_, index) => bytes[Math.floor(index * (bytes.length - 1) / 31)]).join()
