/**
 * The messages of Chat Completions as those of a chat request, and the rules for their order.
 */
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import type * as AwsError from "../../AwsError.ts"
import * as Json from "../../Json.ts"
import * as OpenAiError from "../OpenAiError.ts"
import * as Content from "../request/Content.ts"
import type * as Body from "./Body.ts"

type Parts<P> = Result.Result<ReadonlyArray<P>, AwsError.AwsError>

type Assistant = Extract<Body.Turn, { readonly role: "assistant" }>

type User = Extract<Body.Turn, { readonly role: "user" }>

/** Each call has a result after it, and each result its call; an assistant message has text or calls. */
export const problem = (turns: ReadonlyArray<Body.Turn>): AwsError.AwsError | undefined => {
  let open: ReadonlyArray<string> = []
  let calls: ReadonlyArray<string> = []
  for (const [index, turn] of turns.entries()) {
    if (turn.role === "tool") {
      if (!calls.includes(turn.tool_call_id)) return orphan(index, calls.length === 0)
      open = open.filter((id) => id !== turn.tool_call_id)
      continue
    }
    if (open.length > 0) return unanswered(open, index)
    calls = turn.role === "assistant" ? (turn.tool_calls ?? []).map(({ id }) => id) : []
    open = calls
    if (turn.role === "assistant" && isEmpty(turn)) return nothingSaid(index)
  }
  return open.length === 0 ? undefined : unanswered(open, turns.length)
}

const isEmpty = ({ audio, content, refusal, tool_calls: calls = [] }: Assistant): boolean =>
  content === undefined && refusal === undefined && audio === undefined && calls.length === 0

const orphan = (index: number, withoutCalls: boolean) =>
  OpenAiError.invalid(
    withoutCalls
      ? "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
      : "Invalid parameter: 'tool_call_id' of a message with role 'tool' not found in 'tool_calls' of previous message.",
    `messages.[${index}].${withoutCalls ? "role" : "tool_call_id"}`
  )

const unanswered = (ids: ReadonlyArray<string>, index: number) =>
  OpenAiError.invalid(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${
      ids.join(", ")
    }`,
    `messages.[${index}].role`
  )

const nothingSaid = (index: number) =>
  OpenAiError.invalid("Invalid value for 'content': expected a string, got null.", `messages.[${index}].content`)

/** The messages of the request: the results of one turn are one message. */
export const read = (
  turns: ReadonlyArray<Body.Turn>
): Result.Result<ReadonlyArray<Message.Message>, AwsError.AwsError> =>
  Result.map(Result.all(turns.map((turn, index) => toMessage(turn, `messages[${index}]`))), (messages) => {
    const joined: Array<Message.Message> = []
    for (const message of messages) {
      const last = joined.at(-1)
      if (message.role === "tool" && last?.role === "tool") {
        joined[joined.length - 1] = Message.tool([...last.content, ...message.content])
      } else joined.push(message)
    }
    return joined
  })

const toMessage = (turn: Body.Turn, at: string): Result.Result<Message.Message, AwsError.AwsError> => {
  switch (turn.role) {
    case "system":
    case "developer":
      return Result.succeed(Message.system(textOf(turn.content)))
    case "user":
      return Result.map(userParts(turn, at), Message.user)
    case "assistant":
      return Result.succeed(Message.assistant(assistantParts(turn)))
    case "tool":
      return Result.succeed(
        Message.tool([{ type: "tool-result", id: turn.tool_call_id, result: textOf(turn.content) }])
      )
  }
}

const textOf = (content: string | ReadonlyArray<{ readonly text: string }>): string =>
  typeof content === "string" ? content : content.map(({ text }) => text).join("")

const userParts = ({ content }: User, at: string): Parts<Message.UserPart> =>
  typeof content === "string"
    ? Result.succeed([Message.text(content)])
    : Result.all(content.map((part, index): Result.Result<Message.UserPart, AwsError.AwsError> => {
      const place = `${at}.content[${index}]`
      switch (part.type) {
        case "text":
          return Result.succeed(Message.text(part.text))
        case "image_url":
          return Content.image(part.image_url.url, `${place}.image_url.url`)
        case "input_audio":
          return Content.audio(part.input_audio, `${place}.input_audio`)
        case "file":
          return Content.file(part.file, `${place}.file`)
      }
    }))

const assistantParts = (turn: Assistant): ReadonlyArray<Message.AssistantPart> => {
  const { content, reasoning = turn.reasoning_content, refusal, tool_calls: calls = [] } = turn
  const texts = typeof content === "string"
    ? [content]
    : (content ?? []).map((part) => part.type === "text" ? part.text : part.refusal)
  return [
    ...(reasoning === undefined || reasoning === "" ? [] : [{ type: "reasoning" as const, text: reasoning }]),
    ...[...texts, ...(refusal === undefined ? [] : [refusal])].filter((text) => text !== "").map((text) =>
      Message.text(text)
    ),
    ...calls.map(({ function: { arguments: text, name }, id }): Message.ToolCallPart => ({
      type: "tool-call",
      id,
      name,
      params: paramsOf(text)
    }))
  ]
}

/** The JSON of a call; a text that is none, such as one cut short, is kept as it is. */
export const paramsOf = (text: string): unknown =>
  text.trim() === "" ? {} : Result.getOrElse(Json.parse(text), () => text)
