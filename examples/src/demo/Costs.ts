/**
 * Act 4: what the calls cost, and one that a budget stops before it is sent.
 */
import { Budget, ChatService, Pricing } from "@strata/core"
import { Effect, Layer } from "effect"
import * as Activity from "../Activity.ts"
import * as Bedrock from "./Bedrock.ts"
import * as Screen from "./Screen.ts"

export const costs = Effect.gen(function*() {
  const { paint } = yield* Screen.Screen
  yield* Screen.headline(
    4,
    "Every call has a price, and a budget refuses one before it is sent"
  )
  const { run } = yield* Budget.spent(Bedrock.budget)
  yield* Screen.print(
    `   spent so far  ${Screen.dollars(run?.spent ?? 0)} of a budget of $${run?.limit}, at example prices`
  )

  const before = yield* Activity.summary
  const chat = yield* ChatService.ChatService
  const frugal = Layer.succeed(ChatService.ChatService, chat).pipe(
    ChatService.withBudget(Budget.make({ name: "frugal", perRun: 0.0001 })),
    Layer.provide(Pricing.layer(Bedrock.prices))
  )
  const refused = yield* ChatService.generate({ messages: "Write a long novel about strata.", maxTokens: 5_000 }).pipe(
    Effect.as(undefined),
    Effect.catchTag("BudgetExceededError", Effect.succeed),
    Effect.provide(frugal)
  )
  yield* Screen.print("   a novel?")
  yield* Screen.paragraph(refused?.message ?? "", (line) => paint("yellow", line))
  const after = yield* Activity.summary
  yield* Screen.result(
    `${refused?._tag ?? "No error"}, a typed error; ${after.requests - before.requests} requests were sent for it`
  )
})
