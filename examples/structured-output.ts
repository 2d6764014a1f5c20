/**
 * Ask for a value instead of text: a schema says what you want, and what does not fit it is a typed error.
 *
 * Offline, a script plays the model: its first answer does not fit (0 minutes), so the model is asked again; its third one
 * is shown while it grows.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService } from "@strata/core"
import { Console, Effect, Schema, Stream } from "effect"
import * as Provider from "./src/Provider.ts"

const Recipe = Schema.Struct({
  title: Schema.String,
  minutes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 600 })),
  ingredients: Schema.Array(Schema.Struct({ name: Schema.String, grams: Schema.Finite }))
})

const program = Effect.gen(function*() {
  // `repairs`: how often the model may try again when its answer does not fit.
  const request = { messages: "A simple recipe for pancakes", maxTokens: 500 }
  const { usage, value } = yield* ChatService.object(Recipe, request, { repairs: 1 })
  yield* Console.log(`${value.title}, ${value.minutes} minutes, ${value.ingredients.length} ingredients`)
  yield* Console.log(`(${usage.totalTokens} tokens)`)

  yield* ChatService.objectStream(Recipe, { messages: "Another one, please", maxTokens: 500 }).pipe(
    Stream.runForEach(({ type, value }) =>
      Console.log(type === "partial" ? `… ${JSON.stringify(value)}` : `done: ${value.title}`)
    )
  )
})

const ingredients = [{ name: "flour", grams: 200 }, { name: "milk", grams: 300 }]
const recipe = (minutes: number) => JSON.stringify({ title: "Pancakes", minutes, ingredients }, null, 1)
const script = [recipe(0), recipe(20), { content: recipe(25), interval: "20 millis" }] as const

export const main = program.pipe(Effect.provide(Provider.scripted(script)))

if (import.meta.main) NodeRuntime.runMain(main)
