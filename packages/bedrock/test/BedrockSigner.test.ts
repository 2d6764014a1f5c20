import { assert, describe, it } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import * as BedrockSigner from "../src/BedrockSigner.ts"
import * as Environment from "./support/Environment.ts"

/** Those of the examples in the documentation of AWS. */
const credentials = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: Redacted.make("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

const mantle = {
  method: "POST",
  url: "https://bedrock-mantle.eu-west-1.api.aws/v1/responses",
  headers: { "Content-Type": "application/json" },
  body: "{\"model\":\"openai.gpt-oss-20b\"}"
}

const emulator = Emulator.layer().pipe(Layer.provide(Layer.merge(TestChat.layer(["Hi"]), TestEmbedding.layer())))

describe("BedrockSigner", () => {
  // docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
  for (
    const [query, signature] of [
      ["?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"],
      ["?max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"]
    ] as const
  ) {
    it.effect(`has the signature of AWS's example: GET ${query}`, () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.UTC(2013, 4, 24))
        const signer = yield* BedrockSigner.make({ credentials, region: "us-east-1", service: "s3" })
        const headers = yield* signer.sign({ method: "get", url: `https://examplebucket.s3.amazonaws.com/${query}` })
        assert.strictEqual(
          headers["authorization"],
          "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
            `SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`
        )
      }))
  }

  it.effect("signs for the service and the region that the host names", () =>
    Effect.gen(function*() {
      const signer = yield* BedrockSigner.make({
        credentials: { ...credentials, sessionToken: Redacted.make("token") }
      })
      const scopeOf = (url: string) =>
        Effect.map(
          signer.sign({ ...mantle, url }),
          ({ authorization = "" }) => authorization.split("/").slice(2, 4).join(" ")
        )
      assert.strictEqual(yield* scopeOf(mantle.url), "eu-west-1 bedrock-mantle")
      assert.strictEqual(
        yield* scopeOf("https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1/responses"),
        "us-west-2 bedrock"
      )
      assert.strictEqual(yield* scopeOf("https://vpce-1.example.com/openai/v1/responses"), "us-east-1 bedrock")
      const headers = yield* signer.sign(mantle)
      assert.deepStrictEqual(Object.keys(headers).sort(), [
        "authorization",
        "content-type",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token"
      ])
      assert.include(
        headers["authorization"],
        "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
      )
    }).pipe(Effect.provide(Environment.provided({ AWS_REGION: "us-east-1" }))))

  it.effect("sends an API key as a bearer token", () =>
    Effect.gen(function*() {
      const signer = yield* BedrockSigner.make()
      assert.deepStrictEqual(yield* signer.sign(mantle), {
        "content-type": "application/json",
        authorization: "Bearer key-1"
      })
      assert.deepStrictEqual(signer.secrets(), ["key-1"])
      assert.match(signer.account, /^API key [0-9a-f]{16}$/)
    }).pipe(Effect.provide(Environment.provided({ AWS_BEARER_TOKEN_BEDROCK: "key-1" }))))

  it.effect("says whether renewed credentials are others", () =>
    Effect.gen(function*() {
      let asked = 0
      const source = Effect.sync(() => ({ ...credentials, accessKeyId: `AKID${Math.min(++asked, 2)}` }))
      const signer = yield* BedrockSigner.make({ credentials: source, region: "us-east-1" })
      const keyOf = Effect.map(signer.sign(mantle), ({ authorization }) => /AKID\d/.exec(authorization ?? "")?.[0])
      assert.strictEqual(yield* keyOf, "AKID1")
      assert.isTrue(yield* signer.renew)
      assert.strictEqual(yield* keyOf, "AKID2")
      assert.isFalse(yield* signer.renew)
    }))

  it.live("signs what the emulator accepts, and what it refuses once it is changed", () =>
    Effect.gen(function*() {
      const { client } = yield* Emulator.Emulator
      const signer = yield* BedrockSigner.make({ credentials: client.credentials, region: client.region })
      const request = {
        method: "POST",
        url: `${client.endpoint}/model/us.amazon.nova-lite-v1%3A0/converse`,
        headers: { "content-type": "application/json", "x-amz-any": "a  b" },
        body: JSON.stringify({ messages: [{ role: "user", content: [{ text: "Grüße" }] }] })
      }
      const headers = yield* signer.sign(request)
      const send = (body: string) =>
        Effect.promise(() => fetch(request.url, { method: "POST", headers, body }).then(({ status }) => status))
      assert.strictEqual(yield* send(request.body), 200)
      assert.strictEqual(yield* send(`${request.body} `), 403)
    }).pipe(Effect.provide(emulator)))

  it.effect("fails with a typed error without credentials, region or URL", () =>
    Effect.gen(function*() {
      const broken = yield* BedrockSigner.make({ credentials: Effect.fail("no"), region: "us-east-1" })
      assert.strictEqual((yield* Effect.flip(broken.sign(mantle)))._tag, "AuthenticationError")
      const signer = yield* BedrockSigner.make({ credentials })
      const unknown = yield* Effect.flip(signer.sign({ ...mantle, url: "https://example.com/v1" }))
      assert.include(unknown.message, "region")
      assert.strictEqual((yield* Effect.flip(signer.sign({ ...mantle, url: "/v1" })))._tag, "InvalidRequestError")
      const many = yield* Effect.flip(BedrockSigner.make({ credentials, profile: "other" }))
      assert.strictEqual(many._tag, "InvalidRequestError")
      for (const given of [undefined, null, 1, {}, { ...mantle, headers: { a: 1 } }, { ...mantle, body: 7 }]) {
        const exit = yield* Effect.exit(signer.sign(given as never))
        assert.isTrue(Exit.isFailure(exit) && Exit.hasFails(exit))
      }
    }).pipe(Effect.provide(Environment.provided({}))))
})
