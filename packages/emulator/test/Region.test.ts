import { ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { NodeHttpHandler } from "@smithy/node-http-handler"
import { Emulator, Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import type * as Net from "node:net"
import * as Region from "../src/region/Region.ts"
import * as Fixture from "./Fixture.ts"

const [east, west, ireland] = ["us-east-1", "us-west-2", "eu-west-1"]

const regions = [east, west, ireland]

const claude = "anthropic.claude-sonnet-4-5-20250929-v1:0"

const live = Fixture.emulator({
  regions,
  guardrails: [{ id: "abc123", words: ["bomb"] }],
  applicationProfiles: { abc123: Fixture.modelId }
})

/** Resolves every name, as a resolver may do for subdomains of localhost. */
const toThisMachine: Net.LookupFunction = (_name, options, callback) => {
  const address = { address: "127.0.0.1", family: 4 }
  if (options.all === true) callback(null, [address])
  else callback(null, address.address, address.family)
}

/** Converse of the SDK, signed in a region. */
const ask = Effect.fnUntraced(function*(region: string, modelId = Fixture.modelId, host?: string) {
  const { url } = yield* Emulator.Emulator
  const client = yield* Fixture.connect("1.1", {
    region,
    ...(host === undefined ? undefined : {
      endpoint: `http://${host}:${new URL(url).port}`,
      requestHandler: new NodeHttpHandler({ httpAgent: new Http.Agent({ lookup: toThisMachine }) })
    })
  })
  return yield* Fixture.attempt(() => client.send(new ConverseCommand({ ...Fixture.hello, modelId })))
})

/** Converse with the API key, to a host name that resolves nowhere. */
const askByKey = Effect.fnUntraced(function*(host: string, modelId: string = Fixture.modelId) {
  const { apiKey, url } = yield* Emulator.Emulator
  return yield* Effect.callback<{ readonly status: number; readonly text: string }>((resume) => {
    const request = Http.request(`${url}/model/${encodeURIComponent(modelId)}/converse`, {
      method: "POST",
      headers: { host, authorization: `Bearer ${Redacted.value(apiKey)}`, "content-type": "application/json" }
    })
    request.on("response", (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
      response.on("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, text })))
    })
    request.end(JSON.stringify({ messages: Fixture.hello.messages }))
  })
})

const latestRegion = Effect.flatMap(
  Emulator.Emulator,
  ({ requests }) => Effect.map(requests, (requests) => requests.at(-1)?.region)
)

const arn = (region: string, resource: string) => `arn:aws:bedrock:${region}:123456789012:${resource}`

describe("Region", () => {
  it.effect.each(regions)("serves requests signed in %s", (region) =>
    Effect.gen(function*() {
      yield* ask(region)
      assert.strictEqual(yield* latestRegion, region)
    }).pipe(Effect.provide(live)))

  it.effect("refuses a signature of a region that is not served", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ask("ap-south-1"))
      assert.strictEqual(error.name, "InvalidSignatureException")
      assert.include(error.message, "not 'ap-south-1'")
    }).pipe(Effect.provide(live)))

  it.effect("is named by the host, which a signature must agree with", () =>
    Effect.gen(function*() {
      yield* ask(west, Fixture.modelId, "bedrock-runtime.us-west-2.localhost")
      assert.strictEqual(yield* latestRegion, west)
      const error = yield* Effect.flip(ask(east, Fixture.modelId, "bedrock-runtime.us-west-2.localhost"))
      assert.strictEqual(error.name, "InvalidSignatureException")
    }).pipe(Effect.provide(live)))

  it.effect.each<readonly [host: string, modelId: string, region: string]>([
    ["localhost:4599", Fixture.modelId, east],
    ["bedrock-runtime.us-west-2.amazonaws.com", Fixture.modelId, west],
    ["BEDROCK-RUNTIME-FIPS.US-WEST-2.amazonaws.com:443", Fixture.modelId, west],
    ["bedrock.eu-west-1.localhost:4599", Fixture.modelId, ireland],
    ["emulator:4599", arn(west, "application-inference-profile/abc123"), west],
    ["emulator:4599", `arn:aws:bedrock:eu-west-1::foundation-model/${Fixture.modelId}`, ireland]
  ])("of a request with an API key to %s for %s is %s", ([host, modelId, region]) =>
    Effect.gen(function*() {
      const { status, text } = yield* askByKey(host, modelId)
      assert.strictEqual(status, 200, text)
      assert.strictEqual(yield* latestRegion, region)
    }).pipe(Effect.provide(live)))

  it.effect("refuses a host that names a region that is not served, and says how to serve it", () =>
    Effect.gen(function*() {
      const { status, text } = yield* askByKey("bedrock-runtime.ap-south-1.localhost")
      assert.strictEqual(status, 400)
      assert.include(text, "--region us-east-1,us-west-2,eu-west-1,ap-south-1")
    }).pipe(Effect.provide(live)))

  it.effect("refuses an ARN of another region than the signature's", () =>
    Effect.gen(function*() {
      const modelId = arn(west, "application-inference-profile/abc123")
      yield* ask(west, modelId)
      const error = yield* Effect.flip(ask(east, modelId))
      assert.strictEqual(error.message, "The provided model identifier is invalid.")
    }).pipe(Effect.provide(live)))

  it.effect("has the inference profiles of its own geography, and the global ones", () =>
    Effect.gen(function*() {
      yield* ask(east, `us.${claude}`)
      yield* ask(ireland, `eu.${claude}`)
      for (const region of regions) yield* ask(region, `global.${claude}`)
      for (const [region, profile] of [[east, "eu"], [west, "apac"], [ireland, "us"], [west, "us-gov"]] as const) {
        const error = yield* Effect.flip(ask(region, `${profile}.${claude}`))
        assert.strictEqual(error.message, "The provided model identifier is invalid.", `${profile} in ${region}`)
      }
    }).pipe(Effect.provide(live)))

  it.effect("does not restrict a geography that is not one of the service's", () =>
    Effect.gen(function*() {
      yield* ask(ireland, "corp.acme.tiny-v1")
    }).pipe(Effect.provide(Fixture.emulator({
      regions,
      models: [Model.chat("acme.tiny-v1", { inferenceProfiles: ["corp"] })]
    }))))

  it.effect("has quotas of its own, counted by region", () =>
    Effect.gen(function*() {
      const { statistics } = yield* Emulator.Emulator
      yield* ask(east)
      const error = yield* Effect.flip(ask(east))
      assert.deepStrictEqual([error.name, error.status], ["ThrottlingException", 429])
      yield* ask(west)
      yield* ask(ireland)
      yield* ask(ireland)
      const { byRegion, quota } = yield* statistics
      assert.deepStrictEqual(Object.entries(byRegion).map(([region, { requests }]) => [region, requests]), [
        [east, 2],
        [west, 1],
        [ireland, 2]
      ])
      assert.include(byRegion[east]?.quota[Fixture.modelId], { requestsLeft: 0, throttled: 1, completed: 1 })
      assert.include(byRegion[ireland]?.quota[Fixture.modelId], { requestsPerMinute: 100, completed: 2 })
      assert.deepStrictEqual(quota, byRegion[east]?.quota)
    }).pipe(Effect.provide(Fixture.emulator({
      regions,
      quota: { "*": { requestsPerMinute: 1 }, "eu-west-1/*": { requestsPerMinute: 100 } }
    }))))

  it.effect("limits a fault to one region", () =>
    Effect.gen(function*() {
      const { inject } = yield* Emulator.Emulator
      yield* inject({ type: "throttle", region: east, times: Infinity })
      yield* ask(west)
      assert.strictEqual((yield* Effect.flip(ask(east))).name, "ThrottlingException")
    }).pipe(Effect.provide(live)))

  it.effect("has guardrails under its own ARN", () =>
    Effect.gen(function*() {
      const guard = (region: string) =>
        Effect.gen(function*() {
          const client = yield* Fixture.connect("1.1", { region })
          return yield* Fixture.attempt(() =>
            client.send(
              new ConverseCommand({
                ...Fixture.hello,
                guardrailConfig: { guardrailIdentifier: arn(west, "guardrail/abc123"), guardrailVersion: "DRAFT" }
              })
            )
          )
        })
      yield* guard(west)
      assert.strictEqual((yield* Effect.flip(guard(east))).name, "ValidationException")
    }).pipe(Effect.provide(live)))

  it.effect("refuses to start with a name that is no region", () =>
    Effect.gen(function*() {
      for (const region of ["", "moon", "us_east_1", "us-east", "US-EAST-1"]) {
        const error = yield* Effect.flip(Effect.scoped(Emulator.make({ regions: [east, region] })))
        assert.include(error.message, `"${region}" is not a region`)
      }
    }).pipe(Effect.provide(Layer.merge(Fixture.chat(), Fixture.embedding()))))

  it("names at most five destinations of a profile, as the service does", () => {
    for (const geography of ["us", "eu", "apac", "jp", "au", "ca", "us-gov", "global", "corp"]) {
      const destinations = Region.destinations(geography === "eu" ? ireland : east, geography)
      assert.isAtMost(destinations.length, 5)
      assert.isTrue(destinations.every(Region.isRegion))
    }
  })
})
