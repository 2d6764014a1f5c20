/**
 * Fits a request into the context window of a model: older turns are left out, whole, and what is left stays the same from
 * one request to the next, so that the provider's prompt cache can be used.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../chat/ChatRequest.ts"
import * as ChatMetering from "../chat/internal/metering.ts"
import * as Message from "../chat/Message.ts"
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Pairs from "./internal/pairs.ts"
import * as Shortening from "./internal/shortening.ts"
import * as Sound from "./internal/sound.ts"

/**
 * How large a request of a conversation may be, and what is left out of a larger one.
 *
 * - `maxTokens`: the budget of a request: system prompt, tools, messages, and the reserve of the answer.
 * - `reserve`: tokens kept free for the answer; the `maxTokens` of the request when missing, else 4,096.
 * - `lowWater`: when the budget is crossed, turns are left out until a request is no larger than this share of it: 0.6 when
 *   missing. The smaller, the more seldom is there a cut, after which the provider's cache has to be filled again.
 * - `maxResultTokens`: shortens each text and JSON of a tool result to so many tokens, from the middle, with a mark where
 *   something is missing; from 32. Results are not shortened when missing.
 */
export interface Options {
  readonly maxTokens: number
  readonly reserve?: number | undefined
  readonly lowWater?: number | undefined
  readonly maxResultTokens?: number | undefined
}

/**
 * The estimated tokens of a request, by part. They are those of its system messages, of tools and answer format, of
 * the other messages, of these the last turn, and the reserve of the answer. `total` is their sum, without
 * `lastTurn`.
 */
export class Sizes extends Schema.Opaque<Sizes>()(Schema.Struct({
  system: Schema.Finite,
  tools: Schema.Finite,
  messages: Schema.Finite,
  lastTurn: Schema.Finite,
  reserve: Schema.Finite,
  total: Schema.Finite
})) {}

/**
 * A request that fits.
 *
 * - `request`: with fewer messages, which are complete (see `History.complete`).
 * - `from`: the index of the first message of the given request that was kept, other than system messages.
 */
export interface Fitted {
  readonly request: ChatRequest.ChatRequest
  readonly from: number
  readonly sizes: Sizes
}

/**
 * Fits a request into the window.
 *
 * - All system messages are kept, and the last turn: what begins with the last message of the user. Turns are left out
 *   whole, so that no call loses its result, and the first message that is kept is one of the user.
 * - `from` is that of the request before: nothing before it comes back, and as long as the budget holds, nothing else is
 *   left out. So a request begins with exactly the messages of the one before, unless there is a cut.
 * - Counted are system prompt, tools, arguments of calls, results, media and the answer's reserve, by an estimate that is
 *   rather too high; see {@link sizesOf}.
 *
 * Fails with `ContextLengthExceededError` when the system prompt and the last turn do not fit, with their sizes in the
 * message, and with `InvalidRequestError` for invalid options or a request that cannot be read.
 *
 * @example
 * const { from, request } = yield* Effect.fromResult(
 *   ContextWindow.fit({ messages: history, maxTokens: 1_000 }, { maxTokens: 200_000 })
 * )
 */
export const fit: (
  request: ChatRequest.ChatRequest,
  options: Options,
  from?: number
) => Result.Result<Fitted, ProviderError.ContextLengthExceededError | ProviderError.InvalidRequestError> = Total.make(
  (request, options, from = 0) => Result.flatMap(settle(options), (settled) => fitInto(request, settled, from)),
  () => Result.fail(Check.invalid("request", "it cannot be read", "Give plain data"))
)

/** The estimated sizes of a request, as {@link fit} counts them; zeros for a value that is not a request. */
export const sizesOf: (request: ChatRequest.ChatRequest, options?: Pick<Options, "reserve">) => Sizes = Total.make(
  (request, options) => measure(request, options?.reserve),
  () => ({ system: 0, tools: 0, messages: 0, lastTurn: 0, reserve: 0, total: 0 })
)

/** The estimated tokens of a message; 0 for a value that is not a message. */
export const tokensOf: (message: Message.Message) => number = Total.make(
  (message) => Result.isSuccess(Sound.messages([message])) ? count(message) : 0,
  () => 0
)

const tokens = (min: number) =>
  Check.number({ min, whole: true, what: "a number of tokens", remedy: `Use a whole number from ${min}` })

const fields = {
  maxTokens: tokens(1),
  reserve: Check.optional(tokens(0)),
  lowWater: Check.optional(Check.number({ above: 0, max: 1, remedy: "Use a share above 0, up to 1" })),
  maxResultTokens: Check.optional(tokens(32))
}

