import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ExactJson from "../src/ExactJson.ts"

/** As `JSON.parse` reads it, but for integers whose digits a number does not hold: `JSON.stringify` rounds them. */
const exactly = (text: string): unknown =>
  JSON.parse(
    text,
    (_, value) =>
      Number.isInteger(value) && /^-?\d+$/.test(value) && BigInt(value) !== BigInt(`${value}`) ? `${value}` : value
  )

const parsed = (text: string) => Result.getOrThrow(ExactJson.parse(text))

describe("ExactJson", () => {
  it.prop("reads what JSON.stringify has written", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value)
    assert.deepStrictEqual(parsed(text), exactly(text))
    assert.deepStrictEqual(ExactJson.parseFloats(text), Result.succeed(JSON.parse(text)))
  })

  it.prop("reads an integer exactly: as a number that holds it, else as its digits", [Schema.BigInt], ([integer]) => {
    for (const factor of [1n, 10n ** 15n, 10n ** 20n, 10n ** 320n]) {
      const digits = (integer * factor).toString()
      for (const read of [parsed(digits), (parsed(`[ ${digits}]`) as Array<unknown>)[0]]) {
        if (typeof read === "number") assert.strictEqual(BigInt(read), BigInt(digits))
        else assert.strictEqual(read, digits)
      }
    }
  })

  it.each<readonly [text: string, value: unknown]>([
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", 9007199254740992],
    ["9007199254740993", "9007199254740993"],
    ["-2512292042121000001", "-2512292042121000001"],
    ["{\"a\":{\"b\":[1,2512292042121000001]},\"c\":0.1}", { a: { b: [1, "2512292042121000001"] }, c: 0.1 }],
    ["[1e999,-1E+400,1e308,1e-999]", ["1e999", "-1E+400", 1e308, 0]],
    ["0.12345678901234567890", 0.12345678901234568],
    ["12345678901234567.5", 12345678901234568],
    ["\"2512292042121000001\"", "2512292042121000001"]
  ])("reads %s", (text, value) => {
    assert.deepStrictEqual(parsed(text), value)
  })

  it("keeps a member named __proto__ a member", () => {
    const value = parsed(`{"__proto__":{"a":2512292042121000001}}`)
    assert.deepStrictEqual(Object.entries(value as object), [["__proto__", { a: "2512292042121000001" }]])
    assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
  })

  it.each(["", " ", "{", "[1,]", "nul", "{\"a\":1}}", "<html>", "\"a secret answer"])(
    "refuses %j",
    (text) => {
      assert.deepStrictEqual(ExactJson.parse(text), Result.fail("not JSON"))
    }
  )

  describe("with deep nesting", () => {
    const nested = (depth: number, open: string, close: string) => open.repeat(depth) + "1" + close.repeat(depth)
    const tooDeep = Result.fail("JSON of more than 256 levels")

    it.each([["[", "]"], ["{\"a\":", "}"], ["[{\"a\":\"]\\\"]\",\"b\":", "}]"]])("%s", (open, close) => {
      const levels = open.startsWith("[{") ? 2 : 1
      assert.isTrue(Result.isSuccess(ExactJson.parse(nested(256 / levels, open, close))))
      assert.deepStrictEqual(ExactJson.parse(nested(257, open, close)), tooDeep)
      assert.deepStrictEqual(ExactJson.parseFloats(nested(257, open, close)), tooDeep)
    })

    it("does not count siblings, or brackets in a string", () => {
      for (
        const text of [`[${"[1],{},".repeat(1000)}1]`, `["${"[{".repeat(1000)}"]`, `["\\"${"[".repeat(1000)}\\\\"]`]
      ) {
        assert.deepStrictEqual(parsed(text), JSON.parse(text))
      }
    })

    it("is refused before parsing", () => {
      const text = "[".repeat(16 * 1024 * 1024)
      const before = process.memoryUsage().heapUsed
      assert.deepStrictEqual(ExactJson.parse(text), tooDeep)
      assert.isBelow(process.memoryUsage().heapUsed - before, 2 * text.length)
    })
  })

  it("reads a megabyte of any kind", () => {
    const million = 1_000_000
    for (
      const text of [
        `"${"\\".repeat(million)}"`,
        `["${"\\\"".repeat(million / 2)}"]`,
        `[${"9".repeat(million)}]`,
        `[${"9007199254740993,".repeat(million / 17)}1]`,
        `[${"{},".repeat(million / 3)}1]`,
        `[${"[".repeat(200)}${"1,".repeat(million / 2)}1${"]".repeat(200)}]`
      ]
    ) {
      assert.isTrue(Result.isResult(ExactJson.parse(text)))
    }
  })
})

describe("ExactJson.params", () => {
  it("keeps an integer that a number cannot hold as its text, at any depth", () => {
    assert.deepStrictEqual<unknown>(
      ExactJson.params(
        `{"id": 2512292042121000001, "of": [{"id": -9007199254740993}], "n": 1e400, "m": 9007199254740991}`
      ),
      { id: "2512292042121000001", of: [{ id: "-9007199254740993" }], n: "1e400", m: 9007199254740991 }
    )
  })

  it.prop(
    "returns a number or text that is written as the same integer again",
    [Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(10n ** 20n), maximum: 10n ** 20n }))],
    ([integer]) => {
      const value = ExactJson.params(`${integer}`)
      assert.strictEqual(typeof value === "string" ? value : JSON.stringify(value), `${integer}`)
    }
  )

  it.prop("returns other numbers as JSON.parse does", [Schema.Finite], ([given]) => {
    const number = Number.isInteger(given) && !Number.isSafeInteger(given) ? given / 2 ** 1000 : given
    const text = JSON.stringify({ number })
    assert.deepStrictEqual(ExactJson.params(text), JSON.parse(text))
  })

  it("recognises an integer by its value, in any notation", () => {
    const literals: ReadonlyArray<readonly [literal: string, value: unknown]> = [
      ["1152921504606846976", "1152921504606846976"], // 2^60, which is written as 1152921504606847000
      ["9007199254740993.0", "9007199254740993.0"],
      ["1234567890123456789e2", "1234567890123456789e2"],
      ["-1e999", "-1e999"],
      ["1e21", 1e21],
      ["2512292042121000000", "2512292042121000000"],
      ["1.5e3", 1500],
      ["0.12345678901234567890", 0.12345678901234568],
      ["1e-999", 0]
    ]
    for (const [literal, value] of literals) {
      assert.deepStrictEqual(ExactJson.params(`[${literal}]`), [value], literal)
    }
  })

  it("reads blank text as no arguments, and returns text that is not JSON unchanged", () => {
    assert.deepStrictEqual(ExactJson.params(" "), {})
    assert.deepStrictEqual(ExactJson.params({ already: "parsed" } as never), { already: "parsed" })
    assert.strictEqual(ExactJson.params(`{"city": "Os`), `{"city": "Os`)
    const deep = `${"[".repeat(10_000)}${"]".repeat(10_000)}`
    assert.strictEqual(ExactJson.params(deep), deep)
  })
})
