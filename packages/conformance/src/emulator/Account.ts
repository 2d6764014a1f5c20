/**
 * The account of a recording, as far as it can be inferred: models and access, guardrails, credentials.
 */
import { Emulator, type Fault, type Guardrail, Model } from "@strata/emulator"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Recording from "../Recording.ts"
import * as Json from "../wire/Json.ts"

/** The options of an emulator for one recording. */
export const optionsOf = (recording: Recording.Recording): Emulator.Options => {
  const message = Recording.messageOf(recording)
  const exception = Recording.exceptionOf(recording)
  const named = nameOf(recording.model)
  const model = modelOf(recording, named, message)
  return {
    region: named.region ?? "us-east-1",
    models: model === undefined ? [] : [model],
    applicationProfiles: named.isOpaque && model !== undefined ? { [recording.model]: model.id } : {},
    guardrails: guardrailsOf(recording),
    ...(exception === "ThrottlingException" && { quota: { "*": { tokensPerMinute: 1 } } }),
    ...(isOfNoRequest(recording.status, exception, message) && {
      // the emulator knows the service's exception names
      faults: [{ type: "exception", exception: exception as Exception, message }]
    }),
    ...(exception === "ExpiredTokenException" && {
      credentials: [{ ...Emulator.defaultCredentials, expires: 0 }]
    })
  }
}

type Exception = Extract<Fault.Fault, { readonly type: "exception" }>["exception"]

/** Whether an exception concerns the service or the account, not the request. */
const isOfNoRequest = (status: number, exception: string | undefined, message: string): boolean =>
  exception !== undefined && exception !== "ThrottlingException" && (
    status >= 500 || status === 408 || status === 424 || status === 429 ||
    exception === "ServiceQuotaExceededException" ||
    /use case details|data retention|operation not allowed/i.test(message)
  )

/** The authentication headers for a recording. */
export const headersOf = (recording: Recording.Recording): Readonly<Record<string, string>> => {
  const message = Recording.messageOf(recording)
  const { accessKeyId } = Emulator.defaultCredentials
  switch (Recording.exceptionOf(recording)) {
    case "UnrecognizedClientException":
      return signedBy("AKIANOBODYKNOWSTHISK")
    case "ExpiredTokenException":
    case "InvalidSignatureException":
      return signedBy(accessKeyId)
    case "MissingAuthenticationTokenException":
      return {}
    case "AccessDeniedException":
      return isAboutKey(message) ? bearer("a key of another account") : known
    default:
      return known
  }
}

const isAboutKey = (message: string): boolean => /api key|authentication failed|bearer token/i.test(message)

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

const known = bearer(Redacted.value(Emulator.defaultApiKey))

