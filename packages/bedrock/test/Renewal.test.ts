import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import type * as ProviderError from "@strata/core/ProviderError"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import type * as Authentication from "../src/Authentication.ts"
import * as BedrockChat from "../src/BedrockChat.ts"
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

/** Credentials with so many milliseconds left, then what comes next. */
const expiring = (left: number, next: Effect.Effect<Authentication.Credentials, unknown>) => {
  const state = { asked: 0 }
  const provider = Effect.suspend(() =>
    ++state.asked === 1
      ? Effect.succeed({ ...credentials, accessKeyId: "AKID1", expiration: Date.now() + left })
      : next
  )
  return { state, provider }
}

/** Sets the clock of the process, on which credentials expire, so many milliseconds ahead of what it was. */
const clock = Effect.map(
  Effect.acquireRelease(Effect.sync(() => Date.now), (now) => Effect.sync(() => void (Date.now = now))),
  (now) => (ahead: number) => void (Date.now = () => now() + ahead)
)

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

  it.live.each(["converse", "converseStream"] as const)(
    "renews them twice in a row, where that is needed: %s",
    (operation) =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(knowing(["AKID3"]))
        const { provider, state } = rotating(9)
        const client = yield* connect(server, { credentials: provider })
        yield* Effect.exit<unknown, ProviderError.CallError, never>(
          operation === "converse" ? client.converse(request) : Effect.scoped(client.converseStream(request))
        )
        assert.deepStrictEqual(server.received.map(accessKeyOf), ["AKID1", "AKID2", "AKID3"])
        assert.strictEqual(state.asked, 3)
      }).pipe(Effect.provide(nothing))
  )

  it.live.each([16, 64])(
    "loses no call and no stream of a job, %i at a time, and counts none as a retry",
    (concurrency) =>
      Effect.gen(function*() {
        // Each key is good for so many requests that some calls find theirs used up twice.
        let served = 0
        const server = yield* WireServer.http1((received, answer) => {
          const key = Number(accessKeyOf(received)?.slice("AKID".length))
          if (key !== Math.floor(served / 50) + 1) return expired(received, answer)
          served++
          return received.path.endsWith("-stream")
            ? WireServer.streaming([
              WireServer.event("messageStart", { role: "assistant" }),
              WireServer.delta("Hello"),
              WireServer.event("contentBlockStop", { contentBlockIndex: 0 }),
              WireServer.event("messageStop", { stopReason: "end_turn" }),
              WireServer.event("metadata", { usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } })
            ])(received, answer)
            : WireServer.answering(received, answer)
        })
        const { provider, state } = rotating(99)
        const chat = BedrockChat.layer({ model: request.modelId, policy: Policy.none }).pipe(
          Layer.provide(BedrockClient.layer({
            endpoint: server.url,
            region: "us-east-1",
            credentials: Effect.delay(provider, "5 millis")
          }))
        )
        const texts = yield* Effect.forEach(
          Array.from({ length: 250 }),
          (_, index) =>
            index % 2 === 0
              ? Effect.map(ChatService.generate({ messages: "Hi" }), ({ text }) => text)
              : Stream.mkString(ChatService.textStream({ messages: "Hi" })),
          { concurrency }
        ).pipe(Effect.provide(chat))
        assert.isTrue(texts.every((text) => text === "Hello"))
        assert.strictEqual(served, 250)
        assert.strictEqual(state.asked, 5)
      }).pipe(Effect.provide(nothing))
  )

  it.live("sends a call again whose credentials were renewed by themselves while it was under way", () =>
    Effect.gen(function*() {
      let refuse = () => {}
      const server = yield* WireServer.http1((received, answer) => {
        if (accessKeyOf(received) === "AKID2") return WireServer.answering(received, answer)
        refuse = () => expired(received, answer)
      })
      const { provider, state } = expiring(600_000, Effect.succeed({ ...credentials, accessKeyId: "AKID2" }))
      const skip = yield* clock
      const client = yield* connect(server, { credentials: provider })
      const first = yield* Effect.forkChild(converse(client))
      yield* WireServer.eventually(() => server.received.length === 1)
      skip(595_000)
      yield* converse(client)
      refuse()
      yield* Fiber.join(first)
      assert.strictEqual(state.asked, 2)
      assert.deepStrictEqual(server.received.map(accessKeyOf), ["AKID1", "AKID2", "AKID2"])
    }).pipe(Effect.provide(nothing)))

  it.live("asks again, before it signs, for credentials that have expired already", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(knowing(["AKID4"]))
      let asked = 0
      const client = yield* connect(server, {
        credentials: Effect.sync(() => ({
          ...credentials,
          accessKeyId: `AKID${++asked}`,
          ...(asked < 4 ? { expiration: Date.now() - 1 } : {})
        }))
      })
      yield* converse(client)
      // The SDK asks twice for a request.
      assert.deepStrictEqual(server.received.map(accessKeyOf), ["AKID2", "AKID4"])
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

describe("BedrockClient, when credentials are about to expire", () => {
  it.live("renews them once for all calls", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const { provider, state } = expiring(600_000, Effect.succeed({ ...credentials, accessKeyId: "AKID2" }))
      const skip = yield* clock
      const client = yield* connect(server, { credentials: provider })
      yield* converse(client)
      skip(595_000)
      yield* Effect.all(Array.from({ length: 64 }, () => converse(client)), { concurrency: "unbounded" })
      assert.strictEqual(state.asked, 2)
      assert.isTrue(server.received.slice(1).every((received) => accessKeyOf(received) === "AKID2"))
    }).pipe(Effect.provide(nothing)))

  it.live("does not wait for new ones while there are minutes left", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const { provider, state } = expiring(600_000, Effect.never)
      const skip = yield* clock
      const client = yield* connect(server, { credentials: provider })
      yield* converse(client)
      skip(400_000)
      yield* converse(client)
      yield* converse(client)
      assert.deepStrictEqual(server.received.map(accessKeyOf), ["AKID1", "AKID1", "AKID1"])
      assert.strictEqual(state.asked, 2)
    }).pipe(Effect.provide(nothing)))

  it.live("goes on with them, and says so once, when they cannot be renewed", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const { provider, state } = expiring(600_000, Effect.fail("vault is sealed"))
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) =>
        void lines.push(`${logLevel} ${String(message)}`)
      )
      const skip = yield* clock
      const client = yield* Effect.provideService(
        connect(server, { credentials: provider }),
        Logger.CurrentLoggers,
        new Set([logger])
      )
      yield* converse(client)
      skip(550_000)
      yield* Effect.all(Array.from({ length: 20 }, () => converse(client)), { concurrency: "unbounded" })
      assert.isTrue(server.received.every((received) => accessKeyOf(received) === "AKID1"))
      assert.strictEqual(state.asked, 2)
      assert.deepStrictEqual(lines, [
        "Warn Credentials cannot be renewed: they are used until they expire,the credential provider: \"vault is sealed\". " +
        "Check where it gets the credentials from."
      ])
      skip(600_000)
      const error = yield* Effect.flip(converse(client))
      assert.strictEqual(error._tag, "AuthenticationError")
      assert.strictEqual(state.asked, 3)
    }).pipe(Effect.provide(nothing)))
})

