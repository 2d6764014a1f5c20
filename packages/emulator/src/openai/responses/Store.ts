/**
 * The responses that a client asked to keep, with what led to them, so that later requests can go on from there.
 */
import type * as Message from "@strata/core/chat/Message"

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
  readonly output: ReadonlyArray<{ readonly id: string; readonly part: Message.AssistantPart }>
}

/** The kept responses of an emulator. */
export interface Store {
  readonly keep: (kept: Kept) => void
  readonly find: (id: string) => Kept | undefined
  readonly item: (id: string) => Message.AssistantPart | undefined
  readonly forget: (id: string) => boolean
}

/** None yet; of more than a thousand the oldest are forgotten. */
export const make = (): Store => {
  const responses = new Map<string, Kept>()
  const items = new Map<string, Message.AssistantPart>()
  const forget = (id: string): boolean => {
    for (const { id: item } of responses.get(id)?.output ?? []) items.delete(item)
    return responses.delete(id)
  }
  return {
    forget,
    find: (id) => responses.get(id),
    item: (id) => items.get(id),
    keep: (kept) => {
      responses.set(kept.id, kept)
      for (const { id, part } of kept.output) items.set(id, part)
      const [oldest] = responses.keys()
      if (responses.size > capacity && oldest !== undefined) forget(oldest)
    }
  }
}

const capacity = 1000
