/**
 * The items of a request as messages, and the rules for their order.
 */
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import type * as AwsError from "../../AwsError.ts"
import * as ChatConversation from "../chat/Conversation.ts"
import * as OpenAiError from "../OpenAiError.ts"
import * as Content from "../request/Content.ts"
import type * as Body from "./Body.ts"
import * as Seal from "./Seal.ts"
import type * as Store from "./Store.ts"

type Read<A> = Result.Result<A, AwsError.AwsError>

type OfType<Type extends Body.Item["type"]> = Extract<Body.Item, { readonly type: Type }>

/**
 * The messages of the items after `before`.
 *
 * Every output has its call, and every call its output; reasoning has an item of the answer behind it, and an item of a
 * kept answer the reasoning before it. Ids of items that were not kept name nothing.
 */
export const read = (
  input: string | ReadonlyArray<Body.Item>,
  before: ReadonlyArray<Message.Message>,
  store: Store.Store
): Read<ReadonlyArray<Message.Message>> => {
  const items = typeof input === "string"
    ? [{ type: "message" as const, role: "user" as const, content: input }]
    : input
  return Result.flatMap(Result.all(items.map((item, index) => toMessage(item, `input[${index}]`, store))), (read) => {
    const messages = joined([...before, ...read])
    const problem = (typeof input === "string" ? undefined : incomplete(input, store)) ?? unpaired(messages)
    return problem === undefined ? Result.succeed(messages) : Result.fail(problem)
  })
}

/** What the model said in a row is one message, and so are the results of its calls. */
const joined = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Message.Message> => {
  const result: Array<Message.Message> = []
  for (const message of messages) {
    const last = result.at(-1)
    if (message.role === "tool" && last?.role === "tool") {
      result[result.length - 1] = Message.tool([...last.content, ...message.content])
    } else if (message.role === "assistant" && last?.role === "assistant") {
      result[result.length - 1] = Message.assistant([...partsOf(last), ...partsOf(message)])
    } else result.push(message)
  }
  return result
}

const partsOf = ({ content }: Message.AssistantMessage): ReadonlyArray<Message.AssistantPart> =>
  typeof content === "string" ? [Message.text(content)] : content

const toMessage = (
  item: Body.Item | { readonly type: "message"; readonly role: "user"; readonly content: string },
  at: string,
  store: Store.Store
): Read<Message.Message> => {
  switch (item.type) {
    case "function_call":
      return Result.succeed(Message.assistant([{
        type: "tool-call",
        id: item.call_id,
        name: item.name,
        params: ChatConversation.paramsOf(item.arguments)
      }]))
    case "function_call_output":
      return Result.map(resultOf(item, at), (part) => Message.tool([part]))
    case "reasoning":
      return Result.map(thoughtOf(item, at, store), (part) => Message.assistant([part]))
    case "item_reference": {
      const part = store.item(item.id)
      return part === undefined ? Result.fail(notKept(item.id)) : Result.succeed(Message.assistant([part]))
    }
    default:
      return item.role === "user"
        ? Result.map(userParts(item.content, at), Message.user)
        : Result.succeed(
          item.role === "assistant"
            ? Message.assistant([Message.text(textOf(item.content))])
            : Message.system(textOf(item.content))
        )
  }
}

const textOf = (content: string | ReadonlyArray<Body.Part>): string =>
  typeof content === "string"
    ? content
    : content.map((part) => "text" in part ? part.text : "refusal" in part ? part.refusal : "").join("")

const userParts = (content: string | ReadonlyArray<Body.Part>, at: string): Read<ReadonlyArray<Message.UserPart>> =>
  typeof content === "string"
    ? Result.succeed([Message.text(content)])
    : Result.all(content.map((part, index): Read<Message.UserPart> => {
      const place = `${at}.content[${index}]`
      switch (part.type) {
        case "input_image":
          return imageOf(part.image_url, place)
        case "input_file":
          return Content.file(part, place)
        case "input_audio":
          return Content.audio(part.input_audio, `${place}.input_audio`)
        case "input_text":
          return Result.succeed(Message.text(part.text))
        default:
          return Result.fail(OpenAiError.invalid(
            `Invalid value: '${part.type}'. Supported values are: 'input_text', 'input_image', 'input_file', and 'input_audio'.`,
            `${place}.type`,
            "invalid_value"
          ))
      }
    }))

