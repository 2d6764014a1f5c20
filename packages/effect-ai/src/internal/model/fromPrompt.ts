/**
 * A prompt of `effect/ai` as messages that every provider takes: each call is followed by exactly one result, wherever the
 * history has it, and approvals are left out.
 */
import * as Message from "@strata/core/chat/Message"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Prompt from "effect/ai/Prompt"
import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Extras from "../extras.ts"
import * as Media from "../media.ts"

type Converted<A> = Result.Result<A, ProviderError.InvalidRequestError>

/** The messages of a prompt. Fails with the place of what cannot be read: `prompt[2].content[0].options.strata`. */
export const messages = (prompt: Prompt.Prompt): Converted<ReadonlyArray<Message.Message>> =>
  // A prompt that was not decoded may hold anything.
  Result.flatMap(
    Result.try({
      try: () => convert(prompt),
      catch: () => invalid("prompt", "it holds what is no part of a message", "Make it with `Prompt.make`")
    }),
    identity
  )

const convert = (prompt: Prompt.Prompt): Converted<ReadonlyArray<Message.Message>> =>
  Result.gen(function*() {
    const results = yield* collect(prompt.content)
    const converted: Array<Message.Message> = []
    for (const [index, message] of prompt.content.entries()) {
      const at = `prompt[${index}]`
      const marks = yield* read(Extras.message, message.options, at)
      switch (message.role) {
        case "system": {
          const part = yield* text(message.content, message.options, at)
          const isPlain = Object.keys(part).length === 2
          converted.push({ role: "system", content: isPlain ? message.content : [part] })
          break
        }
        case "user": {
          const content = yield* each(message.content, at, userPart)
          converted.push({ role: "user", content, ...marks })
          break
        }
        case "assistant": {
          const content = (yield* each(message.content, at, assistantPart)).flat()
          if (content.length > 0) converted.push({ role: "assistant", content, ...marks })
          const calls = content.filter(isCall)
          if (calls.length > 0) converted.push(results.answer(calls, index))
          break
        }
        case "tool": {
          const orphans = results.orphans(index)
          if (orphans.length > 0) converted.push({ role: "tool", content: orphans, ...marks })
        }
      }
    }
    return converted
  })

/** The ids of all calls, which a new call must not have. */
export const callIds = (prompt: Prompt.Prompt): Set<string> => {
  const ids = new Set<string>()
  for (const { content } of prompt.content) {
    if (typeof content === "string") continue
    for (const part of content) if (part.type === "tool-call") ids.add(part.id)
  }
  return ids
}

interface Found {
  readonly part: Message.ToolResultPart
  readonly index: number
  readonly marks: Pick<Message.ToolMessage, "cache">
  isTaken: boolean
}

/** The results of a history by call, and which calls wait for an approval. */
const collect = (history: ReadonlyArray<Prompt.Message>) =>
  Result.gen(function*() {
    const found = new Map<string, Array<Found>>()
    const called = new Set<string>()
    const waiting = new Set<string>()
    for (const [index, message] of history.entries()) {
      if (message.role === "assistant") {
        for (const part of message.content) {
          if (part.type === "tool-call") called.add(part.id)
          if (part.type === "tool-approval-request") waiting.add(part.toolCallId)
        }
      }
      if (message.role !== "tool") continue
      const marks = yield* read(Extras.message, message.options, `prompt[${index}]`)
      for (const [position, part] of message.content.entries()) {
        if (part.type !== "tool-result") continue
        const converted = yield* toolResult(part, `prompt[${index}].content[${position}]`)
        const same = found.get(part.id) ?? []
        same.push({ part: converted, index, marks, isTaken: false })
        found.set(part.id, same)
      }
    }

    const answer = (calls: ReadonlyArray<Message.ToolCallPart>, after: number): Message.ToolMessage => {
      let marks: Found["marks"] = {}
      const content = calls.map(({ id }): Message.ToolResultPart => {
        const result = found.get(id)?.find(({ index, isTaken }) => !isTaken && index > after)
        if (result === undefined) {
          const why = waiting.has(id) ? "It was not approved before the conversation went on." : "It has no result."
          return { type: "tool-result", id, result: `The call was not run. ${why}`, isFailure: true }
        }
        result.isTaken = true
        marks = { ...marks, ...result.marks }
        return result.part
      })
      return { role: "tool", content, ...marks }
    }

    /** Results without a call, which the provider judges. */
    const orphans = (index: number): ReadonlyArray<Message.ToolResultPart> =>
      [...found].flatMap(([id, results]) =>
        called.has(id) ? [] : results.flatMap((result) => result.index === index ? [result.part] : [])
      )

    return { answer, orphans }
  })

