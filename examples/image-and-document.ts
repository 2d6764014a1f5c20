/**
 * Ask about a photo and a PDF together, and get a value: which lines of a hotel bill the company pays for.
 *
 *     node examples/image-and-document.ts                       a bill and a policy in examples/src
 *     node examples/image-and-document.ts bill.png rules.pdf    your own
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { ChatService, Message } from "@strata/core"
import { Console, Effect, FileSystem, Schema } from "effect"
import { fileURLToPath } from "node:url"
import * as Provider from "./src/Provider.ts"

const Line = Schema.Struct({ item: Schema.String, amount: Schema.Finite, paid: Schema.Boolean, why: Schema.String })

const Decision = Schema.Struct({ currency: Schema.String, lines: Schema.Array(Line) })

const own = (name: string) => fileURLToPath(new URL(`src/${name}`, import.meta.url))

const [bill = own("receipt.png"), policy = own("handbook/travel-policy.pdf")] = import.meta.main
  ? process.argv.slice(2)
  : []

const program = Effect.gen(function*() {
  const files = yield* FileSystem.FileSystem
  const photo = yield* files.readFile(bill)
  const rules = yield* files.readFile(policy)
  const { value } = yield* ChatService.object(Decision, {
    model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    messages: [Message.user([
      Message.text("Which lines of this bill does the company pay for, by its policy?"),
      { type: "image", mediaType: "image/png", source: { bytes: photo } },
      { type: "document", mediaType: "application/pdf", name: "policy", source: { bytes: rules } }
    ])],
    maxTokens: 1_000
  })
  for (const { amount, item, paid, why } of value.lines) {
    yield* Console.log(`${paid ? "✓" : "✗"} ${item.padEnd(14)} ${amount.toFixed(2).padStart(7)}  ${why}`)
  }
  const total = value.lines.reduce((sum, { amount, paid }) => paid ? sum + amount : sum, 0)
  yield* Console.log(`Paid: ${value.currency} ${total.toFixed(2)}`)
})

/** Offline, this is the model. */
const script = [JSON.stringify({
  currency: "CHF",
  lines: [
    { item: "2 nights", amount: 360, paid: true, why: "180.00 a night is below 200.00 (rule 1)" },
    { item: "Breakfast x2", amount: 38, paid: true, why: "breakfast is paid for (rule 1)" },
    { item: "Minibar", amount: 21.5, paid: false, why: "never paid for (rule 3)" },
    { item: "Laundry", amount: 17, paid: false, why: "two nights are fewer than five (rule 2)" },
    { item: "City tax", amount: 9.6, paid: true, why: "taxes are paid for (rule 1)" }
  ]
})]

export const main = program.pipe(Effect.provide([Provider.scripted(script), NodeServices.layer]))

if (import.meta.main) NodeRuntime.runMain(main)
