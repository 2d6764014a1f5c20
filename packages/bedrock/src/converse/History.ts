/**
 * Repairs a conversation that Bedrock would refuse, and says what it changed; or, in strict mode, refuses it.
 *
 * Total and pure: the same request always gives the same result, one that is fine is returned as it is, and one that was
 * repaired is fine. What the model has written about its reasoning is never touched, nor are tools that the provider ran.
 */
import type * as ChatRequest from "@strata/core/ChatRequest"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import type { Capabilities } from "../catalog/Capabilities.ts"
import * as Blank from "./history/Blank.ts"
import * as Change from "./history/Change.ts"
import * as Documents from "./history/Documents.ts"
import * as Instructions from "./history/Instructions.ts"
import * as ToolText from "./history/ToolText.ts"
import * as ToolUse from "./history/ToolUse.ts"
import * as Turn from "./history/Turn.ts"

export type { Change } from "./history/Change.ts"
export type { Placed } from "./history/Turn.ts"

/**
 * - `repair`: change what Bedrock refuses.
 * - `strict`: refuse it, with an `InvalidRequestError` that says where and what to do. Only what changes nothing for the
 *   model is done all the same: joining messages of one role, gathering results of tools, leaving out their status.
 */
export type Mode = "repair" | "strict"

/**
 * A conversation fit to be sent.
 *
 * - `request`: with messages and tools as they are sent; the same object when nothing had to be changed.
 * - `conversation`: these messages in turns; its parts know where they stood before.
 * - `changes`: what was changed, in no particular order.
 */
export interface Normalized {
  readonly request: ChatRequest.Resolved
  readonly conversation: Turn.Conversation
  readonly changes: ReadonlyArray<Change.Change>
}

/** Makes the conversation of a request fit for a model of these capabilities. Fails in strict mode only. */
export const normalize = (
  request: ChatRequest.Resolved,
  options: { readonly capabilities: Capabilities; readonly mode: Mode }
): Result.Result<Normalized, ProviderError.InvalidRequestError> => {
  const changes: Array<Change.Change> = []
  const report: Change.Report = (type, field) => {
    changes.push(Change.make(type, field))
  }
  const conversation = repair(request, options.capabilities, report)
  const tools = declareTools(request, conversation, report)
  const refused = options.mode === "strict" ? changes.find((change) => !Change.isLossless(change)) : undefined
  if (refused !== undefined) return Result.fail(Change.refuse(refused, request.model))
  return Result.succeed({
    request: changes.length === 0 ? request : { ...request, ...tools, messages: Turn.toMessages(conversation) },
    conversation,
    changes
  })
}

/** The order matters: each step relies on what those before it have settled. */
const repair = (
  request: ChatRequest.Resolved,
  capabilities: Capabilities,
  report: Change.Report
): Turn.Conversation => {
  const said = Blank.drop(Turn.fromMessages(request.messages, report), report)
  const { system, turns } = Instructions.place(said, capabilities, report)
  const joined = Turn.join(turns, report)
  const paired = capabilities.tools === false
    ? ToolText.tellAll(joined, report)
    : ToolUse.pair(joined, { capabilities, tools: request.tools ?? [], report })
  const folded = Instructions.fold({ system, turns: paired }, capabilities, report)
  const begun = beginWithUser(Blank.fill(folded.turns, report), capabilities, report)
  const documented = Documents.addText(Documents.rename(begun, report), report)
  return { system: folded.system, turns: Blank.trim(documented, report) }
}

/** A made-up word of the user costs nothing; to leave out what the assistant said first would lose it. */
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

const declareTools = (
  { providerOptions, tools = [] }: ChatRequest.Resolved,
  { turns }: Turn.Conversation,
  report: Change.Report
): Pick<ChatRequest.Resolved, "tools" | "toolChoice"> => {
  if (tools.length > 0 || providerOptions?.bedrock?.toolConfig !== undefined) return {}
  const declared = ToolUse.declare(turns)
  if (declared.length === 0) return {}
  report("declared-tools", "tools")
  return { tools: declared, toolChoice: "none" }
}
