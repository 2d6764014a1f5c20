/**
 * The order of roles, and the pairing of tool calls and results.
 */
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"
import { duplicates, refused, refusedByModel } from "./Finding.ts"
import type { Rule } from "./Rule.ts"

/** The order of roles. A `system` message may be anywhere. */
export const turns: ReadonlyArray<Rule> = [
  {
    refuses: "a conversation without messages, or, except for Claude, one that begins with an assistant message",
    source: "reported",
    *find({ model, request }) {
      const [first] = rolesOf(request)
      if (first === undefined || (first !== "user" && model.turns !== "any")) {
        yield refused(
          "A conversation must start with a user message. Try again with a conversation that starts with a user message."
        )
      }
      return undefined
    }
  },
  {
    refuses: "consecutive messages of one role, for models whose roles must alternate",
    source: "reported",
    *find({ model, request }) {
      const roles = rolesOf(request)
      if (model.turns === "alternating" && roles.some((role, index) => role === roles[index - 1])) {
        yield refused(
          "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again."
        )
      }
      return undefined
    }
  }
]

/** How a conversation may end. */
export const endings: ReadonlyArray<Rule> = [
  {
    refuses: "a final assistant message, for Claude 4.6 and later",
    source: "reported",
    *find({ model, request }) {
      if (!model.prefill && rolesOf(request).at(-1) === "assistant") {
        yield refusedByModel(
          "This model does not support assistant message prefill. The conversation must end with a user message."
        )
      }
      return undefined
    }
  },
  {
    refuses: "trailing white space in a final assistant message, for Claude",
    source: "reported",
    *find({ model, request: { messages = [] } }) {
      const last = messages.at(-1)
      const text = last?.role === "assistant" ? last.content.at(-1)?.text : undefined
      if (model.rules === "claude" && text !== undefined && text !== text.trimEnd()) {
        yield refusedByModel("messages: final assistant content cannot end with trailing whitespace")
      }
      return undefined
    }
  }
]

/** The pairing of calls and results. Tools run by the provider are called and answered within the assistant message. */
export const calls: ReadonlyArray<Rule> = [
  {
    refuses: "tool calls or results without a `toolConfig`",
    source: "reported",
    *find({ request: { messages = [], toolConfig } }) {
      const blocks = messages.flatMap(({ content }) => content)
      if (toolConfig === undefined && blocks.some((block) => block.toolUse ?? block.toolResult)) {
        yield refused("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
      }
      return undefined
    }
  },
  {
    refuses: "a tool call without a result in the next message, a result without a call, and duplicates of either",
    source: "reported",
    find: ({ request: { messages = [] } }) => inPairs(messages)
  }
]

function* inPairs(messages: ReadonlyArray<Wire.Message>): Findings {
  let asked: ReadonlyArray<string> = []
  for (const [index, { content, role }] of messages.entries()) {
    if (role === "system") continue
    const at = `messages.${index}.content`
    const answered = role === "user" ? content.flatMap((block) => block.toolResult?.toolUseId ?? []) : []
    const called = content.flatMap(({ toolUse }) =>
      toolUse === undefined || toolUse.type === "server_tool_use" ? [] : toolUse.toolUseId
    )
    yield* onlyOnce("toolUse", called, at)
    yield* onlyOnce("toolResult", answered, at)
    if (answered.length > asked.length) {
      yield refused(
        `The number of toolResult blocks at ${at} exceeds the number of toolUse blocks of previous turn.`,
        at
      )
    }
    const found = new Set(answered)
    const missing = asked.filter((id) => !found.has(id))
    if (missing.length > 0) {
      yield refused(`Expected toolResult blocks at ${at} for the following Ids: ${missing.join(", ")}`, at)
    }
    asked = called
  }
  return undefined
}

function* onlyOnce(kind: string, ids: ReadonlyArray<string>, at: string): Findings {
  const twice = duplicates(ids)
  if (twice.length > 0) yield refused(`The ${kind} blocks at ${at} contain duplicate Ids: ${twice.join(", ")}`, at)
  return undefined
}

const rolesOf = ({ messages = [] }: Wire.Prompt) => messages.map(({ role }) => role).filter((role) => role !== "system")
