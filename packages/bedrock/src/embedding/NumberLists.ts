/**
 * Parses JSON whose lists of numbers become `Float32Array`s, from its bytes: no text and no JavaScript array of the numbers is
 * made.
 *
 * The lists are cut out, what remains is parsed by `JSON.parse` with the place of each list in it, and the lists are put back.
 * Whatever looks unusual is left to `JSON.parse`, so that both accept the same texts.
 */
import * as ExactJson from "@strata/core/ExactJson"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { Buffer } from "node:buffer"
import * as Json from "../wire/Json.ts"

/** Parses the bytes of a JSON text, or says briefly why it cannot; other numbers are 64-bit floats. */
export const parse = (body: Uint8Array): Result.Result<unknown, string> => {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const lists = new Lists(bytes)
  const rest: Array<string> = []
  // Without a byte order mark.
  let copied = bytes.subarray(0, 3).equals(mark) ? 3 : 0
  for (let at = copied; at < bytes.length;) {
    const byte = bytes[at]
    if (byte === quote) at = endOfString(bytes, at + 1)
    else if (byte === opening) {
      const end = lists.read(at + 1)
      if (end !== undefined) {
        rest.push(bytes.toString("utf8", copied, at + 1), String(lists.count - 1))
        copied = end
      }
      at = end ?? at + 1
    } else at++
  }
  if (lists.count === 0) return Result.flatMap(Json.toText(bytes), ExactJson.parseFloats)
  rest.push(bytes.toString("utf8", copied))
  return Result.map(ExactJson.parseFloats(rest.join("")), (json) => restored(json, lists))
}

/** Puts the lists back: there are no others of a single number. */
const restored = (json: unknown, lists: Lists): unknown => {
  if (Array.isArray(json)) {
    const [first] = json
    return json.length === 1 && typeof first === "number" ? lists.at(first) : json.map((item) => restored(item, lists))
  }
  if (!Predicate.isObject(json)) return json
  for (const name of Object.keys(json)) json[name] = restored(json[name], lists)
  return json
}