const imageOf = (url: string | undefined, at: string): Read<Message.ImagePart> =>
  url === undefined
    ? Result.fail(OpenAiError.invalid(`Missing required parameter: '${at}.image_url'.`, `${at}.image_url`))
    : Content.image(url, `${at}.image_url`)

const resultOf = (
  { call_id: id, output }: OfType<"function_call_output">,
  at: string
): Read<Message.ToolResultPart> =>
  typeof output === "string"
    ? Result.succeed({ type: "tool-result", id, result: output })
    : Result.map(
      Result.all(output.map((part, index): Read<Message.ToolResultContent> => {
        const place = `${at}.output[${index}]`
        switch (part.type) {
          case "input_image":
            return imageOf(part.image_url, place)
          case "input_file":
            return Content.file(part, place)
          default:
            return Result.succeed(Message.text(part.text))
        }
      })),
      (parts) => ({ type: "tool-result", id, parts })
    )

const thoughtOf = (item: OfType<"reasoning">, at: string, store: Store.Store): Read<Message.ReasoningPart> => {
  const { content, encrypted_content: sealed, id = "", summary } = item
  if (sealed !== undefined) {
    const thought = Seal.open(sealed)
    return thought === undefined
      ? Result.fail(unverified(sealed, at))
      : Result.succeed({ type: "reasoning", ...thought })
  }
  if (content !== undefined) {
    return Result.succeed({ type: "reasoning", text: content.map(({ text }) => text).join("") })
  }
  const kept = store.item(id)
  if (kept?.type === "reasoning") return Result.succeed(kept)
  return id === ""
    ? Result.succeed({ type: "reasoning", text: summary.map(({ text }) => text).join("") })
    : Result.fail(notKept(id))
}

/** Reasoning without what it led to, and the other way round. */
const incomplete = (items: ReadonlyArray<Body.Item>, store: Store.Store): AwsError.AwsError | undefined => {
  for (const [index, item] of items.entries()) {
    const id = "id" in item ? item.id : undefined
    if (item.type === "reasoning") {
      const next = items[index + 1]
      const follows = next !== undefined && next.type !== "function_call_output" &&
        (next.type !== "message" || next.role === "assistant")
      if (!follows) {
        return OpenAiError.invalid(
          `Item '${id ?? ""}' of type 'reasoning' was provided without its required following item.`,
          "input"
        )
      }
    } else if (id !== undefined) {
      const thought = store.thoughtBefore(id)
      if (thought !== undefined && !items.slice(0, index).some((other) => "id" in other && other.id === thought)) {
        return OpenAiError.invalid(
          `Item '${id}' of type '${item.type}' was provided without its required 'reasoning' item: '${thought}'.`,
          "input"
        )
      }
    }
  }
  return undefined
}

/** A call without its output, or an output without its call. */
const unpaired = (messages: ReadonlyArray<Message.Message>): AwsError.AwsError | undefined => {
  let open: Array<string> = []
  for (const message of messages) {
    if (message.role === "tool") {
      for (const { id } of message.content) {
        if (!open.includes(id)) {
          return OpenAiError.invalid(`No tool call found for function call output with call_id ${id}.`, "input")
        }
        open = open.filter((other) => other !== id)
      }
    } else {
      if (open[0] !== undefined) return withoutOutput(open[0])
      open = Message.parts(message).flatMap((part) => part.type === "tool-call" ? [part.id] : [])
    }
  }
  return open[0] === undefined ? undefined : withoutOutput(open[0])
}

const withoutOutput = (id: string) => OpenAiError.invalid(`No tool output found for function call ${id}.`, "input")

const notKept = (id: string) =>
  OpenAiError.make(
    "ResourceNotFoundException",
    `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
    { param: "input", code: undefined, type: "invalid_request_error" }
  )

const unverified = (sealed: string, at: string) =>
  OpenAiError.invalid(
    `The encrypted content ${
      sealed.slice(0, 10)
    }... could not be verified. Reason: Encrypted content could not be decrypted or parsed.`,
    `${at}.encrypted_content`,
    "invalid_encrypted_content"
  )