describe("BedrockClient, on a machine whose clock is wrong", () => {
  const stamp = (time: number) => new Date(time).toISOString().replace(/[-:]|\.\d+/g, "")

  /** A service that lives `ahead` milliseconds in the future; `name`: of an exception that does not say the time. */
  const inTheFuture = (ahead: number, name?: string): WireServer.Handler => (received, answer) => {
    const now = Date.now() + ahead
    const dated = String(received.headers["x-amz-date"])
    const signed = Date.parse(dated.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z"))
    const answering = received.path.endsWith("-stream")
      ? WireServer.streaming([WireServer.event("messageStop", { stopReason: "end_turn" })])
      : WireServer.answering
    const refusing = name === undefined ? undefined : WireServer.failing(403, name, "The difference is too large.")
    const handler = Math.abs(now - signed) < 300_000 ? answering : refusing ?? WireServer.failing(
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
    it.live.each([undefined, "RequestTimeTooSkewed", "RequestExpired"])(
      `signs by the time of the service, where it is ${name}: %s`,
      (exception) =>
        Effect.gen(function*() {
          const server = yield* WireServer.http1(inTheFuture(ahead, exception))
          const client = yield* connect(server)
          yield* Effect.scoped(client.converseStream(request))
          yield* converse(client)
          assert.lengthOf(server.received, 3)
          const other = yield* connect(server)
          yield* converse(other)
          yield* converse(other)
          assert.lengthOf(server.received, 6)
        }).pipe(Effect.provide(nothing))
    )
  }
})
