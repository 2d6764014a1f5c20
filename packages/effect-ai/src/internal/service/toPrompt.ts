/** Messages of ours as a prompt of `effect/ai`. */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as ProviderError from "@strata/core/ProviderError"
import * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Extras from "../extras.ts"
import * as Media from "../media.ts"

/**
 * - `provider`, `model`: for errors.
 * - `isOurs`: whether the model is one of this package, which takes parts that `effect/ai` has nothing like.
 */
export interface Target {
  readonly provider: string
  readonly model: string
  readonly isOurs: boolean
}

type Failure = ProviderError.UnsupportedFeatureError

type Converted<A> = Result.Result<A, Failure>

/** The prompt of a request. Fails for parts that the model cannot get, with their place (`messages[2].content[0]`). */
export const make = (request: ChatRequest.Resolved, target: Target): Converted<Prompt.Prompt> =>
  Result.gen(function*() {
    const prompt: Array<Prompt.Message> = []
    const names = toolNames(request.messages)
    for (const [index, message] of request.messages.entries()) {
      const at = `messages[${index}]`
      const marks = Extras.message.write(message)
      const options = marks && { options: marks }
      switch (message.role) {
        case "system":
          for (const part of Message.parts(message) as ReadonlyArray<Message.SystemPart>) {
            const { options, text } = yield* instruction(part, at, target)
            prompt.push(Prompt.makeMessage("system", { content: text, ...(options && { options }) }))
          }
          break
        case "user": {
          const content = yield* each(message, at, (part: Message.UserPart, at) => userPart(part, at, target))
          prompt.push(Prompt.makeMessage("user", { content, ...options }))
          break
        }
        case "assistant": {
          const content = yield* each(
            message,
            at,
            (part: Message.AssistantPart, at) => assistantPart(part, at, names, target)
          )
          prompt.push(Prompt.makeMessage("assistant", { content, ...options }))
          break
        }
        case "tool": {
          const content = yield* each(
            message,
            at,
            (part: Message.ToolResultPart, at) => result(part, at, names, target)
          )
          prompt.push(Prompt.makeMessage("tool", { content, ...options }))
        }
      }
    }
    return Prompt.fromMessages(prompt)
  })

const toolNames = (messages: ReadonlyArray<Message.Message>): ReadonlyMap<string, string> => {
  const names = new Map<string, string>()
  for (const message of messages) {
    for (const part of Message.parts(message)) if (part.type === "tool-call") names.set(part.id, part.name)
  }
  return names
}

const each = <P extends Message.Part, A>(
  message: Message.Message,
  at: string,
  convert: (part: P, at: string) => Converted<A>
): Converted<ReadonlyArray<A>> =>
  Result.gen(function*() {
    const converted: Array<A> = []
    // The parts of a message are those of its role.
    for (const [index, part] of (Message.parts(message) as ReadonlyArray<P>).entries()) {
      converted.push(yield* convert(part, `${at}.content[${index}]`))
    }
    return converted
  })

const instruction = (
  part: Message.SystemPart,
  at: string,
  target: Target
): Converted<{ readonly text: string; readonly options?: Extras.Bag | undefined }> => {
  if (part.type === "text") return Result.succeed({ text: part.text, options: Extras.text.write(part) })
  return target.isOurs ? Result.succeed({ text: "", options: Extras.carry(part) }) : unsupported(part, at, target)
}

const text = (part: Message.TextPart): Prompt.TextPart => {
  const options = Extras.text.write(part)
  return Prompt.makePart("text", { text: part.text, ...(options && { options }) })
}

const userPart = (part: Message.UserPart, at: string, target: Target): Converted<Prompt.UserMessagePart> => {
  switch (part.type) {
    case "text":
      return Result.succeed(text(part))
    case "search-result": {
      // A foreign model reads it as text, but cannot cite it.
      if (part.citations === true && !target.isOurs) return unsupported(part, at, target)
      const words = [part.title, part.source, ...part.content].join("\n")
      return Result.succeed(Prompt.makePart("text", { text: words, options: Extras.carry(part) }))
    }
    case "provider":
      return carried(part, at, target)
    case "document":
      if ((part.citations === true || part.context !== undefined) && !target.isOurs) {
        return unsupported(part, at, target)
      }
      return Result.succeed(file(part))
    default:
      return Result.succeed(file(part))
  }
}

