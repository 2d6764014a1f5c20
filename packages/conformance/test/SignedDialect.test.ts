/** Bedrock's endpoints for OpenAI's API, with AWS credentials: signer, client and emulator share nothing but the wire. */
import { assert, describe, layer } from "@effect/vitest"
import { BedrockSigner } from "@strata/bedrock"
import { ChatEvent, ChatService, Policy } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import { OpenAiBedrock, OpenAiChat } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

const emulator = Emulator.layer().pipe(
  Layer.provideMerge(Layer.merge(TestChat.layer(() => "Warm"), TestEmbedding.layer()))
)

/** A service at one of the endpoints, with the credentials of the emulator, or with others. */
const chat = (
  endpoint: "runtime" | "mantle",
  options: OpenAiChat.Options,
  change: (credentials: Emulator.ClientOptions["credentials"]) => Emulator.ClientOptions["credentials"] = (same) => same
) =>
  OpenAiChat.layer({ policy: Policy.none, ...options }).pipe(
    Layer.provide(Layer.unwrap(Effect.gen(function*() {
      const { client: { credentials, region }, openai: { mantleUrl, runtimeUrl } } = yield* Emulator.Emulator
      const signer = yield* BedrockSigner.make({
        credentials: change(credentials),
        region,
        service: endpoint === "mantle" ? "bedrock-mantle" : "bedrock"
      })
      return OpenAiBedrock.layer({
        endpoint,
        region,
        signer,
        baseUrl: endpoint === "mantle" ? mantleUrl : runtimeUrl
      })
    })))
  )

describe("Bedrock's endpoints with AWS credentials", () => {
  layer(emulator, { excludeTestServices: true })("over the emulator", (it) => {
    for (
      const [endpoint, model] of [
        ["runtime", "openai.gpt-oss-20b-1:0"],
        ["mantle", "openai.gpt-oss-20b"],
        ["mantle", "openai.gpt-5.4"]
      ] as const
    ) {
      it.effect(`answers, whole and streamed: ${endpoint}, ${model}`, () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* ChatService.text("How warm is it?"), "Warm")
          const { text } = yield* ChatEvent.collect(ChatService.stream("How warm is it?"))
          assert.strictEqual(text, "Warm")
        }).pipe(Effect.provide(chat(endpoint, { model }))))
    }

    it.effect("refuses a wrong secret as the service does", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(ChatService.text("How warm is it?"))
        assert.strictEqual(error._tag, "AuthenticationError", error.message)
        assert.notInclude(error.message, "not-the-secret")
      }).pipe(
        Effect.provide(
          chat("mantle", { model: "openai.gpt-oss-20b" }, (credentials) => ({
            ...credentials,
            secretAccessKey: Redacted.make("not-the-secret")
          }))
        )
      ))

    it.effect("case 13: names the other route where the model does not answer", () =>
      Effect.gen(function*() {
        for (
          const [options, other] of [
            [{ model: "openai.gpt-5.4", api: "chat-completions" }, "api: \"responses\""],
            [{ model: "openai.gpt-oss-20b", root: "/mantle/openai/v1" }, "root: \"/v1\""]
          ] as const
        ) {
          const error = yield* Effect.flip(
            ChatService.text("How warm is it?").pipe(Effect.provide(chat("mantle", options)))
          )
          assert.strictEqual(error._tag, "UnsupportedFeatureError")
          assert.include(error.message, other)
        }
      }))
  })
})
