/**
 * Claude's rules for extended thinking. The messages are Anthropic's, as Bedrock passes them on; signatures of earlier
 * reasoning are checked by `ThinkingSeal`.
 */
import * as Reasoning from "../Reasoning.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"
import { isObject, refusedByModel } from "./Finding.ts"
import type { Rule, Subject } from "./Rule.ts"

const minBudgetTokens = 1024

/** For `thinking`, which Converse also accepts as `reasoning_config`. */
export const rules: ReadonlyArray<Rule> = [
  {
    refuses: "a thinking mode that this version of Claude does not support",
    source: "reported",
    *find(subject) {
      const mode = modeOf(subject)
      const { model: { thinking } } = subject
      if (mode === undefined || thinking.includes(mode)) return undefined
      if (thinking.length === 0) {
        if (mode !== "disabled") yield refusedByModel("thinking: Extra inputs are not permitted")
      } else if (mode === "enabled") {
        yield refusedByModel(
          `"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`
        )
      } else if (mode === "adaptive") {
        yield refusedByModel("adaptive thinking is not supported on this model")
      } else {
        yield refusedByModel(`"thinking.type.disabled" is not supported for this model.`)
      }
      return undefined
    }
  },
  {
    refuses:
      `a missing thinking budget, one below ${minBudgetTokens}, and one not below \`max_tokens\`, unless thinking is interleaved`,
    source: "reported",
    *find(subject) {
      if (modeOf(subject) !== "enabled") return undefined
      const { request } = subject
      const budget = Reasoning.thinkingOf(request)?.budget_tokens
      if (budget === undefined) yield refusedByModel("thinking.enabled.budget_tokens: Field required")
      if (budget !== undefined && budget < minBudgetTokens) {
        yield refusedByModel(
          `thinking.enabled.budget_tokens: Input should be greater than or equal to ${minBudgetTokens}`
        )
      }
      const maxTokens = request.inferenceConfig?.maxTokens
      if (budget !== undefined && maxTokens !== undefined && budget >= maxTokens && !isInterleaved(request)) {
        yield refusedByModel("`max_tokens` must be greater than `thinking.budget_tokens`.")
      }
      return undefined
    }
  },
  {
    refuses: "`temperature` other than 1 and `topP` below 0.95 with thinking, for Claude",
    source: "reported",
    *find(subject) {
      const mode = modeOf(subject)
      if (mode === undefined || mode === "disabled") return undefined
      const { temperature = 1, topP = 1 } = subject.request.inferenceConfig ?? {}
      if (temperature !== 1) {
        const how = mode === "adaptive" ? "enabled or in adaptive mode" : "enabled"
        yield refusedByModel(`\`temperature\` may only be set to 1 when thinking is ${how}`)
      }
      if (topP < 0.95) {
        yield refusedByModel("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled")
      }
      return undefined
    }
  },
  {
    refuses: "a forced tool with thinking, for Claude up to 4.7",
    source: "reported",
    *find(subject) {
      const mode = modeOf(subject)
      const choice = subject.request.toolConfig?.toolChoice
      if (mode === undefined || mode === "disabled" || subject.model.forcedToolsWhileThinking) return undefined
      if (choice?.any !== undefined || choice?.tool !== undefined) {
        yield refusedByModel("Thinking may not be enabled when tool_choice forces tool use.")
      }
      return undefined
    }
  },
  {
    refuses: "tool results without the reasoning before their calls, for Claude with a thinking budget",
    source: "reported",
    *find(subject) {
      if (modeOf(subject) === "enabled") yield* inToolTurn(subject.request.messages ?? [])
      return undefined
    }
  }
]

/** Claude's thinking mode; other models ignore the field. */
const modeOf = ({ model, request }: Subject) =>
  model.rules === "claude" ? Reasoning.thinkingOf(request)?.type : undefined

const isInterleaved = ({ additionalModelRequestFields: fields }: Wire.Request): boolean =>
  isObject(fields) && Array.isArray(fields["anthropic_beta"]) &&
  fields["anthropic_beta"].some((beta) => typeof beta === "string" && beta.startsWith("interleaved-thinking-"))

/** During tool use, the model requires its reasoning back. */
function* inToolTurn(messages: ReadonlyArray<Wire.Message>): Findings {
  const at = messages.findLastIndex(({ role }) => role === "assistant")
  const [first] = messages[at]?.content ?? []
  const answers = messages.at(-1)?.content.some((block) => block.toolResult !== undefined) === true
  if (!answers || first === undefined || first.reasoningContent !== undefined) return undefined
  const found = first.toolUse === undefined ? "text" : "tool_use"
  yield refusedByModel(
    `messages.${at}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${found}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks). We recommend you include thinking blocks from previous turns. To avoid this requirement, disable \`thinking\`.`
  )
  return undefined
}
