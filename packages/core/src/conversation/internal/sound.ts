/** Whether values are messages: histories come from databases and browsers. */
import * as Result from "effect/Result"
import * as MessageShape from "../../chat/internal/messageShape.ts"
import type * as Message from "../../chat/Message.ts"
import * as Check from "../../Check.ts"

/**
 * The messages themselves, or what is wrong with one. Each is checked once: the messages of a long history stay the same
 * objects.
 */
export const messages = (
  given: unknown,
  messageOf: (item: unknown) => unknown = (item) => item
): Result.Result<ReadonlyArray<Message.Message>, Check.Problem> => {
  const items = Check.itemsOf(given)
  if (items === undefined) {
    return Result.fail({
      field: "messages",
      problem: "it is not a list of messages",
      remedy: "Give text, or an array of messages"
    })
  }
  const messages: Array<Message.Message> = []
  for (const [index, item] of items.entries()) {
    const message = messageOf(item)
    if (!isKnown(message)) {
      const settled = Check.settle(MessageShape.message, message, {
        field: `messages[${index}]`,
        whole: `messages[${index}]`
      })
      if (Result.isFailure(settled)) return Result.fail(settled.failure)
      known.add(message as Message.Message) // as was just found
    }
    messages.push(message as Message.Message)
  }
  return Result.succeed(messages)
}

const known = new WeakSet<object>()

const isKnown = (message: unknown): boolean => typeof message === "object" && message !== null && known.has(message)
