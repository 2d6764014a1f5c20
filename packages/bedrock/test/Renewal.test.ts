import { assert, describe, it } from "@effect/vitest"
import type * as ProviderError from "@strata/core/ProviderError"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as BedrockClient from "../src/BedrockClient.ts"
import { connect, credentials, request } from "./support/Client.ts"
import * as Environment from "./support/Environment.ts"
import * as WireServer from "./support/WireServer.ts"

const expired = WireServer.failing(
  403,
  "ExpiredTokenException",
  "The security token included in the request is expired"
)
const unrecognized = WireServer.failing(
  403,
  "UnrecognizedClientException",
  "The security token included in the request is invalid."
)
const wrongKey = WireServer.failing(
  403,
  "AccessDeniedException",
  "Authentication failed: Please make sure your API Key is valid."
)

const accessKeyOf = (received: WireServer.Received | undefined) =>
  /Credential=([^/]+)\//.exec(received?.headers.authorization ?? "")?.[1]

/** Answers whoever shows one of these keys. */
const knowing =
  (keys: ReadonlyArray<string>, refuse: WireServer.Handler = expired): WireServer.Handler => (received, answer) => {
    const key = accessKeyOf(received) ?? received.headers.authorization ?? ""
    return (keys.includes(key) ? WireServer.answering : refuse)(received, answer)
  }

/** Hands out AKID1, AKID2 …, the last of them for good. */
const rotating = (last: number) => {
  const state = { asked: 0 }
  const provider = Effect.sync(() => ({ ...credentials, accessKeyId: `AKID${Math.min(++state.asked, last)}` }))
  return { state, provider }
}

const converse = (client: BedrockClient.BedrockClient["Service"], modelId = request.modelId) =>
  client.converse({ ...request, modelId })

const elsewhere = "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0"

const nothing = Environment.provided({})

