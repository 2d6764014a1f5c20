/**
 * What quotas and budgets have to know of a chat call.
 */
import * as Effect from "effect/Effect"
import * as TextTokens from "../../internal/textTokens.ts"
import type * as Enforcement from "../../policy/internal/enforcement.ts"
import type * as Quota from "../../policy/Quota.ts"
import type * as ProviderError from "../../ProviderError.ts"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as ChatResponse from "../ChatResponse.ts"
import * as TokenEstimate from "./tokenEstimate.ts"

/** What a chat provider knows about its quotas; `countTokens` counts the prompt of a request exactly. */
export interface Metering extends Quota.Metering {
  readonly countTokens?:
    | ((request: ChatRequest.Resolved) => Effect.Effect<number, ProviderError.ProviderError>)
    | undefined
}

/** For one request. */
export const make = (
  metering: Metering | undefined,
  request: ChatRequest.Resolved
): Enforcement.Metering<ChatResponse.ChatResponse | ChatEvent.ChatEvent> => ({
  outputBurndown: metering?.outputBurndown?.(request.model) ?? 1,
  load: (count) => {
    const outputTokens = request.maxTokens ?? metering?.maxOutputTokens?.(request.model) ?? assumedMaxTokens
    const estimated = Effect.sync(() => ({ inputTokens: TokenEstimate.chat(request), outputTokens }))
    const exact = count === "exact" ? metering?.countTokens?.(request) : undefined
    return exact === undefined ? estimated : Effect.matchEffect(exact, {
      // What keeps the provider from counting will, if it matters, keep it from answering too.
      onFailure: () => estimated,
      onSuccess: (inputTokens) => Effect.succeed({ inputTokens, outputTokens, counted: true })
    })
  },
  bill: (answer) => "usage" in answer ? answer : undefined,
  outputTokens: (answer) => "delta" in answer ? TextTokens.count(answer.delta) : 0,
  consumed: (answer) =>
    !("usage" in answer) ? undefined : {
      inputTokens: answer.usage.inputTokens + answer.usage.cacheWriteTokens,
      outputTokens: answer.usage.outputTokens,
      promptTokens: answer.usage.inputTokens + answer.usage.cacheWriteTokens + answer.usage.cacheReadTokens
    }
})

/** Set aside for an answer when neither the request nor the provider says how long it can be. */
const assumedMaxTokens = 8192
