/** What a command has used so far, by the events of its services. */
import { UsageEvents } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"

/** Tokens, and dollars where all prices are known; `requests` are those that were billed. */
export interface Spent {
  readonly requests: number
  readonly tokens: number
  readonly cost: number | undefined
}

/** The events that {@link watch} hears: provide it to services and to what watches them. */
export const layer = Layer.orDie(UsageEvents.layer())

/** What is used from now on, until the scope closes. */
export const watch = Effect.gen(function*() {
  const events = yield* Effect.flatMap(UsageEvents.UsageEvents, ({ subscribe }) => subscribe)
  let spent: Spent = { requests: 0, tokens: 0, cost: 0 }
  // It is counted when it is asked for: nothing runs beside the work.
  return Effect.map(Queue.clear(events), (found): Spent => {
    for (const { cached, cost, usage } of found) {
      spent = {
        requests: spent.requests + (cached ? 0 : 1),
        tokens: spent.tokens + usage.totalTokens,
        cost: spent.cost === undefined || cost === undefined ? undefined : spent.cost + cost.total
      }
    }
    return spent
  })
})
