/** An answer of ours as the parts of a response of `effect/ai`: whole, or as a stream. */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { key } from "../../StrataMetadata.ts"
import * as Extras from "../extras.ts"
import * as Outcome from "../outcome.ts"
import type { Calls } from "./turn.ts"

/** How calls are handed out, and the documents of the request, which citations are about. */
export interface Frame {
  readonly calls: Calls
  readonly documents: ReadonlyArray<Message.DocumentPart>
}

type Parts = Array<Response.PartEncoded & Response.StreamPartEncoded>

/** The parts of a whole answer. */
export const response = (
  answer: ChatResponse.ChatResponse,
  frame: Frame
): Result.Result<Array<Response.PartEncoded>, AiError.AiError> =>
  Result.gen(function*() {
    const parts: Array<Response.PartEncoded> = [responseMetadata(answer)]
    const sources = sourcesOf(frame)
    for (const part of Message.parts(answer.message)) {
      switch (part.type) {
        case "text": {
          const metadata = Extras.text.write(part)
          if (part.text === "" && metadata === undefined) break
          parts.push({ type: "text", text: part.text, ...(metadata && { metadata }) })
          for (const citation of part.citations ?? []) parts.push(...sources(citation))
          break
        }
        case "reasoning": {
          const metadata = Extras.reasoning.write(part)
          parts.push({ type: "reasoning", text: part.text, ...(metadata && { metadata }) })
          break
        }
        default: {
          const whole = yield* wholeOf(part, frame.calls)
          parts.push(whole ?? { type: "text", text: "", metadata: Extras.carry(part) })
        }
      }
    }
    parts.push(Outcome.finish(answer))
    return parts
  })

/** A block of a stream that has begun; `close` is what ends it. */
interface Open {
  readonly index: number
  readonly type: "text" | "reasoning"
  readonly id: string
  readonly citations: Array<Message.Citation>
  /** Whether nothing but the whole block may follow. */
  isEnded: boolean
  extras: object
}

/**
 * Writes the parts of a stream, event by event. A block is closed when the next one begins, since what it is to be sent back
 * with may come after its last piece. Events after `finish`, and of unknown types, are left out.
 */
export const makeWriter = (frame: Frame) => {
  const sources = sourcesOf(frame)
  const begun = new Map<number, string>() // by index: the id of the call that is being written
  let open: Open | undefined
  let blocks = 0
  let isFinished = false
  let failure: { readonly error: AiError.AiError } | undefined

  const close = (parts: Array<Response.StreamPartEncoded>): void => {
    if (open === undefined) return
    const { citations, extras, id, type } = open
    const metadata = type === "text"
      ? Extras.text.write({ ...(citations.length > 0 && { citations }), ...extras })
      : Extras.reasoning.write(extras)
    parts.push({ type: `${type}-end`, id, ...(metadata && { metadata }) })
    open = undefined
  }

  const begin = (parts: Array<Response.StreamPartEncoded>, index: number, type: Open["type"]): Open => {
    if (open?.index === index && open.type === type && !open.isEnded) return open
    close(parts)
    const id = `${type}-${blocks++}`
    parts.push({ type: `${type}-start`, id })
    return open = { index, type, id, citations: [], isEnded: false, extras: {} }
  }

  const whole = (
    parts: Array<Response.StreamPartEncoded>,
    index: number,
    part: Message.AssistantPart
  ): Result.Result<void, AiError.AiError> => {
    if (part.type === "text" || part.type === "reasoning") {
      const hasPieces = open?.index === index && open.type === part.type
      const block = hasPieces && open !== undefined ? open : begin(parts, index, part.type)
      if (!hasPieces && part.text !== "") parts.push({ type: `${part.type}-delta`, id: block.id, delta: part.text })
      block.extras = part
      close(parts)
      return Result.void
    }
    close(parts)
    return Result.map(wholeOf(part, frame.calls), (whole) => {
      if (whole !== undefined) parts.push(whole)
      else {
        const id = `text-${blocks++}`
        parts.push({ type: "text-start", id }, { type: "text-end", id, metadata: Extras.carry(part) })
      }
    })
  }

  const write = (
    parts: Array<Response.StreamPartEncoded>,
    event: ChatEvent.ChatEvent
  ): Result.Result<void, AiError.AiError> => {
    switch (event.type) {
      case "text-delta":
        if (event.delta !== "") {
          const { id } = begin(parts, event.index, "text")
          parts.push({ type: "text-delta", id, delta: event.delta })
        }
        break
      case "citation":
        begin(parts, event.index, "text").citations.push(event.citation)
        parts.push(...sources(event.citation))
        break
      case "reasoning-delta": {
        const { id } = begin(parts, event.index, "reasoning")
        if (event.delta !== "") parts.push({ type: "reasoning-delta", id, delta: event.delta })
        break
      }
      case "reasoning-end": {
        const block = begin(parts, event.index, "reasoning")
        block.extras = event
        block.isEnded = true
        break
      }
      case "tool-params-start": {
        close(parts)
        const id = frame.calls.unique(event.id)
        begun.set(event.index, id)
        parts.push({ type: "tool-params-start", id, name: event.name })
        break
      }
      case "tool-params-delta": {
        const id = begun.get(event.index)
        if (id !== undefined && event.delta !== "") parts.push({ type: "tool-params-delta", id, delta: event.delta })
        break
      }
      case "tool-call": {
        const { index, ...call } = event
        const id = begun.get(index)
        begun.delete(index)
        if (id === undefined) return whole(parts, index, call)
        parts.push({ type: "tool-params-end", id })
        return Result.map(call.providerExecuted === true ? wholeOf(call, frame.calls) : frame.calls.part(call, id), (
          part
        ) => {
          if (part !== undefined) parts.push(part)
          else {
            const id = `text-${blocks++}`
            parts.push({ type: "text-start", id }, { type: "text-end", id, metadata: Extras.carry(call) })
          }
        })
      }
      case "part":
        return whole(parts, event.index, event.part)
      case "finish":
        close(parts)
        for (const id of begun.values()) parts.push({ type: "tool-params-end", id })
        begun.clear()
        parts.push(responseMetadata(event), Outcome.finish(event))
        isFinished = true
    }
    return Result.void
  }

  return {
    isFinished: () => isFinished,
    /** Why the stream cannot go on, after the parts that were written. */
    failure: () => failure,
    write: (events: Iterable<ChatEvent.ChatEvent>): Array<Response.StreamPartEncoded> => {
      const parts: Array<Response.StreamPartEncoded> = []
      for (const event of events) {
        if (isFinished || failure !== undefined) break
        const written = write(parts, event)
        if (Result.isFailure(written)) failure = { error: written.failure }
      }
      return parts
    }
  }
}

