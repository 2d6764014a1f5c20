import { assert, describe, it } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import * as BedrockClient from "../src/BedrockClient.ts"
import { credentials, request } from "./support/Client.ts"
import * as Environment from "./support/Environment.ts"
import * as WireServer from "./support/WireServer.ts"

const apiKey = Redacted.make("bedrock-api-key-of-a-test")

/** The headers of one call of a client with these options. */
const headersOf = (options: BedrockClient.Options) =>
  Effect.gen(function*() {
    const server = yield* WireServer.http1(WireServer.answering)
    const client = yield* BedrockClient.make({ endpoint: server.url, region: "us-east-1", ...options })
    yield* client.converse(request)
    const [received] = server.received
    assert(received !== undefined)
    return received.headers
  })

const accessKeyOf = (headers: { readonly authorization?: string | undefined }) =>
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\//.exec(headers.authorization ?? "")?.[1]

const nothing = Environment.provided({})

const tokenInEnvironment = Environment.provided({ AWS_BEARER_TOKEN_BEDROCK: "token-of-the-environment" })

/** STS, handing out these keys for a role. */
const sts = (body: string, status = 200): WireServer.Handler => (_, answer) => {
  answer.head(status, { "content-type": "text/xml" })
  answer.end(body)
}

const assumedRole =
  `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
  <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>
  <SessionToken>role-session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`

