/**
 * The model of the example `agent`, offline.
 */
import { type ChatRequest, Message } from "@strata/core"
import { Schema } from "effect"

const Found = Schema.Struct({ orders: Schema.Array(Schema.Struct({ id: Schema.String, age: Schema.Int })) })

/** Looks for the orders of the customer, cancels those that it found, and looks again when there are none. */
export const script = ({ messages }: ChatRequest.Resolved) => {
  const [task] = messages
  const results = messages.flatMap(Message.parts).filter((part) => part.type === "tool-result")
  const last = messages.at(-1)
  const latest = last === undefined ? [] : Message.parts(last).filter((part) => part.type === "tool-result")
  if (latest.some(({ result }) => typeof result === "string" && result.startsWith("Order"))) {
    const refused = latest.filter(({ isFailure }) => isFailure === true).length
    return `${latest.length - refused} of the orders is cancelled; ${refused} is too old for that.`
  }
  const orders = latest.flatMap(({ result }) => Schema.decodeUnknownSync(Found)(result).orders)
  const customer = task === undefined ? "" : Message.textOf(task).split(" ").at(-1) ?? ""
  return {
    content: orders.length === 0
      ? [call("find_orders", { customer }, results.length)]
      : orders.map(({ id }, index) => call("cancel_order", { id }, results.length + index))
  }
}

const call = (name: string, params: Record<string, string>, place: number) => ({
  type: "tool-call" as const,
  id: `call-${place}`,
  name,
  params
})
