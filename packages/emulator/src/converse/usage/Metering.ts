/**
 * Meters a conversation for its quota: reserves its maximum use before the model is called, and settles the usage the
 * model reports; without a report, the output so far.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type * as Model from "../../model/Model.ts"
import { defaultMaxOutputTokens } from "../../model/Model.ts"
import type * as Quota from "../../quota/Quota.ts"
import type * as Wire from "../Wire.ts"
import * as Counters from "./Counters.ts"
import type * as PromptCache from "./PromptCache.ts"
import * as Tokens from "./Tokens.ts"

/**
 * - `now`: when the request arrived, in milliseconds.
 * - `countInput`: always count the prompt here, ignoring the chat service's count.
 * - `reserve`: reserves quota of the model for the request.
 */
export interface Options {
  readonly model: Model.ChatModel
  readonly cache: PromptCache.PromptCache
  readonly now: number
  readonly countInput: boolean
  readonly reserve: Quota.Reserve
}

/**
 * The meter of one request.
 *
 * - `counted`: the tokens of its prompt, by the prompt cache, if it reaches the model.
 * - `response`, `events`: meter the chat service's output: its usage is divided by the prompt cache, and the reported
 *   usage is the charged one. Events are metered one by one: what was not sent is not counted.
 */
export interface Meter {
  readonly counted: PromptCache.Counted | undefined
  readonly response: (response: ChatResponse.ChatResponse) => ChatResponse.ChatResponse
  readonly events: <E, R>(events: Stream.Stream<ChatEvent.ChatEvent, E, R>) => Stream.Stream<ChatEvent.ChatEvent, E, R>
}

/** The meter of a request that reaches no model. */
export const none: Meter = { counted: undefined, response: identity, events: identity }

/** Reserves the maximum use of a request. Fails with `ThrottlingException` when it exceeds the quota. */
export const open = Effect.fnUntraced(function*(
  request: Wire.Request,
  { cache, countInput, model, now, reserve }: Options
) {
  const reservation = yield* reserve({
    input: Tokens.ofPrompt(request),
    output: request.inferenceConfig?.maxTokens ?? model.maxOutputTokens ?? defaultMaxOutputTokens
  })
  const counted = cache.count(request, model, now)
  reservation.cached(counted.read)

  const settled = <A extends { readonly usage: Usage.Usage }>(outcome: A): A => {
    const usage = Counters.settle(outcome.usage, counted, countInput)
    reservation.settle(usage)
    return { ...outcome, usage }
  }

  const lengthOf = makeLengthOf()
  let written = 0
  const metered = (event: ChatEvent.ChatEvent): ChatEvent.ChatEvent => {
    if (event.type === "finish") return settled(event)
    written += lengthOf(event)
    reservation.wrote(Tokens.ofLength(written))
    return event
  }

  const meter: Meter = {
    counted,
    response: settled,
    events: (events) => Stream.map(Stream.rechunk(events, 1), metered)
  }
  return meter
})

/** The characters an event adds to an answer; a whole block after its deltas adds none. */
const makeLengthOf = () => {
  const streamed = new Set<number>()
  return (event: Exclude<ChatEvent.ChatEvent, ChatEvent.Finish>): number => {
    if ("delta" in event) {
      streamed.add(event.index)
      return event.delta.length
    }
    if ("index" in event && streamed.has(event.index)) return 0
    if (event.type === "tool-call") return JSON.stringify(event.params ?? {}).length
    return event.type === "part" && "text" in event.part ? event.part.text.length : 0
  }
}
