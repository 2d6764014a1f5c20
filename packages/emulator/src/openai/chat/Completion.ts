/**
 * A whole answer of Chat Completions.
 */
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import type * as Usage from "@strata/core/Usage"
import * as Fence from "../Fence.ts"
import type * as Models from "../Models.ts"
import type * as Quirks from "../Quirks.ts"
import * as Metering from "../usage/Metering.ts"

/**
 * What surrounds an answer.
 *
 * - `id`: of the answer. `created`: in seconds since 1970. `model`: as the request named it.
 * - `thoughts`: where reasoning goes; OpenAI keeps it for itself.
 */
export interface Envelope {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly endpoint: Models.Endpoint
  readonly thoughts: Thoughts
  readonly quirks: Quirks.Quirks
}

/** A member of the message, tags around it in the text of the answer, or nowhere. */
export type Thoughts = "reasoning" | "reasoning_content" | "<think>" | "<reasoning>" | "hidden"

/** The body of an answer. */
export const whole = (response: ChatResponse.ChatResponse, envelope: Envelope): unknown => {
  const { created, id, model, quirks, thoughts } = envelope
  const reasoning = Message.parts(response.message).map((part) => part.type === "reasoning" ? part.text : "").join("")
  const asText = quirks.has("calls-as-text")
  const calls = asText ? [] : response.toolCalls
  const refused = response.finishReason === "refusal"
  const said = asText && response.toolCalls.length > 0
    ? callsAsText(response.toolCalls)
    : quirks.has("fenced-json")
    ? Fence.text(response.text)
    : response.text
  const text = tagged(reasoning, thoughts) + said
  return {
    id,
    object: "chat.completion",
    created,
    model,
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: refused || (text === "" && calls.length > 0) ? null : text,
        refusal: refused ? response.text : null,
        ...(reasoning !== "" && isMember(thoughts) ? { [thoughts]: reasoning } : undefined),
        ...(calls.length === 0 ? undefined : { tool_calls: calls.map((call) => toCall(call, quirks)) }),
        ...(envelope.endpoint === "openai" ? { annotations: [] } : undefined)
      },
      logprobs: null,
      finish_reason: finishReason(response.finishReason, calls.length, quirks)
    }],
    ...(quirks.has("no-usage")
      ? undefined
      : { usage: usageOf(response.usage, Metering.reasoningTokens(response), envelope.endpoint) }),
    service_tier: "default",
    ...(envelope.endpoint === "openai" ? { system_fingerprint: null } : undefined)
  }
}

/** Whether reasoning is a member of the message. */
export const isMember = (thoughts: Thoughts): thoughts is "reasoning" | "reasoning_content" =>
  thoughts === "reasoning" || thoughts === "reasoning_content"

const tagged = (reasoning: string, thoughts: Thoughts): string =>
  reasoning === "" || !thoughts.startsWith("<") ? "" : `${thoughts}${reasoning}${closing(thoughts)}`

/** The end of reasoning within the text. */
export const closing = (thoughts: Thoughts): string => `</${thoughts.slice(1)}\n`

/** Calls as a model writes them that is not parsed. */
export const callsAsText = (calls: ReadonlyArray<Pick<Message.ToolCallPart, "name" | "params">>): string =>
  calls.map(({ name, params }) => `<tool_call>\n${JSON.stringify({ name, arguments: params ?? {} })}\n</tool_call>`)
    .join("\n")

/** A call of the answer. */
export const toCall = ({ id, name, params }: Message.ToolCallPart, quirks: Quirks.Quirks) => ({
  ...(quirks.has("calls-without-id") ? undefined : { id }),
  type: "function",
  function: { name, arguments: quirks.has("arguments-as-object") ? params ?? {} : argumentsOf(params) }
})

/** The text of the arguments; what the model wrote, where it is no JSON. */
export const argumentsOf = (params: unknown): string =>
  typeof params === "string" ? params : JSON.stringify(params ?? {})

/** Why the answer ended. */
export const finishReason = (
  reason: ChatResponse.FinishReason,
  calls: number,
  quirks: Quirks.Quirks
): string => {
  switch (reason) {
    case "length":
    case "context-length":
      return "length"
    case "content-filter":
    case "guardrail":
      return "content_filter"
    default:
      return calls > 0 && !quirks.has("stop-with-calls") ? "tool_calls" : "stop"
  }
}

/** Mantle's usage has no details. */
export const usageOf = (usage: Usage.Usage, reasoningTokens: number, endpoint: Models.Endpoint) => {
  const input = Metering.inputOf(usage)
  return {
    prompt_tokens: input,
    completion_tokens: usage.outputTokens,
    total_tokens: input + usage.outputTokens,
    ...(endpoint === "mantle" && usage.cacheReadTokens === 0 && reasoningTokens === 0 ? undefined : {
      prompt_tokens_details: { cached_tokens: usage.cacheReadTokens, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: reasoningTokens,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0
      }
    })
  }
}
