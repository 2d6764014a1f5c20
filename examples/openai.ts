/**
 * OpenAI, or any server that speaks its API: text as it is written, a tool, a value of a schema, vectors.
 *
 * `STRATA_PROVIDER=openai` asks the real one, with `OPENAI_API_KEY`, or the one of `OPENAI_BASE_URL`, such as Ollama at
 * http://localhost:11434. Offline, the emulator answers.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService, EmbeddingService, type ProviderError, Tool, ToolLoop, Vector } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { type Emulator, EmulatorClient } from "@strata/emulator"
import { OpenAiChat, OpenAiClient, OpenAiEmbedding } from "@strata/openai"
import { Config, Console, Effect, Layer, Schema, Stream } from "effect"

const Recipe = Schema.Struct({
  title: Schema.String,
  minutes: Schema.Int,
  note: Schema.optionalKey(Schema.String)
})

const pantry = Tool.make("look_into_pantry", {
  description: "What there is to cook with.",
  input: Schema.Struct({ shelf: Schema.Literals(["top", "bottom"]) }),
  handler: ({ shelf }) => Effect.succeed(shelf === "top" ? ["lentils", "rice"] : ["potatoes", "leeks"])
})

const program = Effect.gen(function*() {
  yield* ChatService.textStream("Why does soup taste better the next day?").pipe(
    Stream.runForEach((text) => Effect.sync(() => process.stdout.write(text)))
  )
  yield* Console.log("")

  const outcome = yield* ToolLoop.run("What soup can I cook from the bottom shelf?", { tools: [pantry] })
  yield* Console.log(outcome.response.text)

  const { usage, value } = yield* ChatService.object(Recipe, `As a recipe: ${outcome.response.text}`)
  yield* Console.log(`${value.title}, ${value.minutes} minutes (${usage.totalTokens} tokens)`)

  const { embeddings: [soup, stew, cake] } = yield* EmbeddingService.embedMany([
    "potato soup with leeks",
    "potato stew with leeks",
    "chocolate cake"
  ])
  const likeness = (other = soup) => Vector.cosine(soup!.vector, other!.vector).toFixed(2)
  yield* Console.log(`soup and stew: ${likeness(stew)}, soup and cake: ${likeness(cake)}`)
})

/** Offline, a script plays the model behind the emulator. */
const offline = EmulatorClient.layer((_, { openai: { apiKey, baseUrl } }) =>
  OpenAiClient.layer({ apiKey, baseUrl, profile: "openai" })
).pipe(
  Layer.provide(Layer.merge(
    TestChat.layer([
      "Overnight the starch binds the water, and the spices find their way into everything.",
      { content: [{ type: "tool-call", id: "call_1", name: "look_into_pantry", params: { shelf: "bottom" } }] },
      "A potato and leek soup, in half an hour.",
      // What is optional is `null` in OpenAI's strict schemas; it is taken out again.
      { content: "{\"title\":\"Potato and leek soup\",\"minutes\":30,\"note\":null}" }
    ]),
    TestEmbedding.layer()
  ))
)

type Unreachable = Config.ConfigError | Emulator.EmulatorError | ProviderError.InvalidRequestError

const Client = Layer.unwrap(
  Effect.map(
    Config.String("STRATA_PROVIDER").pipe(Config.withDefault("local")),
    (provider): Layer.Layer<OpenAiClient.OpenAiClient, Unreachable> =>
      provider === "openai" ? OpenAiClient.layerConfig() : offline
  )
)

const OpenAi = Layer.merge(
  OpenAiChat.layerConfig({ model: Config.String("OPENAI_MODEL").pipe(Config.withDefault("gpt-4o-mini")) }),
  OpenAiEmbedding.layer({ model: "text-embedding-3-small", dimensions: 256 })
).pipe(Layer.provide(Client))

export const main = program.pipe(Effect.provide(OpenAi))

if (import.meta.main) NodeRuntime.runMain(main)
