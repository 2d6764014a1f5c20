/**
 * Histories that any model can read: {@link portable} after a switch of model or provider, {@link complete} after an
 * interruption. Pure functions of plain messages; `Conversation` uses both.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import type * as Message from "../chat/Message.ts"
import * as Total from "../internal/total.ts"
import * as Pairs from "./internal/pairs.ts"
import * as Sound from "./internal/sound.ts"

/**
 * Who wrote a message: `provider` as in `ChatResponse.provider`, `api` where a provider has several (`responses`), `model`
 * as the request named it.
 */
export class Origin extends Schema.Opaque<Origin>()(Schema.Struct({
  provider: Schema.String,
  api: Schema.optional(Schema.String),
  model: Schema.String
})) {}

/** A message, and for one of the model its origin; without one it counts as written by another model. */
export interface Entry {
  readonly message: Message.Message
  readonly origin?: Origin | undefined
}

/**
 * The messages as `target` can read them. What it wrote itself is not touched, but for ids that are taken.
 *
 * - Reasoning, its signatures and encrypted parts, citations, `providerFields` and blocks of a provider go only to where
 *   they came from, and so do the calls that a provider ran, with their results. Messages without anything else are left
 *   out.
 * - In messages of the program, `providerFields` and `provider` parts for other providers are left out.
 * - Ids of calls that are not 1 to 64 letters, digits, `_` and `-`, or are not unique, are replaced, in the same way on
 *   call and result. A longer history gives the same ids to what it begins with.
 *
 * Empty for a value that is not a list of entries.
 *
 * @example
 * const messages = History.portable(
 *   [
 *     { message: Message.user("Why?") },
 *     { message: response.message, origin: { provider: "openai", api: "responses", model: "gpt-5.2" } },
 *     { message: Message.user("And how?") }
 *   ],
 *   { provider: "aws.bedrock", model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0" }
 * )
 */
export const portable: (entries: ReadonlyArray<Entry>, target: Origin) => ReadonlyArray<Message.Message> = Total.make(
  (entries, target) =>
    Result.isSuccess(Sound.messages(entries, (entry) => (entry as Entry).message))
      ? portableEntries(entries, target).map(({ message }) => message)
      : [],
  () => []
)

/**
 * The messages such that each call has exactly one result, in the tool message right after it, as providers require.
 *
 * - A call without a result, as an interruption leaves it, gets a failure that says so.
 * - Results without a call, and second ones, are left out; so are messages without content.
 * - Ids that are not unique are replaced, in the same way on call and result.
 * - A history that begins with the assistant gets a user message before it that says so.
 *
 * A complete history is returned unchanged, message by message. Empty for a value that is not a list of messages.
 */
export const complete: (messages: ReadonlyArray<Message.Message>) => ReadonlyArray<Message.Message> = Total.make(
  (messages) => Result.match(Sound.messages(messages), { onFailure: () => [], onSuccess: Pairs.complete }),
  () => []
)

/**
 * {@link portable}, with whatever else an entry has.
 *
 * @internal
 */
export const portableEntries = <E extends Entry>(given: ReadonlyArray<E>, target: Origin): ReadonlyArray<E> => {
  const ids = Pairs.makeIds()
  const open = Pairs.makeOpen()
  return given.flatMap((entry): ReadonlyArray<E> => {
    const { message, origin } = entry
    const content = message.content
    if (typeof content === "string") return [entry]
    const isOwn = isFrom(origin, target)
    // Results are for the calls of the last message of the assistant.
    if (message.role === "assistant") open.clear()
    const parts: Array<Message.Part> = []
    for (const part of content) {
      const kept = message.role === "assistant" && !isOwn ? foreign(part) : isOwn ? part : ofProgram(part, target)
      if (kept === undefined) continue
      if (kept.type === "tool-call" && kept.providerExecuted !== true) {
        const id = ids(isOwn ? kept.id : idOf(kept.id))
        open.add(kept.id, id)
        parts.push(Pairs.withId(kept, id))
      } else if (message.role === "tool" && kept.type === "tool-result") {
        parts.push(Pairs.withId(kept, open.take(kept.id) ?? kept.id))
      } else parts.push(kept)
    }
    if (Pairs.same(parts, content)) return [entry]
    // The parts are those of the message, of the same types.
    return parts.length === 0 ? [] : [{ ...entry, message: { ...message, content: parts } as Message.Message }]
  })
}

/** Whether `target` wrote a message. */
const isFrom = (origin: Origin | undefined, target: Origin): boolean =>
  origin !== undefined && origin.provider === target.provider && origin.api === target.api &&
  origin.model === target.model

/** A part that another model wrote. */
const foreign = (part: Message.Part): Message.Part | undefined => {
  if (part.type === "reasoning" || part.type === "provider") return undefined
  if ((part.type === "tool-call" || part.type === "tool-result") && part.providerExecuted === true) return undefined
  return without(without(part, "providerFields"), "citations", part.type === "text")
}

/** A part that the program wrote. */
const ofProgram = (part: Message.Part, { provider }: Origin): Message.Part | undefined => {
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
