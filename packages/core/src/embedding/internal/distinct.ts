/**
 * Finds the inputs that are the same: equal strings, and images with the same bytes and media type.
 */
import type * as Embedding from "../Embedding.ts"
import type { Content } from "./capacity.ts"

/**
 * - `contents`: the different ones, in the order they first appear.
 * - `slots`: for each input, the place of its equal in `contents`.
 */
export interface Distinct {
  readonly contents: ReadonlyArray<Content>
  readonly slots: Uint32Array
}

/** Every different input once. */
export const make = (inputs: ReadonlyArray<Content>): Distinct => {
  const texts = new Map<string, number>()
  const others = new Map<string, number>()
  const imageId = makeImageId()
  const contents: Array<Content> = []
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
