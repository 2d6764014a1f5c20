import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import * as Ledger from "@strata/core/state/Ledger"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import * as ModelCatalog from "../src/catalog/ModelCatalog.ts"
import * as Metering from "../src/internal/metering.ts"
import { connect } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const profile = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"

const open = Effect.fnUntraced(function*(
  options?: BedrockChat.Options,
  handler: WireServer.Handler = WireServer.answering
) {
  const server = yield* WireServer.http1(handler)
  const client = yield* connect(server)
  const metering = yield* Effect.provideService(Metering.chat(options), BedrockClient.BedrockClient, client)
  return { metering, server }
})

describe("Metering", () => {
  it.live("is the region of the model", () =>
    Effect.gen(function*() {
      const { metering } = yield* open()
      assert.strictEqual(metering.scope?.(sonnet), "us-east-1")
      assert.strictEqual(metering.scope?.(profile), "eu-west-1")
    }))

  it.live("has a model's maximum output and token cost", () =>
    Effect.gen(function*() {
      const { metering } = yield* open()
      const known = (model: string) => [metering.maxOutputTokens?.(model), metering.outputBurndown?.(model)]
      assert.deepStrictEqual(known(sonnet), [64_000, 5])
      assert.deepStrictEqual(known("anthropic.claude-3-haiku-20240307-v1:0"), [4096, undefined])
      assert.deepStrictEqual(known(sonnet), [64_000, 5])
      assert.deepStrictEqual(known("nobody.knows-v1:0"), [undefined, undefined])
      assert.deepStrictEqual(known(profile), [undefined, undefined])
    }))

  it.live("uses the option family and the catalogue in force", () =>
    Effect.gen(function*() {
      const { metering } = yield* open({ family: "anthropic.claude-sonnet-4-5" })
      assert.strictEqual(metering.outputBurndown?.(profile), 5)
      const layer = ModelCatalog.layer([{ match: { id: profile }, capabilities: { outputBurndown: 3 } }])
      const { metering: told } = yield* Effect.provide(open(), layer)
      assert.strictEqual(told.outputBurndown?.(profile), 3)
    }))

  it.live("counts prompts by the model in a profile", () =>
    Effect.gen(function*() {
      const layer = { model: sonnet, policy: Policy.none, requestMetadata: { team: "a" } }
      const { metering, server } = yield* open(layer, (_, answer) => {
        answer.head(200, { "content-type": "application/json" })
        answer.end(JSON.stringify({ inputTokens: 42 }))
      })
      const counted = yield* metering.countTokens?.({ model: sonnet, messages: [{ role: "user", content: "Hi" }] }) ??
        Effect.undefined
      assert.strictEqual(counted, 42)
      assert.strictEqual(server.received[0]?.path, `/model/${encodeURIComponent(sonnet.slice(3))}/count-tokens`)
    }))

  it.live("asks once about a model whose tokens Bedrock does not count", () =>
    Effect.gen(function*() {
      const refusing = WireServer.failing(
        400,
        "ValidationException",
        "The provided model doesn't support counting tokens."
      )
      const { metering, server } = yield* open(undefined, refusing)
      const count = (model: string) =>
        Effect.flip(metering.countTokens?.({ model, messages: [{ role: "user", content: "Hi" }] }) ?? Effect.undefined)
      for (let call = 0; call < 3; call++) {
        assert.strictEqual((yield* count("amazon.nova-lite-v1:0"))._tag, "UnsupportedFeatureError")
      }
      assert.lengthOf(server.received, 1)
      yield* count("amazon.nova-pro-v1:0")
      assert.lengthOf(server.received, 2)
    }))
})

describe("a quota of Bedrock", () => {
  const emulated = Layer.effect(
    BedrockClient.BedrockClient,
    Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make(client))
  ).pipe(
    Layer.provide(Emulator.layer()),
    Layer.provide(Layer.merge(TestChat.layer(() => "Hello"), TestEmbedding.layer({ dimensions: 1024 })))
  )

  /** What is set aside while `use` runs, under which key. */
  const reserved = <E>(use: (policy: Policy.Policy) => Effect.Effect<unknown, E, BedrockClient.BedrockClient>) =>
    Effect.gen(function*() {
      const seen: Array<{ readonly key: string; readonly tokens: number | undefined }> = []
      const ledger: Ledger.Ledger = {
        reserve: ({ amounts, key }) => {
          seen.push({ key, tokens: amounts.tokens })
          return Effect.succeed({ _tag: "granted" })
        },
        settle: () => Effect.void,
        leave: () => Effect.void,
        renew: () => Effect.void,
        balances: () => Effect.succeed([])
      }
      const policy = Policy.make({ quota: Quota.tokens({ perMinute: 1_000_000 }) })
      yield* use(policy).pipe(Effect.provideService(Ledger.Ledger, ledger), Effect.provide(emulated))
      return seen
    })

  it.live("is one for each region, and dearer for the output of newer Claude", () =>
    Effect.gen(function*() {
      const chat = (model: string) =>
        reserved((policy) =>
          Effect.scoped(Effect.flatMap(
            BedrockChat.make({ model, policy }),
            (chat) => chat.generate({ messages: "Hi", maxTokens: 1000 })
          ))
        )
      const [claude] = yield* chat(sonnet)
      const [nova] = yield* chat("amazon.nova-lite-v1:0")
      assert.include(claude?.key, "us-east-1")
      assert.isAbove(claude?.tokens ?? 0, 2 * (nova?.tokens ?? Infinity))
    }))

  it.live("is one for embeddings as well", () =>
    Effect.gen(function*() {
      const [call] = yield* reserved((policy) =>
        Effect.scoped(Effect.flatMap(
          BedrockEmbedding.make({ model: "amazon.titan-embed-text-v2:0", policy }),
          (embedding) => embedding.embed("Hi")
        ))
      )
      assert.include(call?.key, "us-east-1")
    }))
})
