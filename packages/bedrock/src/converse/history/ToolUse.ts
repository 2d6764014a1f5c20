/**
 * Tool calls and their results, paired as Bedrock requires: every call of a turn is answered in the next message, under
 * a unique id.
 *
 * Tools run by the provider are left unchanged.
 */
import * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Capabilities } from "../../catalog/Capabilities.ts"
import { providerName } from "../../internal/provider.ts"
import * as Blank from "./Blank.ts"
import type { Report } from "./Change.ts"
import * as Label from "./Label.ts"
import * as ToolText from "./ToolText.ts"
import * as Turn from "./Turn.ts"

/** A call without a result yet: its original id, and the one it is sent with. */
interface PendingCall {
  readonly id: string
  readonly sentAs: string
  readonly field: string
}

/**
 * Pairs calls and results of alternating turns.
 *
 * A result belongs to the first unanswered call with its id in the turn before. A result without such a call is
 * converted to text in place. Calls of the last turn may stay open.
 */
export const pair = (
  turns: ReadonlyArray<Turn.Turn>,
  options: {
    readonly capabilities: Capabilities
    readonly tools: ReadonlyArray<ToolDefinition.RequestTool>
    readonly report: Report
  }
): ReadonlyArray<Turn.Turn> => {
  const { capabilities, report } = options
  const label = labels(turns, options.tools, capabilities)
  const paired: Array<Turn.Turn> = []
  let pending: ReadonlyArray<PendingCall> = []
  for (const turn of turns) {
    if (turn.role === "user" || pending.length > 0) {
      const user = turn.role === "user" ? turn : { role: "user" as const, parts: [], field: turn.field }
      paired.push(...separate(answer(user, pending, capabilities, report), capabilities, report))
      pending = []
    }
    if (turn.role === "user") continue
    const calls: Array<PendingCall> = []
    const parts = turn.parts.map((placed) => {
      if (!Turn.isCall(placed)) return placed
      const part = relabel(placed, label, report)
      calls.push({ id: placed.part.id, sentAs: part.id, field: placed.field })
      return { part, field: placed.field }
    })
    paired.push({ ...turn, parts })
    pending = calls
  }
  return paired
}

/**
 * Definitions for the tools of the conversation, when the request offers none: Bedrock requires a `toolConfig` for any
 * call. They describe the tool as no longer available. A tool run by the provider cannot be defined, only offered
 * again, which is done when no other tool was called.
 */
export const declare = (turns: ReadonlyArray<Turn.Turn>): ReadonlyArray<ToolDefinition.RequestTool> => {
  const parts = turns.flatMap((turn) => turn.parts)
  const names = new Set(parts.filter(Turn.isCall).map(({ part }) => part.name))
  if (names.size > 0) return Array.from(names, unavailable)
  const own = new Set(parts.filter(Turn.is("tool-call")).map(({ part }) => part.name).filter(Label.toolName.accepts))
  if (own.size > 0) return Array.from(own, (name) => ({ type: "provider", provider: providerName, name }))
  return parts.some(isToolPart) ? [unavailable("unavailable")] : []
}

const unavailable = (name: string): ToolDefinition.RequestTool => ({
  name,
  description: "No longer available.",
  inputSchema: { type: "object", properties: {} }
})

/** Whether a part is a call or a result, for which Bedrock requires a tool configuration. */
export const isToolPart = ({ part }: Turn.Placed): boolean => part.type === "tool-call" || part.type === "tool-result"

interface Labels {
  readonly id: (id: string) => string
  readonly name: (name: string) => string
}

const labels = (
  turns: ReadonlyArray<Turn.Turn>,
  tools: ReadonlyArray<ToolDefinition.RequestTool>,
  { toolCallIdPattern }: Capabilities
): Labels => {
  const calls = turns.flatMap(({ parts }) => parts.filter(Turn.is("tool-call")))
  const own = calls.filter(({ part }) => part.providerExecuted === true).map(({ part }) => part.id)
  const known = [...tools.map(({ name }) => name), ...calls.map(({ part }) => part.name)]
  const fresh = Label.allocator(Label.toolName, known)
  const renamed = new Map<string, string>()
  return {
    id: Label.allocator(Label.callId(compile(toolCallIdPattern)), own),
    name: (name) => {
      const label = renamed.get(name) ?? (Label.toolName.accepts(name) ? name : fresh(name))
      renamed.set(name, label)
      return label
    }
  }
}