const each = <P, A>(
  parts: ReadonlyArray<P>,
  at: string,
  convert: (part: P, at: string) => Converted<A>
): Converted<ReadonlyArray<A>> =>
  Result.gen(function*() {
    const converted: Array<A> = []
    for (const [index, part] of parts.entries()) converted.push(yield* convert(part, `${at}.content[${index}]`))
    return converted
  })

const text = (content: string, options: Prompt.ProviderOptions, at: string): Converted<Message.TextPart> =>
  Result.map(read(Extras.text, options, at), ({ part: _, ...extras }) => ({
    type: "text",
    text: content,
    ...extras,
    ...Extras.providerFieldsOf(options)
  }))

const userPart = (part: Prompt.UserMessagePart, at: string): Converted<Message.UserPart> =>
  part.type === "file" ? file(part, at) : Result.flatMap(carried(part, at), (whole) => {
    if (whole === undefined) return text(part.text, part.options, at)
    return isUserPart(whole) ? Result.succeed(whole) : misplaced(at)
  })

const assistantPart = (
  part: Prompt.AssistantMessagePart,
  at: string
): Converted<ReadonlyArray<Message.AssistantPart>> => {
  switch (part.type) {
    case "text":
      return Result.flatMap(carried(part, at), (whole): Converted<ReadonlyArray<Message.AssistantPart>> => {
        if (whole === undefined) return one(text(part.text, part.options, at))
        return isAssistantPart(whole) ? Result.succeed([whole]) : misplaced(at)
      })
    case "reasoning":
      return one(Result.map(read(Extras.reasoning, part.options, at), (extras) => ({
        type: "reasoning" as const,
        text: part.text,
        ...extras,
        ...Extras.providerFieldsOf(part.options)
      })))
    case "file":
      return one(
        Result.flatMap(
          file(part, at),
          (media): Converted<Message.AssistantPart> =>
            media.type === "image" || media.type === "audio" ? Result.succeed(media) : Result.fail(invalid(
              at,
              `an answer has no file of the type ${JSON.stringify(part.mediaType)}`,
              "Move it to a message of the user"
            ))
        )
      )
    case "tool-call":
      return one(Result.map(read(Extras.toolCall, part.options, at), ({ params = part.params, ...extras }) => ({
        type: "tool-call" as const,
        id: part.id,
        name: part.name,
        params,
        ...(part.providerExecuted && { providerExecuted: true }),
        ...extras,
        ...Extras.providerFieldsOf(part.options)
      })))
    case "tool-result":
      return one(toolResult(part, at))
    case "tool-approval-request":
      return Result.succeed([])
  }
}

const one = <A>(converted: Converted<A>): Converted<ReadonlyArray<A>> => Result.map(converted, (part) => [part])

const file = (part: Prompt.FilePart, at: string): Converted<Media> =>
  Result.gen(function*() {
    const { citations, context, guard, name, source, ...marks } = yield* read(Extras.file, part.options, at)
    const found = source ?? (yield* Result.mapError(
      Media.sourceOf(part.data),
      (problem) => invalid(`${at}.data`, problem, "Give a Uint8Array, base64 or a URL")
    ))
    const { mediaType } = part
    const kind = Media.kindOf(mediaType)
    if (kind === "document") {
      return {
        type: "document" as const,
        mediaType,
        name: name ?? part.fileName ?? "document",
        source: found,
        ...(context !== undefined && { context }),
        ...(citations !== undefined && { citations }),
        ...marks
      }
    }
    if ("text" in found || "pieces" in found) {
      return yield* Result.fail(invalid(at, `text is not the content of ${mediaType}`, "Give its bytes"))
    }
    const media = { mediaType, source: found, ...marks }
    if (kind === "video") return { type: "video" as const, ...media }
    const fields = Extras.providerFieldsOf(part.options)
    return kind === "audio"
      ? { type: "audio" as const, ...media, ...fields }
      : { type: "image" as const, ...media, ...(guard !== undefined && { guard }), ...fields }
  })

