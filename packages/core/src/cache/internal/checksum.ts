/** FNV-1a in 32 bits, against damage and not against forgery; http://www.isthe.com/chongo/tech/comp/fnv/ */
export const make = (bytes: ArrayLike<number>): number => {
  let state = 0x811c9dc5
  for (let index = 0; index < bytes.length; index++) state = Math.imul(state ^ bytes[index]!, 0x01000193)
  return state >>> 0
}
