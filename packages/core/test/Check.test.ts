import { assert, describe, it } from "@effect/vitest"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AnyValue from "./support/AnyValue.ts"

/** Where and what is wrong, in one line. */
const problemOf = (check: Check.Check<unknown>, given: unknown, names?: Check.Names): string | undefined =>
  Result.match(Check.settle(check, given, names), {
    onFailure: ({ field, problem, remedy }) => `${field}: ${problem}. ${remedy}`,
    onSuccess: () => undefined
  })

const settled = <A>(check: Check.Check<A>, given: unknown): A => Result.getOrThrow(Check.settle(check, given))

interface Options {
  readonly limit: number
  readonly label?: string | undefined
}

const fields: Check.Fields<Options> = {
  limit: Check.number({ min: 1, whole: true, what: "a number of rows", remedy: "Use a whole number from 1" }),
  label: Check.optional(Check.text)
}

const options = Check.struct<Options>(fields)

const open = Check.struct<Options>(fields, { others: "ignored", instead: { max_rows: "Write `limit`" } })

describe("Check.struct", () => {
  it("copies the fields, and nothing else", () => {
    assert.deepStrictEqual(settled(options, { limit: 1, label: undefined }), { limit: 1 })
    assert.deepStrictEqual(settled(open, { limit: 1, label: "a", id: 5 }), { limit: 1, label: "a" })
    class Given {
      get limit() {
        return 3
      }
    }
    assert.deepStrictEqual(settled(options, new Given()), { limit: 3 })
  })

  it("names the field, the problem and the remedy", () => {
    assert.strictEqual(problemOf(options, 5, { whole: "options" }), "options: it is 5. Give an object")
    assert.strictEqual(problemOf(options, {}), "limit: it is missing. Use a whole number from 1")
    assert.strictEqual(problemOf(options, { limit: 0 }), "limit: 0 is not a number of rows. Use a whole number from 1")
    assert.strictEqual(problemOf(options, { limit: "1" }), "limit: it is text. Use a whole number from 1")
    assert.strictEqual(problemOf(options, { limit: 1, label: null }), "label: it is null. Give text")
  })

  it("refuses other fields, and suggests the nearest name", () => {
    const problem = (field: string) => problemOf(options, { limit: 1, [field]: 1 })
    assert.strictEqual(problem("Label"), "Label: there is no such field. Did you mean `label`? Else leave it out")
    assert.include(problem("lable"), "Did you mean `label`?")
    assert.include(problem("labels"), "Did you mean `label`?")
    assert.strictEqual(
      problem("x"),
      "x: there is no such field. Leave it out, or use `limit` and `label`".replace("and", "or")
    )
    assert.strictEqual(problem("a b"), problem("x")?.replace("x", "[\"a b\"]"))
    assert.isUndefined(problemOf(options, { limit: 1, x: undefined }))
  })

  it("can ignore other fields, but not misspellings of a missing one and fields of another API", () => {
    assert.isUndefined(problemOf(open, { limit: 1, x: 1, none: null }))
    assert.include(problemOf(open, { limit: 1, labell: "a" }), "Did you mean `label`?")
    assert.isUndefined(problemOf(open, { limit: 1, label: "a", labels: ["a"] }))
    assert.strictEqual(problemOf(open, { limit: 1, max_rows: 1 }), "max_rows: there is no such field. Write `limit`")
  })

  it("refuses what throws, with its path", () => {
    const thrower = Object.defineProperty({}, "limit", {
      get: () => {
        throw new Error("boo")
      }
    })
    const unread = "it cannot be read: a getter or a proxy throws. Give plain data"
    assert.strictEqual(problemOf(Check.list(options), [thrower], { field: "rows" }), `rows[0].limit: ${unread}`)
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    assert.strictEqual(problemOf(options, proxy, { whole: "options" }), `options: ${unread}`)
  })
})

describe("Check.tagged", () => {
  type Shape = { readonly type: "circle"; readonly radius: number } | { readonly type: "point" }
  const shape = Check.tagged<"type", Shape>("type", {
    circle: { radius: Check.number({ remedy: "Use a number" }) },
    point: {}
  }, {
    alias: { disc: "circle" },
    unknown: (word) => [`there is no "${word}"`, "Use another"]
  })

  it("checks the fields of the member by its tag", () => {
    assert.deepStrictEqual(settled(shape, { type: "point" }), { type: "point" })
    assert.deepStrictEqual(settled(shape, { type: "disc", radius: 2 }), { type: "circle", radius: 2 })
    assert.strictEqual(problemOf(shape, { type: "circle" }), "radius: it is missing. Use a number")
    assert.strictEqual(
      problemOf(shape, { type: "point", radius: 2 }),
      "radius: there is no such field. Leave it out, or use `type`"
    )
    assert.strictEqual(problemOf(shape, { type: "line" }), "type: there is no \"line\". Use another")
    assert.strictEqual(problemOf(shape, { type: "constructor" }), "type: there is no \"constructor\". Use another")
    assert.strictEqual(problemOf(shape, {}), "type: it is missing. Use `circle` or `point`")
  })
})

