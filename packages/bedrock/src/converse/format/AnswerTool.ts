/**
 * Converts the call of the answer tool back into the text it stands for, so that the tool is invisible to the caller.
 *
 * The first answer wins: text the model wrote beside its call is dropped, and so is a call after JSON that it wrote as
 * text. Other calls are kept.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as Stream from "effect/Stream"

/** In a whole answer; without a name it is returned unchanged. */
export const inResponse = (
  response: ChatResponse.ChatResponse,
  name: string | undefined
): ChatResponse.ChatResponse => {
  if (name === undefined) return response
  const filter = makeFilter<readonly [index: number, part: Message.AssistantPart]>()
  const { content } = response.message
  const parts = (typeof content === "string" ? [Message.text(content)] : content).flatMap((part, index) => {
    if (part.type === "text") return filter.text([index, part], part.text)
    if (part.type !== "tool-call" || part.providerExecuted === true) return [[index, part] as const]
    if (part.name !== name) return [...filter.otherCall(), [index, part] as const]
    return filter.answerCall() ? [[index, Message.text(textOf(part))] as const] : []
  })
  return ChatResponse.make(
    [...parts, ...filter.rest()].sort(([a], [b]) => a - b).map(([, part]) => part),
    { ...response, finishReason: filter.finishReason(response.finishReason) }
  )
}

/** In a stream: the parameters of the call become text deltas as they arrive. */
export const inStream = <E, R>(
  events: Stream.Stream<ChatEvent.ChatEvent, E, R>,
  name: string | undefined
): Stream.Stream<ChatEvent.ChatEvent, E, R> =>
  name === undefined ? events : Stream.suspend(() => {
    const filter = makeFilter<ChatEvent.ChatEvent>()
    const answers = new Set<number>() // blocks that are calls of the answer's tool
    let answer: number | undefined // the block that counts
    let isEmpty = true

    const convert = (event: ChatEvent.ChatEvent): ReadonlyArray<ChatEvent.ChatEvent> => {
      switch (event.type) {
        case "text-delta":
          return filter.text(event, event.delta)
        case "citation":
          return filter.text(event, "")
        case "part":
          return event.part.type === "text" ? filter.text(event, "") : [event]
        case "tool-params-start":
          if (event.name !== name) return [...filter.otherCall(), event]
          answers.add(event.index)
          if (filter.answerCall()) answer = event.index
          return []
        case "tool-params-delta":
          if (!answers.has(event.index)) return [event]
          if (event.index !== answer) return []
          isEmpty = false
          return [{ type: "text-delta", index: event.index, delta: event.delta }]
        case "tool-call": {
          if (!answers.has(event.index)) return [event]
          // a call without parameters comes without a delta
          return event.index === answer && isEmpty ? [{ type: "text-delta", index: answer, delta: textOf(event) }] : []
        }
        case "finish":
          return [...filter.rest(), { ...event, finishReason: filter.finishReason(event.finishReason) }]
        default:
          return [event]
      }
    }
    return Stream.mapAccumArray(events, () => undefined, (_, batch) => [undefined, batch.flatMap(convert)] as const)
  })

/**
 * Decides which parts of an answer are kept. Text is buffered until it is known whether it is the answer, which it is
 * when it begins like JSON, or prose beside the call.
 *
 * - `text`, `otherCall`, `rest`: the items to emit now: at a text, before a call of another tool, at the end.
 * - `answerCall`: whether this call is the answer.
 */
const makeFilter = <Item>() => {
  let answer: "none" | "called" | "written" = "none"
  let held: Array<Item> = []
  let beginning = ""
  let hasOtherCalls = false

  const release = (): ReadonlyArray<Item> => {
    const released = held
    held = []
    beginning = ""
    return released
  }

  return {
    text: (item: Item, text: string): ReadonlyArray<Item> => {
      if (answer === "called") return []
      if (answer === "written") return [item]
      held.push(item)
      if (beginning === "") beginning = text.trimStart().slice(0, 1)
      if (beginning !== "{" && beginning !== "`") return []
      answer = "written"
      return release()
    },
    answerCall: (): boolean => {
      if (answer !== "none") return false
      answer = "called"
      release()
      return true
    },
    otherCall: (): ReadonlyArray<Item> => {
      hasOtherCalls = true
      return release()
    },
    rest: release,
    finishReason: (reason: ChatResponse.FinishReason): ChatResponse.FinishReason =>
      reason === "tool-calls" && answer !== "none" && !hasOtherCalls ? "stop" : reason
  }
}

const textOf = ({ params }: Pick<Message.ToolCallPart, "params">): string =>
  typeof params === "string" ? params : JSON.stringify(params) ?? "{}"
