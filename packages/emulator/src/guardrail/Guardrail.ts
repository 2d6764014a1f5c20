/**
 * Guardrails: the texts they intervene on, and the service's report of it.
 *
 * Two of the service's policies are emulated, words and topics, and topics are matched by phrases. Both match whole
 * words, case-insensitively.
 */
import * as Result from "effect/Result"
import * as Region from "../region/Region.ts"

/** A denied topic, matched by any of its `phrases`. */
export interface Topic {
  readonly name: string
  readonly phrases: ReadonlyArray<string>
}

/**
 * A guardrail of the account.
 *
 * - `id`: lower-case letters and digits; `version`: a number. The version `DRAFT` always exists too, and a guardrail
 *   without a version has only that one.
 * - `words`, `topics`: those it intervenes on.
 * - `blockedInput`, `blockedOutput`: the message in place of an answer.
 */
export interface Guardrail {
  readonly id: string
  readonly version?: string | undefined
  readonly words?: ReadonlyArray<string> | undefined
  readonly topics?: ReadonlyArray<Topic> | undefined
  readonly blockedInput?: string | undefined
  readonly blockedOutput?: string | undefined
}

/** Whether a text is sent to a model or comes from one. */
export type Source = "INPUT" | "OUTPUT"

/**
 * The result of a check. `message` replaces the content; `usage`, `coverage`, and `metrics` with both, measure what was
 * checked.
 */
export interface Verdict {
  readonly intervened: boolean
  readonly message: string
  readonly actionReason: string
  readonly assessment: Readonly<Record<string, unknown>>
  readonly metrics: Readonly<Record<string, unknown>>
  readonly usage: Readonly<Record<string, number>>
  readonly coverage: Readonly<Record<string, unknown>>
}

/** The content to check: the guarded texts, and the total number of characters and images. */
export interface Material {
  readonly texts: ReadonlyArray<string>
  readonly totalCharacters: number
  readonly images: number
}

/** A guardrail as named in a request. */
export interface Named {
  readonly guardrail: Guardrail
  readonly version: string
  readonly region: string
}

/** Finds the guardrail of an id or ARN and a version; the service has one message for whichever is wrong. */
export const find = (
  guardrails: ReadonlyArray<Guardrail>,
  region: string,
  identifier: string,
  version: string
): Result.Result<Named, string> => {
  const arn = arnPattern.exec(identifier)
  const id = arn === null ? identifier : arn[1] === region ? arn[2] : undefined
  const guardrail = guardrails.findLast((guardrail) =>
    guardrail.id === id && (version === draft || guardrail.version === version)
  )
  return guardrail === undefined ? Result.fail(missing) : Result.succeed({ guardrail, version, region })
}

/** Checks texts. With `full`, policies without findings are reported too. */
export const judge = (
  { guardrail, region, version }: Named,
  source: Source,
  { images, texts, totalCharacters }: Material,
  full: boolean
): Verdict => {
  const { topics = [], words = [] } = guardrail
  const text = texts.join("\n")
  const customWords = words.flatMap((word) => {
    const match = phrase(word).exec(text)?.[0]
    return match === undefined ? [] : [{ action: "BLOCKED", detected: true, match }]
  })
  const judged = topics.map(({ name, phrases }) => {
    const detected = phrases.some((words) => phrase(words).test(text))
    return { action: detected ? "BLOCKED" : "NONE", detected, name, type: "DENY" }
  })
  const intervened = customWords.length > 0 || judged.some(({ detected }) => detected)
  const reported = full ? judged : judged.filter(({ detected }) => detected)
  const guarded = texts.reduce((sum, text) => sum + text.length, 0)
  const units = Math.ceil(guarded / charactersPerUnit)
  const usage = {
    automatedReasoningPolicies: 0,
    automatedReasoningPolicyUnits: 0,
    contentPolicyImageUnits: 0,
    contentPolicyUnits: 0,
    contextualGroundingPolicyUnits: 0,
    sensitiveInformationPolicyFreeUnits: 0,
    sensitiveInformationPolicyUnits: 0,
    topicPolicyUnits: topics.length > 0 ? units : 0,
    wordPolicyUnits: words.length > 0 ? units : 0
  }
  const coverage = {
    ...(images === 0 ? undefined : { images: { guarded: 0, total: images } }),
    textCharacters: { guarded, total: totalCharacters }
  }
  const metrics = { guardrailCoverage: coverage, guardrailProcessingLatency: 0, usage }
  return {
    intervened,
    metrics,
    message: (source === "INPUT" ? guardrail.blockedInput : guardrail.blockedOutput) ?? defaultMessage,
    actionReason: intervened ? "Guardrail blocked." : "No action.",
    usage,
    coverage,
    assessment: {
      appliedGuardrailDetails: {
        guardrailArn: `arn:aws:bedrock:${region}:${Region.account}:guardrail/${guardrail.id}`,
        guardrailId: guardrail.id,
        guardrailOrigin: ["REQUEST"],
        guardrailOwnership: "SELF",
        guardrailVersion: version
      },
      invocationMetrics: metrics,
      ...(reported.length === 0 ? undefined : { topicPolicy: { topics: reported } }),
      ...(customWords.length === 0 ? undefined : { wordPolicy: { customWords } })
    }
  }
}

const draft = "DRAFT"

const charactersPerUnit = 1000

const defaultMessage = "Sorry, the model cannot answer this question."

const missing = "The guardrail identifier or version provided in the request does not exist."

const arnPattern = /^arn:aws(?:-[^:]+)?:bedrock:([a-z0-9-]+):\d{12}:guardrail\/([a-z0-9]+)$/

const phrase = (words: string): RegExp =>
  new RegExp(`(?<![\\p{L}\\p{N}])${words.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")}(?![\\p{L}\\p{N}])`, "iu")
