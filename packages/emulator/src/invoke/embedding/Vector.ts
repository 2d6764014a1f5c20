/**
 * Converts the vectors of any embedding service to a model's number of dimensions and number type.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"

/**
 * The vector with `dimensions` numbers. A shorter one is padded with zeros, which does not change cosines; a longer one
 * is truncated and rescaled to its length.
 */
export const resize = (vector: Embedding.Vector, dimensions: number): Float32Array => {
  const resized = new Float32Array(dimensions)
  resized.set(vector.subarray(0, dimensions))
  return vector.length > dimensions ? scale(resized, norm(vector) / norm(resized)) : resized
}

/** The vector with length 1; a zero vector is unchanged. */
export const normalize = (vector: Float32Array): Float32Array => scale(vector, 1 / norm(vector))

/** The bisector of two directions, with length 1. */
export const between = (self: Float32Array, that: Float32Array): Float32Array => {
  const [a, b] = [normalize(self), normalize(that)]
  return normalize(a.map((x, index) => x + (b[index] ?? 0)))
}

/** Number types of answers. The binary ones pack eight dimensions into a byte. */
export type NumberType = "float" | "int8" | "uint8" | "binary" | "ubinary"

/** The numbers of a unit vector converted to a type. */
export const toNumbers = (vector: Float32Array, type: NumberType): ReadonlyArray<number> => {
  switch (type) {
    case "float":
      return Array.from(vector)
    case "int8":
      return Array.from(vector, (x) => clamp(Math.round(x * 127), -128, 127))
    case "uint8":
      return Array.from(vector, (x) => clamp(Math.round(x * 127) + 128, 0, 255))
    case "ubinary":
      return pack(vector)
    case "binary":
      return pack(vector).map((byte) => byte - 128)
  }
}

/** One bit for each dimension: whether the number is positive. */
export const toBits = (vector: Float32Array): ReadonlyArray<number> => Array.from(vector, (x) => x > 0 ? 1 : 0)

const pack = (vector: Float32Array): Array<number> => {
  const bytes = Array.from({ length: Math.ceil(vector.length / 8) }, () => 0)
  vector.forEach((x, index) => {
    const at = index >> 3
    if (x > 0) bytes[at] = (bytes[at] ?? 0) | (128 >> (index & 7))
  })
  return bytes
}

const norm = (vector: Embedding.Vector): number => {
  let sum = 0
  for (const x of vector) sum += x * x
  return Math.sqrt(sum)
}

const scale = (vector: Float32Array, factor: number): Float32Array =>
  Number.isFinite(factor) ? vector.map((x) => x * factor) : vector

const clamp = (value: number, minimum: number, maximum: number) => Math.min(maximum, Math.max(minimum, value))
