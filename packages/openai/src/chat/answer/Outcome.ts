/**
 * The end of an answer: why it ended, what it used, what the server reports about it.
 */
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Usage from "@strata/core/Usage"
import type { ContentFilter, OpenAiChatMetadata, Warning } from "../../OpenAiOptions.ts"
import type { Fields } from "./Chunk.ts"

/**
 * - `calls`: whether there are tool calls; `isCut`: whether the arguments of the last one are not whole.
 * - `refused`: whether the model refused. `stopped`: whether one of the request's stop sequences ended the answer.
 * - `promptCharacters`: of the texts of the request.
 */
export interface Ended {
  readonly model: string
  readonly requestId: string | undefined
  readonly reason: string | undefined
  readonly calls: boolean
  readonly isCut: boolean
  readonly refused: boolean
  readonly stopped: boolean
  readonly usage: Fields | undefined
  readonly filter: Fields | undefined
  readonly metadata: OpenAiChatMetadata
  readonly warnings: ReadonlyArray<Warning>
  readonly promptCharacters: number
}

/** The outcome of an answer. */
export const make = (ended: Ended): ChatResponse.Outcome => {
  const { filter, metadata, model, promptCharacters, reason, requestId, usage } = ended
  const finishReason = reasonOf(ended)
  const counted = usageOf(usage)
  const warnings = [
    ...ended.warnings,
    ...(counted === undefined ? [noUsage] : isPromptCut(counted, promptCharacters) ? [promptCut(counted)] : [])
  ]
  const contentFilter: ContentFilter | undefined = finishReason === "content-filter"
    ? { blocked: "answer", categories: filter ?? {} }
    : undefined
  return {
    finishReason,
    usage: counted ?? Usage.empty,
    model,
    requestId,
    providerMetadata: {
      openai: present({
        ...metadata,
        finishReason: reason,
        usage,
        contentFilter,
        contentFilterResults: contentFilter === undefined ? filter : undefined,
        warnings: warnings.length === 0 ? undefined : warnings
      })
    }
  }
}

/** The outcome of a prompt that a filter withheld. */
export const withheld = (
  model: string,
  requestId: string | undefined,
  contentFilter: ContentFilter,
  warnings: ReadonlyArray<Warning>
): ChatResponse.Outcome => ({
  finishReason: "content-filter",
  usage: Usage.empty,
  model,
  requestId,
  providerMetadata: {
    openai: present({ contentFilter, warnings: warnings.length === 0 ? undefined : warnings })
  }
})

/** What the model wrote decides before the server's reason, which many servers get wrong. */
const reasonOf = ({ calls, isCut, reason, refused, stopped }: Ended): ChatResponse.FinishReason => {
  const known = reason === undefined ? "stop" : reasons.get(reason) ?? "other"
  if (known === "content-filter") return known
  if (isCut) return "length"
  if (calls) return known === "length" ? known : "tool-calls"
  if (known === "tool-calls") return "stop"
  if (known !== "stop") return known
  return refused ? "refusal" : stopped ? "stop-sequence" : known
}

const reasons: ReadonlyMap<string, ChatResponse.FinishReason> = new Map([
  ["stop", "stop"],
  ["eos", "stop"],
  ["eos_token", "stop"],
  ["end_turn", "stop"],
  ["stop_sequence", "stop-sequence"],
  ["length", "length"],
  ["max_tokens", "length"],
  ["model_length", "context-length"],
  ["tool_calls", "tool-calls"],
  ["tool_use", "tool-calls"],
  ["function_call", "tool-calls"],
  ["content_filter", "content-filter"],
  ["guardrail_intervened", "guardrail"],
  ["refusal", "refusal"]
])

/** The tokens of the prompt without those of a cache, which OpenAI counts among them; `undefined` where nothing was counted. */
const usageOf = (usage: Fields | undefined): Usage.Usage | undefined => {
  const prompt = count(usage?.["prompt_tokens"])
  const outputTokens = count(usage?.["completion_tokens"])
  if (usage === undefined || prompt === undefined && outputTokens === undefined) return undefined
  const details = usage["prompt_tokens_details"]
  const cacheReadTokens = count(fieldOf(details, "cached_tokens")) ?? count(usage["cache_read_input_tokens"]) ?? 0
  const cacheWriteTokens = count(fieldOf(details, "cache_write_tokens")) ??
    count(usage["cache_creation_input_tokens"]) ?? 0
  const total = count(usage["total_tokens"])
  return Usage.make({
    inputTokens: Math.max(0, (prompt ?? 0) - cacheReadTokens - cacheWriteTokens),
    cacheReadTokens,
    cacheWriteTokens,
    outputTokens: outputTokens ?? 0,
    ...(total === undefined ? undefined : { totalTokens: total })
  })
}

const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined

/**
 * No tokenizer has tokens of this length on the average of a long text, except for runs of blanks, which are not counted. A server
 * that read fewer tokens has not read all of it.
 */
const charactersPerToken = 12

const isPromptCut = ({ cacheReadTokens, cacheWriteTokens, inputTokens }: Usage.Usage, characters: number): boolean => {
  const read = inputTokens + cacheReadTokens + cacheWriteTokens
  return read > 0 && characters > 4000 && read * charactersPerToken < characters
}

const promptCut = ({ cacheReadTokens, cacheWriteTokens, inputTokens }: Usage.Usage): Warning => ({
  type: "prompt-cut",
  field: "messages",
  message:
    `The server read only ${
      inputTokens + cacheReadTokens + cacheWriteTokens
    } tokens of a much longer prompt: it cut it at ` +
    "its context window. Set the size on the server (Ollama: `num_ctx`), and `contextWindow` in the profile."
})

const noUsage: Warning = { type: "no-usage", message: "The server did not say how many tokens the call used." }

/** Without the fields that are missing. */
const present = (metadata: OpenAiChatMetadata): OpenAiChatMetadata =>
  Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined))
