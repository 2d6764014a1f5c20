/**
 * Calls of the program's tools and their results, as Bedrock pairs them: every call of a turn answered in the next, each
 * under an id of its own, in one message.
 *
 * Tools that the provider runs itself are left as they came.
 */
import * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Result from "effect/Result"
import type { Capabilities } from "../../catalog/Capabilities.ts"
import { providerName } from "../../internal/provider.ts"
import * as Blank from "./Blank.ts"
import type { Report } from "./Change.ts"
import * as Label from "./Label.ts"
import * as ToolText from "./ToolText.ts"
import * as Turn from "./Turn.ts"

/** A call that waits for its result: the id it had, and the one it is sent with. */
interface Waiting {
  readonly id: string
  readonly sentAs: string
  readonly field: string
}

/**
 * Pairs calls and results of turns that alternate.
 *
 * A result belongs to the first call with its id, in the turn before, that has none yet. A result without such a call is
 * put into words, where it stands. The calls of the last turn may stay open.
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
  let waiting: ReadonlyArray<Waiting> = []
  for (const turn of turns) {
    if (turn.role === "user" || waiting.length > 0) {
      const user = turn.role === "user" ? turn : { role: "user" as const, parts: [], field: turn.field }
      paired.push(...separate(answer(user, waiting, capabilities, report), capabilities, report))
      waiting = []
    }
    if (turn.role === "user") continue
    const calls: Array<Waiting> = []
    const parts = turn.parts.map((placed) => {
      if (!Turn.isCall(placed)) return placed
      const part = relabel(placed, label, report)
      calls.push({ id: placed.part.id, sentAs: part.id, field: placed.field })
      return { part, field: placed.field }
    })
    paired.push({ ...turn, parts })
    waiting = calls
  }
  return paired
}

/**
 * Definitions for the tools of the conversation, where the request offers none: Bedrock wants a `toolConfig` as soon as
 * there is a call. They say that the tool is gone. A tool that the provider runs itself cannot be defined, only offered
 * again, which is done where nothing else was called.
 */
export const declare = (turns: ReadonlyArray<Turn.Turn>): ReadonlyArray<ToolDefinition.RequestTool> => {
  const parts = turns.flatMap((turn) => turn.parts)
  const own = new Set(parts.filter(isOwnCall).map(({ part }) => part.name).filter(Label.toolName.accepts))
  const names = new Set(parts.filter(Turn.isCall).map(({ part }) => part.name).filter(Label.toolName.accepts))
  if (names.size === 0 && own.size > 0) {
    return Array.from(own, (name) => ({ type: "provider", provider: providerName, name }))
  }
  if (names.size === 0 && parts.some(isToolPart)) names.add("unavailable")
  return Array.from(names, (name) => ({
    name,
    description: "No longer available.",
    inputSchema: { type: "object", properties: {} }
  }))
}

const isOwnCall = (placed: Turn.Placed): placed is Turn.Placed<Message.ToolCallPart> =>
  placed.part.type === "tool-call" && placed.part.providerExecuted === true

/** Whether a part is a call or a result, so that Bedrock wants to know of tools. */
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
  const known = [...tools.map(({ name }) => name), ...calls.map(({ part }) => part.name).filter(Label.toolName.accepts)]
  const fresh = Label.dispenser(Label.toolName, known)
  const renamed = new Map<string, string>()
  return {
    id: Label.dispenser(Label.callId(compile(toolCallIdPattern)), own),
    name: (name) => {
      const label = renamed.get(name) ?? (Label.toolName.accepts(name) ? name : fresh(name))
      renamed.set(name, label)
      return label
    }
  }
}

/** The catalogue is open to everybody: a pattern may be none. */
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

/** Nothing at all is encoded as an object without keys. */
const isObject = (params: unknown): boolean =>
  params === undefined || params === null || typeof params === "object" && !Array.isArray(params)

/** The turn with the results of all waiting calls before everything else. */
const answer = (
  turn: Turn.Turn,
  waiting: ReadonlyArray<Waiting>,
  capabilities: Capabilities,
  report: Report
): Turn.Turn => {
  const open = new Map<string, Array<Waiting>>()
  for (const call of waiting) {
    const equal = open.get(call.id)
    if (equal === undefined) open.set(call.id, [call])
    else equal.push(call)
  }
  const results = new Map<Waiting, Turn.Placed<Message.ToolResultPart>>()
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
  const ordered = waiting.flatMap((call) => results.get(call) ?? [])
  if (ordered.some((placed, index) => placed !== turn.parts[index])) report("gathered-results", turn.field)
  const answers = waiting.map((call): Turn.Placed => {
    const placed = results.get(call)
    if (placed === undefined) report("missing-result", call.field)
    const { field, part } = placed ?? { part: missing(call), field: call.field }
    return { part: withoutStatus({ ...part, id: call.sentAs }, field, capabilities, report), field }
  })
  return { ...turn, parts: [...answers, ...rest] }
}

const missing = ({ id }: Waiting): Message.ToolResultPart => ({
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

/** Two turns of the user, where the model wants results alone; something has to stand between them. */
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

/** The catalogue speaks of four types of parts; of others only a model that wants results alone says something. */
const mayStandBeside = (part: Message.Part, allowed: Capabilities["besideToolResults"]): boolean => {
  switch (part.type) {
    case "text":
    case "image":
    case "document":
    case "video":
      return allowed === undefined || allowed.includes(part.type)
    case "provider":
      // a cache point says nothing
      return allowed === undefined || allowed.length > 0 || Turn.cachePointOf(part) !== undefined
    default:
      return allowed === undefined || allowed.length > 0
  }
}
