/**
 * An agent whose tools use services of the program: a repository of orders, and the clock. It may ask the model six times
 * for a task, and all tasks together may cost two tenths of a cent.
 *
 * Offline, a script plays the model: it looks for the orders of Ada, and cancels both. One of them is too old for that, which
 * the tool says and the model reads. For the second task the script asks for the same thing again and again.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Budget, ChatService, Pricing, Tool, ToolLoop } from "@strata/core"
import { Clock, Console, Effect, Layer, Schema } from "effect"
import * as Orders from "./src/Orders.ts"
import * as Provider from "./src/Provider.ts"
import { script } from "./src/Shopkeeper.ts"

const ageOf = ({ at }: Orders.Order) =>
  Effect.map(Clock.currentTimeMillis, (now) => Math.floor((now - at) / 86_400_000))

const findOrders = Tool.make("find_orders", {
  description: "The orders of a customer, with their age in days",
  input: Schema.Struct({ customer: Schema.String }),
  handler: Effect.fnUntraced(function*({ customer }) {
    const orders = yield* Orders.Orders.use(({ of }) => of(customer))
    return {
      orders: yield* Effect.forEach(orders, (order) => Effect.map(ageOf(order), (age) => ({ id: order.id, age })))
    }
  })
})

const cancelOrder = Tool.make("cancel_order", {
  description: "Cancels an order that is not older than 14 days",
  input: Schema.Struct({ id: Schema.String }),
  handler: Effect.fnUntraced(function*({ id }) {
    const { find, remove } = yield* Orders.Orders
    // Looked up again: what must be true is not taken from the model.
    const age = yield* Effect.flatMap(find(id), ageOf)
    if (age > 14) return yield* Effect.fail(`Order ${id} is ${age} days old: it cannot be cancelled any more`)
    yield* remove(id)
    return `Order ${id} is cancelled`
  })
})

/** Needs `ChatService`, and `Orders` because of its tools. */
const run = (task: string) =>
  ToolLoop.run({ messages: task, maxTokens: 300 }, {
    tools: [findOrders, cancelOrder],
    maxSteps: 6,
    onStep: ({ index, results }) =>
      Effect.forEach(results, ({ call, isFailure, result }) =>
        Console.log(`  ${index + 1}. ${call.name}: ${isFailure ? "failed, " : ""}${JSON.stringify(result)}`))
  }).pipe(
    Effect.tap(({ reason, response }) =>
      Console.log(reason === "finished" ? response.text : `Stopped: ${reason}`)
    ),
    Effect.catchTag("BudgetExceededError", () => Console.log("Stopped: the budget is used up"))
  )

const budget = Budget.make({ name: "agent", perRun: 0.002 })

const program = Effect.gen(function*() {
  for (const task of ["Cancel the orders of Ada", "Cancel the orders of Bob"]) {
    yield* Console.log(`> ${task}`)
    yield* run(task)
  }
  const { run: account } = yield* Budget.spent(budget)
  yield* Console.log(`$${account?.spent.toFixed(6)} of $${account?.limit} spent`)
})

// Dollars for a million tokens; made up for this example.
const prices = Pricing.layer([{ model: "*", price: { input: 0.5, output: 2, source: "an example" } }])

const Chat = Provider.scripted(script).pipe(ChatService.withBudget(budget), Layer.provide(prices))

export const main = program.pipe(Effect.provide([Chat, Orders.layerMemory]))

if (import.meta.main) NodeRuntime.runMain(main)
