import { assert, describe, it } from "@effect/vitest"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as NumberLists from "../../src/embedding/NumberLists.ts"

const encoder = new TextEncoder()

const parse = (text: string) => NumberLists.parse(encoder.encode(text))

/** With lists of JavaScript, to be compared with those of `JSON.parse`. */
const plain = (value: unknown): unknown =>
  value instanceof Float32Array
    ? [...value]
    : Array.isArray(value)
    ? value.map(plain)
    : Predicate.isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
    : value

/** What `JSON.parse` reads, with the numbers of lists as 32-bit floats where all are finite. */
const byJson = (text: string): unknown =>
  Result.getOrUndefined(Result.map(Result.try((): unknown => JSON.parse(text)), rounded))

const rounded = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.every((item) => typeof item === "number" && Number.isFinite(Math.fround(item)))
      ? value.map(Math.fround)
      : value.map(rounded)
    : Predicate.isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, rounded(member)]))
    : value

const same = (text: string) =>
  assert.deepStrictEqual(Result.getOrUndefined(Result.map(parse(text), plain)), byJson(text), text)

/** Numbers as JSON may write them, and what only looks like them. */
const number = Schema.Union([
  Schema.Finite,
  Schema.Int,
  Schema.Literals([
    "0.1",
    "-0",
    "1e5",
    "1E-7",
    "-1.5e+3",
    "0.030000000000000002",
    "123456789012345678",
    "1e999",
    "5e-324"
  ]),
  Schema.Literals([
    "9007199254740993",
    "0.00000000000000000000001",
    "01",
    "1.",
    ".5",
    "-",
    "1e",
    "+1",
    "NaN",
    "0x1",
    ""
  ])
])

const space = Schema.Literals(["", "", " ", "\n\t ", "\r"])

const list = Schema.Tuple([Schema.Array(Schema.Tuple([space, number, space])), space])

const written = ([items, end]: typeof list.Type) => `[${items.map((item) => item.join("")).join(",")}${end}]`

describe("Lists of numbers in JSON", () => {
  it.prop("are those of JSON.parse", [list], ([list]) => {
    same(written(list))
    same(`{"a":${written(list)},"b":[${written(list)},${written(list)}],"c":"[1,2]"}`)
  }, { arbitrary: { runs: 1_000 } })

  it("are floats, exactly as JSON.parse rounds them", () => {
    let seed = 1
    for (let index = 0; index < 20_000; index++) {
      seed = Math.imul(seed, 48_271) >>> 0
      const value = (seed / 2 ** 32 - 0.5) * 10 ** (index % 9 - 4)
      const texts = [String(value), value.toFixed(index % 21), value.toPrecision(1 + index % 17), value.toExponential()]
      const [...numbers] = Result.getOrThrow(parse(`[${texts.join(",")}]`)) as Float32Array // a list of numbers
      assert.deepStrictEqual(numbers, texts.map((text) => Math.fround(Number(text))))
    }
  })

  it("leave everything else as it is", () => {
    for (
      const text of [
        "{\"a\":\"\\\"[1,2]\",\"b\":[1,2]}",
        "{\"a\\\\\":[3],\"ü[1]\":[\"ü\",[1],{\"x\":[[]]}]}",
        "[1,\"a\"]",
        "[[1],2]",
        "[[1,2,3],[1,2,3],[1,2,4],[1,2]]",
        "[1,2",
        "[1,,2]",
        "[1 2]",
        "{\"a\":[1,2,]}",
        "\"[1,2]",
        "{\"a\":[null,1]}",
        "{\"embedding\":[[1],[2]],\"embeddingsByType\":{\"float\":[[1],[2]]}}",
        "{\"embedding\":[\"]\"],\"embeddingsByType\":{\"float\":[\"]\"]}}",
        "{\"embedding\":{\"a\":[1]},\"embeddingsByType\":{\"float\":{\"a\":[1]}}}",
        "{\"embedding\":[1],\"embeddingsByType\":{\"float\":[1,2]}}",
        "{\"embedding\":null,\"embeddingsByType\":{\"float\":[1]}}",
        "{\"__proto__\":[1],\"a\":{\"__proto__\":[2,3]}}",
        "7",
        ""
      ]
    ) same(text)
    assert.deepStrictEqual(plain(Result.getOrThrow(parse("\ufeff{\"a\":[1]}"))), { a: [1] })
  })

  it("do not nest without end", () => {
    assert.isTrue(Result.isFailure(parse(`${"[".repeat(300)}1${"]".repeat(300)}`)))
  })
})
