/**
 * Errors are values: catch them by tag, and the compiler knows what is left.
 *
 * Three questions: one that is blank, one for a model that does not exist, and one for a model that is served only through
 * an inference profile, which is found. Offline, a script answers the last one.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService, ProviderError } from "@strata/core"
import { Console, Effect, References } from "effect"
import * as Provider from "./src/Provider.ts"

const ask = (model: string, messages: string) =>
  ChatService.text({ model, messages, maxTokens: 50 }).pipe(
    // The answer is there, or one of these happened. Nothing is thrown.
    Effect.catchTag(
      ["ModelNotFoundError", "PermissionDeniedError"],
      (error) => Effect.succeed(`No such model for us: ${error.message} [${error.exception}]`)
    ),
    Effect.catchTag(
      "InvalidRequestError",
      (error) => Effect.succeed(`Our mistake: ${error.message}`)
    ),
    Effect.catch((error) =>
      Effect.succeed(`${error._tag}: ${error.message} (worth another try: ${ProviderError.isTransient(error)})`)
    )
  )

const program = Effect.gen(function*() {
  // Found before anything is sent.
  yield* Console.log(yield* ask("us.amazon.nova-lite-v1:0", "   "))
  // Refused by the service.
  yield* Console.log(yield* ask("amazon.no-such-model-v1:0", "Hello"))
  // Served only through an inference profile: no error at all, the profile of the region is called instead.
  yield* Console.log(yield* ask("anthropic.claude-sonnet-4-5-20250929-v1:0", "Hello"))
})

export const main = program.pipe(
  Effect.provide(Provider.scripted(["Hello from a model with a profile."])),
  // Strata logs which profile it found.
  Effect.provideService(References.MinimumLogLevel, "Warning")
)

if (import.meta.main) NodeRuntime.runMain(main)
