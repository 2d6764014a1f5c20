/**
 * A conversation in turns, as Bedrock sees it: what one side says before the other answers.
 *
 * Messages know four roles, turns three: what tools answered is said by the user. Every part keeps its place in the
 * request as it was given, for reports and errors.
 */
import * as Message from "@strata/core/Message"
import { providerName } from "../../internal/provider.ts"
import * as Block from "../Block.ts"
import type { Report } from "./Change.ts"

/** A part and where it stands: `messages[3].content[1]`. */
export interface Placed<Part extends Message.Part = Message.Part> {
  readonly part: Part
  readonly field: string
}

/** All that is said in a row by one side; `field` is where it begins. */
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

/** A part that a turn was given, in the name of the turn. */
export const added = (turn: Turn, part: Message.Part): Placed => ({ part, field: `${turn.field}.content` })

/** Whether a placed part is of one type. */
export const is =
  <Type extends Message.Part["type"]>(type: Type) =>
  (placed: Placed): placed is Placed<Extract<Message.Part, { readonly type: Type }>> => placed.part.type === type

/** Whether the program, not the provider, has to answer the call. */
export const isCall = (placed: Placed): placed is Placed<Message.ToolCallPart> =>
  placed.part.type === "tool-call" && placed.part.providerExecuted !== true

/** Says nothing, and is refused for it. */
export const isBlank = (part: Message.Part): boolean =>
  part.type === "text" && part.citations === undefined && part.text.trim() === ""

/**
 * Ends a cached prefix behind the last part, with a block of its own where that part cannot carry the mark. Behind
 * reasoning, models refuse it.
 */
export const markCache = (
  parts: ReadonlyArray<Placed>,
  cache: Message.CacheControl | undefined
): ReadonlyArray<Placed> => {
  const index = parts.findLastIndex(({ part }) => !isBlank(part) && part.type !== "reasoning")
  const last = parts[index]
  if (cache === undefined || cache === false || last === undefined) return parts
  return [...parts.slice(0, index), ...marked(last, cache), ...parts.slice(index + 1)]
}

/** One turn for each message; an assistant message with results of the program's tools in it makes several. */
export const fromMessages = (messages: ReadonlyArray<Message.Message>, report: Report): ReadonlyArray<Turn> =>
  messages.flatMap((message, index): ReadonlyArray<Turn> => {
    const field = `messages[${index}]`
    const parts = markCache(place(message, field), message.cache)
    switch (message.role) {
      case "system":
        return [{ role: "system", parts, field }]
      case "assistant":
        return splitAnswer({ role: "assistant", parts, field }, report)
      default:
        return [{ role: "user", parts, field }]
    }
  })

/** The messages of a conversation; what tools answered becomes a message of its own before the rest of the turn. */
export const toMessages = ({ system, turns }: Conversation): ReadonlyArray<Message.Message> => [
  ...messagesOf({ role: "system", parts: system, field: "messages" }),
  ...turns.flatMap(messagesOf)
]

/**
 * Joins neighbours of one role. Results of tools and the user's own words are one turn and two messages, which is
 * nothing to report. Instructions never separate what belongs together: they go behind it.
 */
export const join = (turns: ReadonlyArray<Turn>, report: Report): ReadonlyArray<Turn> => {
  const joined: Array<Turn & { readonly parts: Array<Placed> }> = []
  for (const turn of turns) {
    const at = turn.role === "system" ? joined.length - 1 : joined.findLastIndex(({ role }) => role !== "system")
    const before = joined[at]
    const isSame = before?.role === turn.role
    const isAnswer = turn.role === "user" && before?.parts.some(isCall) === true
    if (isSame || isAnswer) {
      for (const { field } of joined.slice(at + 1)) report("moved-instructions", field)
    }
    if (isSame) {
      reportJoint(before, turn, report)
      for (const placed of turn.parts) before.parts.push(placed)
    } else joined.splice(isAnswer ? at + 1 : joined.length, 0, { ...turn, parts: [...turn.parts] })
  }
  return joined
}

const reportJoint = (before: Turn, turn: Turn, report: Report): void => {
  const isResult = is("tool-result")
  if (turn.parts.some(isResult)) report("gathered-results", turn.field)
  else if (turn.parts.length > 0 && !before.parts.every(isResult)) report("joined-message", turn.field)
}

const place = (message: Message.Message, field: string): ReadonlyArray<Placed> =>
  typeof message.content === "string"
    ? [{ part: Message.text(message.content), field: `${field}.content` }]
    : message.content.map((part, index) => ({ part, field: `${field}.content[${index}]` }))

const marked = ({ field, part }: Placed, cache: Message.CacheControl): ReadonlyArray<Placed> => {
  switch (part.type) {
    case "reasoning":
    case "tool-call":
    case "tool-addition":
    case "tool-removal":
    case "provider":
      return [
        { part, field },
        ...Block.cachePoint(cache).map((value): Placed => ({
          part: { type: "provider", provider: providerName, value },
          field
        }))
      ]
    default:
      return [{ part: { ...part, cache: part.cache || cache }, field }]
  }
}

/** Results of the program's tools are the user's to say, wherever other conventions keep them. */
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

/** The casts say what holds by construction: the parts of a turn come from messages of its role. */
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
