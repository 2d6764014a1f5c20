import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as PartialJson from "../src/chat/internal/partialJson.ts"
import * as ExactJson from "../src/ExactJson.ts"

/** Reads a text in pieces of these lengths, over and over, and gives what there was after each. */
const read = (text: string, lengths: ReadonlyArray<number> = [1]) => {
  const reader = PartialJson.make()
  const seen: Array<PartialJson.JsonObject> = []
  for (let at = 0, piece = 0; at < text.length; piece++) {
    const end = at + Math.max(1, lengths[piece % lengths.length] ?? 1)
    reader.add(text.slice(at, end))
    at = end
    const value = reader.next(at >= text.length)
    if (value !== undefined) seen.push(value)
  }
  return { isComplete: reader.isComplete(), seen, value: seen.at(-1) }
}

/** What there is of a text. */
const of = (text: string) => read(text, [text.length]).value

/** Whether `later` goes on from `earlier`: longer texts, more members, nothing else changed. */
const extends_ = (later: unknown, earlier: unknown): boolean => {
  if (typeof earlier === "string") return typeof later === "string" && later.startsWith(earlier)
  if (typeof earlier !== "object" || earlier === null) return Object.is(later, earlier)
  if (typeof later !== "object" || later === null || Array.isArray(later) !== Array.isArray(earlier)) return false
  const members = new Map(Object.entries(later))
  return Object.entries(earlier).every(([key, value]) => members.has(key) && extends_(members.get(key), value))
}

const Lengths = Schema.Array(Schema.Literals([1, 2, 3, 5, 8, 13]))

