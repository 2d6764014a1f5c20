/**
 * Ids of calls that every server accepts: the call and its result get the same one, in every turn and process.
 */

/** The id itself where it is 1 to 64 letters, digits, `_` and `-`; else what is left of it, and a digest of the whole. */
export const make = (id: string): string =>
  /^[\w-]{1,64}$/.test(id) ? id : `${id.replace(/[^\w-]/g, "_").slice(0, 40)}_${digest(id)}`

/** 53 bits of two multiplicative hashes, in base 36: not for secrets. */
const digest = (text: string): string => {
  let low = 0x9e3779b9
  let high = 0x85ebca6b
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    low = Math.imul(low ^ code, 0x9e3779b1)
    high = Math.imul(high ^ code, 0x5f356495)
  }
  low = Math.imul(low ^ low >>> 16, 0x85ebca6b) ^ high >>> 13
  high = Math.imul(high ^ high >>> 16, 0x85ebca6b) ^ low >>> 13
  return ((high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0)).toString(36)
}
