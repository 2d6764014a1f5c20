/**
 * Who speaks when, and which tool calls were answered: the rules that look at one message after the other.
 */
import type * as Block from "../Block.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"
import { duplicates, isObject, isUnion, mustSetOne, notAnObject, refused } from "./Finding.ts"

/** The user begins, and the turns alternate; a `system` message may stand anywhere. */
export function* checkRoles({ messages = [] }: Wire.Prompt): Findings {
  const roles = messages.map((message) => message.role).filter((role) => role !== "system")
  if (roles[0] !== "user") {
    yield refused(
      "A conversation must start with a user message. Try again with a conversation that starts with a user message."
    )
  }
  if (roles.some((role, index) => role === roles[index - 1])) {
    yield refused(
      "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again."
    )
  }
  return undefined
}

/** Tools are declared once, and every call the program has to answer is answered in the next turn. */
export function* checkTools({ messages = [], toolConfig }: Wire.Prompt): Findings {
  const blocks = messages.flatMap((message) => message.content)
  if (toolConfig === undefined && blocks.some((block) => block.toolUse ?? block.toolResult)) {
    yield refused("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
  }
  yield* inPairs(messages)
  const tools = toolConfig?.tools ?? []
  for (const [index, tool] of tools.entries()) yield* inTool(tool, `toolConfig.tools.${index}`)
  const names = tools.flatMap((tool) => tool.toolSpec?.name ?? tool.systemTool?.name ?? [])
  const [twice] = duplicates(names)
  if (twice !== undefined) {
    yield refused(`The toolConfig.tools field contains duplicate tool names: ${twice}.`)
  }
  const choice = toolConfig?.toolChoice
  if (choice !== undefined && !isUnion(choice)) {
    yield mustSetOne("ToolChoice", "toolConfig.toolChoice", "auto, any, tool")
  }
  if (choice?.tool !== undefined && !names.includes(choice.tool.name)) {
    yield refused(
      `The tool specified in toolConfig.toolChoice.tool.name doesn't exist in toolConfig.tools: ${choice.tool.name}.`
    )
  }
  for (const { toolAddition, toolRemoval } of blocks) {
    const tool = toolAddition?.tool ?? toolRemoval?.tool
    if (tool !== undefined && tool.serverName === undefined && !names.includes(tool.name ?? "")) {
      yield refused(`The tool ${tool.name ?? ""} doesn't exist in toolConfig.tools.`)
    }
  }
  return undefined
}

function* inTool(tool: Block.Tool, at: string): Findings {
  if (!isUnion(tool)) yield mustSetOne("Tool", at, "toolSpec, systemTool, cachePoint")
  if (tool.toolSpec !== undefined && !isObject(tool.toolSpec.inputSchema.json)) {
    yield notAnObject(`${at}.toolSpec.inputSchema.json`)
  }
  return undefined
}

function* inPairs(messages: ReadonlyArray<Wire.Message>): Findings {
  let asked: ReadonlyArray<string> = []
  for (const [index, { content, role }] of messages.entries()) {
    // A tool the service runs itself is called and answered within the turn of the model.
    if (role === "system") continue
    const at = `messages.${index}.content`
    const answered = role === "user" ? content.flatMap((block) => block.toolResult?.toolUseId ?? []) : []
    const calls = content.flatMap(({ toolUse }) =>
      toolUse === undefined || toolUse.type !== undefined ? [] : toolUse.toolUseId
    )
    yield* onlyOnce("toolUse", calls, at)
    yield* onlyOnce("toolResult", answered, at)
    if (answered.length > asked.length) {
      yield refused(`The number of toolResult blocks at ${at} exceeds the number of toolUse blocks of previous turn.`)
    }
    const missing = asked.filter((id) => !answered.includes(id))
    if (missing.length > 0) {
      yield refused(`Expected toolResult blocks at ${at} for the following Ids: ${missing.join(", ")}`)
    }
    asked = calls
  }
  return undefined
}

function* onlyOnce(kind: string, ids: ReadonlyArray<string>, at: string): Findings {
  const twice = duplicates(ids)
  if (twice.length > 0) yield refused(`The ${kind} blocks at ${at} contain duplicate Ids: ${twice.join(", ")}`)
  return undefined
}