describe("BedrockClient, when credentials are refused", () => {
  it.live("renews them once for concurrent refusals, and retries the calls", () =>
    Effect.gen(function*() {
      // refuses in two waves: those of the second come when the credentials are renewed already
      const waiting: Array<() => void> = []
      const server = yield* WireServer.http1((received, answer) => {
        if (accessKeyOf(received) === "AKID2") return WireServer.answering(received, answer)
        waiting.push(() => expired(received, answer))
        if (waiting.length === 50) {
          waiting.slice(0, 25).forEach((refuse) => refuse())
          setTimeout(() => waiting.slice(25).forEach((refuse) => refuse()), 50)
        }
      })
      const { provider, state } = rotating(9)
      const client = yield* connect(server, { credentials: provider })
      yield* Effect.all(Array.from({ length: 50 }, () => converse(client)), { concurrency: "unbounded" })
      assert.strictEqual(state.asked, 2)
      assert.lengthOf(server.received, 100)
      yield* converse(client)
      assert.lengthOf(server.received, 101)
    }).pipe(Effect.provide(nothing)))

  it.live("does so for every operation", () =>
    Effect.gen(function*() {
      const operations: ReadonlyArray<
        (client: BedrockClient.BedrockClient["Service"]) => Effect.Effect<unknown, ProviderError.CallError>
      > = [
        (client) => converse(client),
        (client) => Effect.scoped(client.converseStream(request)),
        (client) => client.invokeModel({ modelId: "m", body: "{}" }),
        (client) => client.countTokens({ modelId: "m", input: { converse: { messages: [] } } }),
        (client) =>
          client.applyGuardrail({ guardrailIdentifier: "g", guardrailVersion: "1", source: "INPUT", content: [] })
      ]
      for (const operation of operations) {
        const server = yield* WireServer.http1(knowing(["AKID2"]))
        const { provider } = rotating(2)
        yield* Effect.result(operation(yield* connect(server, { credentials: provider })))
        assert.deepStrictEqual(server.received.map(accessKeyOf), ["AKID1", "AKID2"])
      }
    }).pipe(Effect.provide(nothing)))

  it.live("has them renewed for all regions", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(knowing(["AKID2"], unrecognized))
      const { provider, state } = rotating(2)
      const client = yield* connect(server, { credentials: provider })
      yield* Effect.all([converse(client), converse(client, elsewhere)], { concurrency: 2 })
      yield* converse(client, elsewhere)
      assert.strictEqual(state.asked, 2)
      assert.lengthOf(server.received, 5)
    }).pipe(Effect.provide(nothing)))

  it.live("calls a provider of the SDK again, and tells it that it should renew", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(knowing(["AKID2"]))
      const told: Array<unknown> = []
      const client = yield* connect(server, {
        credentials: (properties) => {
          told.push(properties?.["forceRefresh"])
          return Promise.resolve({ accessKeyId: `AKID${told.length}`, secretAccessKey: "x" })
        }
      })
      yield* converse(client)
      assert.deepStrictEqual(told, [undefined, true])
    }).pipe(Effect.provide(nothing)))

  it.live("fails at once with fixed keys, with the reason", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(expired)
      const error = yield* Effect.flip(converse(yield* connect(server)))
      assert.strictEqual(error._tag, "AuthenticationError")
      assert.strictEqual(error.exception, "ExpiredTokenException")
      assert.match(error.message, /is expired" \(request .*\)\. .*the same ones: use a credential provider/)
      assert.lengthOf(server.received, 1)
    }).pipe(Effect.provide(nothing)))

  it.live("gives up after three renewals, all of them refused", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(expired)
      const { provider, state } = rotating(9)
      const error = yield* Effect.flip(converse(yield* connect(server, { credentials: provider })))
      assert.strictEqual(error._tag, "AuthenticationError")
      assert.notInclude(error.message, "the same ones")
      assert.lengthOf(server.received, 4)
      assert.strictEqual(state.asked, 4)
    }).pipe(Effect.provide(nothing)))

  it.live("fails all pending calls with the provider's error, after one request to it", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(expired)
      let asked = 0
      const client = yield* connect(server, {
        credentials: Effect.suspend(() => ++asked === 1 ? Effect.succeed(credentials) : Effect.fail("vault is sealed"))
      })
      const errors = yield* Effect.all(Array.from({ length: 10 }, () => Effect.flip(converse(client))), {
        concurrency: "unbounded"
      })
      assert.isTrue(errors.every((error) => error.message.startsWith("the credential provider: ")))
      assert.strictEqual(asked, 2)
      assert.lengthOf(server.received, 10)
    }).pipe(Effect.provide(nothing)))

  it.live("continues a renewal when the call that started it is interrupted", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(knowing(["AKID2"]))
      let asked = 0
      let finish = () => {}
      const client = yield* connect(server, {
        credentials: () =>
          new Promise((resolve) => {
            const give = () => resolve({ accessKeyId: `AKID${asked}`, secretAccessKey: "x" })
            if (++asked === 1) give()
            else finish = give
          })
      })
      const first = yield* Effect.forkChild(converse(client))
      yield* WireServer.eventually(() => asked === 2)
      const second = yield* Effect.forkChild(converse(client))
      yield* WireServer.eventually(() => server.received.length === 2)
      yield* Fiber.interrupt(first)
      finish()
      yield* Fiber.join(second)
      assert.strictEqual(asked, 2)
    }).pipe(Effect.provide(nothing)))

  it.live("does not ask a provider again that failed by itself", () =>
    Effect.gen(function*() {
      let asked = 0
      const server = yield* WireServer.http1(expired)
      const client = yield* connect(server, {
        credentials: Effect.suspend(() => Effect.fail(`vault is sealed ${++asked}`))
      })
      assert.strictEqual((yield* Effect.flip(converse(client)))._tag, "AuthenticationError")
      assert.strictEqual(asked, 1)
    }).pipe(Effect.provide(nothing)))

  it.live("leaves other errors alone", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(
        WireServer.failing(403, "AccessDeniedException", "User is not authorized to perform: bedrock:InvokeModel")
      )
      const { provider, state } = rotating(2)
      const error = yield* Effect.flip(converse(yield* connect(server, { credentials: provider })))
      assert.strictEqual(error._tag, "PermissionDeniedError")
      assert.strictEqual(state.asked, 1)
      assert.lengthOf(server.received, 1)
    }).pipe(Effect.provide(nothing)))

  describe("an API key", () => {
    const keys = (...known: ReadonlyArray<string>) => knowing(known.map((key) => `Bearer ${key}`), wrongKey)

    it.live("that an effect gets is got again, once for all regions", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(keys("key-2"))
        let asked = 0
        const client = yield* connect(server, {
          credentials: undefined,
          apiKey: Effect.sync(() => Redacted.make(`key-${++asked}`))
        })
        yield* converse(client, elsewhere)
        yield* converse(client)
        yield* converse(client, elsewhere)
        assert.strictEqual(asked, 2)
        assert.lengthOf(server.received, 4)
      }).pipe(Effect.provide(nothing)))

    it.live("that is fixed is not sent again", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(keys("key-2"))
        const client = yield* connect(server, { credentials: undefined, apiKey: Redacted.make("key-1") })
        const error = yield* Effect.flip(converse(client))
        assert.match(error.message, /the same ones/)
        assert.lengthOf(server.received, 1)
      }).pipe(Effect.provide(nothing)))

    it.live("that cannot be got is an AuthenticationError", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(keys("key-1"))
        const client = yield* connect(server, { credentials: undefined, apiKey: Effect.fail("vault is sealed") })
        const error = yield* Effect.flip(converse(client))
        assert.strictEqual(error._tag, "AuthenticationError")
        assert.lengthOf(server.received, 0)
      }).pipe(Effect.provide(nothing)))
  })

  it.live.each<readonly [string, BedrockClient.Options]>([
    ["a profile", { credentials: undefined, profile: "default" }],
    ["the SDK's own chain", { credentials: undefined }]
  ])("reads the files of %s again", ([_, options]) =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(knowing(["AKID2"]))
      const keys = (id: string) => `[default]\naws_access_key_id = ${id}\naws_secret_access_key = x\n`
      const variables = yield* Environment.files({ credentials: keys("AKID1") })
      yield* Environment.ofProcess(variables)
      const client = yield* connect(server, options)
      yield* Effect.flip(converse(client))
      Fs.writeFileSync(variables.AWS_SHARED_CREDENTIALS_FILE, keys("AKID2"))
      yield* converse(client)
      assert.deepStrictEqual(server.received.map(accessKeyOf), ["AKID1", "AKID1", "AKID2"])
    }).pipe(Effect.provide(nothing)))

  describe("assumes a role again, with renewed credentials", () => {
    it.live.each<readonly [string, ReadonlyArray<string>, ReadonlyArray<string>]>([
      ["Bedrock", ["ASIA2"], ["AKID1", "AKID2"]],
      ["STS", ["ASIA1"], ["AKID2"]]
    ])("when %s refuses them", ([_, known, sources]) =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(knowing(known))
        let sessions = 0
        const sts = yield* WireServer.http1((received, answer) => {
          const refused = !sources.includes(accessKeyOf(received) ?? "")
          answer.head(refused ? 403 : 200, { "content-type": "text/xml" })
          answer.end(
            refused
              ? "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The token is expired</Message></Error></ErrorResponse>"
              : `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
                <AccessKeyId>ASIA${++sessions}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
                <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`
          )
        })
        yield* Environment.ofProcess({ AWS_ENDPOINT_URL_STS: sts.url })
        const { provider } = rotating(2)
        const client = yield* connect(server, {
          credentials: provider,
          assumeRole: { roleArn: "arn:aws:iam::123456789012:role/r" }
        })
        yield* converse(client)
        assert.strictEqual(accessKeyOf(sts.received.at(-1)), "AKID2")
      }).pipe(Effect.provide(nothing)))
  })

  it.live("is answered by an emulator that knows only the new keys", () =>
    Effect.gen(function*() {
      const { client: known } = yield* Emulator.Emulator
      let asked = 0
      const client = yield* BedrockClient.make({
        ...known,
        credentials: Effect.sync(() => ++asked === 1 ? credentials : known.credentials)
      })
      yield* Effect.all(Array.from({ length: 50 }, () => converse(client)), { concurrency: "unbounded" })
      assert.strictEqual(asked, 2)
    }).pipe(Effect.provide(
      Layer.mergeAll(
        nothing,
        Emulator.layer().pipe(Layer.provide(Layer.merge(TestChat.layer(() => "Hello"), TestEmbedding.layer())))
      )
    )))
})

