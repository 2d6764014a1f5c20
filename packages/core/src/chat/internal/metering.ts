/** What quotas and budgets need to know of a chat call. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as TextTokens from "../../internal/textTokens.ts"
import type * as Enforcement from "../../policy/internal/enforcement.ts"
import type * as Quota from "../../policy/Quota.ts"
import type * as ProviderError from "../../ProviderError.ts"
import type * as RequestMetadata from "../../RequestMetadata.ts"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as ChatResponse from "../ChatResponse.ts"

/**
 * How a chat provider meters its quotas.
 *
 * - `countTokens`: counts the prompt of a request exactly.
 * - `metadata`: the request metadata that it sends: those of its layer, the fiber and the request. The fiber's when missing.
 */
export interface Metering extends Quota.Metering {
  readonly countTokens?:
    | ((request: ChatRequest.Resolved) => Effect.Effect<number, ProviderError.ChatError>)
    | undefined
  readonly metadata?:
    | ((request: ChatRequest.Resolved) => Effect.Effect<RequestMetadata.Pairs, ProviderError.ChatError>)
    | undefined
}

/** For one request; `cost` is of tokens that the provider did not count. */
export const make = (
  metering: Metering | undefined,
  request: ChatRequest.Resolved,
  cost?: Enforcement.Metering<never>["cost"]
): Enforcement.Metering<ChatResponse.ChatResponse | ChatEvent.ChatEvent> => ({
  cost,
  outputBurndown: metering?.outputBurndown?.(request.model) ?? 1,
  metadata: metering?.metadata === undefined ? undefined : Effect.suspend(() => metering.metadata!(request)),
  load: (count) => {
    const outputTokens = request.maxTokens ?? metering?.maxOutputTokens?.(request.model) ?? assumedMaxTokens
    const estimated = Effect.sync(() => ({ inputTokens: promptTokens(request), outputTokens }))
    const exact = count === "exact" ? metering?.countTokens?.(request) : undefined
    return exact === undefined ? estimated : Effect.matchEffect(exact, {
      // An outage that keeps the provider from counting shows in the call itself.
      onFailure: () => estimated,
      onSuccess: (inputTokens) => Effect.succeed({ inputTokens, outputTokens, counted: true })
    })
  },
  bill: (answer) => "usage" in answer ? answer : undefined,
  outputTokens: (answer) => "delta" in answer ? TextTokens.count(answer.delta) : 0,
  consumed: (answer) =>
    !("usage" in answer) ? undefined : {
      inputTokens: answer.usage.inputTokens + answer.usage.cacheWriteTokens,
      outputTokens: answer.usage.outputTokens,
      promptTokens: answer.usage.inputTokens + answer.usage.cacheWriteTokens + answer.usage.cacheReadTokens
    }
})

/** Reserved for an answer when neither the request nor the provider bounds it. */
const assumedMaxTokens = 8192

/** An estimate of the tokens of a prompt, tools and format, rather too high: of all text, and of media by kind and size. */
export const promptTokens = ({ messages, responseFormat, tools = [] }: ChatRequest.Resolved): number => {
  const format = responseFormat?.type === "json" ? responseFormat : undefined
  const instructions = tools.length > 0 || format !== undefined ? toolInstructions : 0
  return Math.ceil(instructions + tokensOf([messages, tools, format]))
}

/**
 * What tells a model that there are tools: 313 to 530 tokens for the Claude models.
 * https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview#pricing
 */
const toolInstructions = 530

const tokensOf = (data: unknown): number => {
  let left = maxNodes
  const walk = (value: unknown, depth: number): number => {
    if (left-- <= 0 || depth > maxDepth) return 0
    if (typeof value === "string") return 1 + TextTokens.count(value)
    if (typeof value === "number") return 1 + String(value).length * 0.45
    if (typeof value !== "object" || value === null) return 1
    if (value instanceof Uint8Array) return Math.min(perImage, value.length)
    if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + 0.5 + walk(item, depth + 1), 2)
    let tokens = 2
    for (const [key, item] of Object.entries(value)) {
      tokens += key === "signature" ?
        `${item}`.length * perSignatureCharacter
        : 1.5 + TextTokens.count(key) + (mediaTokens(key, item, value) ?? walk(item, depth + 1))
    }
    return tokens
  }
  return walk(data, 0)
}

/** What bounds the reading of data that holds itself, too. */
const maxNodes = 500_000
const maxDepth = 500

/** A signature is base64 that holds the reasoning: about four bytes to a token. */
const perSignatureCharacter = 0.2

/** The tokens of a `source` that is bytes or a URI; the size of what a URI points to is not known. */
const mediaTokens = (key: string, source: unknown, part: object): number | undefined => {
  if (key !== "source" || !Predicate.isObject(source) || "text" in source || "pieces" in source) return undefined
  const { mediaType, type }: { readonly mediaType?: unknown; readonly type?: unknown } = part
  const { bytes } = source
  if (type === "image") return perImage
  if (!(bytes instanceof Uint8Array)) return 10_000
  if (`${mediaType}`.startsWith("text/")) return bytes.length * 0.4
  return Math.min(100_000, Math.max(500, bytes.length * (type === "document" ? 0.3 : 0.0025)))
}

/** What Claude sees of a large image; smaller ones, and those of other models, are in that range. */
const perImage = 1600
