/**
 * Parses JSON whose lists of numbers become `Float64Array`s, from its bytes: in half the time of `JSON.parse`, and without
 * its memory, since no text and no JavaScript array of the numbers is made.
 *
 * The lists are cut out, what remains is parsed by `JSON.parse` with the place of each list in it, and the lists are put back.
 * Whatever looks unusual is left to `JSON.parse`, so that both accept the same texts.
 */
import * as ExactJson from "@strata/core/ExactJson"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { Buffer } from "node:buffer"
import * as Json from "../wire/Json.ts"

/** Parses the bytes of a JSON text, or says briefly why it cannot; numbers are 64-bit floats. */
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

/** The lists of numbers in a JSON text, all in one array that grows by doubling. */
class Lists {
  readonly #bytes: Buffer
  readonly #starts: Array<number> = []
  #numbers = new Float64Array(1024)
  #length = 0
  #last: { readonly from: number; readonly to: number } | undefined

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get count(): number {
    return this.#starts.length
  }

  at(index: number): Float64Array {
    return this.#numbers.subarray(this.#starts[index], this.#starts[index + 1] ?? this.#length)
  }

  /** Reads a list that begins here, and returns where it ends: at its bracket; `undefined` for anything but numbers. */
  read(from: number): number | undefined {
    const again = this.#readAgain(from)
    if (again !== undefined) return again
    const bytes = this.#bytes
    const start = this.#length
    for (let at = skipSpace(bytes, from);;) {
      if (this.#length === this.#numbers.length) this.#grow()
      const end = this.#readNumber(at)
      const next = end === undefined ? at : skipSpace(bytes, end)
      if (end === undefined || bytes[next] !== comma && bytes[next] !== closing) {
        this.#length = start
        return undefined
      }
      this.#length++
      if (bytes[next] === closing) {
        this.#starts.push(start)
        this.#last = { from, to: next + 1 }
        return next
      }
      at = skipSpace(bytes, next + 1)
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
    const numbers = this.at(this.count - 1)
    while (this.#length + numbers.length > this.#numbers.length) this.#grow()
    this.#starts.push(this.#length)
    this.#numbers.set(numbers, this.#length)
    this.#length += numbers.length
    return end - 1
  }

  /**
   * Reads a number, and returns where it ends. Up to 15 digits and a power of ten up to 22 are exact as 64-bit floats, so
   * that their product or quotient is rounded once, as the number is when it is parsed.
   */
  #readNumber(from: number): number | undefined {
    const bytes = this.#bytes
    let at = from
    const isNegative = bytes[at] === minus
    if (isNegative) at++
    const first = at
    let digits = 0
    let byte = bytes[at]!
    for (; byte >= zero && byte <= nine; byte = bytes[++at]!) digits = digits * 10 + byte - zero
    const whole = at - first
    if (whole === 0 || whole > 1 && bytes[first] === zero) return undefined
    let fraction = 0
    if (byte === point) {
      const begin = ++at
      for (byte = bytes[at]!; byte >= zero && byte <= nine; byte = bytes[++at]!) digits = digits * 10 + byte - zero
      fraction = at - begin
      if (fraction === 0) return undefined
    }
    const hasExponent = byte === 0x65 || byte === 0x45
    if (hasExponent) {
      byte = bytes[++at]!
      if (byte === plus || byte === minus) at++
      const begin = at
      for (byte = bytes[at]!; byte >= zero && byte <= nine;) byte = bytes[++at]!
      if (at === begin) return undefined
    }
    const isExact = !hasExponent && digits <= exact && fraction <= 22
    const value = isExact ? digits / powers[fraction]! : Number(bytes.toString("latin1", first, at))
    this.#numbers[this.#length] = isNegative ? -value : value
    return at
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#numbers.length)
    larger.set(this.#numbers)
    this.#numbers = larger
  }
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
  for (let byte = bytes[at]!; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;) byte = bytes[++at]!
  return at
}

const exact = Number.MAX_SAFE_INTEGER

const powers = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

const mark = Buffer.from("\ufeff")

const [quote, backslash, opening, closing, comma] = [0x22, 0x5c, 0x5b, 0x5d, 0x2c]
const [minus, plus, point, zero, nine] = [0x2d, 0x2b, 0x2e, 0x30, 0x39]
