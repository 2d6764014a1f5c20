/**
 * Anthropic's rules for a conversation, with its own messages, some of which differ from Converse's. Rules shared by
 * both, such as those for reasoning, are with Converse.
 */
import { duplicates, isObject, refused } from "../../../converse/rule/Finding.ts"
import type { Rule } from "../../../converse/rule/Rule.ts"
import type * as Wire from "../../../converse/Wire.ts"
import * as Family from "../Family.ts"

/** For the bodies of the Messages API. */
export const rules: ReadonlyArray<Rule> = [
  {
    refuses: "`maxTokens` above the model's maximum",
    source: "reported",
    *find({ model, request: { inferenceConfig } }) {
      const { maxTokens = 0 } = inferenceConfig ?? {}
      const { maxOutputTokens = Infinity } = model
      if (maxTokens > maxOutputTokens) {
        yield refused(
          `max_tokens: ${maxTokens} > ${maxOutputTokens}, which is the maximum allowed number of output tokens for ${
            Family.nameOf(model)
          }`
        )
      }
      return undefined
    }
  },
  {
    refuses: "a conversation without a message",
    source: "documented",
    *find({ request: { messages = [] } }) {
      if (messages.length === 0) yield refused("messages: at least one message is required")
      return undefined
    }
  },
  {
    refuses: "a message without content, except for a final assistant message",
    source: "documented",
    *find({ request: { messages = [] } }) {
      for (const [index, { content, role }] of messages.entries()) {
        if (content.length === 0 && !(role === "assistant" && index === messages.length - 1)) {
          yield refused(
            `messages.${index}: all messages must have non-empty content except for the optional final assistant message`
          )
        }
      }
      return undefined
    }
  },
  {
    refuses: "blank text",
    source: "reported",
    *find({ request: { messages = [] } }) {
      if (messages.some(({ content }) => content.some(({ text }) => text?.trim() === ""))) {
        yield refused("messages: text content blocks must contain non-whitespace text")
      }
      return undefined
    }
  },
  {
    refuses: `a tool whose schema does not have the root type "object"`,
    source: "reported",
    *find({ request: { toolConfig } }) {
      for (const [index, { toolSpec }] of (toolConfig?.tools ?? []).entries()) {
        const schema = toolSpec?.inputSchema.json
        if (!isObject(schema) || schema["type"] === "object") continue
        yield refused(
          `tools.${index}.custom.input_schema.type: ${
            schema["type"] === undefined ? "Field required" : "Input should be 'object'"
          }`
        )
      }
      return undefined
    }
  },
  {
    refuses: "two tools with the same name, and a choice of an unknown tool",
    source: "reported",
    *find({ request: { toolConfig } }) {
      const names = (toolConfig?.tools ?? []).flatMap(({ systemTool, toolSpec }) =>
        toolSpec?.name ?? systemTool?.name ?? []
      )
      if (duplicates(names).length > 0) yield refused("tools: Tool names must be unique.")
      const forced = toolConfig?.toolChoice?.tool?.name
      if (forced !== undefined && !names.includes(forced)) {
        yield refused(`Tool '${forced}' not found in provided tools`)
      }
      return undefined
    }
  },
  {
    refuses: "a tool result without a call in the message before, and a call without a result in the message after",
    source: "reported",
    *find({ request: { messages = [] } }) {
      for (const [index, { content }] of messages.entries()) {
        const called = new Set(callsOf(messages[index - 1]))
        for (const [at, { toolResult }] of content.entries()) {
          if (toolResult !== undefined && !called.has(toolResult.toolUseId)) {
            yield refused(
              `messages.${index}.content.${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${toolResult.toolUseId}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`
            )
          }
        }
        const next = messages[index + 1]
        const answered = new Set(next?.content.flatMap(({ toolResult }) => toolResult?.toolUseId ?? []))
        const missing = callsOf(messages[index]).filter((id) => !answered.has(id))
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
  }
]

const callsOf = (message: Wire.Message | undefined): ReadonlyArray<string> =>
  message?.content.flatMap(({ toolUse }) => toolUse?.toolUseId ?? []) ?? []
