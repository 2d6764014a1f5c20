/**
 * What a budget has to know of a chat call.
 */
import * as Effect from "effect/Effect"
import * as TextTokens from "../../internal/textTokens.ts"
import type * as BudgetGate from "../../policy/internal/budget/gate.ts"
import type * as Enforcement from "../../policy/internal/enforcement.ts"
import type * as Telemetry from "../../Telemetry.ts"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatResponse from "../ChatResponse.ts"

type Answer = ChatResponse.ChatResponse | ChatEvent.ChatEvent

/** For one request, as its quota sees it. */
export const meter = (
  target: Telemetry.Target,
  metering: Enforcement.Metering<Answer>
): BudgetGate.Meter<Answer> => ({
  target,
  load: Effect.suspend(() => metering.load("estimate")),
  bill: (answer) => "usage" in answer ? answer : undefined,
  outputTokens: (answer) => "delta" in answer ? TextTokens.count(answer.delta) : 0
})
