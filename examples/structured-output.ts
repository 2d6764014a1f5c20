/**
 * Ask for a value instead of text: a schema says what you want, and what does not fit it is a typed error.
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

// This model is held to the schema by Bedrock; others get a tool to fill in. The program does not change.
const model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const program = Effect.gen(function*() {
  // `repairs`: how often the model may try again when its answer does not fit.
  const { usage, value } = yield* ChatService.object(
    Recipe,
    { model, messages: "A simple recipe for pancakes", maxTokens: 500 },
    { repairs: 1 }
  )
  yield* Console.log(`${value.title}, ${value.minutes} minutes, ${value.ingredients.length} ingredients`)
  yield* Console.log(`(${usage.totalTokens} tokens)`)

  // The same as it grows.
  yield* ChatService.objectStream(Recipe, { model, messages: "Another one, please", maxTokens: 500 }).pipe(
    Stream.runForEach((event) =>
      event.type === "partial"
        ? Console.log(`… ${JSON.stringify(event.value)}`)
        : Console.log(`done: ${event.value.title}`)
    )
  )
})

/** Offline, these are the model's answers. The first does not fit, so the model is asked again. */
const recipe = (minutes: number) =>
  JSON.stringify(
    {
      title: "Pancakes",
      minutes,
      ingredients: [{ name: "flour", grams: 200 }, { name: "milk", grams: 300 }]
    },
    null,
    1
  )

export const main = program.pipe(
  Effect.provide(Provider.scripted([recipe(0), recipe(20), { content: recipe(25), interval: "20 millis" }]))
)

if (import.meta.main) NodeRuntime.runMain(main)