/** The lists of numbers in a JSON text. */
class Lists {
  readonly #bytes: Buffer
  readonly #starts: Array<number> = []
  /** Those of all lists; it grows by doubling. */
  #numbers: Float32Array
  #length = 0
  #last: { readonly from: number; readonly to: number } | undefined

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    // Numbers of vectors are mostly longer.
    this.#numbers = new Float32Array(16 + (bytes.length >> 3))
  }

  get count(): number {
    return this.#starts.length
  }

  /** A list of its own: one that is kept does not keep the others. */
  at(index: number): Float32Array {
    return this.#numbers.slice(this.#starts[index], this.#starts[index + 1] ?? this.#length)
  }

  /**
   * Reads a list that begins here, and returns where it ends: at its bracket; `undefined` for anything but numbers. One loop
   * for all its digits: calls for each number would take longer than the numbers.
   */
  read(from: number): number | undefined {
    const again = this.#readAgain(from)
    if (again !== undefined) return again
    const bytes = this.#bytes
    let numbers = this.#numbers
    let length = this.#length
    for (let at = skipSpace(bytes, from);;) {
      const begin = at
      let byte = bytes[at]!
      const isNegative = byte === minus
      if (isNegative) byte = bytes[++at]!
      const first = at
      // Nine digits each: whole numbers of 32 bits are fast.
      let high = 0
      let low = 0
      for (; byte >= zero && byte <= nine; byte = bytes[++at]!) high = high * 10 + (byte - zero) | 0
      const whole = at - first
      let fraction = 0
      let rest = 0
      if (byte === point) {
        const start = at + 1
        const end = start + 9 - whole
        for (byte = bytes[++at]!; at < end && byte >= zero && byte <= nine; byte = bytes[++at]!) {
          high = high * 10 + (byte - zero) | 0
        }
        const middle = at
        for (; byte >= zero && byte <= nine; byte = bytes[++at]!) low = low * 10 + (byte - zero) | 0
        fraction = at - start
        rest = at - middle
      }
      const digits = whole + fraction
      const isUsual = (byte === comma || byte === closing) && digits <= 18 && whole > 0 && whole <= 9 &&
        (whole === 1 || bytes[first] !== zero) && (fraction > 0 || bytes[at - 1] !== point)
      let value = (high * powers[rest]! + low) / powers[fraction]!
      if (isUsual && (digits <= 15 || isCertain(value))) value = isNegative ? -value : value
      else {
        at = endOfNumber(bytes, begin)
        value = parseNumber(bytes.toString("latin1", begin, at))
        at = skipSpace(bytes, at)
        byte = bytes[at]!
        if (Number.isNaN(value) || byte !== comma && byte !== closing) return undefined
      }
      if (length === numbers.length) numbers = this.#grow()
      numbers[length++] = value
      if (byte === closing) {
        this.#starts.push(this.#length)
        this.#length = length
        this.#last = { from, to: at + 1 }
        return at
      }
      at++
      if (bytes[at]! <= space) at = skipSpace(bytes, at)
    }
  }

  /** Titan writes the same numbers twice, under two names. */
  #readAgain(from: number): number | undefined {
    if (this.#last === undefined) return undefined
    const bytes = this.#bytes
    const end = from + this.#last.to - this.#last.from
    if (bytes[end - 1] !== closing || bytes.compare(bytes, this.#last.from, this.#last.to, from, end) !== 0) {
      return undefined
    }
    const start = this.#starts[this.count - 1]!
    const length = this.#length - start
    while (this.#length + length > this.#numbers.length) this.#grow()
    this.#starts.push(this.#length)
    this.#numbers.copyWithin(this.#length, start, start + length)
    this.#length += length
    return end - 1
  }

  #grow(): Float32Array {
    const larger = new Float32Array(2 * this.#numbers.length)
    larger.set(this.#numbers)
    return this.#numbers = larger
  }
}

/**
 * Whether a quotient of more than 15 digits is exact as a 32-bit float: up to 15 digits and their power of ten are exact as
 * 64-bit floats and rounded once, as by a parser; the others are rounded three times, which matters between two 32-bit floats.
 */
const isCertain = (value: number): boolean =>
  Math.fround(value * (1 - 2 ** -50)) === Math.fround(value * (1 + 2 ** -50))

/** A number in any other form; `NaN` for what is none, and for one that is infinite as a 32-bit float, such as 1e39. */
const parseNumber = (text: string): number => {
  const value = number.test(text) ? Number(text) : Number.NaN
  return Math.abs(value) <= largest ? value : Number.NaN
}

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

const endOfNumber = (bytes: Buffer, from: number): number => {
  let at = from
  while (at < bytes.length && bytes[at] !== comma && bytes[at] !== closing && bytes[at]! > space) at++
  return at
}

const endOfString = (bytes: Buffer, from: number): number => {
  for (let at = from;;) {
    const end = bytes.indexOf(quote, at)
    if (end === -1) return bytes.length
    let escapes = 0
    while (bytes[end - 1 - escapes] === backslash) escapes++
    if (escapes % 2 === 0) return end + 1
    at = end + 1
  }
}

const skipSpace = (bytes: Buffer, from: number): number => {
  let at = from
  for (let byte = bytes[at]!; byte === space || byte === 0x0a || byte === 0x0d || byte === 0x09;) byte = bytes[++at]!
  return at
}

/** What is larger is infinite as a 32-bit float. */
const largest = 2 ** 127 * (2 - 2 ** -23)

const powers = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

const mark = Buffer.from("\ufeff")

const [quote, backslash, opening, closing, comma] = [0x22, 0x5c, 0x5b, 0x5d, 0x2c]
const [minus, point, zero, nine, space] = [0x2d, 0x2e, 0x30, 0x39, 0x20]
