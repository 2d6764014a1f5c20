/** What a program gives to a conversation, checked. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Chat from "../../chat/Chat.ts"
import type * as ChatRequest from "../../chat/ChatRequest.ts"
import * as MessageShape from "../../chat/internal/messageShape.ts"
import * as ChatValidation from "../../chat/internal/validation.ts"
import * as Message from "../../chat/Message.ts"
import * as Check from "../../Check.ts"
import type * as ProviderError from "../../ProviderError.ts"
import * as Tool from "../../tool/Tool.ts"
import type * as ToolDecision from "../../tool/ToolDecision.ts"
import * as ContextWindow from "../ContextWindow.ts"
import type * as Summary from "../Summary.ts"

/** The input of a turn, with a tag for each kind. */
export type Input =
  | { readonly type: "message"; readonly content: Message.UserMessage["content"] }
  | { readonly type: "edit"; readonly node: string; readonly content: Message.UserMessage["content"] }
  | { readonly type: "regenerate"; readonly node?: string | undefined }
  | { readonly type: "resume"; readonly answers: ReadonlyArray<ToolDecision.Decision> }

/** The options of a conversation, with their defaults. */
export interface Settings<E, R, Window = ContextWindow.Options> {
  readonly system: Message.SystemMessage["content"] | undefined
  readonly request: Omit<ChatRequest.ChatRequest, "messages">
  readonly tools: ReadonlyArray<Tool.Tool<string, unknown, unknown, E, R>>
  readonly maxSteps: number | undefined
  readonly concurrency: number | undefined
  readonly window: Window | undefined
  readonly summarize: ((left: Summary.Left) => Effect.Effect<string, unknown, R>) | undefined
  readonly isQueued: boolean
  /** In milliseconds. */
  readonly turnTimeout: number
}

/** A window of which the size may be that of the service. */
type AnyWindow = Partial<Pick<ContextWindow.Options, "maxTokens">> & Omit<ContextWindow.Options, "maxTokens">

type Refused = ProviderError.InvalidRequestError

/** Checks the options of `Conversation.open`; `E` and `R` are those of their tools. */
export const settings = Effect.fnUntraced(function*<E, R>(
  given: unknown
): Effect.fn.Return<Settings<E, R, AnyWindow>, Refused> {
  const options = yield* Check.run(optionsOf, given, { provider: "strata", whole: "options" })
  const { concurrency, maxSteps, summarize, system, tools = [], turnTimeout, whenBusy, window } = options
  return {
    system,
    request: yield* request(options.request),
    // The errors and requirements of each are among those of all; the signature of a function cannot be checked.
    tools: tools as Settings<E, R>["tools"],
    summarize: summarize as Settings<E, R>["summarize"],
    maxSteps,
    concurrency,
    window,
    isQueued: whenBusy === "queue",
    turnTimeout: turnTimeout === undefined ? 60_000 : Duration.toMillis(Duration.fromInputUnsafe(turnTimeout))
  }
})

/** The window, whose size the service may know. */
export const window = Effect.fnUntraced(function*(
  given: AnyWindow | undefined
): Effect.fn.Return<ContextWindow.Options | undefined, Refused, Chat.ChatService> {
  if (given === undefined) return undefined
  const { contextWindow } = yield* Chat.ChatService
  const { maxTokens = contextWindow } = given
  if (maxTokens === undefined) {
    const problem = "the chat service does not know how large its context window is"
    return yield* Check.invalid("window.maxTokens", problem, "Give a number of tokens")
  }
  return { ...given, maxTokens }
})

/** Checks options of requests. */
export const request = Effect.fnUntraced(
  function*(given: unknown): Effect.fn.Return<Omit<ChatRequest.ChatRequest, "messages">, Refused> {
    if (given === undefined) return {}
    if (!Check.holds(Predicate.isObject, given)) {
      return yield* Check.invalid("request", "it is not an object", "Give options such as { maxTokens: 1_000 }")
    }
    const fields = yield* Check.run(requestOf, given, { provider: "strata", field: "request" })
    const { messages: _, ...checked } = yield* ChatValidation.settle("strata", { ...fields, messages: [] })
    return checked
  }
)

/** Checks the input of a turn. */
export const input = Effect.fnUntraced(function*(given: unknown): Effect.fn.Return<Input, Refused> {
  const settled = yield* Check.run(inputOf, given, { provider: "strata", whole: "input", field: "input" })
  if (settled.type === "message" || settled.type === "edit") {
    const { content } = settled
    const isEmpty = typeof content === "string" ? content.trim() === "" : content.length === 0
    if (isEmpty) return yield* Check.invalid("content", "the message is empty", "Give it text or a part")
  }
  return settled
})

/** Checks messages to add. */
export const messages = (given: unknown): Effect.Effect<ReadonlyArray<Message.Message>, Refused> =>
  Check.run(
    Check.list(MessageShape.message, { remedy: "Give an array of messages" }),
    given,
    { provider: "strata", field: "messages" }
  )

const content: Check.Check<Message.UserMessage["content"]> = (given, at) => {
  const message = MessageShape.message({ role: "user", content: given }, at)
  // A message of the user has such content.
  return message === Check.refused ? message : message.content as Message.UserMessage["content"]
}

const kinds = Check.tagged<"type", Exclude<Input, { readonly type: "message" }>>("type", {
  edit: { node: Check.text, content },
  regenerate: { node: Check.optional(Check.text) },
  // The loop checks them.
  resume: { answers: Check.list(Check.unchecked<ToolDecision.Decision>()) }
}, {
  remedy: "Give text, parts, or what `Conversation.edit`, `regenerate` and `resume` make",
  unknown:
    () => ["there is no such input", "Give text, parts, or what `Conversation.edit`, `regenerate` and `resume` make"]
})

const inputOf: Check.Check<Input> = (given, at) => {
  if (typeof given !== "string" && !Array.isArray(given)) return kinds(given, at)
  const settled = content(given, at)
  return settled === Check.refused ? settled : { type: "message", content: settled }
}

const system: Check.Check<Message.SystemMessage["content"]> = (given, at) => {
  const message = MessageShape.message({ role: "system", content: given }, at)
  // A system message has such content.
  return message === Check.refused ? message : message.content as Message.SystemMessage["content"]
}

/** The rest is checked as a request. */
const requestOf: Check.Check<object> = (given, at) => {
  const fields = { ...Object(given) as object }
  if (!("messages" in fields)) return fields
  at.path.push("messages")
  return Check.refuse(at, "messages are those of the conversation", "Leave them out")
}

const count = Check.optional(Check.number({ min: 0, remedy: "Use a number from 1" }))

interface Options {
  readonly system: Message.SystemMessage["content"]
  readonly request: unknown
  readonly tools: ReadonlyArray<Tool.Any>
  readonly maxSteps: number | undefined
  readonly concurrency: number | undefined
  readonly window: AnyWindow
  readonly summarize: (left: Summary.Left) => unknown
  readonly whenBusy: "fail" | "queue"
  readonly turnTimeout: Duration.Input
}

const optionsOf = Check.partial<Options>({
  system,
  request: Check.unchecked(),
  tools: Check.list(Tool.check, { remedy: "Give an array of tools, made with `Tool.make`" }),
  maxSteps: count,
  concurrency: count,
  window: ContextWindow.checkAny,
  summarize: Check.callback(),
  whenBusy: Check.word(["fail", "queue"]),
  turnTimeout: Check.duration()
}, { instead: { messages: "Add them with `add`", model: "Give `request`: { model }" } })
