/**
 * Shapes of guardrail answers, by the service model: of ApplyGuardrail, and the trace in a Converse answer.
 */
import type {
  ApplyGuardrailResponse,
  GuardrailAssessment,
  GuardrailAutomatedReasoningFinding,
  GuardrailAutomatedReasoningLogicWarning,
  GuardrailAutomatedReasoningRule,
  GuardrailAutomatedReasoningScenario,
  GuardrailAutomatedReasoningStatement,
  GuardrailAutomatedReasoningTranslation,
  GuardrailCoverage,
  GuardrailTraceAssessment,
  GuardrailUsage
} from "@aws-sdk/client-bedrock-runtime"
import { aside, boolean, count, list, number, record, structure, text, union } from "./Shape.ts"

const verdict = { action: text, detected: boolean }

const statement = structure<GuardrailAutomatedReasoningStatement>({ logic: text, naturalLanguage: text })

const scenario = structure<GuardrailAutomatedReasoningScenario>({ statements: list(statement) })

const reference = structure<{ text?: string }>({ text })

const translation = structure<GuardrailAutomatedReasoningTranslation>({
  premises: list(statement),
  claims: list(statement),
  untranslatedPremises: list(reference),
  untranslatedClaims: list(reference),
  confidence: number
})

const rules = list(structure<GuardrailAutomatedReasoningRule>({ identifier: text, policyVersionArn: text }))

const logicWarning = structure<GuardrailAutomatedReasoningLogicWarning>({
  type: text,
  premises: list(statement),
  claims: list(statement)
})

const finding = union<GuardrailAutomatedReasoningFinding>({
  valid: structure({ translation, claimsTrueScenario: scenario, supportingRules: rules, logicWarning }),
  invalid: structure({ translation, contradictingRules: rules, logicWarning }),
  satisfiable: structure({ translation, claimsTrueScenario: scenario, claimsFalseScenario: scenario, logicWarning }),
  impossible: structure({ translation, contradictingRules: rules, logicWarning }),
  translationAmbiguous: structure({
    options: list(structure({ translations: list(translation) })),
    differenceScenarios: list(scenario)
  }),
  tooComplex: structure({}),
  noTranslations: structure({})
})

const usage = structure<GuardrailUsage>({
  topicPolicyUnits: count,
  contentPolicyUnits: count,
  wordPolicyUnits: count,
  sensitiveInformationPolicyUnits: count,
  sensitiveInformationPolicyFreeUnits: count,
  contextualGroundingPolicyUnits: count,
  contentPolicyImageUnits: count,
  automatedReasoningPolicyUnits: count,
  automatedReasoningPolicies: count
})

const covered = structure<{ guarded?: number; total?: number }>({ guarded: count, total: count })

const coverage = structure<GuardrailCoverage>({ textCharacters: covered, images: covered })

const assessment = structure<GuardrailAssessment>({
  topicPolicy: structure({ topics: list(structure({ name: text, type: text, ...verdict })) }),
  contentPolicy: structure({
    filters: list(structure({ type: text, confidence: text, filterStrength: text, ...verdict }))
  }),
  wordPolicy: structure({
    customWords: list(structure({ match: text, ...verdict })),
    managedWordLists: list(structure({ match: text, type: text, ...verdict }))
  }),
  sensitiveInformationPolicy: structure({
    piiEntities: list(structure({ match: text, type: text, ...verdict })),
    regexes: list(structure({ name: text, match: text, regex: text, ...verdict }))
  }),
  contextualGroundingPolicy: structure({
    filters: list(structure({ type: text, threshold: number, score: number, ...verdict }))
  }),
  automatedReasoningPolicy: structure({ findings: list(finding) }),
  invocationMetrics: aside(structure({ guardrailProcessingLatency: count, usage, guardrailCoverage: coverage })),
  appliedGuardrailDetails: aside(structure({
    guardrailId: text,
    guardrailVersion: text,
    guardrailArn: text,
    guardrailOrigin: list(text),
    guardrailOwnership: text
  }))
})

/** The trace of a chat request's guardrail. */
export const trace = structure<GuardrailTraceAssessment>({
  modelOutput: list(text),
  inputAssessment: record(assessment),
  outputAssessments: record(list(assessment)),
  actionReason: text
})

/** The answer of ApplyGuardrail. The findings are the answer; usage and coverage accompany it. */
export const response = structure<ApplyGuardrailResponse>({
  usage: aside(usage),
  action: text,
  actionReason: text,
  outputs: list(structure({ text })),
  assessments: list(assessment),
  guardrailCoverage: aside(coverage)
})