describe("Check.list", () => {
  it("checks each item, holes included, and bounds their number", () => {
    const texts = Check.list(Check.text, { most: 3 })
    assert.deepStrictEqual(settled(texts, ["a", ""]), ["a", ""])
    // oxlint-disable-next-line no-sparse-arrays -- a hole is what is tried
    assert.strictEqual(problemOf(texts, ["a", , "b"]), "[1]: it is missing. Give text")
    assert.strictEqual(
      problemOf(texts, { length: 1, 0: "a" }, { whole: "texts" }),
      "texts: it is an object. Give an array"
    )
    assert.strictEqual(
      problemOf(texts, ["a", "b", "c", "d"], { whole: "texts" }),
      "texts: it has 4 items. Use at most 3"
    )
  })
})

describe("Check.word", () => {
  const word = Check.word(["fast", "thorough"], { quick: "Use `fast`" })

  it("accepts only the words, and suggests the nearest", () => {
    assert.strictEqual(settled(word, "fast"), "fast")
    assert.strictEqual(
      problemOf(word, "FAST"),
      ": there is no \"FAST\" here. Did you mean `fast`? Use `fast` or `thorough`"
    )
    assert.include(problemOf(word, "thoruogh"), "Did you mean `thorough`?")
    assert.strictEqual(problemOf(word, "quick"), ": there is no \"quick\" here. Use `fast`")
    assert.strictEqual(problemOf(word, "toString"), ": there is no \"toString\" here. Use `fast` or `thorough`")
  })

  it("quotes only short words", () => {
    assert.strictEqual(problemOf(word, "a confidential text"), ": there is no such word here. Use `fast` or `thorough`")
    assert.strictEqual(problemOf(word, "x".repeat(1_000_000)), ": there is no such word here. Use `fast` or `thorough`")
  })
})

describe("Check.number", () => {
  it("has bounds, and refuses NaN", () => {
    const share = Check.number({ above: 0, max: 1, remedy: "Use a share" })
    assert.deepStrictEqual([1e-9, 1].map((given) => settled(share, given)), [1e-9, 1])
    for (const given of [0, -1, 1.1, Number.NaN, Infinity]) {
      assert.strictEqual(problemOf(share, given), `: ${given} is out of range. Use a share`)
    }
    assert.strictEqual(settled(Check.number({ remedy: "" }), Infinity), Infinity)
    assert.isDefined(problemOf(Check.number({ remedy: "", whole: true }), 2 ** 60))
  })
})

describe("Check.duration", () => {
  const duration = Check.duration()

  it.each<readonly [given: unknown, millis: number]>([
    ["30 seconds", 30_000],
    [250, 250],
    [1_000_000n, 1],
    [[1, 500_000_000], 1500],
    [{ minutes: 1, seconds: 1 }, 61_000],
    [Duration.hours(1), 3_600_000],
    [0, 0]
  ])("takes %o", (given, millis) => {
    assert.strictEqual(Duration.toMillis(settled(duration, given)), millis)
  })

  it.each<readonly [given: unknown, problem: string]>([
    ["x", "the text is not a duration"],
    [Number.NaN, "it is NaN"],
    [-1, "the duration is negative"],
    ["Infinity", "the duration is infinite"],
    [null, "it is null"],
    [{}, "it is an object"],
    [{ minute: 1 }, "it is an object"],
    [{ minutes: "1" }, "it is an object"],
    [[1], "it is an array"]
  ])("refuses %o", (given, problem) => {
    assert.include(problemOf(duration, given), `${problem}. Use a duration such as "30 seconds"`)
  })

  it("may be infinite, and must not be zero, by its options", () => {
    assert.strictEqual(settled(Check.duration({ infinite: true }), "Infinity"), Duration.infinity)
    assert.include(problemOf(Check.duration({ zero: false }), 0), "the duration is zero")
  })
})

