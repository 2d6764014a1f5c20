/** Takes out of a history what only its provider can read. */
import * as Predicate from "effect/Predicate"
import * as Struct from "effect/Struct"
import type * as Message from "../../chat/Message.ts"
import type * as History from "../History.ts"
import * as Pairs from "./pairs.ts"

/** See `History.portable`; what else an entry has is kept. */
export const entries = <E extends History.Entry>(given: ReadonlyArray<E>, target: History.Origin): ReadonlyArray<E> => {
  const ids = Pairs.makeIds()
  /** The ids of calls as they are sent; a result is for the last call with its id. */
  const sent = new Map<string, string>()
  return given.flatMap((entry): ReadonlyArray<E> => {
    const { message, origin } = entry
    const content = message.content
    if (typeof content === "string") return [entry]
    const isOwn = isFrom(origin, target)
    const parts: Array<Message.Part> = []
    for (const part of content) {
      const kept = message.role === "assistant" && !isOwn ? foreign(part) : isOwn ? part : ofProgram(part, target)
      if (kept === undefined) continue
      if (kept.type === "tool-call" && kept.providerExecuted !== true) {
        const id = ids(isOwn ? kept.id : idOf(kept.id))
        sent.set(kept.id, id)
        parts.push(Pairs.withId(kept, id))
      } else if (message.role === "tool" && kept.type === "tool-result") {
        parts.push(Pairs.withId(kept, sent.get(kept.id) ?? kept.id))
      } else parts.push(kept)
    }
    if (Pairs.same(parts, content)) return [entry]
    // The parts are those of the message, of the same types.
    return parts.length === 0 ? [] : [{ ...entry, message: { ...message, content: parts } as Message.Message }]
  })
}

/** Whether `target` wrote a message. */
export const isFrom = (origin: History.Origin | undefined, target: History.Origin): boolean =>
  origin !== undefined && origin.provider === target.provider && origin.api === target.api &&
  origin.model === target.model

/** A part that another model wrote. */
const foreign = (part: Message.Part): Message.Part | undefined => {
  if (part.type === "reasoning" || part.type === "provider") return undefined
  if ((part.type === "tool-call" || part.type === "tool-result") && part.providerExecuted === true) return undefined
  return without(without(part, "providerFields"), "citations", part.type === "text")
}

/** A part that the program wrote. */
const ofProgram = (part: Message.Part, { provider }: History.Origin): Message.Part | undefined => {
  if (part.type === "provider") return part.provider === provider ? part : undefined
  const fields = "providerFields" in part ? part.providerFields : undefined
  if (!Predicate.isObject(fields) || Object.keys(fields).every((key) => key === provider)) return part
  return provider in fields
    ? { ...part, providerFields: { [provider]: fields[provider] } } as Message.Part // with fewer fields of providers
    : without(part, "providerFields")
}

/** The part without a field that may be missing. */
const without = <P extends Message.Part>(part: P, key: "providerFields" | "citations", when = true): P =>
  when && key in part ? Struct.omit(part, [key as never]) as object as P : part

/** An id that every provider takes. */
const idOf = (id: string): string => {
  const safe = id.replace(/[^a-zA-Z0-9_-]/gu, "_").slice(0, 64)
  return safe === "" ? "call" : safe
}
