/**
 * One program, unchanged, answers by every provider that `STRATA_PROVIDER` names.
 */
import { assert, layer } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import { Effect, Layer, Redacted } from "effect"
import * as Chat from "../chat.ts"
import * as Example from "./Example.ts"

const answering = Layer.merge(
  TestChat.layer(({ model }) => `The sky scatters blue, says ${model}.`),
  TestEmbedding.layer()
)

layer(Emulator.layer().pipe(Layer.provide(answering)), { excludeTestServices: true })("STRATA_PROVIDER", (it) => {
  it.effect("local and effect-ai: this machine", () =>
    Effect.gen(function*() {
      for (const name of ["local", "effect-ai"]) {
        assert.include(yield* Example.output(Chat.main, { STRATA_PROVIDER: name }), "Air scatters the blue in sunlight")
      }
    }))

  it.effect("openai: the server that the environment names", () =>
    Effect.gen(function*() {
      const { openai: { apiKey, baseUrl } } = yield* Emulator.Emulator
      const env = { OPENAI_API_KEY: Redacted.value(apiKey), OPENAI_BASE_URL: baseUrl, STRATA_CHAT_MODEL: "gpt-4o" }
      const output = yield* Example.output(Chat.main, { ...env, STRATA_PROVIDER: "openai" })
      assert.match(output, /^The sky scatters blue.*\n\(gpt-4o: /)
    }))

  it.effect("bedrock: by the credentials, the region and the endpoint of the environment", () =>
    Effect.gen(function*() {
      const { client: { credentials, endpoint, region } } = yield* Emulator.Emulator
      const { code, output } = yield* Example.run({
        args: ["chat.ts"],
        env: {
          STRATA_PROVIDER: "bedrock",
          AWS_REGION: region,
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: Redacted.value(credentials.secretAccessKey),
          AWS_ENDPOINT_URL_BEDROCK_RUNTIME: endpoint
        }
      })
      assert.strictEqual(code, 0, output)
      assert.match(output, /^The sky scatters blue.*\n\(us\.amazon\.nova-lite-v1:0: /)
    }))
})