/** @internal */
export const check = Check.struct<Options>(fields, { remedy: "Give an object with `maxTokens`" })

/**
 * Without `maxTokens` too.
 *
 * @internal
 */
export const checkAny = Check.partial<Options>(fields)

const settle = (options: Options) =>
  Result.mapError(
    Check.settle(check, options, { whole: "options" }),
    ({ field, problem, remedy }) => Check.invalid(field, problem, remedy)
  )

/** The share of the budget that is used after a cut. */
const usualLowWater = 0.6

const usualReserve = 4_096

const fitInto = (
  request: ChatRequest.ChatRequest,
  { lowWater = usualLowWater, maxResultTokens, maxTokens, reserve }: Options,
  given: number
): ReturnType<typeof fit> => {
  const sound = messagesOf(request)
  if (Result.isFailure(sound)) {
    const { field, problem, remedy } = sound.failure
    return Result.fail(Check.invalid(field, problem, remedy))
  }
  const messages = sound.success
  const placed = Pairs.placed(messages).map((entry) =>
    maxResultTokens === undefined ? entry : { ...entry, message: Shortening.shorten(entry.message, maxResultTokens) }
  )
  const starts = startsOf(placed)
  const from = given > 0 ? starts.find((start) => start >= given) ?? starts.at(-1) ?? 0 : 0
  const fixed = measure({ ...request, messages: placed.map(({ message }) => message).filter(isSystem) }, reserve).total
  const sizes = sizesFrom(placed, fixed)
  const fits = (start: number, most: number) => sizes[start]! <= most
  const later = starts.filter((start) => start > from)
  const start = placed.length === 0 || fits(from, maxTokens)
    ? from
    : later.find((start) => fits(start, lowWater * maxTokens)) ??
      // Unanswered messages of the user are one turn, unless there is no room for more than the last one.
      later.filter((start) => fits(start, maxTokens)).at(-1) ??
      placed.findLast(({ message }) => message.role === "user")?.index ?? from
  const kept = placed.filter(({ index, message }) => index >= start || isSystem(message)).map(({ message }) => message)
  const fitted = { ...request, messages: kept }
  const measured = measure(fitted, reserve)
  return measured.total <= maxTokens
    ? Result.succeed({ request: fitted, from: start, sizes: measured })
    : Result.fail(tooLong(request, measured, maxTokens))
}

/** The size of a request that begins with the message at an index. */
const sizesFrom = (placed: ReadonlyArray<Pairs.Placed>, fixed: number): ReadonlyArray<number> => {
  const sizes: Array<number> = []
  let size = fixed
  for (const { index, message } of placed.toReversed()) {
    if (!isSystem(message)) size += count(message)
    sizes[index] = size
  }
  for (let index = sizes.length - 1; index >= 0; index--) sizes[index] ??= sizes[index + 1] ?? fixed
  return sizes
}

const measure = (request: ChatRequest.ChatRequest, given?: number): Sizes => {
  const messages = Result.getOrElse(messagesOf(request), () => [])
  const lastUser = messages.findLastIndex(({ role }) => role === "user")
  const sizes = { system: 0, messages: 0, lastTurn: 0 }
  for (const [index, message] of messages.entries()) {
    const tokens = count(message)
    if (isSystem(message)) sizes.system += tokens
    else sizes.messages += tokens
    if (index >= lastUser && !isSystem(message)) sizes.lastTurn += tokens
  }
  const tools = ChatMetering.promptTokens({ ...request, model: "", messages: [] })
  const reserve = given ?? request.maxTokens ?? usualReserve
  return { ...sizes, tools, reserve, total: sizes.system + sizes.messages + tools + reserve }
}

const messagesOf = ({ messages }: ChatRequest.ChatRequest) =>
  Sound.messages(typeof messages === "string" ? [Message.user(messages)] : messages)

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

const count = (message: Message.Message): number => {
  const known = counted.get(message)
  if (known !== undefined) return known
  const tokens = ChatMetering.promptTokens({ model: "", messages: [message] })
  counted.set(message, tokens)
  return tokens
}

/** A long history is counted once: its messages stay the same objects. */
const counted = new WeakMap<Message.Message, number>()

const tooLong = (
  { model }: ChatRequest.ChatRequest,
  { lastTurn, reserve, system, tools, total }: Sizes,
  limit: number
) => {
  const problem =
    `the request has about ${total} tokens, of which no more turns can be left out; the window has ${limit}. ` +
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
