/**
 * The expected result of `Guardrail.apply` for an answer of ApplyGuardrail.
 */
import type { Guardrail } from "@strata/bedrock"
import * as Result from "effect/Result"
import { compare, type Difference } from "../Difference.ts"
import type { Recording } from "../Recording.ts"
import * as Json from "../wire/Json.ts"

/** Compares an outcome with the answer it was decoded from. */
export const check = (outcome: Guardrail.Outcome, recording: Recording): ReadonlyArray<Difference> => {
  const json = Json.withoutNulls(Result.getOrElse(Json.parseBytes(recording.body), () => null))
  const units = (name: string) => Json.number(json, "usage", name) ?? 0
  const found = Json.list(json, "assessments").flatMap(findingsOf)
  return compare(
    {
      intervened: Json.text(json, "action") === "GUARDRAIL_INTERVENED",
      outputs: Json.list(json, "outputs").flatMap((output) => Json.text(output, "text") ?? []),
      reason: Json.text(json, "actionReason"),
      requestId: recording.headers["x-amzn-requestid"],
      policies: [...new Set(found.flatMap(({ action, policy }) => action === "none" ? [] : [policy]))],
      assessments: found,
      usage: {
        topicUnits: units("topicPolicyUnits"),
        contentUnits: units("contentPolicyUnits"),
        contentImageUnits: units("contentPolicyImageUnits"),
        wordUnits: units("wordPolicyUnits"),
        sensitiveInformationUnits: units("sensitiveInformationPolicyUnits"),
        sensitiveInformationFreeUnits: units("sensitiveInformationPolicyFreeUnits"),
        groundingUnits: units("contextualGroundingPolicyUnits"),
        automatedReasoningUnits: units("automatedReasoningPolicyUnits")
      },
      coverage: {
        textCharacters: Json.member(json, "guardrailCoverage", "textCharacters"),
        images: Json.member(json, "guardrailCoverage", "images")
      }
    },
    outcome,
    "at least"
  )
}

interface Finding {
  readonly policy: string
  readonly action: string
}

/** In the order of the policies, not of the answer. */
const findingsOf = (assessment: Json.Json): ReadonlyArray<Finding> =>
  tables.flatMap(({ members, path, policy }) =>
    Json.list(assessment, ...path).map((finding) => ({
      policy,
      ...members(finding),
      detected: Json.member(finding, "detected"),
      action: actions[Json.text(finding, "action") ?? "NONE"] ?? "blocked"
    }))
  )

const actions: Readonly<Record<string, string>> = { NONE: "none", ANONYMIZED: "masked", BLOCKED: "blocked" }

interface Table {
  readonly policy: string
  readonly path: ReadonlyArray<string>
  readonly members: (finding: Json.Json) => object
}

const lower = (finding: Json.Json, name: string): string | undefined => Json.text(finding, name)?.toLowerCase()

const tables: ReadonlyArray<Table> = [
  {
    policy: "topic",
    path: ["topicPolicy", "topics"],
    members: (finding) => ({ name: Json.text(finding, "name") })
  },
  {
    policy: "content",
    path: ["contentPolicy", "filters"],
    members: (finding) => ({
      filter: lower(finding, "type"),
      confidence: lower(finding, "confidence"),
      strength: lower(finding, "filterStrength")
    })
  },
  {
    policy: "word",
    path: ["wordPolicy", "customWords"],
    members: (finding) => ({ match: Json.text(finding, "match"), list: "custom" })
  },
  {
    policy: "word",
    path: ["wordPolicy", "managedWordLists"],
    members: (finding) => ({ match: Json.text(finding, "match"), list: lower(finding, "type") })
  },
  {
    policy: "pii",
    path: ["sensitiveInformationPolicy", "piiEntities"],
    members: (finding) => ({ entity: lower(finding, "type"), match: Json.text(finding, "match") })
  },
  {
    policy: "regex",
    path: ["sensitiveInformationPolicy", "regexes"],
    members: (finding) => ({ name: Json.text(finding, "name"), match: Json.text(finding, "match") })
  },
  {
    policy: "grounding",
    path: ["contextualGroundingPolicy", "filters"],
    members: (finding) => ({
      check: lower(finding, "type"),
      score: Json.number(finding, "score"),
      threshold: Json.number(finding, "threshold")
    })
  }
]