describe("partialJson", () => {
  it("shows text as it grows, and keys, numbers and words when they are complete", () => {
    const growth: ReadonlyArray<readonly [string, unknown]> = [
      [`{`, {}],
      [`{"a`, {}],
      [`{"a":`, {}],
      [`{"a": "`, { a: "" }],
      [`{"a": "x`, { a: "x" }],
      [`{"a": "x", "b": 1`, { a: "x" }],
      [`{"a": "x", "b": 12,`, { a: "x", b: 12 }],
      [`{"a": "x", "b": 12, "c": [tru`, { a: "x", b: 12, c: [] }],
      [`{"a": "x", "b": 12, "c": [true, {"d": "y`, { a: "x", b: 12, c: [true, { d: "y" }] }]
    ]
    for (const [text, value] of growth) assert.deepStrictEqual<unknown>(of(text), value, text)
  })

  it("holds back an escape and half a character until the rest has come", () => {
    const growth: ReadonlyArray<readonly [string, string]> = [
      [`{"a": "x\\`, "x"],
      [`{"a": "x\\n`, "x\n"],
      [`{"a": "x\\u00e`, "x"],
      [`{"a": "x\\u00e9`, "xé"],
      [`{"a": "\\ud83d`, ""],
      [`{"a": "\\ud83d\\ude00`, "😀"],
      [`{"a": "\ud83d`, ""]
    ]
    for (const [text, a] of growth) assert.deepStrictEqual<unknown>(of(text), { a }, text)
  })

  it("skips text before the object, braces included, and ignores what follows", () => {
    const json = `{"a": {"b": 1}}`
    const texts = [
      `Sure:\n\`\`\`json\n${json}\n\`\`\``,
      `As {you} and {"you"} asked: ${json} {`,
      `{{${json}`,
      `{ ${json}`
    ]
    for (const text of texts) {
      const { isComplete, value } = read(text)
      assert.isTrue(isComplete, text)
      assert.deepStrictEqual<unknown>(value, { a: { b: 1 } }, text)
    }
  })

  it("keeps what it has where the text stops being JSON", () => {
    const broken = [`{"a": 1, b`, `{"a": 1, "b": [1}`, `{"a": 1, "b": 01,`, `{"a": 1, "b": nul,`, `{"a": 1,, "c": 2}`]
    for (const text of broken) {
      const { isComplete, value } = read(text)
      assert.isFalse(isComplete, text)
      assert.strictEqual(value?.["a"], 1, text)
      assert.isUndefined(value?.["c"], text)
    }
  })

  it("keeps keys of `Object.prototype` as own keys", () => {
    const text = `{"__proto__": {"a": "b"}, "constructor": 1}`
    assert.deepStrictEqual<unknown>(Object.entries(of(text) ?? {}), Object.entries(JSON.parse(text)))
    const { seen } = read(text)
    for (const value of seen) assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
  })

  it.prop(
    "ends with the value of the whole text, in pieces of any length",
    [Schema.Json, Lengths],
    ([json, lengths]) => {
      for (const indent of [0, 2]) {
        const text = JSON.stringify({ value: json }, undefined, indent)
        const { isComplete, value } = read(text, lengths)
        assert.isTrue(isComplete)
        assert.deepStrictEqual<unknown>(value, Result.getOrThrow(ExactJson.parse(text)))
      }
    }
  )

  it.prop("only ever extends what it has shown", [Schema.Json], ([json]) => {
    const { seen } = read(JSON.stringify({ value: json }))
    seen.forEach((value, index) => assert.isTrue(extends_(seen[index + 1] ?? value, value)))
  })

  it.prop("does not change returned values", [Schema.Json, Lengths], ([json, lengths]) => {
    const text = JSON.stringify({ value: json })
    const reader = PartialJson.make()
    const seen: Array<readonly [unknown, string]> = []
    for (let at = 0, piece = 0; at < text.length; piece++) {
      const end = at + (lengths[piece % lengths.length] ?? 1)
      reader.add(text.slice(at, end))
      at = end
      const value = reader.next(false)
      if (value !== undefined) seen.push([value, JSON.stringify(value)])
    }
    for (const [value, before] of seen) assert.strictEqual(JSON.stringify(value), before)
  })

  const Garbage = Schema.Array(Schema.Union([
    Schema.Literals(["{", "}", "[", "]", "\"", ":", ",", "\\", "\\u", "1", "-", "e", "true", "null", " ", "a", "\n"]),
    Schema.String
  ]))

  it.prop("never throws, and is complete only where JSON.parse agrees", [Garbage], ([pieces]) => {
    const reader = PartialJson.make()
    const text = pieces.join("")
    const end = reader.add(text)
    const value = reader.next(true)
    if (!reader.isComplete()) return
    const same = JSON.stringify(value)
    const starts = text.slice(0, end).split("").flatMap((character, at) => character === "{" ? [at] : [])
    assert.isTrue(starts.some((at) =>
      Result.match(Result.try((): unknown => JSON.parse(text.slice(at, end))), {
        onFailure: () => false,
        onSuccess: (parsed) => JSON.stringify(parsed) === same
      })
    ))
  })

  it("parses no more than in proportion to the text", () => {
    const text = JSON.stringify({ value: Array.from({ length: 5_000 }, () => 0) })
    const { seen, value } = read(text)
    const copies = seen.flatMap((partial) => Array.isArray(partial["value"]) ? [partial["value"]] : [])
    const copied = copies.filter((copy) => copy !== value?.["value"]).reduce((sum, { length }) => sum + length, 0)
    assert.isAtMost(copied, 128 * text.length)
    assert.isAtMost(seen.length, text.length / 4)
    assert.isAtLeast(seen.length, 100)
    assert.deepStrictEqual<unknown>(value, JSON.parse(text))
  })

  it("refuses nesting deeper than `ExactJson.maxDepth`", () => {
    const nested = (depth: number) => read(`{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`, [10_000])
    assert.isTrue(nested(ExactJson.maxDepth).isComplete)
    assert.isFalse(nested(30_000).isComplete)
  })

  describe("find", () => {
    it("finds the only object of a text", () => {
      assert.deepStrictEqual<unknown>(PartialJson.find("Here: {\"a\": 1}. Done {really}."), { a: 1 })
    })

    it("finds nothing when there are two, or the end is missing", () => {
      for (const text of [`{"a": 1} or {"a": 2}`, `{"a": 1`, "no JSON", ""]) assert.isUndefined(PartialJson.find(text))
    })
  })
})
