/**
 * Let a model call your functions: declare a tool with a schema and a handler, and let the loop run until it is done.
 *
 * Offline, a script plays the model: it asks for the weather in three cities at once, and then reads the results.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Tool, ToolLoop } from "@strata/core"
import { Console, Effect, Schema } from "effect"
import * as Provider from "./src/Provider.ts"
import * as Weather from "./src/Weather.ts"

const temperatures: Record<string, number> = { Rome: 31, Oslo: 12 }

// The handler gets decoded input. Its failure becomes a result that the model reads.
const weather = Tool.make("get_weather", {
  description: "The temperature in a city right now, in degrees Celsius",
  input: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => {
    const celsius = temperatures[city]
    return celsius === undefined ? Effect.fail(`No station in ${city}`) : Effect.succeed({ city, celsius })
  }
})

export const main = Effect.gen(function*() {
  const question = "Is it warmer in Rome or in Oslo, and how about Atlantis?"
  const { response, steps, usage } = yield* ToolLoop.run({ messages: question, maxTokens: 300 }, {
    tools: [weather],
    maxSteps: 5,
    onStep: ({ results }) =>
      Effect.forEach(
        results,
        ({ call, isFailure, result }) =>
          Console.log(
            `${call.name}(${JSON.stringify(call.params)}) ${isFailure ? "failed:" : "→"} ${JSON.stringify(result)}`
          )
      )
  })
  yield* Console.log(response.text)
  yield* Console.log(`(${steps} steps, ${usage.totalTokens} tokens)`)
}).pipe(Effect.provide(Provider.scripted(Weather.script)))

if (import.meta.main) NodeRuntime.runMain(main)
