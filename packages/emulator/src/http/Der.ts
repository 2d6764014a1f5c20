/**
 * Encodes the subset of DER (ITU-T X.690) that certificates need. There is no decoder.
 */

/** An encoded value: tag, length and content. */
export type Der = Uint8Array

/** `SEQUENCE`. */
export const sequence = (...items: ReadonlyArray<Der>): Der => value(0x30, ...items)

/** `SET` of one. */
export const set = (item: Der): Der => value(0x31, item)

/** `INTEGER`, not negative, from its bytes. */
export const integer = (bytes: Uint8Array): Der =>
  value(0x02, ...((bytes[0] ?? 0) >= 0x80 ? [Uint8Array.of(0), bytes] : [bytes]))

/** `BOOLEAN` true; false is omitted. */
export const yes: Der = Uint8Array.of(0x01, 1, 0xff)

/** `BIT STRING`, with a number of unused bits in its last byte. */
export const bits = (bytes: Uint8Array, unused = 0): Der => value(0x03, Uint8Array.of(unused), bytes)

/** `OCTET STRING`. */
export const octets = (bytes: Uint8Array): Der => value(0x04, bytes)

/** `UTF8String`. */
export const text = (text: string): Der => value(0x0c, Buffer.from(text))

/** `OBJECT IDENTIFIER`, from its dotted form. */
export const identifier = (dotted: string): Der => {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  return value(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)))
}

/** `UTCTime`, or `GeneralizedTime` from 2050 on, as RFC 5280 (section 4.1.2.5) requires. */
export const time = (milliseconds: number): Der => {
  const digits = new Date(milliseconds).toISOString().replace(/\.\d+|\D/g, "")
  return Number(digits.slice(0, 4)) < 2050
    ? value(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : value(0x18, Buffer.from(`${digits}Z`))
}

/** A constructed value tagged `[number]`. */
export const holding = (number: number, ...items: ReadonlyArray<Der>): Der => value(0xa0 | number, ...items)

/** A primitive value tagged `[number]`. */
export const tagged = (number: number, bytes: Uint8Array): Der => value(0x80 | number, bytes)

const value = (tag: number, ...content: ReadonlyArray<Uint8Array>): Der => {
  const bytes = Buffer.concat(content)
  return Buffer.concat([Uint8Array.of(tag), lengthOf(bytes.length), bytes])
}

const lengthOf = (length: number): Uint8Array => {
  if (length < 0x80) return Uint8Array.of(length)
  const bytes = length < 0x100 ? [length] : [length >> 8, length & 0xff]
  return Uint8Array.of(0x80 | bytes.length, ...bytes)
}

const base128 = (number: number): ReadonlyArray<number> => {
  const bytes = [number & 0x7f]
  for (let rest = number >>> 7; rest > 0; rest >>>= 7) bytes.unshift(0x80 | (rest & 0x7f))
  return bytes
}
