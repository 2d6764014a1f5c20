/**
 * A conversation as `instructions` and `input` items of the Responses API.
 *
 * Nothing is stored on the server, so every item is sent again: whole, in its order, without the server's id. Reasoning goes
 * back only where it came from, in its encrypted form, and only before the item it led to.
 */
import * as Message from "@strata/core/chat/Message"
import * as ExactJson from "@strata/core/ExactJson"
import * as Result from "effect/Result"
import type { Media } from "../profile/Profile.ts"
import * as Adjustment from "./Adjustment.ts"
import * as Asked from "./Asked.ts"
import * as CallId from "./CallId.ts"
import * as Content from "./Content.ts"
import * as Json from "./Json.ts"

/** One item of `input`. */
export type Item = Json.JsonObject & { readonly type: string }

/**
 * What the encoding depends on.
 *
 * - `origin`: where the request goes; what another origin encrypted is not sent.
 * - `role`: of system messages after the start; those at the start are `instructions`.
 * - `media`: what the server takes.
 */
export interface Options {
  readonly origin: Asked.Origin
  readonly role: "system" | "developer"
  readonly media: ReadonlyArray<Media>
  readonly adjust: Adjustment.Adjust
}

/** The fields of a body that hold the conversation. */
export interface Conversation {
  readonly instructions?: string
  readonly input: ReadonlyArray<Item>
}

/** Encodes a conversation; fails for content that the API does not take. */
export const encode = (
  messages: ReadonlyArray<Message.Message>,
  options: Options
): Result.Result<Conversation, Content.Unfit> =>
  Result.gen(function*() {
    const instructions: Array<string> = []
    const input: Array<Item> = []
    const answered = resultIds(messages)
    const open = new Set<unknown>()
    for (const [index, message] of messages.entries()) {
      const field = `messages[${index}].content`
      switch (message.role) {
        case "system": {
          const text = systemText(message, field, options.adjust)
          if (input.length === 0) instructions.push(text)
          else input.push({ type: "message", role: options.role, content: [Content.text(text)] })
          break
        }
        case "user": {
          // Its parts are those of a message of the user.
          const content = yield* contents(Message.parts(message) as ReadonlyArray<Message.UserPart>, field, options)
          if (content.length > 0) input.push({ type: "message", role: "user", content })
          break
        }
        case "assistant":
          for (const item of assistant(message, field, options)) {
            input.push(item)
            if (item.type === "function_call") open.add(item["call_id"])
          }
          // The API refuses a call without a result.
          for (const id of open) {
            if (answered.has(id)) continue
            open.delete(id)
            options.adjust(Adjustment.missingResult, field)
            input.push({ type: "function_call_output", call_id: id, output: "No result was given for this call." })
          }
          break
        case "tool":
          for (const [at, result] of message.content.entries()) {
            if (result.providerExecuted === true) continue
            // A result without a call, or a second one of a call, is refused as well.
            if (open.delete(CallId.make(result.id))) input.push(yield* output(result, `${field}[${at}]`, options))
            else options.adjust(Adjustment.strayResult, `${field}[${at}]`)
          }
      }
    }
    return { ...(instructions.length > 0 && { instructions: instructions.join("\n\n") }), input }
  })

const resultIds = (messages: ReadonlyArray<Message.Message>): ReadonlySet<unknown> =>
  new Set(
    messages.flatMap((message) => message.role === "tool" ? message.content.map(({ id }) => CallId.make(id)) : [])
  )

const systemText = (message: Message.SystemMessage, field: string, adjust: Adjustment.Adjust): string =>
  Message.parts(message).flatMap((part, index) => {
    if (part.type === "text") return [part.text]
    adjust(part.type === "provider" ? Adjustment.foreignPart : Adjustment.toolChange, `${field}[${index}]`)
    return []
  }).join("\n\n")

const contents = (
  parts: ReadonlyArray<Message.UserPart | Message.ToolResultContent>,
  field: string,
  options: Options
): Result.Result<ReadonlyArray<Content.Content>, Content.Unfit> =>
  Result.gen(function*() {
    const encoded: Array<Content.Content> = []
    for (const [index, part] of parts.entries()) {
      const content = yield* Content.encode(part, `${field}[${index}]`, options)
      if (content !== undefined) encoded.push(content)
    }
    return encoded
  })

/** The items of one answer. */
const assistant = (message: Message.AssistantMessage, field: string, options: Options): ReadonlyArray<Item> => {
  if (typeof message.content === "string") return message.content === "" ? [] : [said([outputText(message.content)])]
  const items: Array<Item> = []
  for (const [index, part] of message.content.entries()) {
    const at = `${field}[${index}]`
    const item = assistantPart(part, at, options)
    if (item === undefined) continue
    const last = items.at(-1)
    if (joins(part) && last?.type === "message") {
      items[items.length - 1] = { ...last, content: [...Json.list(last, "content"), ...Json.list(item, "content")] }
    } else items.push(item)
  }
  // What it led to was cut or left out: the API refuses reasoning without it.
  while (items.at(-1)?.type === "reasoning") {
    items.pop()
    options.adjust(Adjustment.lastReasoning, field)
  }
  return items
}