describe("Authentication", () => {
  it.live("signs with the given keys", () =>
    Effect.gen(function*() {
      const headers = yield* headersOf({ credentials: { ...credentials, sessionToken: Redacted.make("a-session") } })
      assert.strictEqual(accessKeyOf(headers), "AKIDEXAMPLE")
      assert.strictEqual(headers["x-amz-security-token"], "a-session")
    }).pipe(Effect.provide(nothing)))

  it.live("sends an API key as a bearer token", () =>
    Effect.gen(function*() {
      const headers = yield* headersOf({ apiKey })
      assert.strictEqual(headers.authorization, "Bearer bedrock-api-key-of-a-test")
    }).pipe(Effect.provide(nothing)))

  it.live("sends AWS_BEARER_TOKEN_BEDROCK by default", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* headersOf({})).authorization, "Bearer token-of-the-environment")
    }).pipe(Effect.provide(tokenInEnvironment)))

  it.live("ignores an empty AWS_BEARER_TOKEN_BEDROCK", () =>
    Effect.gen(function*() {
      yield* Environment.ofProcess({ AWS_ACCESS_KEY_ID: "AKIDPROCESS", AWS_SECRET_ACCESS_KEY: "x" })
      assert.strictEqual(accessKeyOf(yield* headersOf({})), "AKIDPROCESS")
    }).pipe(Effect.provide(Environment.provided({ AWS_BEARER_TOKEN_BEDROCK: "" }))))

  it.live("prefers explicit options to a token in the environment, also in that of the process", () =>
    Effect.gen(function*() {
      const variables = yield* Environment.files({
        credentials: "[chosen]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = x\n"
      })
      yield* Environment.ofProcess({ ...variables, AWS_BEARER_TOKEN_BEDROCK: "token-of-the-environment" })
      assert.strictEqual(accessKeyOf(yield* headersOf({ credentials })), "AKIDEXAMPLE")
      assert.strictEqual(accessKeyOf(yield* headersOf({ profile: "chosen" })), "AKIDPROFILE")
      assert.strictEqual((yield* headersOf({ apiKey })).authorization, "Bearer bedrock-api-key-of-a-test")
    }).pipe(Effect.provide(tokenInEnvironment)))

  it.live("reads the environment of the process through the default ConfigProvider", () =>
    Effect.gen(function*() {
      yield* Environment.ofProcess({ AWS_BEARER_TOKEN_BEDROCK: "token-of-the-process" })
      const headers = yield* Effect.provide(
        headersOf({}),
        ConfigProvider.layer(ConfigProvider.fromEnv())
      )
      assert.strictEqual(headers.authorization, "Bearer token-of-the-process")
    }))

  describe("refuses two ways to authenticate, and names them", () => {
    it.effect.each<[string, BedrockClient.Options]>([
      ["apiKey, credentials", { apiKey, credentials }],
      ["apiKey, profile", { apiKey, profile: "a" }],
      ["credentials, profile", { credentials, profile: "a" }],
      ["apiKey, assumeRole", { apiKey, assumeRole: { roleArn: "arn:aws:iam::123456789012:role/r" } }]
    ])("%s", ([field, options]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(BedrockClient.make({ region: "us-east-1", ...options }))
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.strictEqual(error.field, field)
        assert.include(error.message, field)
      }).pipe(Effect.provide(nothing)))
  })

  describe("profile", () => {
    it.live("gives keys and region", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.answering)
        const variables = yield* Environment.files({
          config: "[profile work]\nregion = eu-central-1\n",
          credentials: "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = x\n"
        })
        yield* Environment.ofProcess(variables)
        const client = yield* BedrockClient.make({ endpoint: server.url, profile: "work" })
        yield* client.converse(request)
        assert.include(server.received[0]?.headers.authorization ?? "", "Credential=AKIDWORK/")
        assert.include(server.received[0]?.headers.authorization ?? "", "/eu-central-1/bedrock/")
      }).pipe(Effect.provide(nothing)))

    it.live("fails with an AuthenticationError when there is no such profile", () =>
      Effect.gen(function*() {
        yield* Environment.ofProcess(yield* Environment.files({}))
        const error = yield* Effect.flip(headersOf({ profile: "nobody" }))
        assert.strictEqual(error._tag, "AuthenticationError")
        assert.include(error.message, "nobody")
      }).pipe(Effect.provide(nothing)))
  })

  it.live("names the options to set without credentials", () =>
    Effect.gen(function*() {
      yield* Environment.ofProcess({})
      const error = yield* Effect.flip(headersOf({}))
      assert(error._tag === "AuthenticationError")
      assert.strictEqual(error.exception, "CredentialsProviderError")
      for (const hint of ["`credentials`", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"]) {
        assert.include(error.message, hint)
      }
    }).pipe(Effect.provide(nothing)))

  describe("a provider of credentials", () => {
    const counting = (expiration?: number) => {
      const state = { asked: 0 }
      const provider = Effect.sync(() => ({
        ...credentials,
        accessKeyId: `AKID${++state.asked}`,
        ...(expiration === undefined ? {} : { expiration })
      }))
      return { state, provider }
    }

    it.live("runs once, for all calls and regions", () =>
      Effect.gen(function*() {
        const { provider, state } = counting()
        const server = yield* WireServer.http1(WireServer.answering)
        const client = yield* BedrockClient.make({ endpoint: server.url, region: "us-east-1", credentials: provider })
        yield* client.converse(request)
        yield* client.converse(request)
        yield* client.converse({ ...request, modelId: "arn:aws:bedrock:eu-west-1::foundation-model/x" })
        assert.strictEqual(state.asked, 1)
      }).pipe(Effect.provide(nothing)))

    it.live("runs again when its keys are about to expire", () =>
      Effect.gen(function*() {
        const { provider } = counting(Date.now() + 1000)
        const server = yield* WireServer.http1(WireServer.answering)
        const client = yield* BedrockClient.make({ endpoint: server.url, region: "us-east-1", credentials: provider })
        yield* client.converse(request)
        yield* client.converse(request)
        assert.notStrictEqual(
          accessKeyOf(server.received[0]?.headers ?? {}),
          accessKeyOf(server.received[1]?.headers ?? {})
        )
      }).pipe(Effect.provide(nothing)))

    it.live("may be one of the AWS SDK", () =>
      Effect.gen(function*() {
        const headers = yield* headersOf({
          credentials: () => Promise.resolve({ accessKeyId: "AKIDSDK", secretAccessKey: "x" })
        })
        assert.strictEqual(accessKeyOf(headers), "AKIDSDK")
      }).pipe(Effect.provide(nothing)))

    it.live("fails with an AuthenticationError, before anything is sent", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.answering)
        for (const provider of [Effect.fail("vault is sealed"), () => Promise.reject(new Error("vault is sealed"))]) {
          const client = yield* BedrockClient.make({ endpoint: server.url, region: "us-east-1", credentials: provider })
          assert.strictEqual((yield* Effect.flip(client.converse(request)))._tag, "AuthenticationError")
        }
        assert.lengthOf(server.received, 0)
      }).pipe(Effect.provide(nothing)))
  })

  describe("assumeRole", () => {
    const assumeRole = {
      roleArn: "arn:aws:iam::123456789012:role/r",
      externalId: "external",
      duration: "15 minutes"
    } as const

    it.live("signs with the keys of the role, assumed with the given credentials", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(sts(assumedRole))
        yield* Environment.ofProcess({ AWS_ENDPOINT_URL_STS: server.url })
        const headers = yield* headersOf({ credentials, assumeRole })
        assert.strictEqual(accessKeyOf(headers), "ASIAROLE")
        assert.strictEqual(headers["x-amz-security-token"], "role-session")
        const [asked] = server.received
        assert.include(asked?.headers.authorization ?? "", "Credential=AKIDEXAMPLE/")
        for (const field of ["RoleSessionName=strata", "ExternalId=external", "DurationSeconds=900"]) {
          assert.include(asked?.body ?? "", field)
        }
      }).pipe(Effect.provide(nothing)))

    it.live("fails with the error of STS", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(
          sts(
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message>" +
              "</Error></ErrorResponse>",
            403
          )
        )
        yield* Environment.ofProcess({ AWS_ENDPOINT_URL_STS: server.url })
        const error = yield* Effect.flip(headersOf({ credentials, assumeRole }))
        assert.strictEqual(error._tag, "AuthenticationError")
        assert.include(error.message, "\"not authorized to perform: sts:AssumeRole\"")
        assert.lengthOf(server.received, 1)
      }).pipe(Effect.provide(nothing)))
  })

  describe("keys as they come from files and pages", () => {
    it.live.each([
      " bedrock-api-key-of-a-test\n",
      "\ufeffbedrock-api-key-of-a-test\r\n",
      "Bearer bedrock-api-key-of-a-test",
      "bearer  bedrock-api-key-of-a-test\n"
    ])("sends %j without what surrounds it", (key) =>
      Effect.gen(function*() {
        for (const options of [{ apiKey: Redacted.make(key) }, { apiKey: Effect.succeed(Redacted.make(key)) }]) {
          assert.strictEqual((yield* headersOf(options)).authorization, "Bearer bedrock-api-key-of-a-test")
        }
        const fromEnvironment = yield* Effect.provide(
          headersOf({}),
          Environment.provided({ AWS_BEARER_TOKEN_BEDROCK: key })
        )
        assert.strictEqual(fromEnvironment.authorization, "Bearer bedrock-api-key-of-a-test")
      }).pipe(Effect.provide(nothing)))

    it.live("signs with AWS keys without white space, of options and of providers", () =>
      Effect.gen(function*() {
        const keys = {
          accessKeyId: " AKIDEXAMPLE\n",
          secretAccessKey: Redacted.make("a-secret-access-key\n"),
          sessionToken: Redacted.make("a-session\r\n")
        }
        const sdkKeys = {
          accessKeyId: "AKIDEXAMPLE\n",
          secretAccessKey: "a-secret-access-key\n",
          sessionToken: "a-session\n"
        }
        for (const credentials of [keys, Effect.succeed(keys), () => Promise.resolve(sdkKeys)]) {
          const headers = yield* headersOf({ credentials })
          assert.strictEqual(accessKeyOf(headers), "AKIDEXAMPLE")
          assert.strictEqual(headers["x-amz-security-token"], "a-session")
        }
      }).pipe(Effect.provide(nothing)))

    it.live("signs what the emulator accepts", () =>
      Effect.gen(function*() {
        const { client: known } = yield* Emulator.Emulator
        const secretAccessKey = Redacted.make(`${Redacted.value(known.credentials.secretAccessKey)}\n`)
        const client = yield* BedrockClient.make({ ...known, credentials: { ...known.credentials, secretAccessKey } })
        yield* client.converse(request)
      }).pipe(Effect.provide(
        Layer.mergeAll(
          nothing,
          Emulator.layer().pipe(Layer.provide(Layer.merge(TestChat.layer(() => "Hello"), TestEmbedding.layer())))
        )
      )))

    const broken = "first-line-of-a-key\nsecond-line-of-a-key"
    it.effect.each<readonly [string, BedrockClient.Options]>([
      ["apiKey", { apiKey: Redacted.make(broken) }],
      ["apiKey", { apiKey: Redacted.make("a-key-with-\u200b-in-it second-line-of-a-key") }],
      ["apiKey", { apiKey: Redacted.make("Bearer \n") }],
      ["credentials.accessKeyId", { credentials: { ...credentials, accessKeyId: broken } }],
      ["credentials.secretAccessKey", { credentials: { ...credentials, secretAccessKey: Redacted.make(broken) } }],
      ["credentials.sessionToken", { credentials: { ...credentials, sessionToken: Redacted.make(broken) } }],
      ["AWS_BEARER_TOKEN_BEDROCK", {}]
    ])(
      "refuses a %s that cannot be sent, when the layer is built, and does not show it",
      ([field, options]) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(BedrockClient.make({ region: "us-east-1", ...options }))
          assert.strictEqual(error._tag, "InvalidRequestError")
          assert.strictEqual(error.field, field)
          assert.notMatch(inspect(error, { depth: 20, showHidden: true }), /first-line|second-line/)
        }).pipe(Effect.scoped, Effect.provide(Environment.provided({ AWS_BEARER_TOKEN_BEDROCK: broken })))
    )

    it.live.each<readonly [string, BedrockClient.Options]>([
      ["the provider of the API key: what it gave: ", { apiKey: Effect.succeed(Redacted.make(broken)) }],
      // What JavaScript may give.
      ["the provider of the API key: what it gave: ", { apiKey: Effect.succeed(broken as never) }],
      ["the credential provider: what it gave: ", { credentials: Effect.succeed(undefined as never) }],
      ["the credential provider: what it gave: ", { credentials: () => Promise.resolve(undefined as never) }],
      ["the credential provider: accessKeyId: ", {
        credentials: () => Promise.resolve({ accessKeyId: broken, secretAccessKey: "x" })
      }],
      ["the credential provider: expiration: ", {
        credentials: () => Promise.resolve({ accessKeyId: "x", secretAccessKey: "x", expiration: broken as never })
      }],
      ["the credential provider: ", { credentials: Effect.die(new Error("vault is sealed")) }],
      ["the credential provider: ", {
        credentials: () => {
          throw new Error("vault is sealed")
        }
      }]
    ])(
      "fails with an AuthenticationError for what a provider gives, that begins %j",
      ([begin, options]) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(headersOf(options))
          assert.strictEqual(error._tag, "AuthenticationError")
          assert.isTrue(error.message.startsWith(begin), error.message)
          assert.notMatch(inspect(error, { depth: 20, showHidden: true }), /first-line|second-line/)
        }).pipe(Effect.provide(nothing))
    )
  })

  it.live("shows no secret, in errors or in the client itself", () =>
    Effect.gen(function*() {
      const options: ReadonlyArray<BedrockClient.Options> = [
        { credentials: { ...credentials, sessionToken: Redacted.make("a-session-token") } },
        { apiKey }
      ]
      const handlers = [
        WireServer.failing(403, "ExpiredTokenException", "The security token included in the request is expired"),
        WireServer.failing(400, "ValidationException", "no"),
        (_: WireServer.Received, answer: WireServer.Answer) => answer.cut()
      ]
      for (const option of options) {
        for (const handler of handlers) {
          const server = yield* WireServer.http1(handler)
          const client = yield* BedrockClient.make({ endpoint: server.url, region: "us-east-1", ...option })
          const error = yield* Effect.flip(client.converse(request))
          const texts = [
            inspect(error, { depth: 20, showHidden: true }),
            JSON.stringify(error),
            inspect(client, { depth: 20 })
          ]
          for (const text of texts) {
            for (const secret of ["a-secret-access-key", "a-session-token", "bedrock-api-key-of-a-test"]) {
              assert.notInclude(text, secret)
            }
          }
          assert.notInclude(texts[0] ?? "", "a confidential prompt")
        }
      }
    }).pipe(Effect.provide(nothing)))
})
