/**
 * Adds to an answer what core knows about it: who gave it, and what it cost.
 */
import * as Effect from "effect/Effect"
import type * as ChatResponse from "../ChatResponse.ts"

/** For the answers of one provider. */
export const make = (
  provider: string
): Effect.Effect<<O extends ChatResponse.Outcome>(outcome: O) => O> =>
  Effect.succeed((outcome) => ({ ...outcome, provider }))
