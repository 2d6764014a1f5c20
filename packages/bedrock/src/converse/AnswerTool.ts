/**
 * Turns the call of the answer's tool back into the text it stands for, so that nobody sees there was a tool.
 *
 * The first answer counts: text the model wrote beside its call is left out, and so is a call after JSON that it wrote as
 * text. Other calls stay what they are.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as Stream from "effect/Stream"

/** In a whole answer; without a name there is nothing to turn back. */
export const inResponse = (
  response: ChatResponse.ChatResponse,
  name: string | undefined
): ChatResponse.ChatResponse => {
  if (name === undefined) return response
  const sieve = makeSieve<readonly [index: number, part: Message.AssistantPart]>()
  const { content } = response.message
  const parts = (typeof content === "string" ? [Message.text(content)] : content).flatMap((part, index) => {
    if (part.type === "text") return sieve.text([index, part], part.text)
    if (part.type !== "tool-call" || part.providerExecuted === true) return [[index, part] as const]
    if (part.name !== name) return [...sieve.otherCall(), [index, part] as const]
    return sieve.answerCall() ? [[index, Message.text(textOf(part))] as const] : []
  })
  return ChatResponse.make(
    [...parts, ...sieve.rest()].sort(([a], [b]) => a - b).map(([, part]) => part),
    { ...response, finishReason: sieve.finishReason(response.finishReason) }
  )
}

/** In a stream: the parameters of the call become deltas of text as they come. */
export const inStream = <E, R>(
  events: Stream.Stream<ChatEvent.ChatEvent, E, R>,
  name: string | undefined
): Stream.Stream<ChatEvent.ChatEvent, E, R> =>
  name === undefined ? events : Stream.suspend(() => {
    const sieve = makeSieve<ChatEvent.ChatEvent>()
    const answers = new Set<number>() // blocks that are calls of the answer's tool
    let answer: number | undefined // the block that counts
    let isEmpty = true

    const convert = (event: ChatEvent.ChatEvent): ReadonlyArray<ChatEvent.ChatEvent> => {
      switch (event.type) {
        case "text-delta":
          return sieve.text(event, event.delta)
        case "citation":
          return sieve.text(event, "")
        case "part":
          return event.part.type === "text" ? sieve.text(event, "") : [event]
        case "tool-params-start":
          if (event.name !== name) return [...sieve.otherCall(), event]
          answers.add(event.index)
          if (sieve.answerCall()) answer = event.index
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
          return [...sieve.rest(), { ...event, finishReason: sieve.finishReason(event.finishReason) }]
        default:
          return [event]
      }
    }
    return Stream.mapAccumArray(events, () => undefined, (_, batch) => [undefined, batch.flatMap(convert)] as const)
  })

/**
 * Decides what of an answer is kept. Text is held back until it is known whether it is the answer, which it is when it
 * begins like JSON, or a word beside the call.
 *
 * - `text`, `otherCall`, `rest`: what can be handed out now: at a text, before a call of another tool, at the end.
 * - `answerCall`: whether this call is the answer.
 */
const makeSieve = <Item>() => {
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