const responseMetadata = ({ model, requestId }: ChatResponse.Outcome): Response.ResponseMetadataPartEncoded => ({
  type: "response-metadata",
  modelId: model,
  ...(requestId !== undefined && { id: requestId })
})

/** A part that is never in pieces; `undefined` where `effect/ai` has none like it. */
const wholeOf = (
  part: Exclude<Message.Part, Message.TextPart | Message.ReasoningPart>,
  calls: Calls
): Result.Result<Parts[number] | undefined, AiError.AiError> => {
  switch (part.type) {
    case "tool-call": {
      if (part.providerExecuted !== true) return calls.part(part, calls.unique(part.id))
      const name = calls.providerTool(part.name)
      if (name === undefined) break
      const metadata = Extras.toolCall.write({ ...part, params: undefined })
      const { id, params } = part
      return Result.succeed({
        type: "tool-call",
        id,
        name,
        params,
        providerExecuted: true,
        ...(metadata && { metadata })
      })
    }
    case "image":
    case "audio": {
      if (!("bytes" in part.source)) break
      const metadata = Extras.file.write({ ...part, source: undefined })
      const data = Base64.encode(part.source.bytes)
      return Result.succeed({ type: "file", mediaType: part.mediaType, data, ...(metadata && { metadata }) })
    }
  }
  return Result.succeed(undefined)
}

/** Citations as sources, for programs that show them; in the history they are metadata of the text. */
const sourcesOf = ({ documents }: Frame) => {
  let count = 0
  return ({ location, source, title }: Message.Citation): ReadonlyArray<SourcePart> => {
    const metadata = { [key]: {} }
    if (location?.type === "web") {
      const url = location.url ?? source
      if (url === undefined || !URL.canParse(url)) return []
      return [{ type: "source", sourceType: "url", id: `source-${count++}`, url, title: title ?? url, metadata }]
    }
    if (location === undefined || location.type === "search-result") return []
    const document = documents[location.documentIndex ?? 0]
    if (document === undefined) return []
    const { mediaType, name } = document
    return [{
      type: "source",
      sourceType: "document",
      id: `source-${count++}`,
      mediaType,
      title: title ?? name,
      fileName: name,
      metadata
    }]
  }
}

type SourcePart = Response.UrlSourcePartEncoded | Response.DocumentSourcePartEncoded