/** Signed, but with an invalid signature. */
const signedBy = (accessKeyId: string) => {
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")
  return {
    "x-amz-date": date,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${
      date.slice(0, 8)
    }/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=${"0".repeat(64)}`
  }
}

/** The parts of a model name: the model, the geography of its profile, the region of its ARN. */
interface Name {
  readonly id: string
  readonly geography: string | undefined
  readonly region: string | undefined
  readonly isOpaque: boolean
}

const nameOf = (name: string): Name => {
  const arn = /^arn:aws[^:]*:bedrock:([^:]*):[^:]*:([a-z-]+)\/(.+)$/.exec(name)
  const [, region, type = "foundation-model", resource = name] = arn ?? []
  const geographic = /^(us-gov|us|eu|apac|jp|au|ca|global)\.(.+)$/.exec(resource)
  const isOpaque = !/^(?:foundation-model|inference-profile)$/.test(type)
  return {
    id: isOpaque ? "strata.any-model-v1" : geographic?.[2] ?? resource,
    geography: geographic?.[1],
    region,
    isOpaque
  }
}

const modelOf = (
  recording: Recording.Recording,
  { geography, id, isOpaque }: Name,
  message: string
): Model.Model | undefined => {
  if (/model identifier is invalid/i.test(message) || recording.op === "apply-guardrail") return undefined
  const known = Model.defaults.find((model) => model.id === id) ?? made(id, recording)
  const tooLong = /too long|input tokens exceeded|too many total text bytes/i.test(message)
  return {
    ...known,
    onDemand: geography === undefined && !isOpaque ? !/on-demand throughput/i.test(message) : known.onDemand,
    inferenceProfiles: geography === undefined
      ? known.inferenceProfiles
      : [...new Set([...known.inferenceProfiles, geography])],
    access: Recording.exceptionOf(recording) === "AccessDeniedException" && !isAboutKey(message)
      ? "denied"
      : "granted",
    lifecycle: /end of its life/i.test(message) ? "end-of-life" : "active",
    ...(tooLong && { contextTokens: 1 })
  }
}

/** A model unknown to the emulator; it has a cache where the answer has cache counters. */
const made = (id: string, { body, headers, op, request }: Recording.Recording): Model.Model => {
  const [, family] = embeddingFamilies.find(([pattern]) => pattern.test(id)) ?? []
  if (family !== undefined) return Model.embedding(id, family)
  if (/rerank/.test(id)) return Model.rerank(id, id.startsWith("amazon.") ? "amazon" : "cohere")
  const isInvoked = op.startsWith("invoke")
  const text = Buffer.from(body).toString("latin1")
  const isCounted = Object.keys(headers).some((name) => /cache-(?:read|write)/.test(name)) ||
    /cache_?(?:read|creation|write)/i.test(text) || request.includes("cachePoint")
  return Model.chat(id, isInvoked && !isCounted ? { caching: false } : {})
}

const embeddingFamilies: ReadonlyArray<readonly [RegExp, Model.EmbeddingFamily]> = [
  [/titan-embed-text-v1|titan-embed-g1/, "titan-v1"],
  [/titan-embed-text-v2/, "titan-v2"],
  [/titan-embed-image/, "titan-image-v1"],
  [/nova-2-multimodal-embeddings/, "nova-2"],
  [/cohere\.embed-.*v3/, "cohere-v3"],
  [/cohere\.embed-v4/, "cohere-v4"],
  [/marengo-embed-2-7/, "marengo-2.7"],
  [/marengo-embed-3/, "marengo-3.0"]
]

/** The guardrails of a request, configured to find what the answer reports. */
const guardrailsOf = (recording: Recording.Recording): ReadonlyArray<Guardrail.Guardrail> => {
  const body = Recording.requestOf(recording)
  const config = Json.object(body, "guardrailConfig")
  const identifier = recording.op === "apply-guardrail" ? recording.model : Json.text(config, "guardrailIdentifier")
  if (identifier === undefined) return []
  const version = Json.text(config, "guardrailVersion") ?? Recording.guardrailVersion(recording)
  const found = assessmentsIn(Result.getOrUndefined(Json.parseBytes(recording.body)))
  const text = textsIn(body)[0] ?? ""
  return [{
    id: identifier.replace(/^.*\//, ""),
    ...(version !== "DRAFT" && { version }),
    words: found.flatMap((assessment) => namesOf(assessment, "match", "wordPolicy", "customWords")),
    topics: found.flatMap((assessment) =>
      Json.list(assessment, "topicPolicy", "topics").map((topic) => ({
        name: Json.text(topic, "name") ?? "",
        // matches exactly the recorded findings
        phrases: [Json.member(topic, "detected") === true ? text : "\u{10FFFF}"]
      }))
    )
  }]
}

const namesOf = (assessment: Json.Json, name: string, ...path: ReadonlyArray<string>): ReadonlyArray<string> =>
  Json.list(assessment, ...path).flatMap((finding) => Json.text(finding, name) ?? [])

/** Of ApplyGuardrail, or in the trace of Converse. */
const assessmentsIn = (answer: Json.Json | undefined): ReadonlyArray<Json.Json> => [
  ...Json.list(answer, "assessments"),
  ...Object.values(Json.object(answer, "trace", "guardrail", "inputAssessment") ?? {}),
  ...Object.values(Json.object(answer, "trace", "guardrail", "outputAssessments") ?? {}).flatMap((list) =>
    Json.list(list)
  )
]

const textsIn = (value: Json.Json | undefined): ReadonlyArray<string> => {
  if (Json.isArray(value)) return value.flatMap(textsIn)
  if (!Json.isObject(value)) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    name === "text" && typeof inner === "string" ? [inner] : textsIn(inner)
  )
}
