/**
 * Invokes a function of AWS Lambda, `src/lambda/handler.ts`, as Lambda would: with the credentials and the region in the
 * environment, three times, the last time with hardly any time left.
 *
 * Offline, the environment names an emulator, and a script plays the model.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Emulator, Script } from "@strata/emulator"
import { Config, Console, Effect, Redacted } from "effect"

const program = Effect.gen(function*() {
  const { client: { credentials, endpoint, region } } = yield* Emulator.Emulator
  if ((yield* Config.String("STRATA_PROVIDER").pipe(Config.withDefault("local"))) !== "bedrock") {
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: Redacted.value(credentials.secretAccessKey)
    })
  }
  const { handler } = yield* Effect.promise(() => import("./src/lambda/handler.ts"))
  for (const left of [30_000, 30_000, 1000]) {
    const { body, statusCode } = yield* Effect.promise(() =>
      handler({ question: "Who are you?" }, { getRemainingTimeInMillis: () => left })
    )
    yield* Console.log(`${statusCode} ${body}`)
  }
})

export const main = program.pipe(
  Effect.provide(Script.layerEmulator({ answers: ["I am a model behind a function."], atEnd: "repeat" }))
)

if (import.meta.main) NodeRuntime.runMain(main)
