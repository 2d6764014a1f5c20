import { assert, describe, it } from "@effect/vitest"
import * as QuotaForecast from "../src/policy/internal/quota/forecast.ts"

const load = { inputTokens: 1_000, outputTokens: 200 }

describe("the forecast of what calls draw", () => {
  it("expects half of maxTokens, and a prompt as estimated, before it has learned anything", () => {
    const { demand } = QuotaForecast.make()
    assert.deepStrictEqual(demand(load, 1), { inputTokens: 1_000, reserved: 1_200, least: 866, amount: 1_200 })
    assert.strictEqual(demand(load, 5).amount, 1_500)
    assert.strictEqual(demand({ ...load, counted: true }, 1).least, 1_200)
  })

  it("expects the mean of earlier outputs and twice their mean deviation, maxTokens at most", () => {
    const { demand, learn } = QuotaForecast.make()
    const expected = (outputTokens = 1_000) => demand({ inputTokens: 0, outputTokens }, 10).amount / 10
    learn({ ...load, counted: true }, { inputTokens: 1_000, outputTokens: 40 })
    assert.strictEqual(expected(), 100, "maxTokens once is more than 80 ten times")
    const answers: ReadonlyArray<readonly [outputTokens: number, expected: number]> = [
      [400, 85 + 2 * 105],
      [85, 85 + 2 * 78.75],
      [5, 75 + 2 * 79.0625]
    ]
    for (const [outputTokens, most] of answers) {
      learn({ ...load, counted: true }, { inputTokens: 1_000, outputTokens })
      assert.strictEqual(expected(), Math.ceil(10 * most) / 10)
    }
    assert.strictEqual(expected(50), 50)
  })

  it("multiplies estimates by the ratio seen, which rises at once and falls slowly", () => {
    const { demand, learn } = QuotaForecast.make()
    const estimate = () => {
      const { inputTokens, least } = demand({ inputTokens: 10_000, outputTokens: 0 }, 1)
      return [inputTokens, least]
    }
    learn(load, { inputTokens: 100, promptTokens: 2_100, outputTokens: 0 })
    assert.deepStrictEqual(estimate(), [22_000, 18_181])
    learn(load, { inputTokens: 1_000, outputTokens: 0 })
    assert.deepStrictEqual(estimate(), [19_800, 16_363])
    learn(load, { inputTokens: 3_200, outputTokens: 0 })
    assert.deepStrictEqual(estimate(), [33_000, 27_272])
  })

  it("learns nothing of prompts that were counted or are empty, nor of calls without an answer", () => {
    const { demand, learn } = QuotaForecast.make()
    const before = demand(load, 5)
    learn({ inputTokens: 0, outputTokens: 0 }, { inputTokens: 900, outputTokens: 900 })
    learn({ ...load, outputTokens: 0, counted: true }, { inputTokens: 9_000, outputTokens: 900 })
    assert.deepStrictEqual(demand(load, 5), before)
  })
})
