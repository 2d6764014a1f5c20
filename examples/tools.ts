/**
 * Let a model call your functions: declare tools with a schema and a handler, and let the loop run until it is done.
 */
import { NodeRuntime } from "@effect/platform-node"
import { type ChatRequest, Message, Tool, ToolLoop } from "@strata/core"
import { Console, Effect, Schema } from "effect"
import * as Provider from "./src/Provider.ts"

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

/** Offline, this is the model: it asks for three cities at once, then reads the results. */
const script = (request: ChatRequest.Resolved) => {
  const last = request.messages.at(-1)
  if (last?.role !== "tool") {
    return {
      content: ["Rome", "Oslo", "Atlantis"].map((city, index) => ({
        type: "tool-call" as const,
        id: `call-${index}`,
        name: "get_weather",
        params: { city }
      }))
    }
  }
  const failures = Message.parts(last).filter((part) => part.type === "tool-result" && part.isFailure).length
  return `It is warmer in Rome than in Oslo; ${failures} of the ${last.content.length} cities is unknown to me.`
}

export const main = program.pipe(Effect.provide(Provider.scripted(script)))

if (import.meta.main) NodeRuntime.runMain(main)
