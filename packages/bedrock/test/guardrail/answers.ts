import type { GuardrailAssessment } from "@aws-sdk/client-bedrock-runtime"

/** An assessment in which every policy found something, and two of them acted. */
export const assessment: GuardrailAssessment = {
  topicPolicy: { topics: [{ name: "Investments", type: "DENY", action: "BLOCKED", detected: true }] },
  contentPolicy: {
    filters: [{ type: "PROMPT_ATTACK", confidence: "HIGH", filterStrength: "LOW", action: "NONE", detected: true }]
  },
  wordPolicy: {
    customWords: [{ match: "acme", action: "NONE" }],
    managedWordLists: [{ match: "darn", type: "PROFANITY", action: "NONE" }]
  },
  sensitiveInformationPolicy: {
    piiEntities: [{ match: "ada@example.org", type: "EMAIL", action: "ANONYMIZED" }],
    regexes: [{ name: "Ticket", match: "T-1", regex: "T-\\d", action: "NONE" }]
  },
  contextualGroundingPolicy: { filters: [{ type: "GROUNDING", threshold: 0.7, score: 0.2, action: "NONE" }] },
  automatedReasoningPolicy: { findings: [{ tooComplex: {} }] }
}
