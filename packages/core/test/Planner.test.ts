import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Embedding from "../src/embedding/Embedding.ts"
import * as Plan from "../src/embedding/internal/plan.ts"

const Text = Schema.Union([
  Schema.Literals(["a", "bb", "ccc", "dddd", "eeeee", "ffffff"]),
  Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(6))
])
const Inputs = Schema.Array(Text).check(Schema.isMaxLength(60))
const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 }))
const BatchLength = Schema.Int.check(Schema.isBetween({ minimum: 6, maximum: 30 }))

const sent = (plan: Plan.Plan) =>
  plan.batches.map((batch) => batch.map((place) => Embedding.textOf(plan.contents[place]!)!))

describe("Planner", () => {
  it.prop("plans every distinct text once, in the order it first appears", {
    inputs: Inputs,
    maxItems: Count,
    maxBatchLength: BatchLength
  }, ({ inputs, maxBatchLength, maxItems }) => {
    const plan = Plan.make(inputs, { maxItems, maxLength: 6, maxBatchLength })
    assert.deepStrictEqual(sent(plan).flat(), [...new Set(inputs)])
  })

  it.prop("maps every input to its text", { inputs: Inputs, maxItems: Count }, ({ inputs, maxItems }) => {
    const plan = Plan.make(inputs, { maxItems, maxLength: 6 })
    const texts: Array<Plan.Content | undefined> = []
    for (const { pieces, positions } of plan.items) {
      positions.forEach((position) => texts[position] = plan.contents[pieces[0]!])
    }
    assert.deepStrictEqual(texts, [...inputs])
  })

  it.prop("stays within the limits of a request", {
    inputs: Inputs,
    maxItems: Count,
    maxBatchLength: BatchLength
  }, ({ inputs, maxBatchLength, maxItems }) => {
    for (const batch of sent(Plan.make(inputs, { maxItems, maxLength: 6, maxBatchLength }))) {
      assert.isAtLeast(batch.length, 1)
      assert.isAtMost(batch.length, maxItems)
      assert.isAtMost(batch.join("").length, maxBatchLength)
    }
  })

  it.prop("needs no more requests than the count requires", {
    inputs: Inputs,
    maxItems: Count
  }, ({ inputs, maxItems }) => {
    const { batches } = Plan.make(inputs, { maxItems, maxLength: 6 })
    assert.strictEqual(batches.length, Math.ceil(new Set(inputs).size / maxItems))
  })

  it.prop("closes a request only when the next text does not fit", {
    inputs: Inputs,
    maxItems: Count,
    maxBatchLength: BatchLength
  }, ({ inputs, maxBatchLength, maxItems }) => {
    const batches = sent(Plan.make(inputs, { maxItems, maxLength: 6, maxBatchLength }))
    batches.slice(1).forEach((next, index) => {
      const batch = batches[index]!
      assert.isTrue(batch.length === maxItems || batch.join("").length + next[0]!.length > maxBatchLength)
    })
  })

  it("sends everything at once when nothing is limited", () => {
    const plan = Plan.make(["a", "b", "c"], { maxItems: Infinity, maxLength: Infinity })
    assert.deepStrictEqual(plan.batches, [[0, 1, 2]])
  })

  it("plans nothing for no inputs", () => {
    assert.deepStrictEqual(Plan.make([], { maxItems: 8, maxLength: 8 }).batches, [])
  })

  it("sends one at a time where the limits make no sense", () => {
    const plan = Plan.make(["a", "b"], { maxItems: Number.NaN, maxLength: 8 })
    assert.deepStrictEqual(plan.batches, [[0], [1]])
  })

  it("takes no text longer than a whole request", () => {
    assert.strictEqual(Plan.longestText({ maxItems: 8, maxLength: 100, maxBatchLength: 40 }), 40)
    assert.strictEqual(Plan.longestText({ maxItems: 8, maxLength: 100 }), 100)
  })
})
