import { assert, describe, it } from "@effect/vitest"
import * as Assessment from "../../src/guardrail/Assessment.ts"
import { assessment } from "./answers.ts"

describe("guardrail/Assessment", () => {
  it("returns the findings and actions of each policy", () => {
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

  it("decodes incomplete answers", () => {
    assert.deepStrictEqual(Assessment.decode({}), [])
    assert.deepStrictEqual(
      Assessment.decode({
        contentPolicy: { filters: undefined },
        topicPolicy: { topics: [{ name: undefined, type: undefined, action: undefined }] }
      }),
      [{ policy: "topic", name: "", action: "none" }]
    )
  })

  it("counts an unknown action as blocked", () => {
    const [filter] = Assessment.decode({
      // the service may be newer than the types of the SDK
      contentPolicy: { filters: [{ type: "NEW_ONE", confidence: "EXTREME", action: "QUARANTINED" } as never] }
    })
    assert.deepStrictEqual(filter, { policy: "content", filter: "new_one", action: "blocked" })
  })
})
