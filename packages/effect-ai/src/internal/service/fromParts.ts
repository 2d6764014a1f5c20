/** The parts of a response of `effect/ai` as an answer of ours: whole, or as events. Unknown parts pass by. */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import type * as Response from "effect/ai/Response"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { key } from "../../StrataMetadata.ts"
import type * as Arrays from "../arrays.ts"
import * as Extras from "../extras.ts"
import * as Media from "../media.ts"
import * as Outcome from "../outcome.ts"

/** Who answers, where the parts do not say it. */
export interface Target {
  readonly provider: string
  readonly model: string
}

interface Named {
  readonly model: string
  readonly requestId?: string
}

/** A whole answer; a `MalformedResponseError` for a value that is none. */
export const response = (
  answer: { readonly content: ReadonlyArray<Response.AnyPart> },
  target: Target
): Result.Result<ChatResponse.ChatResponse, ProviderError.MalformedResponseError> =>
  Result.try({
    try: () => whole(Check.itemsOf(answer.content) as ReadonlyArray<Response.AnyPart>, target), // throws for what is none
    catch: malformed(target)
  })

const malformed = (target: Target) => (cause: unknown) =>
  new ProviderError.MalformedResponseError({
    ...target,
    message: `The answer of ${target.model} of ${target.provider} holds what is no part of a response`,
    cause
  })

const whole = (parts: ReadonlyArray<Response.AnyPart>, target: Target): ChatResponse.ChatResponse => {
  const content: Array<Message.AssistantPart> = []
  const pending: Array<Message.Citation> = []
  let named: Named = { model: target.model }
  let outcome: ChatResponse.Outcome | undefined
  for (const part of parts) {
    if (!Predicate.isObject(part)) continue
    switch (part.type) {
      case "response-metadata":
        named = nameOf(named, part)
        break
      case "finish":
        outcome ??= Outcome.fromFinish(part, named)
        break
      case "source":
        pending.push(...citationOf(part))
        break
      default: {
        const converted = partOf(part, target)
        if (converted !== undefined) content.push(converted)
      }
    }
  }
  return ChatResponse.make(
    cited(content, pending),
    outcome ?? {
      finishReason: content.some(({ type }) => type === "tool-call") ? "tool-calls" : "stop",
      usage: Usage.empty,
      providerMetadata: {},
      ...named
    }
  )
}

/** Sources are about the last text before them, which is all that is known. */
const cited = (
  content: ReadonlyArray<Message.AssistantPart>,
  citations: ReadonlyArray<Message.Citation>
): ReadonlyArray<Message.AssistantPart> => {
  if (citations.length === 0) return content
  const at = content.findLastIndex(({ type }) => type === "text")
  const text = content[at]
  return text?.type === "text"
    ? content.with(at, { ...text, citations: [...text.citations ?? [], ...citations] })
    : [...content, { type: "text", text: "", citations }]
}

/** A block of text or reasoning so far, and the metadata of its pieces together. */
interface Block {
  readonly index: number
  text: string
  bag: Record<string, unknown>
}

/** Reads the parts of a stream as events. Fails with what an `error` part holds, and for what cannot be read. */
export const makeReader = (target: Target) => {
  const read = reader(target)
  return (parts: ReadonlyArray<Response.AnyPart>): Arrays.Mapped<ChatEvent.ChatEvent, unknown> => {
    const items: Array<ChatEvent.ChatEvent> = []
    for (const part of parts) {
      const found = Result.try({
        try: () => part?.type === "error" ? { error: part.error } : read(part),
        catch: malformed(target)
      })
      if (Result.isFailure(found)) return { items, failure: { error: found.failure } }
      if ("error" in found.success) return { items, failure: found.success }
      items.push(...found.success)
    }
    return { items }
  }
}

