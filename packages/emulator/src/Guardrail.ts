/**
 * Guardrails: which texts one steps in for, and how the service reports it.
 *
 * Two of the service's policies exist here, words and topics, and a topic is found by its phrases. Both match whole
 * words, whatever their case.
 */
import * as Result from "effect/Result"

/** A subject to keep out; any of the `phrases` gives it away. */
export interface Topic {
  readonly name: string
  readonly phrases: ReadonlyArray<string>
}

/**
 * A guardrail of the account.
 *
 * - `id`: lower-case letters and digits; `version`: a number. The version `DRAFT` always exists too, and a guardrail
 *   without a version has only that one.
 * - `words`, `topics`: what it steps in for.
 * - `blockedInput`, `blockedOutput`: what is said in place of an answer.
 */
export interface Guardrail {
  readonly id: string
  readonly version?: string | undefined
  readonly words?: ReadonlyArray<string> | undefined
  readonly topics?: ReadonlyArray<Topic> | undefined
  readonly blockedInput?: string | undefined
  readonly blockedOutput?: string | undefined
}

/** Whether a text goes to a model or comes from one. */
export type Source = "INPUT" | "OUTPUT"

/** What a guardrail found. `message` takes the place of what was said; `usage` and `coverage`, and `metrics` with both, are what was judged. */
export interface Verdict {
  readonly intervened: boolean
  readonly message: string
  readonly actionReason: string
  readonly assessment: Readonly<Record<string, unknown>>
  readonly metrics: Readonly<Record<string, unknown>>
  readonly usage: Readonly<Record<string, number>>
  readonly coverage: Readonly<Record<string, unknown>>
}

/** What there is to judge: the guarded texts, and how many characters and images there are in all. */
export interface Material {
  readonly texts: ReadonlyArray<string>
  readonly totalCharacters: number
  readonly images: number
}

/** A guardrail as a request named it. */
export interface Named {
  readonly guardrail: Guardrail
  readonly version: string
  readonly region: string
}

/** The guardrail an id or ARN and a version mean; the service has one sentence for whichever is wrong. */
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

/** Judges texts. With `full`, what was looked for and not found is reported too. */
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
        guardrailArn: `arn:aws:bedrock:${region}:${account}:guardrail/${guardrail.id}`,
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

/** The account of AWS's examples. */
const account = "123456789012"

const charactersPerUnit = 1000

const defaultMessage = "Sorry, the model cannot answer this question."

const missing = "The guardrail identifier or version provided in the request does not exist."

const arnPattern = /^arn:aws(?:-[^:]+)?:bedrock:([a-z0-9-]+):\d{12}:guardrail\/([a-z0-9]+)$/

const phrase = (words: string): RegExp =>
  new RegExp(`(?<![\\p{L}\\p{N}])${words.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")}(?![\\p{L}\\p{N}])`, "iu")