const assistantPart = (
  part: Message.AssistantPart,
  field: string,
  { adjust, origin }: Options
): Item | undefined => {
  switch (part.type) {
    case "text": {
      if (part.text === "") return undefined
      const own = ownFields(part)
      const phase = Asked.isFrom(own?.["origin"], { ...origin, model: Json.text(own?.["origin"], "model") ?? "" })
        ? Json.text(own, "phase")
        : undefined
      const content = own?.["refusal"] === true
        ? { type: "refusal", refusal: part.text }
        : outputText(part.text, Json.list(own, "annotations"))
      return said([content], phase)
    }
    case "reasoning":
      return reasoning(part, field, origin, adjust)
    case "tool-call":
      if (part.providerExecuted === true) {
        adjust(Adjustment.foreignRun, field)
        return undefined
      }
      if (CallId.make(part.id) !== part.id) adjust(Adjustment.renamedCall, field)
      return { type: "function_call", call_id: CallId.make(part.id), name: part.name, arguments: argumentsOf(part) }
    case "provider":
      return ownItem(part, field, origin, adjust)
    case "image":
    case "audio":
      adjust(Adjustment.mediaOfModel, field)
      return undefined
    case "tool-result":
      // Of a tool that a provider ran; reported with its call.
      return undefined
  }
}

const ownFields = (part: Message.AssistantPart): Json.JsonObject | undefined =>
  "providerFields" in part ? Json.object(part.providerFields?.["openai"]) : undefined

/** Whether it is a further piece of the message item before. */
const joins = (part: Message.AssistantPart): boolean => ownFields(part)?.["joined"] === true

const said = (content: ReadonlyArray<object>, phase?: string): Item => ({
  type: "message",
  role: "assistant",
  content,
  ...(phase !== undefined && { phase })
})

const outputText = (text: string, annotations: ReadonlyArray<unknown> = []) => ({
  type: "output_text",
  text,
  annotations
})

const reasoning = (
  part: Message.ReasoningPart,
  field: string,
  origin: Asked.Origin,
  adjust: Adjustment.Adjust
): Item | undefined => {
  const own = ownFields(part)
  const item = Json.object(own?.["item"])
  const encrypted = Json.text(item, "encrypted_content")
  if (item === undefined || encrypted === undefined || encrypted === "") {
    adjust(
      part.signature === undefined && part.redacted === undefined
        ? Adjustment.openReasoning
        : Adjustment.foreignReasoning,
      field
    )
    return undefined
  }
  if (!Asked.isFrom(own?.["origin"], origin)) {
    adjust(Adjustment.foreignReasoning, field)
    return undefined
  }
  return { ...item, type: "reasoning", summary: Json.list(item, "summary") }
}

/** An item that Strata does not model goes back where it came from; one that the program made, as it is. */
const ownItem = (
  { provider, value }: Message.ProviderPart,
  field: string,
  origin: Asked.Origin,
  adjust: Adjustment.Adjust
): Item | undefined => {
  const item = Json.object(value)
  const made = Json.object(item?.["item"])
  if (provider === "openai" && made !== undefined && Asked.isFrom(item?.["origin"], origin)) return typed(made)
  if (provider === "openai" && item !== undefined && made === undefined) {
    const known = typed(item)
    if (known !== undefined) return known
  }
  adjust(Adjustment.foreignPart, field)
  return undefined
}

const typed = (item: Json.JsonObject): Item | undefined => {
  const type = Json.text(item, "type")
  return type === undefined ? undefined : { ...item, type }
}

/** The arguments of a call, always JSON: text that is none becomes a JSON string. */
const argumentsOf = ({ params }: Message.ToolCallPart): string =>
  params === undefined
    ? "{}"
    : typeof params === "string" && Result.isSuccess(ExactJson.parse(params))
    ? params
    : Content.write(params) || "{}"

const output = (
  part: Message.ToolResultPart,
  field: string,
  options: Options
): Result.Result<Item, Content.Unfit> =>
  Result.map(
    part.parts === undefined
      ? Result.succeed(resultText(part.result))
      : contents(part.parts, `${field}.parts`, options),
    (output) => ({ type: "function_call_output", call_id: CallId.make(part.id), output: told(output, part.isFailure) })
  )

const resultText = (result: unknown): string | ReadonlyArray<Content.Content> =>
  typeof result === "string" ? result : Content.write(result)

/** The API has no field for a failure: the result says it, where it is not said already. */
const told = (
  output: string | ReadonlyArray<Content.Content>,
  isFailure = false
): string | ReadonlyArray<Content.Content> => {
  if (!isFailure) return output
  if (typeof output === "string") return /error|fail/i.test(output) ? output : `Error: ${output}`
  const [first] = output
  return first?.type === "input_text" && /error|fail/i.test(first.text) ? output : [Content.text("Error:"), ...output]
}
