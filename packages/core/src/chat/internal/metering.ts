/**
 * What quotas and budgets have to know of a chat call.
 */
import * as Effect from "effect/Effect"
import * as TextTokens from "../../internal/textTokens.ts"
import type * as Enforcement from "../../policy/internal/enforcement.ts"
import type * as Quota from "../../policy/Quota.ts"
import type * as ProviderError from "../../ProviderError.ts"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as ChatResponse from "../ChatResponse.ts"
import type * as Message from "../Message.ts"
import type * as ToolDefinition from "../ToolDefinition.ts"

/** What a chat provider knows about its quotas; `countTokens` counts the prompt of a request exactly. */
export interface Metering extends Quota.Metering {
  readonly countTokens?:
    | ((request: ChatRequest.Resolved) => Effect.Effect<number, ProviderError.ChatError>)
    | undefined
}

/** For one request. */
export const make = (
  metering: Metering | undefined,
  request: ChatRequest.Resolved
): Enforcement.Metering<ChatResponse.ChatResponse | ChatEvent.ChatEvent> => ({
  outputBurndown: metering?.outputBurndown?.(request.model) ?? 1,
  load: (count) => {
    const outputTokens = request.maxTokens ?? metering?.maxOutputTokens?.(request.model) ?? assumedMaxTokens
    const estimated = Effect.sync(() => ({ inputTokens: promptTokens(request), outputTokens }))
    const exact = count === "exact" ? metering?.countTokens?.(request) : undefined
    return exact === undefined ? estimated : Effect.matchEffect(exact, {
      // What keeps the provider from counting will, if it matters, keep it from answering too.
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

/** Set aside for an answer when neither the request nor the provider says how long it can be. */
const assumedMaxTokens = 8192

/** An estimate of the tokens of a prompt, tools and the shape of the answer included: rather too many than too few. */
export const promptTokens = (request: ChatRequest.Resolved): number => {
  let tokens = perRequest
  for (const { content } of request.messages) {
    tokens += perMessage
    if (typeof content === "string") tokens += TextTokens.count(content)
    else for (const each of content) tokens += part(each)
  }
  const tools = request.tools ?? []
  for (const tool of tools) tokens += definition(tool)
  const format = request.responseFormat?.type === "json" ? request.responseFormat : undefined
  if (format !== undefined) tokens += perTool + json(format)
  return Math.ceil(tools.length > 0 || format !== undefined ? tokens + toolInstructions : tokens)
}

/** What frames a request, a message or a part: role names and marks between them. */
const perRequest = 8
const perMessage = 5
const perPart = 4
const perTool = 14

/**
 * What tells a model that there are tools: 313 to 530 tokens for the Claude models.
 * https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview#pricing
 */
const toolInstructions = 530

const definition = (tool: ToolDefinition.RequestTool): number => perTool + json(tool)

const part = (part: Message.Part): number => {
  switch (part.type) {
    case "text":
      return TextTokens.count(part.text) + (part.citations === undefined ? 0 : json(part.citations))
    case "image":
      return perPart + perImage
    case "document":
      return perPart + TextTokens.count(part.name) + TextTokens.count(part.context ?? "") + document(part)
    case "video":
    case "audio":
      return perPart + ("bytes" in part.source ? media(part.source.bytes, 0.0025) : unseen)
    case "search-result":
      return perPart * (1 + part.content.length) + TextTokens.count(part.source) + TextTokens.count(part.title) +
        texts(part.content)
    case "reasoning":
      return perPart + Math.max(TextTokens.count(part.text), sealed(part))
    case "tool-call":
      return perTool + TextTokens.count(part.id) + TextTokens.count(part.name) + json(part.params)
    case "tool-result":
      return perTool + TextTokens.count(part.id) + (part.parts === undefined ? json(part.result) : parts(part.parts))
    case "tool-addition":
    case "tool-removal":
      return perTool + TextTokens.count(part.name)
    case "json":
    case "provider":
      return perPart + json(part.value)
  }
}

const parts = (all: ReadonlyArray<Message.Part>): number => all.reduce((sum, each) => sum + part(each), 0)

const texts = (all: ReadonlyArray<string>): number => all.reduce((sum, each) => sum + TextTokens.count(each), 0)

/**
 * A model gets its own thoughts back from the seal, which holds more than the text where that is a summary: base64 of
 * about four bytes to a token.
 */
const sealed = ({ redacted, signature }: Message.ReasoningPart): number =>
  (signature?.length ?? 0) * 0.2 + (redacted?.length ?? 0) * 0.25

/** What Claude sees of a large image; smaller ones, and those of other models, are in that range. */
const perImage = 1600

/**
 * By the length of its text where it has one. What a binary format holds is anybody's guess; a guess must not keep a
 * request from being sent at all, so it has a bound.
 */
const document = ({ mediaType, source }: Message.DocumentPart): number => {
  if ("text" in source) return TextTokens.count(source.text)
  if ("pieces" in source) return texts(source.pieces) + perPart * source.pieces.length
  if (!("bytes" in source)) return unseen
  return mediaType.startsWith("text/") ? source.bytes.length * perTextByte : media(source.bytes, 0.3)
}

/** The dearest scripts take a token for about two and a half bytes. */
const perTextByte = 0.4

const media = (bytes: Uint8Array, perByte: number): number =>
  Math.min(largestMedia, Math.max(smallestMedia, bytes.length * perByte))

const smallestMedia = 500
const largestMedia = 100_000

/** For what lies elsewhere. */
const unseen = 10_000

/** A value as JSON text, without writing that. Values that hold themselves have bounds too. */
const json = (value: unknown): number => {
  let left = mostNodes
  const walk = (value: unknown, depth: number): number => {
    if (left-- <= 0 || depth > deepest) return 0
    if (typeof value === "string") return 1 + TextTokens.count(value)
    if (typeof value === "number") return 1 + String(value).length * 0.45
    if (typeof value !== "object" || value === null) return 1
    if (value instanceof Uint8Array) return Math.min(perImage, value.length)
    let tokens = 2
    if (Array.isArray(value)) {
      for (const item of value) tokens += 0.5 + walk(item, depth + 1)
    } else {
      for (const [key, item] of Object.entries(value)) tokens += 1.5 + TextTokens.count(key) + walk(item, depth + 1)
    }
    return tokens
  }
  return walk(value, 0)
}

const mostNodes = 500_000
const deepest = 500