describe("BedrockClient, on a machine whose clock is wrong", () => {
  const stamp = (time: number) => new Date(time).toISOString().replace(/[-:]|\.\d+/g, "")

  /** A service that lives `ahead` milliseconds in the future. */
  const inTheFuture = (ahead: number): WireServer.Handler => (received, answer) => {
    const now = Date.now() + ahead
    const dated = String(received.headers["x-amz-date"])
    const signed = Date.parse(dated.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z"))
    const answering = received.path.endsWith("-stream")
      ? WireServer.streaming([WireServer.event("messageStop", { stopReason: "end_turn" })])
      : WireServer.answering
    const handler = Math.abs(now - signed) < 300_000 ? answering : WireServer.failing(
      403,
      "InvalidSignatureException",
      signed < now
        ? `Signature expired: ${dated} is now earlier than ${stamp(now - 300_000)} (${stamp(now)} - 5 min.)`
        : `Signature not yet current: ${dated} is still later than ${stamp(now + 300_000)} (${stamp(now)} + 5 min.)`,
      // a cache answers with an age, and then the SDK does not go by the date
      { age: "1" }
    )
    const date = new Date(now).toUTCString()
    handler(received, { ...answer, head: (status, headers) => answer.head(status, { ...headers, date }) })
  }

  for (const [name, ahead] of [["slow", 3_600_000], ["fast", -3_600_000]] as const) {
    it.live(`signs by the time of the service, where it is ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(inTheFuture(ahead))
        const client = yield* connect(server)
        yield* Effect.scoped(client.converseStream(request))
        yield* converse(client)
        assert.lengthOf(server.received, 3)
        const other = yield* connect(server)
        yield* converse(other)
        yield* converse(other)
        assert.lengthOf(server.received, 6)
      }).pipe(Effect.provide(nothing)))
  }
})
