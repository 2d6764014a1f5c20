/** The model of the example without one: it calls the tools by keywords, and answers with what they gave. */
import { type ChatRequest, Message } from "@strata/core"
import type { TestChat } from "@strata/core/testing"

/** Slow enough to see that it streams. */
const speed = { delay: "150 millis", interval: "30 millis" } as const

const say = (...content: ReadonlyArray<Message.AssistantPart>): TestChat.Answer => ({ content, ...speed })

let calls = 0
const call = (name: string, params: object): Message.ToolCallPart => ({
  type: "tool-call",
  id: `call-${++calls}`,
  name,
  params
})

export const script = ({ messages }: ChatRequest.Resolved): TestChat.Answer => {
  const last = messages.at(-1)
  return last?.role === "tool" ? ofResults(last) : ofQuestion(last === undefined ? "" : Message.textOf(last).trim())
}

const ofQuestion = (question: string): TestChat.Answer => {
  const reserved = /\breserve\s+["“]?(.+?)["”]?[.!?]*$/i.exec(question)?.[1]
  if (reserved !== undefined) {
    return say(Message.text(`I can reserve "${reserved}" for you.`), call("reserve_book", { title: reserved }))
  }
  return /\b(now|time)\b/i.test(question)
    ? say(Message.text("Let me see what time it is where you are."), call("get_local_time", {}))
    : say(Message.text("Let me look at the rules."), call("search_rules", { query: question }))
}

const ofResults = ({ content: [result] }: Message.ToolMessage): TestChat.Answer => {
  const found = result?.parts?.flatMap((part) => part.type === "search-result" ? [part] : []) ?? []
  if (found.length > 0) {
    return say(...found.map(({ content, source, title }): Message.AssistantPart => ({
      type: "text",
      text: `${content.join(" ")} `,
      citations: [{ title, source, passages: content, location: { type: "web", url: source } }]
    })))
  }
  if (result?.isFailure === true) return say(Message.text("All right, I did not do it."))
  const text = typeof result?.result === "string" ? result.result : `It is ${timeOf(result?.result)} where you are.`
  return say(Message.text(text))
}

const timeOf = (result: unknown): string =>
  typeof result === "object" && result !== null && "time" in result ? String(result.time) : "late"
