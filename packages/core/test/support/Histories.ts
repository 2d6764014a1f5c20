/** Histories for tests: any order of messages, also such that no provider takes, and what makes one valid. */
import { Message } from "@strata/core"
import * as Schema from "effect/Schema"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** What a message is made of; `calls` and `results` are numbers of ids. */
export const Piece = Schema.Struct({
  role: Schema.Literals(["system", "user", "user", "assistant", "assistant", "assistant", "tool", "tool", "tool"]),
  size: between(0, 60),
  calls: Schema.Array(between(0, 3)).check(Schema.isBetweenLength(0, 3)),
  image: Schema.Boolean
})
export const Pieces = Schema.Array(Piece).check(Schema.isBetweenLength(0, 24))

/** A history of these pieces: calls without results, results without calls, ids that occur twice, blank messages. */
export const of = (pieces: typeof Pieces.Type): ReadonlyArray<Message.Message> =>
  pieces.map(({ calls, image, role, size }, index): Message.Message => {
    const text = `${index} ${"word ".repeat(size)}`
    switch (role) {
      case "system":
        return Message.system(text)
      case "user":
        return Message.user(
          image
            ? [Message.text(text), { type: "image", mediaType: "image/png", source: { bytes: Uint8Array.of(1) } }]
            : text
        )
      case "assistant":
        return Message.assistant([
          ...(size === 0 ? [] : [Message.text(text)]),
          ...calls.map((id): Message.ToolCallPart => ({
            type: "tool-call",
            id: `${id}`,
            name: "look",
            params: { text }
          }))
        ])
      case "tool":
        return Message.tool(calls.map((id) => ({ type: "tool-result", id: `${id}`, result: text })))
    }
  })

/** What a provider would refuse of a history; nothing for a valid one. */
export const troubleOf = (messages: ReadonlyArray<Message.Message>): string | undefined => {
  const rest = messages.filter(({ role }) => role !== "system")
  if (rest.length > 0 && rest[0]?.role !== "user") return "does not start with the user"
  const used = new Set<string>()
  let open = new Set<string>()
  for (const [index, message] of rest.entries()) {
    if (message.content.length === 0) return `message ${index} is empty`
    if (message.role !== "tool" && open.size > 0) return `calls without results before message ${index}`
    if (message.role === "tool") {
      for (const { id } of message.content) if (!open.delete(id)) return `a result without its call in message ${index}`
    }
    if (message.role !== "assistant") continue
    for (const part of Message.parts(message)) {
      if (part.type !== "tool-call" || part.providerExecuted === true) continue
      if (used.has(part.id)) return `two calls with the id ${part.id}`
      used.add(part.id)
      open = open.add(part.id)
    }
  }
  return open.size > 0 ? "calls without results at the end" : undefined
}

/** A text of about so many tokens. */
export const words = (tokens: number, word = "word"): string => `${word} `.repeat(Math.ceil(tokens / 1.29))
