/**
 * The answer of a chat model: the message to append to the history, why it ended, and what it cost.
 */
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import * as Cost from "../Cost.ts"
import * as Total from "../internal/total.ts"
import * as Untyped from "../internal/untyped.ts"
import * as Usage from "../Usage.ts"
import * as Message from "./Message.ts"

/**
 * Why the model stopped.
 *
 * - `stop`: it had nothing more to say; `stop-sequence`: it wrote one of the request's stop sequences.
 * - `length`: `maxTokens` reached; `context-length`: the model's context window is full. The answer is cut.
 * - `tool-calls`: it waits for the results of the tools it asked for.
 * - `content-filter`, `guardrail`: the provider's filter, or the guardrail of the request, stepped in.
 * - `refusal`: the model would not answer, or would not go on; asking again does not help.
 * - `malformed-output`, `malformed-tool-call`: the model wrote something the provider could not read.
 * - `other`: a reason this version does not know; the provider's word is in `providerMetadata`.
 */
export type FinishReason = typeof FinishReason.Type
/** @see {@link FinishReason} */
export const FinishReason = Schema.Literals([
  "stop",
  "stop-sequence",
  "length",
  "context-length",
  "tool-calls",
  "content-filter",
  "guardrail",
  "refusal",
  "malformed-output",
  "malformed-tool-call",
  "other"
])

/** What one provider adds to an answer, under that provider's key. Open for declaration merging. */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface ProviderMetadata {}

const isMetadata = (u: unknown): u is ProviderMetadata => typeof u === "object" && u !== null && !Array.isArray(u)

/** Who was asked and could not answer: the tag of the error, and what it says of provider and model. */
export class Fallen extends Schema.Opaque<Fallen>()(Schema.Struct({
  error: Schema.String,
  message: Schema.String,
  provider: Schema.String,
  model: Schema.optional(Schema.String)
})) {}

/** @internal */
export const outcomeFields = {
  finishReason: FinishReason,
  usage: Usage.Usage,
  model: Schema.String,
  requestId: Schema.optional(Schema.String),
  provider: Schema.optional(Schema.String),
  cost: Schema.optional(Cost.Cost),
  fallback: Schema.optional(Schema.Array(Fallen)),
  cached: Schema.optional(Schema.Boolean),
  providerMetadata: Schema.declare(isMetadata, { toCodecJson: Untyped.toCodecJson<ProviderMetadata>() })
}

/** How an answer ended, without what it said: common to {@link ChatResponse} and the `finish` event of a stream. */
export interface Outcome {
  readonly finishReason: FinishReason
  readonly usage: Usage.Usage
  /** The model that was asked, as the request named it. */
  readonly model: string
  /** The provider's id of the request: quote it to their support. */
  readonly requestId?: string | undefined
  /** Who answered, as OpenTelemetry spells it (`aws.bedrock`). */
  readonly provider?: string | undefined
  /** What it cost, where the price of the model is known; see `Pricing`. */
  readonly cost?: Cost.Cost | undefined
  /** Who was asked before and could not answer, in order; only where `ChatService.withFallback` had to step in. */
  readonly fallback?: ReadonlyArray<Fallen> | undefined
  /** Answered by `ChatService.withCache`: `usage` is what was spent when it was asked for first, `cost` is 0. */
  readonly cached?: boolean | undefined
  readonly providerMetadata: ProviderMetadata
}

/**
 * A whole answer.
 *
 * - `message`: ready to append to the history; signatures, redacted reasoning and tool ids are kept.
 * - `text`: all its text, joined; empty when the model only called tools.
 * - `toolCalls`: the calls it asks the program for, without those the provider ran itself.
 */
export class ChatResponse extends Schema.Opaque<ChatResponse>()(Schema.Struct({
  message: Message.AssistantMessage,
  text: Schema.String,
  toolCalls: Schema.Array(Message.ToolCallPart),
  ...outcomeFields
})) {}

/**
 * Builds a {@link ChatResponse} from what the model said and how it ended; text and tool calls follow from the parts. What
 * cannot be read is an answer that says nothing, and ended for another reason.
 */
export const make = (content: ReadonlyArray<Message.AssistantPart>, outcome: Outcome): ChatResponse => {
  const message = Message.assistant(content)
  return { message, text: Message.textOf(message), toolCalls: callsOf(content), ...outcomeOf(outcome) }
}

const callsOf: (content: ReadonlyArray<Message.AssistantPart>) => ReadonlyArray<Message.ToolCallPart> = Total.make(
  (content) => {
    const calls: Array<Message.ToolCallPart> = []
    for (const part of content) {
      if (part.type === "tool-call" && part.providerExecuted !== true) calls.push(part)
    }
    return calls
  },
  () => []
)

/** What an answer, or a `finish` event, says about its end, and nothing else. */
export const outcomeOf: (ended: Outcome) => Outcome = Total.make(
  (ended) => Struct.pick(ended, outcomeKeys),
  (): Outcome => ({ finishReason: "other", usage: Usage.empty, model: "unknown", providerMetadata: {} })
)

const outcomeKeys = Struct.keys(outcomeFields)
