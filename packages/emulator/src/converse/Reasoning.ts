/**
 * How a request asks its model to reason: each vendor has its own fields.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Wire from "./Wire.ts"

const Effort = Schema.Literals(["low", "medium", "high", "xhigh", "max"])

const Thinking = Schema.Struct({
  type: Schema.Literals(["enabled", "adaptive", "disabled"]),
  budget_tokens: Schema.optionalKey(Schema.Finite)
})

/**
 * Claude's `thinking`, which Converse also calls `reasoning_config`, and `output_config`; Nova's `reasoningConfig`;
 * `reasoning_effort` of OpenAI's models.
 */
const decodeFields = {
  thinking: Schema.decodeUnknownOption(Schema.Struct({ thinking: Thinking })),
  reasoningOfClaude: Schema.decodeUnknownOption(Schema.Struct({ reasoning_config: Thinking })),
  outputEffort: Schema.decodeUnknownOption(Schema.Struct({ output_config: Schema.Struct({ effort: Effort }) })),
  reasoningConfig: Schema.decodeUnknownOption(Schema.Struct({
    reasoningConfig: Schema.Struct({
      type: Schema.Literals(["enabled", "disabled"]),
      maxReasoningEffort: Schema.optionalKey(Effort)
    })
  })),
  reasoningEffort: Schema.decodeUnknownOption(Schema.Struct({ reasoning_effort: Effort }))
}

const isEffort = Schema.is(Effort)

/** Claude's `thinking`, when it is valid. */
export const thinkingOf = (prompt: Wire.Prompt): typeof Thinking.Type | undefined =>
  Option.getOrUndefined(decodeFields.thinking(prompt.additionalModelRequestFields))?.thinking ??
    Option.getOrUndefined(decodeFields.reasoningOfClaude(prompt.additionalModelRequestFields))?.reasoning_config

/** The request for reasoning for the answering service; `undefined` when there is none. */
export const fromRequest = (request: Wire.Request): ChatRequest.Reasoning | undefined => {
  const fields = request.additionalModelRequestFields
  const thinking = thinkingOf(request)
  const nova = Option.getOrUndefined(decodeFields.reasoningConfig(fields))?.reasoningConfig
  if (thinking?.type === "disabled" || nova?.type === "disabled") return false
  const declared = request.outputConfig?.effort
  const effort = nova?.maxReasoningEffort ??
    Option.getOrUndefined(decodeFields.outputEffort(fields))?.output_config.effort ??
    Option.getOrUndefined(decodeFields.reasoningEffort(fields))?.reasoning_effort ??
    (isEffort(declared) ? declared : undefined)
  const budgetTokens = thinking?.budget_tokens
  if (thinking === undefined && nova === undefined && effort === undefined) return undefined
  return {
    ...(effort === undefined ? undefined : { effort }),
    ...(budgetTokens === undefined ? undefined : { budgetTokens })
  }
}
