/**
 * Let a model call your functions: declare tools with a schema and a handler, and let the loop run until it is done.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Tool, ToolLoop } from "@strata/core"
import { Console, Effect, Schema } from "effect"
import * as Provider from "./src/Provider.ts"
import * as Weather from "./src/Weather.ts"

const temperatures: Record<string, number> = { Rome: 31, Oslo: 12 }

// The handler gets decoded input. Its failure becomes a result the model reads; its requirements show in the types.
const weather = Tool.make("get_weather", {
  description: "The temperature in a city right now, in degrees Celsius",
  input: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => {
    const celsius = temperatures[city]
    return celsius === undefined ? Effect.fail(`No station in ${city}`) : Effect.succeed({ city, celsius })
  }
})

const program = Effect.gen(function*() {
  const outcome = yield* ToolLoop.run(
    { messages: "Is it warmer in Rome or in Oslo, and how about Atlantis?", maxTokens: 300 },
    {
      tools: [weather],
      maxSteps: 5,
      onStep: ({ index, results }) =>
        Effect.forEach(
          results,
          ({ call, isFailure, result }) =>
            Console.log(
              `step ${index}: ${call.name}(${JSON.stringify(call.params)}) ${isFailure ? "failed:" : "→"} ${
                JSON.stringify(result)
              }`
            ),
          { discard: true }
        )
    }
  )
  yield* Console.log(outcome.response.text)
  yield* Console.log(`(${outcome.steps} steps, ${outcome.usage.totalTokens} tokens, ${outcome.reason})`)
})

export const main = program.pipe(Effect.provide(Provider.scripted(Weather.script)))

if (import.meta.main) NodeRuntime.runMain(main)
