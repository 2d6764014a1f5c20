/**
 * A conversation as the messages of a Chat Completions request.
 *
 * Content that the format cannot hold fails with its place. What belongs to another provider is left out: signatures, redacted
 * reasoning, tools that it ran, blocks of its own. Media in results of tools move to a message of the user behind them, and
 * a failed result says in words that it is one.
 */
import type * as Message from "@strata/core/chat/Message"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as CompletionMessages from "../../completions/Messages.ts"
import * as Wire from "../../completions/Wire.ts"
import { providerKey } from "../../internal/provider.ts"
import * as Content from "./Content.ts"
import * as Problem from "./Problem.ts"
import * as ToolIds from "./ToolIds.ts"

/** A message as it is sent. */
export type Sent = Readonly<Record<string, unknown>>

/** What encoding needs to know. */
export type Context = Content.Context

type Failure = ProviderError.UnsupportedFeatureError

/** The messages, as plain JSON. */
export const encode = (
  messages: ReadonlyArray<Message.Message>,
  context: Context
): Result.Result<ReadonlyArray<Sent>, Failure> => {
  const rename = ToolIds.make(messages)
  const encoded: Array<Sent> = []
  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}]`
    const written = encodeMessage(context, message, field, rename)
    if (Result.isFailure(written)) return Result.fail(written.failure)
    for (const each of written.success) {
      const json = Schema.encodeResult(Wire.Message)(each.message)
      if (Result.isFailure(json)) {
        return Result.fail(
          Problem.unsupported(context, field, "content of this form", "Check its media types and bytes")
        )
      }
      encoded.push(adapted(context, json.success, each.reasoning))
    }
  }
  return Result.succeed(encoded)
}

/** A message of the wire, and the reasoning of an assistant under the name that its server uses. */
interface Written {
  readonly message: Wire.Message
  readonly reasoning?: Readonly<Record<string, string>> | undefined
}

type Messages = Result.Result<ReadonlyArray<Written>, Failure>

const encodeMessage = (
  context: Context,
  message: Message.Message,
  field: string,
  rename: ToolIds.Rename
): Messages => {
  switch (message.role) {
    case "system":
      return Result.map(
        texts(context, message.content, `${field}.content`),
        (content): ReadonlyArray<Written> => [{ message: { role: "system", content } }]
      )
    case "user":
      return Result.map(
        userContent(context, message.content, `${field}.content`),
        (content): ReadonlyArray<Written> => [{ message: { role: "user", content } }]
      )
    case "assistant":
      return Result.map(assistant(context, message.content, `${field}.content`, rename), (message) => [message])
    case "tool":
      return results(context, message.content, `${field}.content`, rename)
  }
}

/** Names of fields and their contents in which servers differ. */
const adapted = ({ profile }: Context, message: typeof Wire.Message.Encoded, reasoning: Written["reasoning"]): Sent => {
  if (message.role === "system") return { ...message, role: profile.instructions }
  if (message.role !== "assistant") return message
  const content = message.content ?? (message.tool_calls !== undefined && profile.callsOnly === "null" ? null : "")
  return { ...message, content, ...reasoning }
}

/** Instructions are text; several parts are one text, since many servers take no list here. */
const texts = (
  context: Context,
  content: Message.SystemMessage["content"],
  field: string
): Result.Result<string, Failure> => {
  if (typeof content === "string") return Result.succeed(content)
  const all: Array<string> = []
  for (const [index, part] of content.entries()) {
    const place = `${field}[${index}]`
    if (part.type === "text") all.push(part.text)
    else if (part.type === "provider" && part.provider !== providerKey) {
      context.report.add("omitted", place, `A block of ${part.provider} is not sent to another provider.`)
    } else return Result.fail(Problem.unsupported(context, place, `\`${part.type}\``, "Leave it out"))
  }
  return Result.succeed(all.join("\n\n"))
}

const userContent = (
  context: Context,
  content: Message.UserMessage["content"],
  field: string
): Result.Result<string | ReadonlyArray<typeof Wire.UserPart.Type>, Failure> => {
  if (typeof content === "string") return Result.succeed(content)
  const parts: Array<typeof Wire.UserPart.Type> = []
  for (const [index, part] of content.entries()) {
    const place = `${field}[${index}]`
    if (part.type === "provider") {
      return Result.fail(Problem.unsupported(context, place, `block of ${part.provider}`, "Leave it out"))
    }
    const written = Content.encode(context, part, place)
    if (Result.isFailure(written)) return Result.fail(written.failure)
    parts.push(written.success)
  }
  const [first] = parts
  return Result.succeed(parts.length === 1 && first?.type === "text" ? first.text : parts)
}

