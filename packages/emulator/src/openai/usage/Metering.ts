/**
 * Meters a request of the dialect for its quota, and reports its usage in OpenAI's words.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import type * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Counters from "../../converse/usage/Counters.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as Model from "../../model/Model.ts"
import type * as Quota from "../../quota/Quota.ts"
import type * as Models from "../Models.ts"
import * as OpenAiError from "../OpenAiError.ts"
import type * as Prompt from "./Prompt.ts"

/** See `Converse.Call`. */
export interface Options {
  readonly served: Models.Served
  readonly model: Model.ChatModel
  readonly cache: Prompt.Cache
  readonly countInput: boolean
  readonly now: number
  readonly reserve: Quota.Reserve
}

/** Meters what the chat service answers. */
export interface Meter {
  readonly response: (response: ChatResponse.ChatResponse) => ChatResponse.ChatResponse
  readonly events: <E, R>(events: Stream.Stream<ChatEvent.ChatEvent, E, R>) => Stream.Stream<ChatEvent.ChatEvent, E, R>
}

/**
 * Reserves the most that a request can use. Fails with `ThrottlingException` when it exceeds the quota, and when the
 * prompt exceeds the model's context. What mantle has cached costs nothing.
 */
export const open = Effect.fnUntraced(function*(
  request: ChatRequest.ChatRequest,
  { cache, countInput, model, now, reserve, served }: Options
) {
  const counted = cache.count(request, `${served.endpoint} ${model.id}`, now)
  const { contextTokens = Infinity, maxOutputTokens = Model.defaultMaxOutputTokens } = model
  if (counted.total > contextTokens) {
    return yield* OpenAiError.invalid(
      `This model's maximum context length is ${contextTokens} tokens. However, your messages resulted in ${counted.total} tokens. Please reduce the length of the messages.`,
      "messages",
      "context_length_exceeded"
    )
  }
  const reservation = yield* reserve({
    input: served.endpoint === "mantle" ? counted.total - counted.read : counted.total,
    output: request.maxTokens ?? maxOutputTokens
  })
  reservation.cached(served.endpoint === "mantle" ? 0 : counted.read)
  const settled = <A extends { readonly usage: Usage.Usage }>(outcome: A): A => {
    const usage = Counters.settle(outcome.usage, counted, countInput)
    reservation.settle(usage)
    return { ...outcome, usage }
  }
  let written = 0
  const meter: Meter = {
    response: settled,
    events: (events) =>
      Stream.map(Stream.rechunk(events, 1), (event) => {
        if (event.type === "finish") return settled(event)
        written += "delta" in event ? event.delta.length : 0
        reservation.wrote(Tokens.ofLength(written))
        return event
      })
  }
  return meter
})

/** All tokens of the prompt, cached ones included, as OpenAI counts them. */
export const inputOf = ({ cacheReadTokens, cacheWriteTokens, inputTokens }: Usage.Usage): number =>
  inputTokens + cacheReadTokens + cacheWriteTokens

/** The tokens of reasoning, of which the services do not tell: by its length, and no more than all of the output. */
export const reasoningTokens = (response: Pick<ChatResponse.ChatResponse, "message" | "usage">): number => {
  const thoughts = Message.parts(response.message).map((part) => part.type === "reasoning" ? part.text : "").join("")
  return Math.min(response.usage.outputTokens, Tokens.ofText(thoughts))
}
