/**
 * The inner loops of vector search as WebAssembly: four rows at a time, which share what is read of the query, and whose
 * sums do not wait for each other.
 *
 * Floats are summed in double precision in two lanes, even places in one and odd places in the other, as `vectorLoops.ts`
 * sums them: the scores are the same to the last bit. Sums of bytes are whole numbers, exact in any order.
 */
import * as Assembly from "./vectorAssembly.ts"
import { block, doWhile, f64, f64x2, i16x8, i32, i32x4, i64, i64x2, local, v128, when } from "./vectorAssembly.ts"

/**
 * Scores rows: a double for each of them.
 *
 * - `addresses`, `end`: where the addresses of the rows begin and end; as many as a multiple of four, at least four.
 * - `length`: bytes of a row, at least one.
 * - `query`: where the query begins: doubles for floats, 16 bits for bytes, bytes for bits. As many numbers as a row
 *   has, and zeros up to a whole step.
 * - `sums`: where the results go.
 *
 * Up to seven bytes behind a row of bytes are read, and do not count.
 */
export type Score = (addresses: number, end: number, length: number, query: number, sums: number) => void

/**
 * - `dotFloats`, `dotSigned`, `dotUnsigned`: the inner product of a row and the query.
 * - `squareFloats`, `squareSigned`, `squareUnsigned`: that of a row and itself.
 * - `differingBits`: how many bits of a row and the query differ.
 */
export type Name = keyof typeof functions

/**
 * The bytes of a module that exports one {@link Score} as `score`: a few hundred, where a browser may refuse to compile
 * more than 4,096 at once.
 */
export const assemble = (name: Name): Uint8Array<ArrayBuffer> => Assembly.assemble({ score: functions[name]() })

type Address = Assembly.Code<"i32">

/** How the numbers of a kind are read and summed, in steps of eight bytes of a row. */
interface Numbers<Step extends "i64" | "v128"> {
  readonly type: Step
  readonly zero: Assembly.Code<Step>
  /** A step of a row. */
  readonly read: (row: Address) => Assembly.Code<Step>
  /** What is less than a step at the end of a row of `length` bytes; zeros make it whole. */
  readonly readRest: (row: Address, length: Assembly.Code<"i32">) => Assembly.Code<Step>
  readonly readQuery: (place: Address) => Assembly.Code<Step>
  /** Bytes that {@link readQuery} reads. */
  readonly queryStep: number
  readonly total: (sum: Assembly.Local<Step>) => Assembly.Code<"f64">
}

/** A sum with one more step of a row in it; `query` holds that step of the query, and may be overwritten. */
type Add<Step extends "i64" | "v128"> = (
  sum: Assembly.Code<Step>,
  row: Assembly.Code<Step>,
  query: Assembly.Local<Step>
) => Assembly.Code<Step>

const functions = {
  dotFloats: () => score(floats, (sum, row, query) => f64x2.add(sum, f64x2.mul(row, local.get(query)))),
  squareFloats: () =>
    score(floats, (sum, row, query) => f64x2.add(sum, f64x2.mul(local.tee(query, row), local.get(query)))),
  dotSigned: () => score(signed, dotBytes),
  squareSigned: () => score(signed, squareBytes),
  dotUnsigned: () => score(unsigned, dotBytes),
  squareUnsigned: () => score(unsigned, squareBytes),
  differingBits: () => score(bits, (sum, row, query) => i64.add(sum, i64.popcnt(i64.xor(row, local.get(query)))))
}

