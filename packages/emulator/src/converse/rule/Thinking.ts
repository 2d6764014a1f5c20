/**
 * Claude's rules for extended thinking. The texts are Anthropic's, as Bedrock passes them on.
 */
import type * as Model from "../../Model.ts"
import * as Reasoning from "../Reasoning.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"
import { refusedByModel } from "./Finding.ts"

const minBudgetTokens = 1024

/** Checks what goes together with thinking; the seals of earlier thoughts are checked by `ThinkingSeal`. */
export function* check(request: Wire.Request, model: Model.ChatModel): Findings {
  const thinking = Reasoning.thinkingOf(request)
  if (model.rules !== "claude" || thinking === undefined || thinking.type === "disabled") return undefined
  if (model.reasoning === "never") yield refusedByModel("thinking: Extra inputs are not permitted")
  const { maxTokens, temperature = 1, topP = 1 } = request.inferenceConfig ?? {}
  if (thinking.type === "enabled") {
    const budget = thinking.budget_tokens
    if (budget === undefined) yield refusedByModel("thinking.enabled.budget_tokens: Field required")
    if (budget !== undefined && budget < minBudgetTokens) {
      yield refusedByModel(
        `thinking.enabled.budget_tokens: Input should be greater than or equal to ${minBudgetTokens}`
      )
    }
    if (budget !== undefined && maxTokens !== undefined && budget >= maxTokens) {
      yield refusedByModel("`max_tokens` must be greater than `thinking.budget_tokens`.")
    }
  }
  if (temperature !== 1) {
    const mode = thinking.type === "adaptive" ? "enabled or in adaptive mode" : "enabled"
    yield refusedByModel(`\`temperature\` may only be set to 1 when thinking is ${mode}`)
  }
  if (topP < 0.95) {
    yield refusedByModel("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled")
  }
  const choice = request.toolConfig?.toolChoice
  if (choice?.any !== undefined || choice?.tool !== undefined) {
    yield refusedByModel("Thinking may not be enabled when tool_choice forces tool use.")
  }
  if (thinking.type === "enabled") yield* inToolTurn(request.messages ?? [])
  return undefined
}

/** While tools are at work, the model wants its thoughts back. */
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
