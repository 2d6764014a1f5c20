/**
 * Anthropic's rules for a conversation, in its words; Converse has other words for some of them. The rules both share,
 * such as those for thoughts, stand with Converse.
 */
import type * as AwsError from "../../AwsError.ts"
import type { Findings } from "../../converse/rule/Finding.ts"
import { duplicates, isObject, refused } from "../../converse/rule/Finding.ts"
import type * as Wire from "../../converse/Wire.ts"
import type * as Model from "../../Model.ts"
import * as Family from "./Family.ts"

/** The first thing wrong; `undefined` when nothing is. */
export const check = (request: Wire.Request, model: Model.ChatModel): AwsError.AwsError | undefined =>
  find(request, model).next().value

function* find(request: Wire.Request, model: Model.ChatModel): Findings {
  const { inferenceConfig, messages = [] } = request
  const { maxTokens = 0 } = inferenceConfig ?? {}
  const { maxOutputTokens = Infinity } = model
  if (maxTokens > maxOutputTokens) {
    yield refused(
      `max_tokens: ${maxTokens} > ${maxOutputTokens}, which is the maximum allowed number of output tokens for ${
        Family.nameOf(model)
      }`
    )
  }
  if (messages.length === 0) yield refused("messages: at least one message is required")
  for (const [index, { content, role }] of messages.entries()) {
    if (content.length === 0 && !(role === "assistant" && index === messages.length - 1)) {
      yield refused(
        `messages.${index}: all messages must have non-empty content except for the optional final assistant message`
      )
    }
    if (content.some(({ text }) => text?.trim() === "")) {
      yield refused("messages: text content blocks must contain non-whitespace text")
    }
  }
  yield* inTools(request)
  yield* inPairs(messages)
  return undefined
}

function* inTools({ toolConfig }: Wire.Request): Findings {
  const names = (toolConfig?.tools ?? []).flatMap(({ systemTool, toolSpec }) =>
    toolSpec?.name ?? systemTool?.name ?? []
  )
  for (const [index, { toolSpec }] of (toolConfig?.tools ?? []).entries()) {
    const schema = toolSpec?.inputSchema.json
    if (isObject(schema) && schema["type"] !== "object") {
      yield refused(
        `tools.${index}.custom.input_schema.type: ${
          schema["type"] === undefined ? "Field required" : "Input should be 'object'"
        }`
      )
    }
  }
  if (duplicates(names).length > 0) yield refused("tools: Tool names must be unique.")
  const forced = toolConfig?.toolChoice?.tool?.name
  if (forced !== undefined && !names.includes(forced)) yield refused(`Tool '${forced}' not found in provided tools`)
  return undefined
}

/** A call is answered in the message after it, and only a call is. */
function* inPairs(messages: ReadonlyArray<Wire.Message>): Findings {
  for (const [index, { content }] of messages.entries()) {
    const called = callsOf(messages[index - 1])
    for (const [at, { toolResult }] of content.entries()) {
      if (toolResult !== undefined && !called.includes(toolResult.toolUseId)) {
        yield refused(
          `messages.${index}.content.${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${toolResult.toolUseId}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`
        )
      }
    }
    const next = messages[index + 1]
    const answered = next?.content.flatMap(({ toolResult }) => toolResult?.toolUseId ?? []) ?? []
    const missing = callsOf(messages[index]).filter((id) => !answered.includes(id))
    if (missing.length > 0) {
      yield refused(
        `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${
          missing.join(", ")
        }. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`
      )
    }
  }
  return undefined
}

const callsOf = (message: Wire.Message | undefined): ReadonlyArray<string> =>
  message?.content.flatMap(({ toolUse }) => toolUse?.toolUseId ?? []) ?? []