type Media = Message.ImagePart | Message.VideoPart | Message.AudioPart | Message.DocumentPart

const toolResult = (part: Prompt.ToolResultPart, at: string): Converted<Message.ToolResultPart> =>
  Result.gen(function*() {
    const extras = yield* read(Extras.toolResult, part.options, at)
    const parts = part.modelOutput === undefined || part.modelOutput.length === 0
      ? undefined
      : yield* each(part.modelOutput, at, toolContent)
    return {
      type: "tool-result" as const,
      id: part.id,
      result: part.isFailure ? failureOf(part.result) : part.result ?? null,
      ...(parts !== undefined && { parts }),
      ...(part.isFailure && { isFailure: true }),
      ...(part.providerExecuted && { providerExecuted: true }),
      ...extras,
      ...Extras.providerFieldsOf(part.options)
    }
  })

export const toolContent = (part: Prompt.ToolModelOutputPart, at: string): Converted<Message.ToolResultContent> =>
  part.type === "text" ? text(part.text, part.options, at) : Result.flatMap(
    file(part, at),
    (media): Converted<Message.ToolResultContent> =>
      media.type === "audio"
        ? Result.fail(invalid(at, "the result of a tool is no recording", "Give text, an image or a document"))
        : Result.succeed(media)
  )

/** What the model reads of a failure: the sentence, not the structure around it. */
export const failureOf = (result: unknown): unknown => {
  if (!Predicate.isObject(result)) return result ?? "The tool failed"
  const { reason, type } = result
  if (type === "execution-denied") {
    return `The call was denied and not run.${typeof reason === "string" ? ` Reason: ${reason}` : ""}`
  }
  if (type === "execution-interrupted" && typeof reason === "string") return `The call was not run. ${reason}`
  if (result["_tag"] !== "AiError" || !Predicate.isObject(reason)) return result
  const { _tag, description } = reason
  if (typeof description !== "string") return `The tool failed: ${String(_tag)}`
  return _tag === "ToolParameterValidationError"
    ? `The arguments do not fit the tool's schema. ${description}`
    : description
}

const carried = (part: Prompt.TextPart, at: string): Converted<Message.Part | undefined> =>
  Result.map(read(Extras.text, part.options, at), ({ part }) => part)

const read = <A>(extras: Extras.Extras<A>, options: unknown, at: string): Converted<A> =>
  Result.mapError(
    extras.read(options),
    (problem) => invalid(`${at}.options.strata`, problem, "Give what it had in the response, or leave it out")
  )

const isCall = (part: Message.AssistantPart): part is Message.ToolCallPart =>
  part.type === "tool-call" && part.providerExecuted !== true

const misplaced = (at: string): Result.Result<never, ProviderError.InvalidRequestError> =>
  Result.fail(invalid(`${at}.options.strata.part`, "the part belongs to a message of another role", "Leave it out"))

const invalid = (field: string, problem: string, remedy: string) =>
  ProviderError.invalidRequest({ provider: "strata", field, problem, remedy })

const userTypes: ReadonlySet<string> = new Set(Message.UserPart.members.map(({ fields }) => fields.type.schema.literal))

const isUserPart = (part: Message.Part): part is Message.UserPart => userTypes.has(part.type)

const assistantTypes: ReadonlySet<string> = new Set(
  Message.AssistantPart.members.map(({ fields }) => fields.type.schema.literal)
)

const isAssistantPart = (part: Message.Part): part is Message.AssistantPart => assistantTypes.has(part.type)
