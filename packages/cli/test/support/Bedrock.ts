/** An emulated Bedrock in the process of the test, for commands that are processes of their own. */
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

/** It, and the environment that leads the command to it. */
export const bedrock: Effect.Effect<
  { readonly emulator: Emulator.Emulator["Service"]; readonly env: Readonly<Record<string, string>> },
  never,
  Emulator.Emulator
> = Effect.map(Emulator.Emulator, (emulator) => ({
  emulator,
  env: {
    STRATA_PROVIDER: "bedrock",
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: emulator.url,
    AWS_REGION: emulator.client.region,
    AWS_ACCESS_KEY_ID: emulator.client.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: Redacted.value(emulator.client.credentials.secretAccessKey)
  }
}))

/** It, answering by a script. */
export const answering = (script: TestChat.Script) =>
  Emulator.layer().pipe(
    Layer.provide(Layer.merge(TestChat.layer(script, { model: "echo" }), TestEmbedding.layer())),
    Layer.orDie
  )
