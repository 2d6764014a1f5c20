/**
 * Adds to an answer what core knows about it: who gave it, and what it cost.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Costing from "../../policy/internal/budget/costing.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatResponse from "../ChatResponse.ts"

/** The end of an answer is completed, in a whole one and in the last event of a stream; other events pass. */
export interface ChatOutcome {
  readonly response: <O extends ChatResponse.Outcome>(target: Telemetry.Target, outcome: O) => Effect.Effect<O>
  readonly stream: <E, R>(
    target: Telemetry.Target,
    events: Stream.Stream<ChatEvent.ChatEvent, E, R>
  ) => Stream.Stream<ChatEvent.ChatEvent, E, R>
}

/** For the answers of one service, by the prices in force. */
export const make: Effect.Effect<ChatOutcome> = Effect.map(Costing.make, (costing) => {
  const response: ChatOutcome["response"] = (target, outcome) =>
    Effect.flatMap(costing.record(target, outcome.usage, outcome.model), (cost) =>
      Effect.as(
        cost === undefined ? Effect.void : Telemetry.annotate({ "strata.cost.usd": cost.total }),
        { ...outcome, provider: target.provider, ...(cost !== undefined && { cost }) }
      ))
  return {
    response,
    stream: (target, events) =>
      Stream.mapArrayEffect(events, (chunk) => {
        const last = Arr.lastNonEmpty(chunk)
        return last.type === "finish"
          ? Effect.map(response(target, last), (finish) => Arr.append(Arr.initNonEmpty(chunk), finish))
          : Effect.succeed(chunk)
      })
  }
})
