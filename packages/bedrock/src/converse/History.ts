/**
 * Repairs a conversation that Bedrock would refuse, and reports the changes; or, in strict mode, refuses it.
 *
 * Total, pure and idempotent: the same request always gives the same result, and a valid one is returned as it is.
 * Parts beside signed reasoning are sent back unchanged, and so are tools run by the provider.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import type { Capabilities } from "../catalog/Capabilities.ts"
import * as Blank from "./history/Blank.ts"
import * as CachePoints from "./history/CachePoints.ts"
import * as Change from "./history/Change.ts"
import * as Documents from "./history/Documents.ts"
import * as Instructions from "./history/Instructions.ts"
import * as Thoughts from "./history/Thoughts.ts"
import * as ToolMedia from "./history/ToolMedia.ts"
import * as ToolText from "./history/ToolText.ts"
import * as ToolUse from "./history/ToolUse.ts"
import * as Turn from "./history/Turn.ts"

export type { Change } from "./history/Change.ts"
export type { Placed } from "./history/Turn.ts"

/**
 * - `repair`: change what Bedrock refuses.
 * - `strict`: refuse it, with an `InvalidRequestError` that names the field and a remedy. Changes without loss are
 *   still made: joining messages of one role, gathering tool results, dropping their status and the signatures of other
 *   models, normalizing cache points.
 */
export type Mode = "repair" | "strict"

/**
 * A conversation that can be sent.
 *
 * - `request`: with messages, tools and cache points as they are sent; the same object when nothing changed.
 * - `conversation`: these messages in turns; its parts keep their original field.
 * - `changes`: the changes made, in no particular order.
 */
export interface Normalized {
  readonly request: ChatRequest.Resolved
  readonly conversation: Turn.Conversation
  readonly changes: ReadonlyArray<Change.Change>
}

/** Normalizes the conversation of a request for a model of these capabilities. Fails in strict mode only. */
export const normalize = (
  request: ChatRequest.Resolved,
  options: { readonly capabilities: Capabilities; readonly mode: Mode }
): Result.Result<Normalized, ProviderError.InvalidRequestError> => {
  const question = isBare(request) ? Turn.ofQuestion(request.messages, options.capabilities) : undefined
  if (question !== undefined) return Result.succeed({ request, conversation: question, changes: [] })
  const { changes, report } = Change.collect()
  const repaired = repair(request, options.capabilities, report)
  const { toolChoice, tools } = declareTools(request, repaired, report)
  const isOffered = toolChoice !== "none" || repaired.turns.some(({ parts }) => parts.some(ToolUse.isToolPart))
  const holders = CachePoints.settle(
    { conversation: repaired, tools: isOffered ? tools ?? [] : [], options: request.providerOptions?.bedrock },
    options.capabilities,
    report
  )
  return Result.map(Change.settle(changes, options.mode, request.model), () => ({
    request: changes.length === 0 ? request : {
      ...request,
      messages: Turn.toMessages(holders.conversation),
      tools: isOffered ? holders.tools : tools,
      toolChoice,
      providerOptions: { ...request.providerOptions, bedrock: holders.options }
    },
    conversation: holders.conversation,
    changes
  }))
}

/** Whether nothing but its messages can hold what needs a repair. */
const isBare = ({ providerOptions, tools }: ChatRequest.Resolved): boolean =>
  tools === undefined && providerOptions?.bedrock === undefined

/** The order matters: each step relies on the earlier ones. */
const repair = (
  request: ChatRequest.Resolved,
  capabilities: Capabilities,
  report: Change.Report
): Turn.Conversation => {
  const given = Thoughts.fit(Turn.fromMessages(request.messages, report), capabilities, report)
  const { system, turns } = Instructions.place(Blank.drop(given, capabilities, report), capabilities, report)
  const ended = endWithUser(Turn.join(turns, capabilities, report), capabilities, report)
  const documented = Documents.rename(ended, report)
  const paired = capabilities.tools === false
    ? ToolText.tellAll(documented, report)
    : ToolUse.pair(ToolMedia.move(documented, capabilities, report), {
      capabilities,
      tools: request.tools ?? [],
      report
    })
  const folded = Instructions.fold({ system, turns: paired }, capabilities, report)
  const begun = beginWithUser(Blank.fill(folded.turns, report), capabilities, report)
  return { system: folded.system, turns: Blank.trim(Documents.addText(begun, report), report) }
}

/** Adding a placeholder of the user is lossless; dropping the assistant's first message is not. */
const beginWithUser = (
  turns: ReadonlyArray<Turn.Turn>,
  { leadingAssistant }: Capabilities,
  report: Change.Report
): ReadonlyArray<Turn.Turn> => {
  const first = turns.find(({ role }) => role !== "system")
  if (first?.role === "user" || first?.role === "assistant" && leadingAssistant === true) return turns
  const field = first?.field ?? "messages"
  report("inserted-user", field)
  return [{ role: "user", parts: [{ part: Blank.placeholder, field }], field }, ...turns]
}

/** Calls in a last message get their results from `ToolUse`, as a message of the user. */
const endWithUser = (
  turns: ReadonlyArray<Turn.Turn>,
  { prefill, tools }: Capabilities,
  report: Change.Report
): ReadonlyArray<Turn.Turn> => {
  const at = turns.findLastIndex(({ role }) => role !== "system")
  const last = turns[at]
  if (prefill !== false || last?.role !== "assistant") return turns
  const { field } = last
  if (tools !== false && last.parts.some(Turn.isCall)) {
    return turns.toSpliced(at + 1, 0, { role: "user", parts: [], field })
  }
  report("added-user", field)
  return [...turns, { role: "user", parts: [{ part: Message.text("Go on."), field }], field }]
}

const declareTools = (
  { providerOptions, toolChoice, tools }: ChatRequest.Resolved,
  { turns }: Turn.Conversation,
  report: Change.Report
): Pick<ChatRequest.Resolved, "tools" | "toolChoice"> => {
  const own = providerOptions?.bedrock?.toolConfig?.tools ?? []
  const areOffered = own.length > 0 || tools !== undefined && tools.length > 0
  const declared = areOffered ? [] : ToolUse.declare(turns)
  if (declared.length === 0) return { tools, toolChoice }
  report("declared-tools", "tools")
  return { tools: declared, toolChoice: "none" }
}
