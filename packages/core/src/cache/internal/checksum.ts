/**
 * A checksum that tells damaged bytes from whole ones, not forged ones from true ones.
 */

/** FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/: a whole number of 32 bits. */
export const make = (bytes: Uint8Array): number => {
  let state = 0x811c9dc5
  for (let index = 0; index < bytes.length; index++) state = Math.imul(state ^ bytes[index]!, 0x01000193)
  return state >>> 0
}
