/**
 * Where instructions go: the system prompt, between the turns, or, for a model without a system prompt, the first user
 * message.
 */
import type { Capabilities } from "../../catalog/Capabilities.ts"
import type { Report } from "./Change.ts"
import * as ToolText from "./ToolText.ts"
import * as Turn from "./Turn.ts"

/**
 * Takes the system prompt from the beginning of the conversation. Later instructions stay where they are, unless the
 * model does not accept them there. So do those that begin with a change of tools, which a system prompt cannot hold.
 */
export const place = (
  turns: ReadonlyArray<Turn.Turn>,
  { midConversationSystem, systemPrompt }: Capabilities,
  report: Report
): Turn.Conversation => {
  const first = turns.findIndex(({ parts, role }) => role !== "system" || parts.some(isToolChange))
  const end = first < 0 ? turns.length : first
  const system = turns.slice(0, end).flatMap(({ parts }) => parts)
  const rest = turns.slice(end)
  if (midConversationSystem !== false && systemPrompt !== false) return { system, turns: rest }
  const late = rest.filter(({ role }) => role === "system")
  for (const { field } of late) report("hoisted-instructions", field)
  return {
    system: [...system, ...late.flatMap(({ parts }) => parts.map((placed) => tellToolChange(placed, report)))],
    turns: rest.filter(({ role }) => role !== "system")
  }
}

/** Moves the system prompt to the first user message, for a model without system prompts. */
export const fold = (
  { system, turns }: Turn.Conversation,
  { systemPrompt }: Capabilities,
  report: Report
): Turn.Conversation => {
  const [beginning] = system
  if (beginning === undefined || systemPrompt !== false) return { system, turns }
  report("folded-system", beginning.field)
  const [first, ...rest] = turns
  return first?.role === "user"
    ? { system: [], turns: [{ ...first, parts: [...system, ...first.parts] }, ...rest] }
    : { system: [], turns: [{ role: "user", parts: system, field: beginning.field }, ...turns] }
}

const isToolChange = ({ part }: Turn.Placed): boolean => part.type === "tool-addition" || part.type === "tool-removal"

const tellToolChange = (placed: Turn.Placed, report: Report): Turn.Placed => {
  const { field, part } = placed
  if (part.type !== "tool-addition" && part.type !== "tool-removal") return placed
  report("told-tool-change", field)
  return { part: ToolText.change(part), field }
}
