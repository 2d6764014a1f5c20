/** The answer of a chat model. */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import * as Cost from "../Cost.ts"
import * as Total from "../internal/total.ts"
import * as Untyped from "../internal/untyped.ts"
import * as Usage from "../Usage.ts"
import * as Message from "./Message.ts"

/**
 * Why the answer ended.
 *
 * - `stop`: it is complete; `stop-sequence`: by one of the request's stop sequences.
 * - `length`: cut at `maxTokens`; `context-length`: cut because the context window is full.
 * - `tool-calls`: the model expects the results of its tool calls.
 * - `content-filter`, `guardrail`: withheld by the provider's filter, or by the guardrail of the request.
 * - `refusal`: the model refused; repeating the request does not help.
 * - `malformed-output`, `malformed-tool-call`: the provider could not parse the model's output.
 * - `other`: an unknown reason; the provider's own is in `providerMetadata`.
 */
export type FinishReason = typeof FinishReason.Type
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

/** Data of providers about an answer, by provider. Open for declaration merging. */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface ProviderMetadata {}

const isMetadata = (u: unknown): u is ProviderMetadata => Predicate.isObject(u)

/** A service that failed before a fallback answered: the tag, message, provider and model of its error. */
export class Fallen extends Schema.Opaque<Fallen>()(Schema.Struct({
  error: Schema.String,
  message: Schema.String,
  provider: Schema.String,
  model: Schema.optional(Schema.String)
})) {}

/**
 * What {@link ChatResponse} and the `finish` event of a stream have in common: all but the content.
 *
 * - `model`: as the request named it; `provider`: as OpenTelemetry spells it (`aws.bedrock`).
 * - `requestId`: the provider's id of the request, for its support.
 * - `cost`: where `Pricing` has the model.
 * - `lane`: the lane of `ChatService.withPool` that gave it; of pools in pools all of them (`europe/eu-west-1`).
 * - `fallback`: the services that failed before a fallback answered, in order; see `ChatService.withFallback`.
 * - `cached`: from `ChatService.withCache`; `usage` is that of the original call, `cost` is 0.
 */
export class Outcome extends Schema.Opaque<Outcome>()(Schema.Struct({
  finishReason: FinishReason,
  usage: Usage.Usage,
  model: Schema.String,
  requestId: Schema.optional(Schema.String),
  provider: Schema.optional(Schema.String),
  cost: Schema.optional(Cost.Cost),
  lane: Schema.optional(Schema.String),
  fallback: Schema.optional(Schema.Array(Fallen)),
  cached: Schema.optional(Schema.Boolean),
  providerMetadata: Schema.declare(isMetadata, { toCodecJson: Untyped.toCodecJson<ProviderMetadata>() })
})) {}

/**
 * A whole answer.
 *
 * - `message`: to append to the history, with signatures, redacted reasoning and tool ids.
 * - `text`: its text parts, joined; may be empty.
 * - `toolCalls`: the tool calls for the program, without those the provider ran.
 */
export class ChatResponse extends Schema.Opaque<ChatResponse>()(Schema.Struct({
  message: Message.AssistantMessage,
  text: Schema.String,
  toolCalls: Schema.Array(Message.ToolCallPart),
  ...Outcome.fields
})) {}

/** Builds a {@link ChatResponse}. Values that cannot be read give an empty one with the finish reason `other`. */
export const make = (content: ReadonlyArray<Message.AssistantPart>, outcome: Outcome): ChatResponse => ({
  message: Message.assistant(content),
  ...saidIn(content),
  ...outcomeOf(outcome)
})

const saidIn: (content: ReadonlyArray<Message.AssistantPart>) => Pick<ChatResponse, "text" | "toolCalls"> = Total.make(
  (content) => {
    const toolCalls: Array<Message.ToolCallPart> = []
    let text = ""
    for (const part of content) {
      if (part.type === "text") text += part.text
      else if (part.type === "tool-call" && part.providerExecuted !== true) toolCalls.push(part)
    }
    return { text, toolCalls }
  },
  () => ({ text: "", toolCalls: [] })
)

/** The {@link Outcome} of an answer or `finish` event. */
export const outcomeOf: (ended: Outcome) => Outcome = Total.make(
  (ended) => {
    const outcome: Record<string, unknown> = {}
    for (const key of outcomeKeys) if (key in ended) outcome[key] = ended[key]
    return outcome as object as Outcome // its fields
  },
  (): Outcome => ({ finishReason: "other", usage: Usage.empty, model: "unknown", providerMetadata: {} })
)

const outcomeKeys = Struct.keys(Outcome.fields)