const assistantPart = (
  part: Message.AssistantPart,
  at: string,
  names: ReadonlyMap<string, string>,
  target: Target
): Converted<Prompt.AssistantMessagePart> => {
  switch (part.type) {
    case "text":
      return Result.succeed(text(part))
    case "reasoning": {
      const options = Extras.reasoning.write(part)
      return Result.succeed(Prompt.makePart("reasoning", { text: part.text, ...(options && { options }) }))
    }
    case "tool-call": {
      const { id, name, params, providerExecuted = false } = part
      const options = Extras.toolCall.write({ ...part, params: undefined })
      return Result.succeed(Prompt.makePart("tool-call", {
        id,
        name,
        params,
        providerExecuted,
        ...(options && { options })
      }))
    }
    case "tool-result":
      return result(part, at, names, target)
    case "provider":
      return carried(part, at, target)
    case "image":
    case "audio":
      return Result.succeed(file(part))
  }
}

const carried = (
  part: Message.ProviderPart,
  at: string,
  target: Target
): Converted<Prompt.TextPart | Prompt.FilePart> => {
  if (target.isOurs) return Result.succeed(Prompt.makePart("text", { text: "", options: Extras.carry(part) }))
  const { value } = part
  // A file of an answer that is neither an image nor a recording.
  return Predicate.hasProperty(value, "mediaType") && Predicate.isString(value.mediaType) &&
      Predicate.hasProperty(value, "data") && value.data instanceof Uint8Array
    ? Result.succeed(Prompt.makePart("file", { mediaType: value.mediaType, data: value.data }))
    : unsupported(part, at, target)
}

const file = (
  part: Message.ImagePart | Message.VideoPart | Message.AudioPart | Message.DocumentPart
): Prompt.FilePart => {
  const { data, rest } = Media.dataOf(part.source)
  const options = Extras.file.write({ ...part, source: undefined, ...rest })
  return Prompt.makePart("file", {
    mediaType: part.mediaType,
    data,
    ...(part.type === "document" && { fileName: part.name }),
    ...(options && { options })
  })
}

const result = (
  part: Message.ToolResultPart,
  at: string,
  names: ReadonlyMap<string, string>,
  target: Target
): Converted<Prompt.ToolResultPart> =>
  Result.gen(function*() {
    const options = Extras.toolResult.write(part)
    const output: Array<Prompt.ToolModelOutputPart> = []
    for (const [index, content] of (part.parts ?? []).entries()) {
      output.push(yield* shown(content, `${at}.parts[${index}]`, target))
    }
    return Prompt.makePart("tool-result", {
      id: part.id,
      name: names.get(part.id) ?? "unknown",
      isFailure: part.isFailure === true,
      result: part.result ?? null,
      providerExecuted: part.providerExecuted === true,
      ...(output.length > 0 && { modelOutput: output }),
      ...(options && { options })
    })
  })

const shown = (part: Message.ToolResultContent, at: string, target: Target): Converted<Prompt.ToolModelOutputPart> => {
  switch (part.type) {
    case "text":
      return Result.succeed(text(part))
    case "json":
      return Result.succeed(Prompt.makePart("text", { text: JSON.stringify(part.value) ?? "null" }))
    case "search-result":
      return unsupported(part, at, target)
    default:
      return Result.succeed(file(part))
  }
}

const unsupported = (
  { type }: Message.Part,
  field: string,
  { model, provider }: Target
): Result.Result<never, Failure> => {
  const problem = type === "document"
    ? "a model of `effect/ai` takes no context and no citations of a document. Leave them out."
    : `a model of \`effect/ai\` takes no part of the type \`${type}\`. Leave it out, or give text.`
  return Result.fail(
    new ProviderError.UnsupportedFeatureError({
      provider,
      model,
      feature: type,
      field,
      problem,
      message: `${field}: ${problem}`
    })
  )
}