describe("Check.json", () => {
  it("copies without `undefined`, and refuses what JSON cannot express", () => {
    const shared = { a: 1 }
    const given = { at: new Date(0), none: undefined, one: shared, two: shared, list: [undefined, null] }
    assert.deepStrictEqual(settled(Check.json(), given), JSON.parse(JSON.stringify(given)))
    for (
      const [value, problem] of [
        [Number.NaN, "JSON has no NaN"],
        [1n, "JSON has no bigint"],
        [Uint8Array.of(1), "JSON has no bytes"],
        [() => 1, "it is a function"],
        [Symbol("s"), "it is a symbol"],
        [new Map(), "it is a Map"]
      ] as const
    ) {
      assert.include(problemOf(Check.json(), { a: [value] }), `a[0]: ${problem}`)
    }
  })

  it("keeps other values by its options", () => {
    const bytes = Uint8Array.of(1)
    assert.deepStrictEqual(settled(Check.json({ bytes: true, bigint: true }), { bytes, n: 1n }), { bytes, n: 1n })
    const others = { f: () => 1, map: new Map(), n: Number.NaN }
    assert.deepStrictEqual(settled(Check.json({ others: true }), others), others)
  })

  it("accepts what `JSON.stringify` writes by its options", () => {
    const pairs = AnyValue.values.flatMap(({ make }) => {
      const value = make()
      const copy = Check.settle(Check.json({ written: true }), { value })
      // It throws at a function behind a revoked proxy, which says as little as any function.
      return Result.isFailure(copy) ? [] : [[copy.success, Result.try(() => JSON.stringify({ value }))] as const]
    })
    const [copies, written] = [
      pairs.flatMap(([copy, expected]) => Result.isSuccess(expected) ? [JSON.stringify(copy)] : []),
      pairs.flatMap(([, expected]) => Result.isSuccess(expected) ? [expected.success] : [])
    ]
    assert.isAbove(written.length, 10)
    assert.deepStrictEqual(copies, written)
  })

  it("does not touch the prototype", () => {
    const given: unknown = JSON.parse("{\"__proto__\": {\"polluted\": true}}")
    const copy = settled(Check.json(), given) as object
    assert.isFalse("polluted" in copy)
    assert.strictEqual(JSON.stringify(copy), JSON.stringify(given))
  })

  it("copies what is in several places as `JSON.stringify` writes it, in each", () => {
    const many = Array.from({ length: 40 }, (_, index) => ({ index }))
    const keyed = { many, toJSON: (key: string) => ({ key, many }) }
    const given = { one: many, two: [many, { many }], three: keyed, four: { keyed, again: [keyed] } }
    assert.strictEqual(JSON.stringify(settled(Check.json(), given)), JSON.stringify(given))
  })

  it("counts what is in several places in each, its depth too", () => {
    const many = Array.from({ length: 20_000 }, () => 1)
    assert.include(problemOf(Check.json(), Array.from({ length: 50 }, () => [many])), "more than 1000000 values")
    const levels = (count: number, inner: unknown) =>
      Array.from({ length: count }).reduce<unknown>((inner) => [inner], inner)
    const deep = levels(300, many)
    assert.deepStrictEqual(settled(Check.json(), [deep, levels(100, deep)]), [deep, levels(100, deep)])
    assert.include(problemOf(Check.json(), [deep, levels(250, deep)]), "deeper than 500 levels")
    // The depth of a copy counts in what holds it, too.
    const holder = levels(100, deep)
    assert.include(problemOf(Check.json(), [deep, holder, levels(150, holder)]), "deeper than 500 levels")
  })

  it("bounds depth, cycles and size", () => {
    const cycle: Record<string, unknown> = { deep: [{}] }
    cycle["deep"] = [{ again: cycle }]
    assert.strictEqual(problemOf(Check.json(), cycle), "deep[0].again: it contains itself. Break the cycle")
    const nested = Array.from({ length: 20_000 }).reduce<unknown>((inner) => [inner], 1)
    assert.strictEqual(
      problemOf(Check.json(), { a: nested }, { whole: "top" }),
      "top: it is nested deeper than 500 levels. Give plain JSON"
    )
    const wide = Array.from({ length: 60 }).reduce<unknown>((inner) => ({ left: inner, right: inner }), 1)
    assert.include(problemOf(Check.json(), wide), "there are more than 1000000 values")
    assert.include(
      problemOf(Check.json(), { a: Object.assign([], { length: 2 ** 32 - 1 }) }),
      "a: it has 4294967295 items"
    )
  })
})

describe("Check.run", () => {
  it.effect("fails with an InvalidRequestError of the provider", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Check.run(options, { limit: 2 }, { provider: "mine" }), { limit: 2 })
      const error = yield* Effect.flip(
        Check.run(options, { limit: -1 }, { provider: "mine", model: "m", field: "rows" })
      )
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.deepInclude(error, {
        provider: "mine",
        model: "m",
        field: "rows.limit",
        remedy: "Use a whole number from 1"
      })
      assert.strictEqual(error.message, "rows.limit: -1 is not a number of rows. Use a whole number from 1.")
    }))
})

describe("Any check", () => {
  it("returns for any value, and quotes no text", () => {
    const checks: ReadonlyArray<Check.Check<unknown>> = [
      options,
      open,
      Check.list(Check.text),
      Check.filled,
      Check.flag,
      Check.word(["a"]),
      Check.number({ remedy: "r" }),
      Check.duration(),
      Check.callback(),
      Check.bytes,
      Check.layer,
      Check.json(),
      Check.json({ others: true }),
      Check.jsonObject(),
      Check.providerOptions
    ]
    for (const check of checks) {
      for (const { make, name } of AnyValue.values) {
        const problem = problemOf(check, make())
        assert.notInclude(problem ?? "", "some text", name)
      }
    }
  })
})
