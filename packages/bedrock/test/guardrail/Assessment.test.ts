import { assert, describe, it } from "@effect/vitest"
import * as Assessment from "../../src/guardrail/Assessment.ts"
import { assessment } from "./answers.ts"

describe("guardrail/Assessment", () => {
  it("tells what each policy found and what it did", () => {
    assert.deepStrictEqual(Assessment.decode(assessment), [
      { policy: "topic", name: "Investments", action: "blocked", detected: true },
      {
        policy: "content",
        filter: "prompt_attack",
        confidence: "high",
        strength: "low",
        action: "none",
        detected: true
      },
      { policy: "word", match: "acme", list: "custom", action: "none" },
      { policy: "word", match: "darn", list: "profanity", action: "none" },
      { policy: "pii", entity: "email", match: "ada@example.org", action: "masked" },
      { policy: "regex", name: "Ticket", match: "T-1", regex: "T-\\d", action: "none" },
      { policy: "grounding", check: "grounding", score: 0.2, threshold: 0.7, action: "none" },
      { policy: "automated-reasoning", finding: { tooComplex: {} }, action: "none" }
    ])
  })

  it("finds the strongest action, and the policies that acted", () => {
    const all = Assessment.decode(assessment)
    assert.strictEqual(Assessment.actionOf(all), "blocked")
    assert.strictEqual(Assessment.actionOf(all.slice(1)), "masked")
    assert.strictEqual(Assessment.actionOf([]), "none")
    assert.deepStrictEqual(Assessment.policiesOf([...all, ...all]), ["topic", "pii"])
  })

  it("makes do with what there is", () => {
    assert.deepStrictEqual(Assessment.decode({}), [])
    assert.deepStrictEqual(
      Assessment.decode({
        contentPolicy: { filters: undefined },
        topicPolicy: { topics: [{ name: undefined, type: undefined, action: undefined }] }
      }),
      [{ policy: "topic", name: "", action: "none" }]
    )
  })

  it("takes an action it does not know for a block", () => {
    const [filter] = Assessment.decode({
      // the service may be newer than the types of the SDK
      contentPolicy: { filters: [{ type: "NEW_ONE", confidence: "EXTREME", action: "QUARANTINED" } as never] }
    })
    assert.deepStrictEqual(filter, { policy: "content", filter: "new_one", action: "blocked" })
  })
})
