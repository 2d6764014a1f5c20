/** What of a history is sent, in whole turns. */
import * as Result from "effect/Result"
import type * as ChatRequest from "../../chat/ChatRequest.ts"
import * as ChatMetering from "../../chat/internal/metering.ts"
import * as Message from "../../chat/Message.ts"
import * as Check from "../../Check.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as ContextWindow from "../ContextWindow.ts"
import * as Pairs from "./pairs.ts"
import * as Shortening from "./shortening.ts"

/** The share of the budget that is used after a cut. */
export const usualLowWater = 0.6

const usualReserve = 4_096

type Failure = ProviderError.ContextLengthExceededError | ProviderError.InvalidRequestError

/** See `ContextWindow.fit`. */
export const fit = (
  request: ChatRequest.ChatRequest,
  { lowWater = usualLowWater, maxResultTokens, maxTokens, reserve }: ContextWindow.Options,
  given: number
): Result.Result<ContextWindow.Fitted, Failure> => {
  const messages = messagesOf(request)
  if (messages === undefined) {
    return Result.fail(Check.invalid("messages", "it is not a list of messages", "Give text, or an array of messages"))
  }
  const placed = Pairs.placed(messages).map((entry) =>
    maxResultTokens === undefined ? entry : { ...entry, message: Shortening.shorten(entry.message, maxResultTokens) }
  )
  const starts = startsOf(placed)
  const from = given > 0 ? starts.find((start) => start >= given) ?? starts.at(-1) ?? 0 : 0
  const kept = (start: number) =>
    placed.filter(({ index, message }) => index >= start || isSystem(message)).map(({ message }) => message)
  const measured = (start: number) => sizesOf({ ...request, messages: kept(start) }, reserve)
  const fits = (start: number, most: number) => measured(start).total <= most
  const later = starts.filter((start) => start > from)
  const start = fits(from, maxTokens)
    ? from
    : later.find((start) => fits(start, lowWater * maxTokens)) ?? later.at(-1) ?? from
  const sizes = measured(start)
  return sizes.total <= maxTokens
    ? Result.succeed({ request: { ...request, messages: kept(start) }, from: start, sizes })
    : Result.fail(tooLong(request, sizes, maxTokens))
}

/** See `ContextWindow.sizesOf`. */
export const sizesOf = (request: ChatRequest.ChatRequest, given?: number): ContextWindow.Sizes => {
  const messages = messagesOf(request) ?? []
  const lastUser = messages.findLastIndex(({ role }) => role === "user")
  const sizes = { system: 0, messages: 0, lastTurn: 0 }
  for (const [index, message] of messages.entries()) {
    const tokens = tokensOf(message)
    if (isSystem(message)) sizes.system += tokens
    else sizes.messages += tokens
    if (index >= lastUser && !isSystem(message)) sizes.lastTurn += tokens
  }
  const tools = ChatMetering.promptTokens({ ...request, model: "", messages: [] })
  const reserve = given ?? request.maxTokens ?? usualReserve
  return { ...sizes, tools, reserve, total: sizes.system + sizes.messages + tools + reserve }
}

const messagesOf = ({ messages }: ChatRequest.ChatRequest): ReadonlyArray<Message.Message> | undefined =>
  // Whoever gives something else than messages gets an error for what throws.
  typeof messages === "string"
    ? [Message.user(messages)]
    : Check.itemsOf(messages) as ReadonlyArray<Message.Message> | undefined

const isSystem = ({ role }: Message.Message): boolean => role === "system"

/** Where turns begin: messages of the user that do not follow one of the user. */
const startsOf = (placed: ReadonlyArray<Pairs.Placed>): ReadonlyArray<number> => {
  const starts: Array<number> = []
  let before: Message.Message["role"] | undefined
  for (const { index, message } of placed) {
    if (isSystem(message)) continue
    if (message.role === "user" && before !== "user") starts.push(index)
    before = message.role
  }
  return starts
}

/** The tokens of a message; a long history is counted once, since its messages stay the same objects. */
export const tokensOf = (message: Message.Message): number => {
  const known = counted.get(message)
  if (known !== undefined) return known
  const tokens = ChatMetering.promptTokens({ model: "", messages: [message] })
  counted.set(message, tokens)
  return tokens
}

const counted = new WeakMap<Message.Message, number>()

const tooLong = (
  { model }: ChatRequest.ChatRequest,
  { lastTurn, reserve, system, tools, total }: ContextWindow.Sizes,
  limit: number
) => {
  const problem = `the request has about ${total} tokens, of which no more turns can be left out; the window has ${limit}. ` +
    `System prompt: ${system}, tools: ${tools}, last turn: ${lastTurn}, reserve of the answer: ${reserve}. ` +
    "Shorten the message, set `maxResultTokens`, or use a model with a larger window."
  return new ProviderError.ContextLengthExceededError({
    provider: "strata",
    model,
    field: "messages",
    problem,
    message: `messages: ${problem}`,
    measured: { unit: "tokens", actual: total, limit }
  })
}
