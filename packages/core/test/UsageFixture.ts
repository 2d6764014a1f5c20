/** What the tests of events of usage share: a chat model with a price, and ways to see what is told of it. */
import * as ChatService from "@strata/core/chat/ChatService"
import * as UsageEvents from "@strata/core/policy/UsageEvents"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Fixture from "./BudgetFixture.ts"

/** Runs a test with events in force; `events` are those since the last time. */
export const listening = <A, E, R>(
  self: (events: Effect.Effect<ReadonlyArray<UsageEvents.UsageEvent>>) => Effect.Effect<A, E, R>,
  options?: UsageEvents.Options
) =>
  Effect.gen(function*() {
    const queue = yield* Effect.flatMap(UsageEvents.UsageEvents, ({ subscribe }) => subscribe)
    return yield* self(
      Effect.suspend(() => Effect.succeed(Queue.sizeUnsafe(queue))).pipe(
        Effect.flatMap((size) => Effect.replicateEffect(Effect.orDie(Queue.take(queue)), size))
      )
    )
  }).pipe(Effect.scoped, Effect.provide(UsageEvents.layer(options)))

export const chat = (overrides?: Partial<ChatService.Provider>) =>
  Effect.provide(ChatService.make({ ...Fixture.makeProvider(), ...overrides }), Fixture.prices)

export const brief = (events: ReadonlyArray<UsageEvents.UsageEvent>) =>
  events.map(({ cached, cost, estimated, usage }) => ({
    tokens: usage.totalTokens,
    dollars: cost && Fixture.rounded(cost.total),
    ...(cached && { cached }),
    ...(estimated && { estimated })
  }))

export const dropped = (reason: string) =>
  Effect.map(
    Metric.value(Metric.withAttributes(UsageEvents.dropped, { "strata.usage.reason": reason })),
    ({ count }) => count
  )
