/**
 * A budget in dollars: what a run may cost, and what each answer did cost.
 *
 * Strata knows no prices, because they change: copy those of your models from https://aws.amazon.com/bedrock/pricing.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Budget, ChatService, Pricing } from "@strata/core"
import { Console, Effect, Layer } from "effect"
import * as Provider from "./src/Provider.ts"

// Dollars for a million tokens; made up for this example.
const prices = Pricing.layer([{ model: "*", price: { input: 0.5, output: 2, source: "an example" } }])

const budget = Budget.make({ name: "a short run", perRun: 0.0008, perDay: 20 })

const dollars = (amount: number) => `$${amount.toFixed(6)}`

const program = Effect.gen(function*() {
  for (let number = 1; number <= 20; number++) {
    // Set aside before the call: its prompt and 200 tokens of answer. Entered after it: what it really cost.
    const { cost } = yield* ChatService.generate({ messages: `Question ${number}: what is a budget?`, maxTokens: 200 })
    yield* Console.log(`answer ${number}: ${dollars(cost?.total ?? 0)}`)
  }
}).pipe(
  Effect.catchTag("BudgetExceededError", (error) => Console.log(error.message)),
  Effect.andThen(Budget.spent(budget)),
  Effect.andThen(({ run }) => Console.log(`spent ${dollars(run?.spent ?? 0)} of ${dollars(run?.limit ?? 0)}`))
)

const Chat = Provider.layer.pipe(ChatService.withBudget(budget), Layer.provide(prices))

export const main = program.pipe(Effect.provide(Chat))

if (import.meta.main) NodeRuntime.runMain(main)