/** The format has one text and one reasoning, and then calls: texts in several places are joined. */
const assistant = (
  context: Context,
  content: Message.AssistantMessage["content"],
  field: string,
  rename: ToolIds.Rename
): Result.Result<Written, Failure> => {
  if (typeof content === "string") return Result.succeed({ message: { role: "assistant", content } })
  let text: string | undefined
  let reasoning: Readonly<Record<string, string>> | undefined
  const calls: Array<ReturnType<typeof CompletionMessages.encodeCall>> = []
  const omit = (place: string, what: string) =>
    context.report.add("omitted", place, `${what} is not sent to another provider.`)
  for (const [index, part] of content.entries()) {
    const place = `${field}[${index}]`
    switch (part.type) {
      case "text":
        text = (text ?? "") + part.text
        if (part.citations !== undefined && part.citations.length > 0) {
          context.report.add("omitted", `${place}.citations`, "The format has no place for citations.")
        }
        break
      case "reasoning":
        if (part.signature !== undefined || part.redacted !== undefined) omit(place, "Signed reasoning")
        else reasoning = joined(reasoning, reasoningOf(context, part))
        break
      case "tool-call":
        if (part.providerExecuted === true) omit(place, "The call of a tool that its provider ran")
        else calls.push(CompletionMessages.encodeCall({ ...part, id: rename(part.id), params: jsonOf(part.params) }))
        break
      case "tool-result":
        omit(place, "The result of a tool that its provider ran")
        break
      case "provider":
        omit(place, `A block of ${part.provider}`)
        break
      default:
        return Result.fail(
          Problem.unsupported(context, place, `${part.type} of the assistant`, "Leave it out, or give it to the user")
        )
    }
  }
  return Result.succeed({
    message: {
      role: "assistant",
      ...(text === undefined ? undefined : { content: text }),
      ...(calls.length === 0 ? undefined : { tool_calls: calls })
    },
    reasoning
  })
}

/** Under the name that the server used. Reasoning that came in tags, or through another API, is not sent. */
const reasoningOf = (
  { profile, report: _ }: Context,
  { providerFields, text }: Message.ReasoningPart
): Readonly<Record<string, string>> | undefined => {
  if (!profile.reasoning || text === "") return undefined
  const own = providerFields?.[providerKey]
  const name = Predicate.hasProperty(own, "field") ? own.field : own === undefined ? profile.reasoningField : undefined
  return name === "reasoning" || name === "reasoning_content" ? { [name]: text } : undefined
}

const joined = (
  one: Readonly<Record<string, string>> | undefined,
  other: Readonly<Record<string, string>> | undefined
): Readonly<Record<string, string>> | undefined => {
  if (one === undefined || other === undefined) return one ?? other
  const [name = ""] = Object.keys(one)
  return { [name]: Object.values(one).join("") + Object.values(other).join("") }
}

// What a request holds has been checked to be JSON.
const jsonOf = (value: unknown): Schema.Json => (value === undefined ? {} : value) as Schema.Json

/** Each result is a message; what only a user can send follows them. */
const results = (
  context: Context,
  content: Message.ToolMessage["content"],
  field: string,
  rename: ToolIds.Rename
): Messages => {
  const messages: Array<Written> = []
  const moved: Array<typeof Wire.UserPart.Type> = []
  for (const [index, part] of content.entries()) {
    const place = `${field}[${index}]`
    if (part.providerExecuted === true) {
      context.report.add(
        "omitted",
        place,
        "The result of a tool that its provider ran is not sent to another provider."
      )
      continue
    }
    const id = rename(part.id)
    const said: Array<string> = part.parts === undefined ? [plain(part.result)] : []
    for (const [position, inner] of (part.parts ?? []).entries()) {
      if (inner.type === "text") said.push(inner.text)
      else if (inner.type === "json") said.push(plain(inner.value))
      else {
        const at = `${place}.parts[${position}]`
        const written = Content.encode(context, inner, at)
        if (Result.isFailure(written)) return Result.fail(written.failure)
        if (written.success.type === "text") said.push(written.success.text)
        else {
          context.report.add(
            "moved",
            at,
            "Media of a result are sent in a message of the user, since a result is text."
          )
          moved.push({ type: "text", text: `From the result of ${id}:` }, written.success)
          said.push("See the next message.")
        }
      }
    }
    const content = said.join("\n")
    // The format has no field for it.
    const isTold = part.isFailure !== true || /error|fail/i.test(content)
    messages.push({
      message: { role: "tool", tool_call_id: id, content: isTold ? content : `Error: ${content}` }
    })
  }
  if (moved.length > 0) messages.push({ message: { role: "user", content: moved } })
  return Result.succeed(messages)
}

const plain = (value: unknown): string =>
  typeof value === "string"
    ? value
    : Result.getOrElse(Result.try(() => JSON.stringify(value) ?? ""), () => String(value))
