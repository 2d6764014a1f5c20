import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as InferenceProfile from "../src/InferenceProfile.ts"
import { connect, credentials, request } from "./support/Client.ts"
import * as Environment from "./support/Environment.ts"
import * as WireServer from "./support/WireServer.ts"

const options = { region: "us-east-1", credentials }

const invalid = [
  "localhost:4701",
  "gw.corp:8443",
  "ftp://127.0.0.1:4701",
  "127.0.0.1:4701",
  "/bedrock",
  "https://",
  "https://gw corp",
  "https://user@gw.corp",
  "https://user:secret@gw.corp",
  "https://gw.corp/?key=secret",
  "https://gw.corp?",
  "https://gw.corp/bedrock#secret"
]

/** A profile with these settings, in force. */
const profile = (settings: string, more = "") =>
  Effect.flatMap(
    Environment.files({ config: `[default]\n${settings}\n[profile work]\n${settings}\n${more}` }),
    (files) => Effect.as(Environment.ofProcess(files), files)
  )

/** The warnings while it runs. */
const warnings = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const seen: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => logLevel === "Warn" && seen.push(String(message)))
    return Effect.as(Effect.provide(effect, Logger.layer([logger])), seen)
  })

describe("An endpoint", () => {
  it.live.each(invalid)("is refused when the layer is built: %s", (endpoint) =>
    Effect.gen(function*() {
      const refused = (effect: Effect.Effect<unknown, { readonly _tag: string; readonly message: string }, never>) =>
        Effect.map(Effect.flip(effect), (error) => {
          assert(error._tag === "InvalidRequestError")
          assert.strictEqual("field" in error && error.field, "endpoint")
          assert.notInclude(error.message, "secret")
          return error.message
        })
      yield* Environment.ofProcess({})
      yield* refused(Effect.scoped(BedrockClient.make({ ...options, endpoint })))
      for (const name of ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]) {
        yield* Environment.ofProcess({ [name]: endpoint })
        assert.include(yield* refused(Effect.scoped(BedrockClient.make(options))), name)
      }
      yield* profile(`endpoint_url = ${endpoint}`)
      assert.include(yield* refused(Effect.scoped(BedrockClient.make(options))), "profile default")
      yield* Environment.ofProcess({})
      const lookup = Layer.provide(InferenceProfile.layer({ endpoint }), BedrockClient.layer(options))
      yield* refused(Effect.scoped(Layer.build(lookup)))
    }))

  it.live.each([["", ""], ["/", ""], ["/bedrock", "/bedrock"], ["/bedrock/", "/bedrock"], ["/a/b//", "/a/b"]])(
    "with the path %j gets requests with one slash",
    ([path, prefix]) =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.answering)
        const client = yield* connect({ url: `${server.url}${path}` })
        yield* client.converse(request)
        assert.strictEqual(server.received[0]?.path, `${prefix}/model/${encodeURIComponent(request.modelId)}/converse`)
      })
  )

  it.live("comes from the option, the variables, or the profile's settings, the one for the service first", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const at = (path: string) => `${server.url}/${path}`
      const called = (given: BedrockClient.Options) =>
        Effect.flatMap(
          BedrockClient.make({ region: "us-east-1", ...given }),
          (client) => Effect.map(client.converse(request), () => server.received.at(-1)?.path.split("/")[1])
        )
      const keys = "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"
      const services = `services = own\nendpoint_url = ${at("profile")}`
      const own = `[services own]\nbedrock_runtime =\n  endpoint_url = ${at("service")}\n`
      const files = yield* profile(`${keys}${services}`, own)
      assert.strictEqual(yield* called({ credentials }), "service")
      assert.strictEqual(yield* called({ profile: "work" }), "service")
      yield* Environment.ofProcess({ ...files, AWS_ENDPOINT_URL: at("all") })
      assert.strictEqual(yield* called({ credentials }), "all")
      yield* Environment.ofProcess({
        ...files,
        AWS_ENDPOINT_URL: at("all"),
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME: at("variable")
      })
      assert.strictEqual(yield* called({ credentials }), "variable")
      assert.strictEqual(yield* called({ credentials, endpoint: at("option") }), "option")
      yield* profile(`${keys}endpoint_url = ${at("profile")}`)
      assert.strictEqual(yield* called({ profile: "work" }), "profile")
    }))

  it.live("of the profile that the option names is used, not of the one in force elsewhere", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const files = yield* Environment.files({
        config: `[default]\nendpoint_url = http://127.0.0.1:9\n[profile work]\nendpoint_url = ${server.url}\n` +
          "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"
      })
      yield* Environment.ofProcess(files)
      const client = yield* BedrockClient.make({ region: "us-east-1", profile: "work" })
      yield* client.converse(request)
      assert.lengthOf(server.received, 1)
    }))

  it.live("is AWS's own where AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is set", () =>
    Effect.gen(function*() {
      const files = yield* profile("endpoint_url = no URL")
      yield* Environment.ofProcess({ ...files, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" })
      const { identity } = yield* BedrockClient.make(options)
      assert.include(JSON.stringify(identity), `"endpoint":null`)
    }))

  it.live("is not guessed when the profile refers to services that are not there", () =>
    Effect.gen(function*() {
      yield* profile("services = none")
      const error = yield* Effect.flip(BedrockClient.make(options))
      assert.strictEqual(error.field, "endpoint")
      assert.include(error.message, "services none")
    }))

  it.live.each<[host: string, warned: boolean]>([
    ["https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com", true],
    ["https://bedrock-runtime.us-gov-west-1.amazonaws.com", true],
    ["https://bedrock-runtime.us-east-1.amazonaws.com", false],
    ["https://us-east-1.gw.corp", false],
    ["https://gw.corp/eu-west-1", false]
  ])("of another region is warned of, once: %s %s", ([endpoint, warned]) =>
    Effect.gen(function*() {
      const seen = yield* warnings(Effect.flatMap(BedrockClient.make({ ...options, endpoint }), () => Effect.void))
      assert.lengthOf(seen, warned ? 1 : 0)
      if (warned) assert.include(seen[0], "us-east-1")
    }))
})
