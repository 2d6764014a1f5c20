/**
 * The responses that a client asked to keep, with what led to them, so that later requests can go on from there.
 */
import type * as Message from "@strata/core/chat/Message"

/** An item of an answer, as a part of a message. */
export interface Item {
  readonly id: string
  readonly part: Message.AssistantPart
}

/**
 * A kept response.
 *
 * - `body`: as it was sent. `output`: its items, for a reference to one of them.
 * - `messages`: the conversation up to and with its answer, without instructions.
 */
export interface Kept {
  readonly id: string
  readonly body: unknown
  readonly messages: ReadonlyArray<Message.Message>
  readonly output: ReadonlyArray<Item>
}

/** The kept responses of an emulator. `thoughtBefore`: the id of the reasoning that led to an item. */
export interface Store {
  readonly keep: (kept: Kept) => void
  readonly find: (id: string) => Kept | undefined
  readonly item: (id: string) => Message.AssistantPart | undefined
  readonly thoughtBefore: (id: string) => string | undefined
  readonly forget: (id: string) => boolean
}

/** None yet; of more than a thousand the oldest are forgotten. */
export const make = (): Store => {
  const responses = new Map<string, Kept>()
  const items = new Map<string, Message.AssistantPart>()
  const thoughts = new Map<string, string>()
  const forget = (id: string): boolean => {
    for (const { id: item } of responses.get(id)?.output ?? []) {
      items.delete(item)
      thoughts.delete(item)
    }
    return responses.delete(id)
  }
  return {
    forget,
    find: (id) => responses.get(id),
    item: (id) => items.get(id),
    thoughtBefore: (id) => thoughts.get(id),
    keep: (kept) => {
      responses.set(kept.id, kept)
      let thought: string | undefined
      for (const { id, part } of kept.output) {
        items.set(id, part)
        if (part.type === "reasoning") thought = id
        else if (thought !== undefined) {
          thoughts.set(id, thought)
          // only the first item after it needs it
          thought = undefined
        }
      }
      const [oldest] = responses.keys()
      if (responses.size > capacity && oldest !== undefined) forget(oldest)
    }
  }
}

const capacity = 1000
