/** Pairs each call of a history with its result. */
import * as Message from "../../chat/Message.ts"

/** A message and the index of the one it comes from in the history that was given. */
export interface Placed {
  readonly message: Message.Message
  readonly index: number
}

/** See `History.complete`. */
export const complete = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Message.Message> =>
  placed(messages).map(({ message }) => message)

/** The same, with the places of the messages. */
export const placed = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Placed> => {
  const ids = makeIds()
  const completed: Array<Placed> = []
  /** Calls of the last assistant message that have no result yet. */
  const open = makeOpen()
  /** System messages between calls and results, where they cannot be. */
  let held: Array<Placed> = []

  const close = () => {
    const missing = open.clear().map(interrupted)
    const last = completed.at(-1)
    if (missing.length > 0 && last !== undefined) {
      if (last.message.role !== "tool") completed.push({ index: last.index, message: Message.tool(missing) })
      else completed.splice(-1, 1, { ...last, message: Message.tool([...last.message.content, ...missing]) })
    }
    completed.push(...held)
    held = []
  }

  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      const content = message.content.flatMap((part) => {
        const id = open.take(part.id)
        return id === undefined ? [] : [withId(part, id)]
      })
      if (content.length > 0) completed.push({ index, message: withParts(message, content) })
      continue
    }
    if (isBlank(message)) continue
    if (message.role === "system") {
      ;(open.size() > 0 || held.length > 0 ? held : completed).push({ index, message })
      continue
    }
    close()
    if (message.role !== "assistant" || typeof message.content === "string") {
      completed.push({ index, message })
      continue
    }
    const content = message.content.map((part) => {
      if (part.type !== "tool-call" || part.providerExecuted === true) return part
      const id = ids(part.id)
      open.add(part.id, id)
      return withId(part, id)
    })
    completed.push({ index, message: withParts(message, content) })
  }
  close()
  const first = completed.findIndex(({ message }) => message.role !== "system")
  const begun = completed[first]
  return begun?.message.role === "assistant"
    ? completed.toSpliced(first, 0, { index: begun.index, message: assistantBegins })
    : completed
}

/** The result of a call that has none. */
export const interrupted = (id: string): Message.ToolResultPart => ({
  type: "tool-result",
  id,
  result: "The call was interrupted and has no result. It may have run.",
  isFailure: true
})

const assistantBegins = Message.user("(The assistant begins the conversation.)")

const isBlank = ({ content }: Message.Message): boolean =>
  typeof content === "string" ? content.trim() === "" : content.length === 0

/** Calls without results: what their ids are in the history, and as they are sent. One id may be that of many calls. */
export const makeOpen = () => {
  let calls: Array<{ readonly id: string; readonly sent: string }> = []
  return {
    size: () => calls.length,
    add: (id: string, sent: string) => void calls.push({ id, sent }),
    /** The call that a result is for. */
    take: (id: string): string | undefined => {
      const index = calls.findIndex((call) => call.id === id)
      return index === -1 ? undefined : calls.splice(index, 1)[0]?.sent
    },
    clear: (): ReadonlyArray<string> => {
      const left = calls.map(({ sent }) => sent)
      calls = []
      return left
    }
  }
}

/** Makes ids unique: the second call with an id gets another, whatever comes after it. */
export const makeIds = () => {
  const used = new Set<string>()
  return (id: string): string => {
    let unique = id
    for (let count = 2; used.has(unique); count++) unique = `${id.slice(0, 56)}-${count}`
    used.add(unique)
    return unique
  }
}

export const withId = <A extends { readonly id: string }>(part: A, id: string): A =>
  part.id === id ? part : { ...part, id }

/** The message itself where its parts are the same. */
const withParts = <M extends Message.AssistantMessage | Message.ToolMessage>(message: M, parts: M["content"]): M =>
  same(parts, message.content) ? message : { ...message, content: parts }

export const same = (self: ArrayLike<unknown>, that: ArrayLike<unknown>): boolean =>
  self.length === that.length && Array.prototype.every.call(self, (item, index) => item === that[index])