const score = <Step extends "i64" | "v128">(
  { queryStep, read, readQuery, readRest, total, type, zero }: Numbers<Step>,
  add: Add<Step>
) =>
  Assembly.define(
    { addresses: "i32", end: "i32", length: "i32", query: "i32", sums: "i32" },
    {
      row1: "i32",
      row2: "i32",
      row3: "i32",
      row4: "i32",
      sum1: type,
      sum2: type,
      sum3: type,
      sum4: type,
      stop: "i32",
      place: "i32",
      part: type
    },
    ({ addresses, end, length, query, sums, place, part, stop, ...own }) => {
      const rows = [own.row1, own.row2, own.row3, own.row4]
      const totals = [own.sum1, own.sum2, own.sum3, own.sum4]
      const addToEach = (read: (row: Address) => Assembly.Code<Step>) => [
        local.set(part, readQuery(local.get(place))),
        ...totals.map((sum, index) => local.set(sum, add(local.get(sum), read(local.get(rows[index]!)), part)))
      ]
      const isBeforeStop = i32.lt_u(local.get(own.row1), local.get(stop))
      return doWhile(
        block(
          ...rows.map((row, index) => local.set(row, i32.load(local.get(addresses), 4 * index))),
          ...totals.map((sum) => local.set(sum, zero)),
          local.set(place, local.get(query)),
          local.set(stop, i32.add(local.get(own.row1), i32.and(local.get(length), i32.const(-8)))),
          when(
            isBeforeStop,
            doWhile(
              block(
                ...addToEach(read),
                ...rows.map((row) => local.set(row, i32.add(local.get(row), i32.const(8)))),
                local.set(place, i32.add(local.get(place), i32.const(queryStep)))
              ),
              isBeforeStop
            )
          ),
          when(
            i32.and(local.get(length), i32.const(7)),
            block(...addToEach((row) => readRest(row, local.get(length))))
          ),
          ...totals.map((sum, index) => f64.store(local.get(sums), total(sum), 8 * index)),
          local.set(addresses, i32.add(local.get(addresses), i32.const(16))),
          local.set(sums, i32.add(local.get(sums), i32.const(32)))
        ),
        i32.lt_u(local.get(addresses), local.get(end))
      )
    }
  )

const floats: Numbers<"v128"> = {
  type: "v128",
  zero: i64x2.splat(i64.const(0)),
  read: (row) => f64x2.promote_low_f32x4(v128.load64_zero(row)),
  readRest: (row) => f64x2.promote_low_f32x4(v128.load32_zero(row)),
  readQuery: (place) => v128.load(place),
  queryStep: 16,
  total: (sum) => f64.add(f64x2.extract_lane(local.get(sum), 0), f64x2.extract_lane(local.get(sum), 1))
}

/** What is left of a row, the last bytes of eight cleared: in memory the first byte of a number is the lowest. */
const rest: Numbers<"i64">["readRest"] = (row, length) => {
  const bitsLeft = i64.extend_i32_u(i32.shl(length, i32.const(3))) // shifts go by the remainder of 64
  return i64.and(i64.load(row), i64.sub(i64.shl(i64.const(1), bitsLeft), i64.const(1)))
}

const signed: Numbers<"v128"> = {
  type: "v128",
  zero: i64x2.splat(i64.const(0)),
  read: (row) => v128.load8x8_s(row),
  readRest: (row, length) => i16x8.extend_low_i8x16_s(i64x2.splat(rest(row, length))),
  readQuery: (place) => v128.load(place),
  queryStep: 16,
  total: (sum) =>
    f64.convert_i32_s(
      [1, 2, 3].reduce(
        (total, lane) => i32.add(total, i32x4.extract_lane(local.get(sum), lane)),
        i32x4.extract_lane(local.get(sum), 0)
      )
    )
}

const unsigned: Numbers<"v128"> = {
  ...signed,
  read: (row) => v128.load8x8_u(row),
  readRest: (row, length) => i16x8.extend_low_i8x16_u(i64x2.splat(rest(row, length)))
}

const dotBytes: Add<"v128"> = (sum, row, query) => i32x4.add(sum, i32x4.dot_i16x8_s(row, local.get(query)))

const squareBytes: Add<"v128"> = (sum, row, query) =>
  i32x4.add(sum, i32x4.dot_i16x8_s(local.tee(query, row), local.get(query)))

const bits: Numbers<"i64"> = {
  type: "i64",
  zero: i64.const(0),
  read: (row) => i64.load(row),
  readRest: rest,
  readQuery: (place) => i64.load(place),
  queryStep: 8,
  total: (sum) => f64.convert_i64_u(local.get(sum))
}
