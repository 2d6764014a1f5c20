/**
 * Fits a request into the context window of a model: older turns are left out, whole, and what is left stays the same from
 * one request to the next, so that the provider's prompt cache can be used.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../chat/ChatRequest.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"
import * as Fitting from "./internal/fitting.ts"

/**
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
 * The estimated tokens of a request: of its system messages, of tools and answer format, of the other messages, of these the
 * last turn, and the reserve of the answer. `total` is their sum, without `lastTurn`.
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
  (request, options, from = 0) =>
    Result.flatMap(settle(options), (settled) => Fitting.fit(request, settled, from)),
  () => Result.fail(Check.invalid("request", "it cannot be read", "Give plain data"))
)

/** The estimated sizes of a request, as {@link fit} counts them; zeros for a value that is not a request. */
export const sizesOf: (request: ChatRequest.ChatRequest, options?: Pick<Options, "reserve">) => Sizes = Total.make(
  (request, options) => Fitting.sizesOf(request, options?.reserve),
  () => ({ system: 0, tools: 0, messages: 0, lastTurn: 0, reserve: 0, total: 0 })
)

const tokens = (min: number) =>
  Check.number({ min, whole: true, what: "a number of tokens", remedy: `Use a whole number from ${min}` })

/** @internal */
export const check = Check.struct<Options>({
  maxTokens: tokens(1),
  reserve: Check.optional(tokens(0)),
  lowWater: Check.optional(Check.number({ above: 0, max: 1, remedy: "Use a share above 0, up to 1" })),
  maxResultTokens: Check.optional(tokens(32))
}, { remedy: "Give an object with `maxTokens`" })

const settle = (options: Options) =>
  Result.mapError(
    Check.settle(check, options, { whole: "options" }),
    ({ field, problem, remedy }) => Check.invalid(field, problem, remedy)
  )
