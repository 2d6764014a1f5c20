/**
 * The tokens of a conversation, for its quota: what it may use, and what was written when it ends too early.
 */
import type * as ChatEvent from "@strata/core/ChatEvent"
import type * as Model from "../Model.ts"
import { defaultMaxOutputTokens } from "../Model.ts"
import type * as Quota from "../Quota.ts"
import * as Tokens from "./Tokens.ts"
import type * as Wire from "./Wire.ts"

/** What a request may use at most. */
export const claimOf = (request: Wire.Request, model: Model.ChatModel): Quota.Claim => ({
  input: Tokens.ofPrompt(request),
  output: request.inferenceConfig?.maxTokens ?? model.maxOutputTokens ?? defaultMaxOutputTokens
})

/** Tells a reservation of every event that goes by. */
export const listen = (reservation: Quota.Reservation) => (event: ChatEvent.ChatEvent): ChatEvent.ChatEvent => {
  if ("delta" in event) reservation.wrote(Tokens.ofText(event.delta))
  return event
}
