/**
 * A conversation in turns, as Bedrock sees it: consecutive messages of one role.
 *
 * Messages have four roles, turns three: tool results belong to the user. Every part keeps its location in the original
 * request, for reports and errors.
 */
import * as Message from "@strata/core/chat/Message"
import * as Predicate from "effect/Predicate"
import type { Capabilities } from "../../catalog/Capabilities.ts"
import { providerName } from "../../internal/provider.ts"
import * as Block from "../Block.ts"
import type { Report } from "./Change.ts"

/** A part and its location: `messages[3].content[1]`. */
export interface Placed<Part extends Message.Part = Message.Part> {
  readonly part: Part
  readonly field: string
}

/** Consecutive content of one role; `field` is where it begins. */
export interface Turn {
  readonly role: "system" | "user" | "assistant"
  readonly parts: ReadonlyArray<Placed>
  readonly field: string
}

/** The system prompt, and the turns that follow. */
export interface Conversation {
  readonly system: ReadonlyArray<Placed>
  readonly turns: ReadonlyArray<Turn>
}

/** A part added to a turn, located at the turn. */
export const added = (turn: Turn, part: Message.Part): Placed => ({ part, field: `${turn.field}.content` })

/** Whether a placed part is of one type. */
export const is =
  <Type extends Message.Part["type"]>(type: Type) =>
  (placed: Placed): placed is Placed<Extract<Message.Part, { readonly type: Type }>> => placed.part.type === type

/** Whether the program, not the provider, has to answer the call. */
export const isCall = (placed: Placed): placed is Placed<Message.ToolCallPart> =>
  placed.part.type === "tool-call" && placed.part.providerExecuted !== true

/** Blank text, which Bedrock refuses. */
export const isBlank = (part: Message.Part): boolean =>
  part.type === "text" && part.citations === undefined && part.text.trim() === ""

/** Whether a model signed it: its turn is sent back unchanged. */
export const isSealed = ({ part }: Placed): boolean =>
  part.type === "reasoning" && (part.signature !== undefined || part.redacted !== undefined)

/**
 * Ends a cached prefix behind the last part that says something, or behind blank text where there is no other, with a
 * separate block where that part has no field for it. Models refuse a cache point behind reasoning.
 */
export const markCache = (
  parts: ReadonlyArray<Placed>,
  cache: Message.CacheControl | undefined
): ReadonlyArray<Placed> => {
  if (cache === undefined || cache === false) return parts
  const said = parts.findLastIndex(({ part }) => !isBlank(part) && part.type !== "reasoning")
  const index = said < 0 ? parts.findLastIndex(({ part }) => part.type !== "reasoning") : said
  const last = parts[index]
  return last === undefined ? parts : parts.toSpliced(index, 1, ...marked(last, cache))
}

/** The cache control of the prefix that ends with a part. */
export const cacheOf = (part: Message.Part): Message.CacheControl | undefined =>
  "cache" in part && part.cache !== false ? part.cache : undefined

/** A block that is only a cache point. */
export const cachePoint = (cache: Message.CacheControl, field: string): Placed => ({
  part: { type: "provider", provider: providerName, value: Block.cachePoint(cache)[0] },
  field
})

/** The cache control of a part that is only a cache point. */
export const cachePointOf = (part: Message.Part): Message.CacheControl | undefined =>
  part.type === "provider" && part.provider === providerName ? cacheIn(part.value) : undefined

/** The cache control of a block in the service's own format. */
export const cacheIn = (block: unknown): Message.CacheControl | undefined => {
  if (!Predicate.hasProperty(block, "cachePoint") || !Predicate.isObject(block.cachePoint)) return undefined
  const ttl = Predicate.hasProperty(block.cachePoint, "ttl") ? block.cachePoint.ttl : undefined
  return ttl === "5m" || ttl === "1h" ? { ttl } : true
}

/**
 * The conversation of one question in plain text, beside a system prompt that the model takes: most are no more, and there
 * is nothing to repair. `undefined` for any other.
 */
export const ofQuestion = (
  messages: ReadonlyArray<Message.Message>,
  { systemPrompt }: Capabilities
): Conversation | undefined => {
  const at = messages.length - 1
  const [first] = messages
  if (at === 1 && (first?.role !== "system" || systemPrompt === false) || at > 1) return undefined
  const question = messages[at]
  if (question?.role !== "user" || !isPlain(question) || first === undefined || !isPlain(first)) return undefined
  const field = `messages[${at}]`
  return {
    system: at === 1 ? place(first, "messages[0]") : [],
    turns: [{ role: "user", parts: place(question, field), field }]
  }
}

const isPlain = ({ cache, content }: Message.Message): boolean =>
  typeof content === "string" && cache === undefined && content.trim() !== ""

/** One turn per message; an assistant message that holds results of the program's tools makes several. */
export const fromMessages = (messages: ReadonlyArray<Message.Message>, report: Report): ReadonlyArray<Turn> =>
  messages.flatMap((message, index): ReadonlyArray<Turn> => {
    const field = `messages[${index}]`
    const parts = markCache(place(message, field), message.cache)
    switch (message.role) {
      case "system":
        return [{ role: "system", parts: parts.map(withoutCitations), field }]
      case "assistant":
        return splitAnswer({ role: "assistant", parts, field }, report)
      default:
        return [{ role: "user", parts, field }]
    }
  })