/** Entries of the catalogue may come from users: a pattern may be invalid. */
const compile = (pattern: string | undefined): RegExp | undefined =>
  pattern === undefined ? undefined : Result.getOrUndefined(Result.try(() => new RegExp(pattern)))

const relabel = (
  { field, part }: Turn.Placed<Message.ToolCallPart>,
  label: Labels,
  report: Report
): Message.ToolCallPart => {
  const id = label.id(part.id)
  const name = label.name(part.name)
  const params = isObject(part.params) ? part.params : { value: part.params }
  if (id !== part.id) report("renamed-call", `${field}.id`)
  if (name !== part.name) report("renamed-tool", `${field}.name`)
  if (params !== part.params) report("wrapped-params", `${field}.params`)
  return { ...part, id, name, params }
}

/** A missing value is encoded as an empty object. */
const isObject = (params: unknown): boolean => Predicate.isNullish(params) || Predicate.isObject(params)

/** The turn with the results of all pending calls before everything else. */
const answer = (
  turn: Turn.Turn,
  pending: ReadonlyArray<PendingCall>,
  capabilities: Capabilities,
  report: Report
): Turn.Turn => {
  const open = new Map<string, Array<PendingCall>>()
  for (const call of pending) {
    const equal = open.get(call.id)
    if (equal === undefined) open.set(call.id, [call])
    else equal.push(call)
  }
  const results = new Map<PendingCall, Turn.Placed<Message.ToolResultPart>>()
  const rest: Array<Turn.Placed> = []
  for (const placed of turn.parts) {
    if (!Turn.is("tool-result")(placed)) {
      rest.push(placed)
      continue
    }
    const call = open.get(placed.part.id)?.shift()
    if (call === undefined) {
      report("told-result", placed.field)
      rest.push(...ToolText.result(placed))
    } else results.set(call, placed)
  }
  const ordered = pending.flatMap((call) => results.get(call) ?? [])
  if (ordered.some((placed, index) => placed !== turn.parts[index])) report("gathered-results", turn.field)
  const answers = pending.map((call): Turn.Placed => {
    const placed = results.get(call)
    if (placed === undefined) report("missing-result", call.field)
    const { field, part } = placed ?? { part: missing(call), field: call.field }
    return { part: withoutStatus({ ...part, id: call.sentAs }, field, capabilities, report), field }
  })
  return { ...turn, parts: [...answers, ...rest] }
}

const missing = ({ id }: PendingCall): Message.ToolResultPart => ({
  type: "tool-result",
  id,
  result: "No result was given for this call.",
  isFailure: true
})

const withoutStatus = (
  part: Message.ToolResultPart,
  field: string,
  { toolResultStatus }: Capabilities,
  report: Report
): Message.ToolResultPart => {
  if (toolResultStatus !== false || part.isFailure === undefined) return part
  report("omitted-status", field)
  const { isFailure, ...rest } = part
  if (!isFailure) return rest
  if (rest.parts !== undefined) return { ...rest, parts: [Message.text("The tool failed:"), ...rest.parts] }
  const { result } = rest
  return {
    ...rest,
    result: result === undefined
      ? "The tool failed"
      : typeof result === "string"
      ? `The tool failed: ${result}`
      : { error: result }
  }
}

/** Splits a user turn, where the model requires results alone; a placeholder of the assistant goes between. */
const separate = (
  turn: Turn.Turn,
  { besideToolResults }: Capabilities,
  report: Report
): ReadonlyArray<Turn.Turn> => {
  const results = turn.parts.filter(Turn.is("tool-result"))
  const rest = turn.parts.filter((placed) => !Turn.is("tool-result")(placed))
  if (results.length === 0 || rest.every(({ part }) => mayStandBeside(part, besideToolResults))) return [turn]
  report("separated-results", turn.field)
  return [
    { ...turn, parts: results },
    { role: "assistant", parts: [Turn.added(turn, Blank.placeholder)], field: turn.field },
    { ...turn, parts: rest }
  ]
}

/** The catalogue lists four types of parts; others are refused only by a model that requires results alone. */
const mayStandBeside = (part: Message.Part, allowed: Capabilities["besideToolResults"]): boolean => {
  switch (part.type) {
    case "text":
    case "image":
    case "document":
    case "video":
      return allowed === undefined || allowed.includes(part.type)
    default:
      return allowed === undefined || allowed.length > 0
  }
}
