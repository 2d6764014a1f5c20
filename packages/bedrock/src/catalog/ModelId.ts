/**
 * Parses a Bedrock model id: vendor, family, generation, geography, region.
 *
 * Parsing never fails: future ids, and strings that are not ids, are of kind `unknown`. Whether a model exists, and its
 * capabilities, are not known here.
 */

export type { KnownChatModel, KnownEmbeddingModel, KnownRerankModel } from "./KnownModels.ts"

/**
 * The kind of resource an id names.
 *
 * - `foundation-model`: a model called in one region (`anthropic.claude-…`).
 * - `inference-profile`: a model called through a geography (`eu.anthropic.claude-…`).
 * - The others are ARNs of resources an account created or bought, except `prompt` and the two routers.
 */
export type Kind =
  | "foundation-model"
  | "inference-profile"
  | "application-inference-profile"
  | "provisioned-model"
  | "custom-model"
  | "custom-model-deployment"
  | "imported-model"
  | "prompt"
  | "prompt-router"
  | "default-prompt-router"
  | "sagemaker-endpoint"
  | "unknown"

/**
 * The parts of an id; parts it does not name are missing.
 *
 * - `id`: as given.
 * - `vendor`: `anthropic`, `amazon`, `cohere` …
 * - `family`: the vendor's line of models: `claude`, `nova`, `llama`, `embed`, `titan-embed-text` …
 * - `version`: the generation of the line, as the name has it: `4.5` in `claude-sonnet-4-5-20250929-v1:0`, `2` in
 *   `titan-embed-text-v2:0`. Dates, sizes and the revision after the colon are not part of it.
 * - `geo`: the prefix of an inference profile: `us`, `eu`, `apac`, `jp`, `au`, `ca`, `us-gov`, `global` …
 * - `region`, `account`: from an ARN.
 * - `baseId`: the foundation model, without geography: for a custom model, its base model.
 */
export interface ModelId {
  readonly id: string
  readonly kind: Kind
  readonly vendor?: string
  readonly family?: string
  readonly version?: string
  readonly geo?: string
  readonly region?: string
  readonly account?: string
  readonly baseId?: string
}

/**
 * Parses an id, an inference profile id or an ARN of any partition.
 *
 * The ARN of an application inference profile, a provisioned, imported or deployed model does not name its family.
 *
 * @example
 * ModelId.parse("us.anthropic.claude-sonnet-4-5-20250929-v1:0")
 * // { kind: "inference-profile", vendor: "anthropic", family: "claude", version: "4.5", geo: "us",
 * //   baseId: "anthropic.claude-sonnet-4-5-20250929-v1:0", … }
 */
export const parse = (id: string): ModelId =>
  typeof id !== "string" ? { id, ...unknown } : isArn(id) ? parseArn(id) : { id, ...model(id) }

/** The id without its geography; CountTokens, among others, refuses ids that have one. */
export const withoutGeo = (id: string): string => {
  const { baseId, geo } = parse(id)
  return geo === undefined || baseId === undefined ? id : baseId
}

/** The region of an ARN. The call must be sent there, regardless of the client's region. */
export const region = (id: string): string | undefined => isArn(id) ? parse(id).region : undefined

/** Whether an id is an ARN, without parsing it. */
export const isArn = (id: string): boolean => typeof id === "string" && id.startsWith("arn:")

type Facts = Omit<ModelId, "id">

const parseArn = (id: string): ModelId => {
  const [, partition = "", service = "", arnRegion = "", account = "", ...rest] = id.split(":")
  const resource = rest.join(":")
  const slash = resource.indexOf("/")
  const type = resource.slice(0, slash)
  const name = resource.slice(slash + 1)
  const readable = slash > 0 && name !== "" && /^aws(-[a-z-]+)?$/.test(partition)
  return {
    id,
    ...(!readable
      ? unknown
      : service === "sagemaker" && type === "endpoint"
      ? { kind: "sagemaker-endpoint" }
      : service === "bedrock"
      ? bedrockResource(type, name)
      : unknown),
    ...(arnRegion !== "" && { region: arnRegion }),
    ...(/^\d{12}$/.test(account) && { account })
  }
}

const unknown: Facts = { kind: "unknown" }

const bedrockResource = (type: string, name: string): Facts => {
  switch (type) {
    case "foundation-model":
    case "inference-profile":
      return { ...model(name), kind: type }
    case "custom-model":
      // `custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghijkl`: the base model, then its own id
      return { ...foundationModel(name.split("/", 1).join()), kind: type }
    case "default-prompt-router": {
      // `default-prompt-router/anthropic.claude:1`: routes within one family
      const { family, vendor } = foundationModel(name) ?? {}
      return { kind: type, ...(vendor !== undefined && { vendor }), ...(family !== undefined && { family }) }
    }
    case "application-inference-profile":
    case "provisioned-model":
    case "custom-model-deployment":
    case "imported-model":
    case "prompt":
    case "prompt-router":
      return { kind: type }
    default:
      return unknown
  }
}

// Every other prefix of two letters is a geography: new ones appear, and no vendor's name is that short.
const longGeographies: ReadonlySet<string> = new Set(["apac", "global", "us-gov"])

const model = (id: string): Facts => {
  const dot = id.indexOf(".")
  const prefix = id.slice(0, Math.max(dot, 0))
  const behindPrefix = /^[a-z]{2}$/.test(prefix) || longGeographies.has(prefix)
    ? foundationModel(id.slice(dot + 1))
    : undefined
  return behindPrefix === undefined
    ? { ...(foundationModel(id) ?? unknown) }
    : { ...behindPrefix, kind: "inference-profile", geo: prefix }
}

const foundationModel = (id: string): Facts | undefined => {
  const [, vendor, name] = /^([a-z0-9-]+)\.([a-z0-9][a-z0-9.:_-]*)$/.exec(id) ?? []
  if (vendor === undefined || name === undefined) return undefined
  const words = (laterNames[name] ?? name).split(":", 1).join().split("-")
  const version = generation(words)
  return {
    kind: "foundation-model",
    vendor,
    family: line(vendor, words),
    ...(version !== undefined && { version }),
    baseId: id
  }
}

const laterNames: Readonly<Record<string, string>> = { "titan-embed-g1-text-02": "titan-embed-text-v1" }

const line = (vendor: string, words: ReadonlyArray<string>): string => {
  const [first = "", second] = words
  // Titan is the label of unrelated models, and Command R is not a successor of Command
  if (first === "titan") return words.filter((word) => /^[a-z]+$/.test(word)).join("-")
  if (first === "command" && second === "r") return "command-r"
  // `deepseek.r1-v1:0`, `deepseek.v3.2`: the name is only a generation
  if (/^[a-z]\d/.test(first)) return vendor
  return glued.exec(first)?.[1] ?? first
}

/** `llama3`, `qwen3`, `qwen3.5` */
const glued = /^([a-z]{2,})(\d{1,2}(?:\.\d{1,2})?)$/

const generation = (words: ReadonlyArray<string>): string | undefined => {
  const numbers = words.map((word, index) => {
    // `kimi-k2.5`, `minimax-m2` write their generation behind a letter
    const pattern = index === 0 ? /^[a-z]+(\d{1,2}(?:\.\d{1,2})?)$/ : /^[vkm]?(\d{1,2}(?:\.\d{1,2})?)$/
    return pattern.exec(word)?.[1]
  })
  const start = numbers.findIndex((number) => number !== undefined)
  if (start < 0) return undefined
  const minor = words[start + 1]
  return minor !== undefined && /^\d{1,2}$/.test(minor) ? `${numbers[start]}.${minor}` : numbers[start]
}
