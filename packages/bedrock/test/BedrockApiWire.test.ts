import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as Policy from "@strata/core/policy/Policy"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as BedrockTokens from "../src/BedrockTokens.ts"
import * as Guardrail from "../src/Guardrail.ts"

const model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const bedrock = (script: TestChat.Script) =>
  Layer.effect(
    BedrockClient.BedrockClient,
    Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make(client))
  ).pipe(
    Layer.provideMerge(Emulator.layer({
      inputTokens: "counted",
      guardrails: [{
        id: "nosecrets1",
        version: "1",
        words: ["swordfish"],
        blockedInput: "Not this.",
        blockedOutput: "Not that."
      }]
    })),
    Layer.provideMerge(Layer.merge(TestChat.layer(script), TestEmbedding.layer()))
  )

const guardrailConfig = { guardrailIdentifier: "nosecrets1", guardrailVersion: "1", trace: "enabled" } as const

describe("Bedrock beside Converse, over the wire", () => {
  it.live("counts the tokens that Converse will report", () =>
    Effect.gen(function*() {
      const request = {
        model,
        messages: [Message.system("Be brief."), Message.user("How many tokens are these?")],
        maxTokens: 10
      }
      const counted = yield* BedrockTokens.count(request)
      const chat = yield* BedrockChat.make({ policy: Policy.none })
      const { usage } = yield* chat.generate(request)
      assert.isAbove(counted, 0)
      assert.strictEqual(counted, usage.inputTokens)
    }).pipe(Effect.provide(bedrock(["Eleven."]))))

  it.live("applies a guardrail by itself", () =>
    Effect.gen(function*() {
      const guardrail = { id: "nosecrets1", version: "1" }
      const fine = yield* Guardrail.apply({ guardrail, source: "input", content: [Message.text("Good morning")] })
      assert.isFalse(fine.intervened)
      const caught = yield* Guardrail.apply({
        guardrail,
        source: "input",
        content: [Message.text("The password is swordfish")]
      })
      assert.isTrue(caught.intervened)
      assert.deepStrictEqual(caught.outputs, ["Not this."])
      assert.deepStrictEqual(caught.assessments.map(({ policy }) => policy), ["word"])
    }).pipe(Effect.provide(bedrock([]))))

  it.live("tells that a guardrail stepped in, whole and streamed", () =>
    Effect.gen(function*() {
      const chat = yield* BedrockChat.make({ model, policy: Policy.none })
      const request = {
        messages: "Is the password swordfish?",
        maxTokens: 10,
        providerOptions: { bedrock: { guardrailConfig } }
      }
      const response = yield* chat.generate(request)
      assert.strictEqual(response.finishReason, "guardrail")
      assert.strictEqual(response.text, "Not this.")
      assert.isTrue(response.providerMetadata.bedrock?.guardrail?.intervened)
      const events = yield* Stream.runCollect(chat.stream(request))
      const finish = events.at(-1)
      assert(finish?.type === "finish")
      assert.strictEqual(finish.finishReason, "guardrail")
      assert.isTrue(finish.providerMetadata.bedrock?.guardrail?.intervened)
    }).pipe(Effect.provide(bedrock(() => "Yes."))))
})
