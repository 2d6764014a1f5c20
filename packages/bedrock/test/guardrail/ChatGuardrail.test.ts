import { assert, describe, it } from "@effect/vitest"
import * as ChatGuardrail from "../../src/guardrail/ChatGuardrail.ts"
import { assessment } from "./answers.ts"

const { sensitiveInformationPolicy, topicPolicy, wordPolicy } = assessment

describe("guardrail/ChatGuardrail", () => {
  it("is undefined without a guardrail", () => {
    assert.isUndefined(ChatGuardrail.decode(undefined, "end_turn"))
  })

  it("tells the prompt from the answer", () => {
    const outcome = ChatGuardrail.decode(
      {
        actionReason: "Guardrail blocked.",
        modelOutput: ["Write to ada@example.org"],
        inputAssessment: { "gr-1": { ...(topicPolicy && { topicPolicy }) } },
        outputAssessments: { "gr-1": [{ ...(sensitiveInformationPolicy && { sensitiveInformationPolicy }) }] }
      },
      "guardrail_intervened"
    )
    assert.deepStrictEqual(outcome, {
      intervened: true,
      input: {
        action: "blocked",
        assessments: [{ policy: "topic", name: "Investments", action: "blocked", detected: true }]
      },
      output: {
        action: "masked",
        assessments: [
          { policy: "pii", entity: "email", match: "ada@example.org", action: "masked" },
          { policy: "regex", name: "Ticket", match: "T-1", regex: "T-\\d", action: "none" }
        ]
      },
      policies: ["topic", "pii"],
      reason: "Guardrail blocked.",
      modelOutput: ["Write to ada@example.org"]
    })
  })

  it("sees a mask although the model stopped as usual", () => {
    const outcome = ChatGuardrail.decode(
      { outputAssessments: { "gr-1": [{ ...(sensitiveInformationPolicy && { sensitiveInformationPolicy }) }] } },
      "end_turn"
    )
    assert.isTrue(outcome?.intervened)
    assert.strictEqual(outcome?.input.action, "none")
  })

  it("does not take a finding without an action for an intervention", () => {
    const outcome = ChatGuardrail.decode(
      { inputAssessment: { "gr-1": { ...(wordPolicy && { wordPolicy }) } } },
      "end_turn"
    )
    assert.isFalse(outcome?.intervened)
    assert.deepStrictEqual(outcome?.policies, [])
    assert.lengthOf(outcome?.input.assessments ?? [], 2)
  })

  it("knows of an intervention without a trace", () => {
    assert.deepInclude(ChatGuardrail.decode(undefined, "guardrail_intervened"), { intervened: true, policies: [] })
  })
})
