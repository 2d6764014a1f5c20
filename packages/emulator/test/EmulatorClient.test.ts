import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { Emulator, EmulatorClient, Script } from "@strata/emulator"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as AnyValue from "../../core/test/support/AnyValue.ts"
import * as Fixture from "./Fixture.ts"

/** The AWS SDK as a service, as a program may have it. */
class Sdk extends Context.Service<Sdk, BedrockRuntimeClient>()("@strata/emulator/test/Sdk") {}

const sdk: EmulatorClient.MakeClient<Sdk> = ({ credentials: { accessKeyId, secretAccessKey }, endpoint, region }) =>
  Layer.effect(
    Sdk,
    Effect.acquireRelease(
      Effect.sync(() =>
        new BedrockRuntimeClient({
          endpoint,
          region,
          credentials: { accessKeyId, secretAccessKey: Redacted.value(secretAccessKey) },
          maxAttempts: 1
        })
      ),
      (client) => Effect.sync(() => client.destroy())
    )
  )

const ask = Effect.gen(function*() {
  const client = yield* Sdk
  const answer = yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
  return answer.output?.message?.content?.[0]?.text
})

describe("EmulatorClient", () => {
  it.effect("layerScript is a client that a script answers, beside its emulator", () =>
    Effect.gen(function*() {
      const { inject, statistics } = yield* Emulator.Emulator
      yield* inject({ type: "throttle" })
      const refused = yield* Effect.flip(ask)
      assert.strictEqual(refused.name, "ThrottlingException")
      assert.deepStrictEqual([yield* ask, yield* ask], ["one", "two"])
      assert.strictEqual((yield* statistics).completed, 3)
    }).pipe(Effect.provide(EmulatorClient.layerScript(["one", "two"], sdk))))

  it.effect("layer is a client that the services in context answer, with the options of an emulator", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask, "Hello")
      const { client: { region } } = yield* Emulator.Emulator
      assert.strictEqual(region, "eu-west-1")
    }).pipe(
      Effect.provide(EmulatorClient.layer(sdk, { region: "eu-west-1" })),
      Effect.provide([Fixture.chat(), Fixture.embedding()])
    ))

  it.effect("connect lets several clients share one emulator", () =>
    Effect.gen(function*() {
      const both = [Layer.fresh(EmulatorClient.connect(sdk)), Layer.fresh(EmulatorClient.connect(sdk))]
      assert.deepStrictEqual(yield* Effect.forEach(both, (client) => Effect.provide(ask, client)), ["one", "two"])
    }).pipe(Effect.provide(Script.layerEmulator(["one", "two"]))))

  it.effect("hands the addresses of OpenAI's dialect to the client", () =>
    Effect.gen(function*() {
      const made = EmulatorClient.layerScript([], (_, { openai }) => Layer.succeed(Url, openai.baseUrl))
      const url = yield* Effect.provide(Effect.service(Url), made)
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/)
    }))

  it.live("has a layer or a typed error for any client", () =>
    Effect.gen(function*() {
      const troubles = yield* AnyValue.troublesOf((any) => [
        () => EmulatorClient.connect(any),
        () => EmulatorClient.connect(() => any)
      ])
      assert.deepStrictEqual(troubles, [])
    }).pipe(Effect.provide(Script.layerEmulator([]))))
})

class Url extends Context.Service<Url, string>()("@strata/emulator/test/Url") {}
