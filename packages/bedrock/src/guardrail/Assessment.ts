/**
 * Findings of a guardrail's policies, one by one, as plain data.
 *
 * Decoding is total: the service leaves out what does not apply, and adds policies and kinds over time. Findings
 * unknown here are only in the raw answer.
 */
import type { GuardrailAssessment, GuardrailAutomatedReasoningFinding } from "@aws-sdk/client-bedrock-runtime"

/** The action of a guardrail on a finding: `none` where it only detects, or where a check passed. */
export type Action = "none" | "masked" | "blocked"

/**
 * One finding.
 *
 * - `topic`: a denied topic, by its name.
 * - `content`: a filter such as `violence` or `prompt_attack`, its confidence and its configured strength.
 * - `word`: a word of the guardrail's own list, or of a list of AWS such as `profanity`.
 * - `pii`: a kind of personal data such as `email` or `us_social_security_number`.
 * - `regex`: a pattern of the guardrail's own.
 * - `grounding`: how well the answer is supported by its sources, or relates to the question; below the threshold it
 *   fails.
 * - `automated-reasoning`: the result of a policy's rules, as the service names it.
 *
 * `detected` is missing where the service does not report it; `match` is the matched text.
 */
export type Assessment =
  | { readonly policy: "topic"; readonly name: string } & Verdict
  | {
    readonly policy: "content"
    readonly filter: string
    readonly confidence?: Level | undefined
    readonly strength?: Level | undefined
  } & Verdict
  | { readonly policy: "word"; readonly match: string; readonly list: string } & Verdict
  | { readonly policy: "pii"; readonly entity: string; readonly match: string } & Verdict
  | {
    readonly policy: "regex"
    readonly name?: string | undefined
    readonly match?: string | undefined
    readonly regex?: string | undefined
  } & Verdict
  | {
    readonly policy: "grounding"
    readonly check: string
    readonly score: number
    readonly threshold: number
  } & Verdict
  | { readonly policy: "automated-reasoning"; readonly finding: GuardrailAutomatedReasoningFinding } & Verdict

/** The policies of a guardrail. */
export type Policy = Assessment["policy"]

/** Confidence or strength of a filter. */
export type Level = "none" | "low" | "medium" | "high"

/** The result of a finding. */
export interface Verdict {
  readonly action: Action
  readonly detected?: boolean | undefined
}

/** The findings of all policies, in the order of {@link Assessment}. */
export const decode = (assessment: GuardrailAssessment): ReadonlyArray<Assessment> => [
  ...(assessment.topicPolicy?.topics ?? []).map((topic): Assessment => ({
    policy: "topic",
    name: topic.name ?? "",
    ...verdict(topic)
  })),
  ...(assessment.contentPolicy?.filters ?? []).map((filter): Assessment => ({
    policy: "content",
    filter: lower(filter.type),
    ...known("confidence", level(filter.confidence)),
    ...known("strength", level(filter.filterStrength)),
    ...verdict(filter)
  })),
  ...(assessment.wordPolicy?.customWords ?? []).map((word): Assessment => ({
    policy: "word",
    match: word.match ?? "",
    list: "custom",
    ...verdict(word)
  })),
  ...(assessment.wordPolicy?.managedWordLists ?? []).map((word): Assessment => ({
    policy: "word",
    match: word.match ?? "",
    list: lower(word.type),
    ...verdict(word)
  })),
  ...(assessment.sensitiveInformationPolicy?.piiEntities ?? []).map((datum): Assessment => ({
    policy: "pii",
    entity: lower(datum.type),
    match: datum.match ?? "",
    ...verdict(datum)
  })),
  ...(assessment.sensitiveInformationPolicy?.regexes ?? []).map((pattern): Assessment => ({
    policy: "regex",
    ...known("name", pattern.name),
    ...known("match", pattern.match),
    ...known("regex", pattern.regex),
    ...verdict(pattern)
  })),
  ...(assessment.contextualGroundingPolicy?.filters ?? []).map((filter): Assessment => ({
    policy: "grounding",
    check: lower(filter.type),
    score: filter.score ?? 0,
    threshold: filter.threshold ?? 0,
    ...verdict(filter)
  })),
  // these findings are advisory and have no action
  ...(assessment.automatedReasoningPolicy?.findings ?? []).map((finding): Assessment => ({
    policy: "automated-reasoning",
    finding,
    action: "none"
  }))
]

/** The strongest action among findings. */
export const actionOf = (assessments: ReadonlyArray<Assessment>): Action =>
  assessments.reduce<Action>((strongest, { action }) => rank[action] > rank[strongest] ? action : strongest, "none")

/** The policies that acted, without duplicates. */
export const policiesOf = (assessments: ReadonlyArray<Assessment>): ReadonlyArray<Policy> => [
  ...new Set(assessments.flatMap(({ action, policy }) => action === "none" ? [] : [policy]))
]

const rank: Readonly<Record<Action, number>> = { none: 0, masked: 1, blocked: 2 }

const verdict = (
  { action, detected }: { readonly action?: string | undefined; readonly detected?: boolean | undefined }
): Verdict => ({
  // an action newer than this list counts as blocked
  action: action === undefined || action === "NONE" ? "none" : action === "ANONYMIZED" ? "masked" : "blocked",
  ...known("detected", detected)
})

const lower = (word: string | undefined): string => (word ?? "unknown").toLowerCase()

const level = (word: string | undefined): Level | undefined => levels.find((known) => known === word?.toLowerCase())

const levels: ReadonlyArray<Level> = ["none", "low", "medium", "high"]

const known = <Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } =>
  value === undefined ? {} : { [key]: value } as { readonly [K in Key]: Value } // a computed key loses its type