/** The messages of a conversation; tool results become a separate message before the rest of the turn. */
export const toMessages = ({ system, turns }: Conversation): ReadonlyArray<Message.Message> => [
  ...messagesOf({ role: "system", parts: system, field: "messages" }),
  ...turns.flatMap(messagesOf)
]

/**
 * Joins consecutive turns of one role. Tool results and user content are one turn and two messages, which is not
 * reported. Instructions are moved behind content that belongs together.
 *
 * A model that accepts consecutive user messages gets them unchanged, unless they relate to tool calls.
 */
export const join = (
  turns: ReadonlyArray<Turn>,
  { userTurnsInARow }: Capabilities,
  report: Report
): ReadonlyArray<Turn> => {
  const joined: Array<Open> = []
  let isAsked = false
  for (const turn of turns) {
    const at = turn.role === "system" ? joined.length - 1 : joined.findLastIndex(({ role }) => role !== "system")
    const before = joined[at]
    const isBehindCalls = before?.hasCalls === true
    const isSame = before?.role === turn.role &&
      !(turn.role === "user" && userTurnsInARow === true && !isAsked && !turn.parts.some(isResult) &&
        before.hasOther && turn.parts.length > 0)
    if (isSame || isBehindCalls) {
      for (const { field } of joined.slice(at + 1)) report("moved-instructions", field)
    }
    if (isSame) reportJoint(before, turn, report)
    const open = add(isSame ? before : { ...turn, parts: [], hasCalls: false, hasOther: false }, turn.parts)
    if (!isSame) joined.splice(isBehindCalls ? at + 1 : joined.length, 0, open)
    // content behind calls may hold their results
    if (turn.role === "assistant") isAsked = open.hasCalls
  }
  return joined.map(({ field, parts, role }) => ({ role, parts, field }))
}

/** A turn that may be extended. `hasOther`: whether it holds anything but tool results. */
interface Open extends Turn {
  readonly parts: Array<Placed>
  hasCalls: boolean
  hasOther: boolean
}

const isResult = is("tool-result")

const add = (turn: Open, parts: ReadonlyArray<Placed>): Open => {
  for (const placed of parts) {
    turn.parts.push(placed)
    turn.hasCalls ||= isCall(placed)
    turn.hasOther ||= !isResult(placed)
  }
  return turn
}

const reportJoint = (before: Open, turn: Turn, report: Report): void => {
  if (turn.parts.some(isResult)) report("gathered-results", turn.field)
  else if (turn.parts.length > 0 && before.hasOther) report("joined-message", turn.field)
}

const place = (message: Message.Message, field: string): ReadonlyArray<Placed> =>
  typeof message.content === "string"
    ? [{ part: Message.text(message.content), field: `${field}.content` }]
    : message.content.map((part, index) => ({ part, field: `${field}.content[${index}]` }))

/** Instructions hold plain text only, not the block that text with citations is. */
const withoutCitations = (placed: Placed): Placed => {
  if (placed.part.type !== "text") return placed
  const { citations: _, ...text } = placed.part
  return { ...placed, part: text }
}

const marked = ({ field, part }: Placed, cache: Message.CacheControl): ReadonlyArray<Placed> => {
  switch (part.type) {
    case "reasoning":
    case "tool-call":
    case "tool-addition":
    case "tool-removal":
    case "json":
    case "provider":
      return [
        { part, field },
        cachePoint(cache, field)
      ]
    default:
      return [{ part: { ...part, cache: part.cache || cache }, field }]
  }
}

/** Results of the program's tools belong to the user, even if a message of the assistant holds them. */
const splitAnswer = (turn: Turn, report: Report): ReadonlyArray<Turn> => {
  const turns: Array<Turn & { readonly parts: Array<Placed> }> = []
  for (const placed of turn.parts) {
    const isAnswer = placed.part.type === "tool-result" && placed.part.providerExecuted !== true
    if (isAnswer) report("gathered-results", placed.field)
    const role = isAnswer ? "user" : "assistant"
    const last = turns[turns.length - 1]
    if (last?.role === role) last.parts.push(placed)
    else turns.push({ role, parts: [placed], field: turn.field })
  }
  return turns.length > 0 ? turns : [turn]
}

/** The casts hold by construction: the parts of a turn come from messages of its role. */
const messagesOf = ({ parts, role }: Turn): ReadonlyArray<Message.Message> => {
  const content = parts.map(({ part }) => part)
  switch (role) {
    case "system":
      return content.length > 0 ? [Message.system(content as ReadonlyArray<Message.SystemPart>)] : []
    case "assistant":
      return [Message.assistant(content as ReadonlyArray<Message.AssistantPart>)]
    case "user": {
      const results = content.filter((part) => part.type === "tool-result")
      const said = content.filter((part) => part.type !== "tool-result") as ReadonlyArray<Message.UserPart>
      return [
        ...(results.length > 0 ? [Message.tool(results)] : []),
        ...(said.length > 0 ? [Message.user(said)] : [])
      ]
    }
  }
}
