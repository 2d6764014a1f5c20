/**
 * Where the orders are that the example `agent` works on: a database in a real program, an array here.
 */
import { Clock, Context, Effect, Layer } from "effect"

/** `at`: when it was placed, in milliseconds since 1970. */
export interface Order {
  readonly id: string
  readonly customer: string
  readonly at: number
}

export class Orders extends Context.Service<Orders, {
  readonly of: (customer: string) => Effect.Effect<ReadonlyArray<Order>>
  readonly find: (id: string) => Effect.Effect<Order, string>
  readonly remove: (id: string) => Effect.Effect<void>
}>()("@strata/examples/Orders") {}

const day = 86_400_000

/** Two orders of Ada, three and twenty days old. */
export const layerMemory = Layer.effect(
  Orders,
  Effect.map(Clock.currentTimeMillis, (now) => {
    let orders: ReadonlyArray<Order> = [
      { id: "A1", customer: "Ada", at: now - 3 * day },
      { id: "A2", customer: "Ada", at: now - 20 * day }
    ]
    return {
      of: (name) => Effect.sync(() => orders.filter(({ customer }) => customer === name)),
      find: (id) =>
        Effect.suspend(() => {
          const order = orders.find((order) => order.id === id)
          return order === undefined ? Effect.fail(`There is no order ${id}`) : Effect.succeed(order)
        }),
      remove: (removed) => Effect.sync(() => void (orders = orders.filter(({ id }) => id !== removed)))
    }
  })
)
