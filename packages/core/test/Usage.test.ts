import { assert, describe, it } from "@effect/vitest"
import * as Usage from "@strata/core/Usage"
import * as Schema from "effect/Schema"

const count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const Counted = Schema.Struct({
  inputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  outputTokens: count,
  totalTokens: count
})

describe("Usage", () => {
  it("adds up a missing total", () => {
    const usage = Usage.make({ inputTokens: 1, cacheReadTokens: 10, cacheWriteTokens: 100, outputTokens: 1_000 })
    assert.strictEqual(usage.totalTokens, 1_111)
    assert.deepStrictEqual(Usage.make({}), Usage.empty)
  })

  it("keeps the provider's total", () => {
    assert.strictEqual(Usage.make({ inputTokens: 1, outputTokens: 1, totalTokens: 5 }).totalTokens, 5)
    assert.strictEqual(Usage.make({ inputTokens: 1, totalTokens: 0 }).totalTokens, 0)
  })

  it.prop("adds counter by counter, in any order", [Counted, Counted, Counted], ([a, b, c]) => {
    assert.deepStrictEqual(Usage.add(a, b), Usage.add(b, a))
    assert.deepStrictEqual(Usage.add(Usage.add(a, b), c), Usage.add(a, Usage.add(b, c)))
    assert.deepStrictEqual(Usage.add(a, Usage.empty), a)
    assert.strictEqual(Usage.add(a, b).outputTokens, a.outputTokens + b.outputTokens)
  })
})
