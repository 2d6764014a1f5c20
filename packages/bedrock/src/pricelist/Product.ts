/**
 * A product of the AWS Price List: which tokens of which model it is about.
 *
 * Two kinds of offers have different attributes. Each value is compared as a whole: `CacheReadInputTokenCount` ends like
 * `InputTokenCount`, and a batch, a custom model or a long prompt differ by a word more.
 */

/** The offers that can be read. */
export const offers = ["AmazonBedrock", "AmazonBedrockFoundationModels", "AmazonBedrockService"] as const

type Offer = typeof offers[number]

/** A kind of tokens, as in `Pricing.Price`. */
export type Part = "input" | "output" | "cacheRead" | "cacheWrite"

/** `isGlobal`: for requests to a global profile. */
export interface Understood {
  readonly name: string
  readonly part: Part
  readonly isGlobal: boolean
}

/** Why a product is no price of tokens. */
export interface Refused {
  readonly name: string | undefined
  readonly reason: string
}

type Attributes = Readonly<Record<string, unknown>>

export const text = (given: unknown): string | undefined =>
  typeof given === "string" && given !== "" ? given : undefined

/** `undefined` for a product of another region. */
export const read = (offer: Offer, attributes: Attributes, region: string): Understood | Refused | undefined => {
  const place = text(attributes["regionCode"])
  if (place !== undefined && place !== region) return undefined
  const name = text(attributes["model"]) ?? text(attributes["titanModel"]) ??
    text(attributes["servicename"])?.replace(/ \(Amazon Bedrock Edition\)$/u, "")
  if (place === undefined) return { name, reason: "it names no region" }
  if (name === undefined) return { name, reason: "it names no model" }
  const found = offer === "AmazonBedrock" ? native(attributes) : marketplace(attributes)
  return typeof found === "string" ? { name, reason: found } : { name, ...found }
}

type Use = Pick<Understood, "part" | "isGlobal">

/** Of AWS itself: `inferenceType` and the end of `usagetype` have to say the same. */
const native = (attributes: Attributes): Use | string => {
  const { batch, feature, inferenceType, service_tier: tier, usagetype } = attributes
  if (feature !== "On-demand Inference") return `its feature is "${text(feature) ?? ""}", not "On-demand Inference"`
  if (text(tier) !== undefined && tier !== "standard") return `its service tier is "${text(tier)}"`
  if (text(batch) !== undefined && batch !== "false") return "it is a batch"
  const [, typed = "", global] = /^(.*?)( global)?$/su.exec((text(inferenceType) ?? "").toLowerCase()) ?? []
  const part = inferenceTypes.get(typed)
  if (part === undefined) return `the inference type "${text(inferenceType) ?? ""}" is not known here`
  const [, counted, cached, across] = nativeUsage.exec(text(usagetype) ?? "") ?? []
  const used = counted ?? (cached === "read" ? "cacheRead" : cached === "write" ? "cacheWrite" : undefined)
  return used === part ? { part, isGlobal: global !== undefined || across !== undefined } : otherUsage(usagetype)
}

const inferenceTypes: ReadonlyMap<string, Part> = new Map([
  ["input tokens", "input"],
  ["text input tokens", "input"],
  ["output tokens", "output"],
  ["text output tokens", "output"],
  ["prompt cache read input tokens", "cacheRead"],
  ["prompt cache write input tokens", "cacheWrite"]
])

/** `USE1-NovaLite-input-tokens`, `USE1-NovaLite-cache-read-input-token-count-cross-region-global`. */
const nativeUsage =
  /^[A-Z0-9]+-(?!.*-mantle-).+-(?:(?:text-)?(input|output)-tokens(?:-standard)?|cache-(read|write)-input-token-count)(-cross-region-global)?$/u

/** Of third parties: only `usagetype` says what it is: `USE1-MP:USE1_InputTokenCount-Units`. */
const marketplace = ({ usagetype }: Attributes): Use | string => {
  const [, component = ""] = /^[A-Z0-9]+-MP:[A-Z0-9]+_(\w+)-Units$/u.exec(text(usagetype) ?? "") ?? []
  return components.get(component) ?? otherUsage(usagetype)
}

const components: ReadonlyMap<string, Use> = new Map([
  ["InputTokenCount", "input", false] as const,
  ["OutputTokenCount", "output", false] as const,
  ["CacheReadInputTokenCount", "cacheRead", false] as const,
  ["CacheWriteInputTokenCount", "cacheWrite", false] as const,
  ["InputTokenCount_Global", "input", true] as const,
  ["OutputTokenCount_Global", "output", true] as const,
  ["CacheReadInputTokenCount_Global", "cacheRead", true] as const,
  ["CacheWriteInputTokenCount_Global", "cacheWrite", true] as const,
  ["input_tokens_standard", "input", false] as const,
  ["output_tokens_standard", "output", false] as const,
  ["input_tokens_global_standard", "input", true] as const,
  ["output_tokens_global_standard", "output", true] as const
].map(([component, part, isGlobal]) => [component, { part, isGlobal }]))

const otherUsage = (usagetype: unknown): string => `the usage type "${text(usagetype) ?? ""}" is not known here`