const reader = (target: Target) => {
  const blocks = new Map<string, Block>()
  const calls = new Map<string, number>()
  let pending: Array<Message.Citation> = []
  let lastText: number | undefined
  let next = 0
  let named: Named = { model: target.model }

  const block = (kind: "text" | "reasoning", { id, metadata }: { readonly id: string; readonly metadata: unknown }) => {
    const name = `${kind}:${id}`
    const found = blocks.get(name) ?? { index: next++, text: "", bag: {} }
    blocks.set(name, found)
    found.bag = merged(found.bag, metadata)
    return found
  }

  const endText = ({ bag, index, text }: Block): ReadonlyArray<ChatEvent.ChatEvent> => {
    const part = textOf(text, bag)
    if (part.type !== "text") return [{ type: "part", index, part }]
    const { citations = [], type: _, text: __, ...marks } = part
    return Object.keys(marks).length > 0
      ? [{ type: "part", index, part }]
      : citations.map((citation) => ({ type: "citation", index, citation }))
  }

  const endReasoning = ({ bag, index, text }: Block): ReadonlyArray<ChatEvent.ChatEvent> => {
    const part = reasoningOf(text, bag)
    const { redacted, signature } = part
    const end: ChatEvent.ChatEvent = {
      type: "reasoning-end",
      index,
      ...(signature !== undefined && { signature }),
      ...(redacted !== undefined && { redacted })
    }
    return part.providerFields === undefined ? [end] : [end, { type: "part", index, part }]
  }

  const close = (kind: "text" | "reasoning", part: { readonly id: string; readonly metadata: unknown }) => {
    const closed = block(kind, part)
    blocks.delete(`${kind}:${part.id}`)
    return kind === "text" ? endText(closed) : endReasoning(closed)
  }

  const cite = (): ReadonlyArray<ChatEvent.ChatEvent> => {
    if (lastText === undefined) return []
    const index = lastText
    const events = pending.map((citation): ChatEvent.ChatEvent => ({ type: "citation", index, citation }))
    pending = []
    return events
  }

  return (part: Response.AnyPart): ReadonlyArray<ChatEvent.ChatEvent> => {
    if (!Predicate.isObject(part)) return []
    switch (part.type) {
      case "text-start":
        block("text", part)
        return []
      case "text-delta": {
        const found = block("text", part)
        found.text += part.delta
        lastText = found.index
        return [{ type: "text-delta", index: found.index, delta: part.delta }, ...cite()]
      }
      case "text-end":
        return close("text", part)
      case "reasoning-start":
        block("reasoning", part)
        return []
      case "reasoning-delta": {
        const found = block("reasoning", part)
        found.text += part.delta
        return [{ type: "reasoning-delta", index: found.index, delta: part.delta }]
      }
      case "reasoning-end":
        return close("reasoning", part)
      case "tool-params-start":
        calls.set(part.id, next++)
        return [{ type: "tool-params-start", index: calls.get(part.id) ?? 0, id: part.id, name: part.name }]
      case "tool-params-delta": {
        const index = calls.get(part.id)
        return index === undefined ? [] : [{ type: "tool-params-delta", index, id: part.id, delta: part.delta }]
      }
      case "tool-call": {
        const index = calls.get(part.id) ?? next++
        calls.delete(part.id)
        return [{ ...callOf(part), index }]
      }
      case "source":
        pending.push(...citationOf(part))
        return cite()
      case "response-metadata":
        named = nameOf(named, part)
        return []
      case "finish": {
        const open = [...blocks].flatMap(([name, block]) =>
          name.startsWith("text:") ? endText(block) : endReasoning(block)
        )
        blocks.clear()
        if (pending.length > 0) lastText = next++
        return [...open, ...cite(), { type: "finish", ...Outcome.fromFinish(part, named) }]
      }
      default: {
        const converted = partOf(part, target)
        return converted === undefined ? [] : [{ type: "part", index: next++, part: converted }]
      }
    }
  }
}

/** A part that is not in pieces; `undefined` for those that are no content, and for unknown ones. */
const partOf = (part: Response.AnyPart, { provider }: Target): Message.AssistantPart | undefined => {
  switch (part.type) {
    case "text":
      return textOf(part.text, part.metadata)
    case "reasoning":
      return reasoningOf(part.text, part.metadata)
    case "tool-call":
      return callOf(part)
    case "tool-result": {
      if (!part.providerExecuted || part.preliminary) return undefined
      const extras = Result.getOrElse(Extras.toolResult.read(part.metadata), () => ({}))
      return {
        type: "tool-result",
        id: part.id,
        result: part.encodedResult,
        ...(part.isFailure && { isFailure: true }),
        providerExecuted: true,
        ...extras,
        ...Extras.providerFieldsOf(part.metadata)
      }
    }
    case "file": {
      const { data, mediaType } = part
      const kind = Media.kindOf(mediaType)
      const media = { mediaType, source: { bytes: data }, ...Extras.providerFieldsOf(part.metadata) }
      return kind === "image" || kind === "audio"
        ? { type: kind, ...media }
        : { type: "provider", provider, value: { mediaType, data } }
    }
  }
}

const textOf = (text: string, bag: unknown): Message.AssistantPart => {
  // What does not fit was not written by this package.
  const read = Extras.text.read(bag)
  const { part, ...extras } = Result.isSuccess(read) ? read.success : {}
  if (part !== undefined && isAnswer(part)) return part
  return { type: "text", text, ...extras, ...Extras.providerFieldsOf(bag) }
}

const reasoningOf = (text: string, bag: unknown): Message.ReasoningPart => ({
  type: "reasoning",
  text,
  ...Result.getOrElse(Extras.reasoning.read(bag), () => ({})),
  ...Extras.providerFieldsOf(bag)
})

const callOf = (part: Response.ToolCallPart<string, unknown>): Message.ToolCallPart => {
  const read = Extras.toolCall.read(part.metadata)
  return {
    type: "tool-call",
    id: part.id,
    name: part.name,
    params: part.params,
    ...(part.providerExecuted && { providerExecuted: true }),
    ...(Result.isSuccess(read) && read.success),
    ...Extras.providerFieldsOf(part.metadata)
  }
}

const nameOf = (named: Named, { id, modelId }: Response.ResponseMetadataPart): Named => ({
  model: modelId ?? named.model,
  ...(id === undefined ? named.requestId !== undefined && { requestId: named.requestId } : { requestId: id })
})

/** The citation of a source. Those that this package writes are metadata of the text already. */
const citationOf = (part: Response.UrlSourcePart | Response.DocumentSourcePart): ReadonlyArray<Message.Citation> => {
  if (Predicate.hasProperty(part.metadata, key)) return []
  return part.sourceType === "url"
    ? [{ title: part.title, source: part.url.href, location: { type: "web", url: part.url.href } }]
    : [{ title: part.title, source: part.fileName ?? part.id }]
}

const merged = (left: Record<string, unknown>, right: unknown): Record<string, unknown> => {
  if (!Predicate.isObject(right)) return left
  const bag = { ...left }
  for (const [name, value] of Object.entries(right)) {
    const before = bag[name]
    bag[name] = Predicate.isObject(before) && Predicate.isObject(value) ? { ...before, ...value } : value
  }
  return bag
}

const answers: ReadonlySet<string> = new Set(["reasoning", "tool-call", "tool-result", "image", "audio", "provider"])

const isAnswer = (part: Message.Part): part is Message.AssistantPart => answers.has(part.type)
