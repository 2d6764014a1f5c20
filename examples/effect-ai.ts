/**
 * Effect's own `Chat` and `Toolkit`, answered by Bedrock through a `ChatService`: with its policy, and with a budget that
 * stops the conversation before it costs too much.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Budget, ChatService, Policy, Pricing } from "@strata/core"
import { StrataAiError, StrataLanguageModel, StrataMetadata } from "@strata/effect-ai"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { Chat, Prompt, Tool, Toolkit } from "effect/ai"
import * as Provider from "./src/Provider.ts"
import * as Weather from "./src/Weather.ts"

const temperatures: Record<string, number> = { Rome: 31, Oslo: 12 }

// Tools and chat are those of `effect/ai`: nothing of them knows who answers.
const weather = Tool.make("get_weather", {
  description: "The temperature in a city right now, in degrees Celsius",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ city: Schema.String, celsius: Schema.Finite }),
  failure: Schema.String,
  failureMode: "return"
})

const toolkit = Toolkit.make(weather)

const handlers = toolkit.toLayer({
  get_weather: ({ city }) => {
    const celsius = temperatures[city]
    return celsius === undefined ? Effect.fail(`No station in ${city}`) : Effect.succeed({ city, celsius })
  }
})

/** Asks until an answer has no calls, and prints what comes. */
const ask = Effect.fn(function*(chat: Chat.Chat, question: string) {
  let prompt: Prompt.RawInput = question
  while (true) {
    const parts = yield* chat.streamText({ prompt, toolkit }).pipe(
      Stream.tap((part) =>
        part.type === "tool-result" ? Console.log(`${part.name} → ${JSON.stringify(part.encodedResult)}`) : Effect.void
      ),
      Stream.runCollect
    )
    const text = parts.map((part) => part.type === "text-delta" ? part.delta : "").join("")
    if (text !== "") yield* Console.log(text)
    const outcome = StrataMetadata.outcomeOf(parts)
    yield* Console.log(`(${outcome?.model}, ${outcome?.usage.totalTokens} tokens, $${outcome?.cost?.total.toFixed(6)})`)
    if (!parts.some(({ type }) => type === "tool-result")) return
    prompt = Prompt.empty
  }
})

const budget = Budget.make({ name: "one conversation", perRun: 0.002 })

const program = Effect.gen(function*() {
  const chat = yield* Chat.empty
  yield* ask(chat, "Is it warmer in Rome or in Oslo, and how about Atlantis?")
  // The options of one question; the tools that it calls do not see them.
  yield* ask(chat, "Say it in a thousand words.").pipe(StrataLanguageModel.withOptions({ maxTokens: 1500 }))
}).pipe(
  // The error of `effect/ai` has one reason; ours is still in it.
  Effect.catchTag(
    "AiError",
    (error) => Console.log(`${error.reason._tag}, since ${StrataAiError.original(error)?.message}`)
  )
)

// Dollars for a million tokens; made up for this example.
const prices = Pricing.layer([{ model: "*", price: { input: 0.5, output: 2, source: "an example" } }])

const Model = StrataLanguageModel.layer({ maxTokens: 300 }).pipe(
  Layer.provide(
    Provider.scripted(Weather.script).pipe(
      ChatService.withPolicy(Policy.standard),
      ChatService.withBudget(budget),
      Layer.provide(prices)
    )
  )
)

export const main = program.pipe(Effect.provide([Model, handlers]))

if (import.meta.main) NodeRuntime.runMain(main)
