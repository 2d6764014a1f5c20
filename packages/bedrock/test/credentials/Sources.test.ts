import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Fallback from "@strata/core/chat/Fallback"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import { TestChat } from "@strata/core/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { inspect } from "node:util"
import * as BedrockChat from "../../src/BedrockChat.ts"
import * as BedrockClient from "../../src/BedrockClient.ts"
import { connect, request } from "../support/Client.ts"
import * as Environment from "../support/Environment.ts"
import * as WireServer from "../support/WireServer.ts"

/** In every file, answer, command and output of these tests; no error may have it. */
const secret = "S3CRET-of-a-file"

/** Where a case has its files, and the servers it asks. */
interface Place {
  readonly file: (name: string, content: string) => string
  readonly server: (handler: WireServer.Handler) => Effect.Effect<string, never, Scope.Scope>
}

/** What is set for a call: variables, the configuration files, the options of the client. */
interface Given {
  readonly variables?: Record<string, string>
  readonly config?: string
  readonly options?: BedrockClient.Options
}

/** Sets all that for as long as the scope is open. */
const place = Effect.fnUntraced(function*(given: (place: Place) => Effect.Effect<Given, never, Scope.Scope>) {
  const directory = yield* Environment.directory
  const { config = "", options = {}, variables = {} } = yield* given({
    file: (name, content) => {
      const path = Path.join(directory, name)
      Fs.mkdirSync(Path.dirname(path), { recursive: true })
      Fs.writeFileSync(path, content, { mode: 0o700 })
      return path
    },
    server: (handler) => Effect.map(WireServer.http1(handler), ({ url }) => url)
  })
  const files = yield* Environment.files({ config })
  yield* Environment.ofProcess({ HOME: directory, ...files, ...variables })
  return { directory, options: { credentials: undefined, ...options } }
})

const failureOf = (given: (place: Place) => Effect.Effect<Given, never, Scope.Scope>) =>
  Effect.gen(function*() {
    const { directory, options } = yield* place(given)
    const server = yield* WireServer.http1(WireServer.answering)
    const error = yield* Effect.flip(Effect.flatMap(connect(server, options), (client) => client.converse(request)))
    assert.lengthOf(server.received, 0)
    return { error, message: error.message.replaceAll(directory, "~").replace(/127\.0\.0\.1:\d+/, "127.0.0.1") }
  }).pipe(Effect.scoped, Effect.provide(Environment.provided({})))

/** The access key id of a request that is answered. */
const keyOf = (given: (place: Place) => Effect.Effect<Given, never, Scope.Scope>) =>
  Effect.gen(function*() {
    const { options } = yield* place(given)
    const server = yield* WireServer.http1(WireServer.answering)
    yield* Effect.flatMap(connect(server, options), (client) => client.converse(request))
    return /Credential=([^/]+)\//.exec(server.received[0]?.headers.authorization ?? "")?.[1]
  }).pipe(Effect.scoped, Effect.provide(Environment.provided({})))

const answer = (status: number, body: string, type = "text/xml"): WireServer.Handler => (_, answer) => {
  answer.head(status, { "content-type": type })
  answer.end(body)
}

const stsError = (status: number, code: string, message: string) =>
  answer(
    status,
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>` +
      "<RequestId>sts-1</RequestId></ErrorResponse>"
  )

const html = `<html><body>Sign in to the network &amp; ${secret}</body></html>`

const roleArn = "arn:aws:iam::123456789012:role/r"

const keys = `aws_access_key_id = AKIDFILE\naws_secret_access_key = ${secret}\n`

const variables = (variables: Record<string, string>) => (): Effect.Effect<Given> => Effect.succeed({ variables })

/** Profile "x" of a configuration file, as an option. */
const profile = (config: string) => (): Effect.Effect<Given> => Effect.succeed({ config, options: { profile: "x" } })

const webIdentity = (handler: WireServer.Handler, token = `${secret}\n`) => (place: Place) =>
  Effect.map(place.server(handler), (url): Given => ({
    variables: {
      AWS_ENDPOINT_URL_STS: url,
      AWS_ROLE_ARN: roleArn,
      AWS_WEB_IDENTITY_TOKEN_FILE: place.file("token", token)
    }
  }))

const sourceOfRole = { accessKeyId: "AKID", secretAccessKey: Redacted.make(secret) }

const assuming = (handler: WireServer.Handler) => (place: Place) =>
  Effect.map(place.server(handler), (url): Given => ({
    variables: { AWS_ENDPOINT_URL_STS: url },
    options: { credentials: sourceOfRole, assumeRole: { roleArn } }
  }))

const container = (handler: WireServer.Handler, variables: Record<string, string> = {}) => (place: Place) =>
  Effect.map(place.server(handler), (url): Given => ({
    variables: {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/role`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: secret,
      ...variables
    }
  }))

const instanceAt = (url: string): Given => ({
  variables: { AWS_EC2_METADATA_DISABLED: "false", AWS_EC2_METADATA_SERVICE_ENDPOINT: url }
})

const instance = (handler: WireServer.Handler) => (place: Place) => Effect.map(place.server(handler), instanceAt)

const credentialProcess = (script: string) => (place: Place) =>
  Effect.succeed({
    config: `[profile x]\ncredential_process = ${place.file("get", `#!/bin/sh\n${script}\n`)} --secret ${secret}\n`,
    options: { profile: "x" }
  })

const printed = (fields: object) =>
  `echo '${JSON.stringify({ Version: 1, AccessKeyId: "AKIDPROCESS", SecretAccessKey: secret, ...fields })}'`

const ssoConfig =
  "[profile x]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = r\nregion = us-east-1\n" +
  "[sso-session work]\nsso_region = us-east-1\nsso_start_url = https://example.com/start\n"

/** Profile "x" of SSO, with a token that a login has left. */
const sso = (url: Effect.Effect<string, never, Scope.Scope>, expiresAt = "2099-01-01T00:00:00Z") => (place: Place) =>
  Effect.map(url, (url): Given => {
    const name = Crypto.createHash("sha1").update("work").digest("hex")
    place.file(`.aws/sso/cache/${name}.json`, JSON.stringify({ accessToken: secret, expiresAt }))
    return { variables: { AWS_ENDPOINT_URL_SSO: url }, config: ssoConfig, options: { profile: "x" } }
  })

const ssoAnswering = (status: number, type: string, message: string) => (place: Place) =>
  sso(place.server(answer(status, JSON.stringify({ message, __type: type }), "application/json")))(place)

const loginArn = "arn:aws:iam::123456789012:user/x"

const loginConfig = `[profile x]\nlogin_session = ${loginArn}\n`

/** Profile "x" of a login in a browser, with the file it has left. */
const login = (content: string, handler: WireServer.Handler) => (place: Place) =>
  Effect.map(place.server(handler), (url): Given => {
    place.file(`.aws/login/cache/${Crypto.createHash("sha256").update(loginArn).digest("hex")}.json`, content)
    return { variables: { AWS_ENDPOINT_URL_SIGNIN: url }, config: loginConfig, options: { profile: "x" } }
  })

const { privateKey: dpopKey } = Crypto.generateKeyPairSync("ec", {
  namedCurve: "P-256",
  privateKeyEncoding: { type: "sec1", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" }
})

const loginToken = JSON.stringify({
  accessToken: { accountId: "123456789012", expiresAt: "2020-01-01T00:00:00Z" },
  clientId: "c",
  refreshToken: secret,
  dpopKey
})

const none = "AWS credentials: no source gave any"

const whatToSet = "Set `credentials`, `profile` or `apiKey`, or in the environment AWS_ACCESS_KEY_ID and " +
  "AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK."

const endpoint = "the credentials endpoint of the container"

const role = `role ${roleArn}`

/** What is set, the whole message, and whether the failure may go away by itself. */
type Case = readonly [
  given: (place: Place) => Effect.Effect<Given, never, Scope.Scope>,
  message: string,
  transient?: "transient"
]

const cases: Readonly<Record<string, Readonly<Record<string, Case>>>> = {
  "the environment": {
    "without a secret key": [
      variables({ AWS_ACCESS_KEY_ID: "AKID" }),
      `${none} (the environment: AWS_SECRET_ACCESS_KEY is not set beside AWS_ACCESS_KEY_ID). Set AWS_SECRET_ACCESS_KEY.`
    ],
    "without an access key id": [
      variables({ AWS_SECRET_ACCESS_KEY: secret }),
      `${none} (the environment: AWS_ACCESS_KEY_ID is not set beside AWS_SECRET_ACCESS_KEY). Set AWS_ACCESS_KEY_ID.`
    ],
    "with keys that AWS_PROFILE hides": [
      variables({ AWS_PROFILE: "x", AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: secret }),
      `${none} (the environment: its keys are not used, since AWS_PROFILE is set; profile "x": it is not in the AWS ` +
      "configuration files). Correct the name, or add it."
    ],
    "with nothing in it": [variables({}), `AWS credentials: no source of them is configured. ${whatToSet}`]
  },
  "a profile": {
    "that is unknown": [
      profile(`[profile y]\n${keys}`),
      "profile \"x\": it is not in the AWS configuration files. Correct the name, or add it: there are \"y\"."
    ],
    "that has no credentials": [
      profile("[profile x]\nregion = us-east-1\n"),
      "profile \"x\": it has no credentials. Add keys, or another way to get credentials, with `aws configure`."
    ],
    "that has one key of two": [
      profile("[profile x]\naws_access_key_id = AKID\n"),
      "profile \"x\": it has no aws_secret_access_key beside the other key. Add aws_secret_access_key."
    ],
    "whose role has no source": [
      profile(`[profile x]\nrole_arn = ${roleArn}\n`),
      "profile \"x\": its role_arn has no credentials to assume it with. Add source_profile, credential_source or " +
      "web_identity_token_file."
    ],
    "whose role has two sources": [
      profile(`[profile x]\nrole_arn = ${roleArn}\nsource_profile = x\ncredential_source = Environment\n`),
      "profile \"x\": it has both source_profile and credential_source. Keep one of them."
    ],
    "whose credential_source is unknown": [
      profile(`[profile x]\nrole_arn = ${roleArn}\ncredential_source = Moon\n`),
      "profile \"x\": its credential_source is \"Moon\". Use Environment, EcsContainer or Ec2InstanceMetadata."
    ],
    "whose source_profile is unknown": [
      profile(`[profile x]\nrole_arn = ${roleArn}\nsource_profile = y\n`),
      "profile \"y\": it is not in the AWS configuration files, and source_profile of \"x\" names it. Correct the name, " +
      "or add it: there are \"x\"."
    ],
    "whose source_profile is circular": [
      profile(
        `[profile x]\nrole_arn = ${roleArn}\nsource_profile = y\n[profile y]\nrole_arn = ${roleArn}\nsource_profile = x\n`
      ),
      "profile \"y\": its source_profile \"x\" leads back to it. Let the last profile of the chain have keys of its own."
    ],
    "whose role wants a second factor, and whose source is missing": [
      profile(`[profile x]\nrole_arn = ${roleArn}\nsource_profile = y\nmfa_serial = m\n`),
      "profile \"x\": its role wants a code of a second factor. Give `credentials: fromIni({ profile, mfaCodeProvider })` " +
      "of @aws-sdk/credential-providers."
    ],
    "whose token file is missing": [
      profile(`[profile x]\nrole_arn = ${roleArn}\nweb_identity_token_file = /nowhere/token\n`),
      `${role} of the web identity: its token file /nowhere/token cannot be read (ENOENT). Check ` +
      "web_identity_token_file of profile \"x\", and that the file is mounted there."
    ],
    "by AWS_PROFILE, whose process fails": [
      (place) =>
        Effect.map(credentialProcess("exit 3")(place), ({ config }) => ({ config, variables: { AWS_PROFILE: "x" } })),
      `${none} (credential_process of profile "x": it failed with exit code 3). Run it in a shell to see why.`
    ]
  },
  "credential_process": {
    "that fails": [
      credentialProcess(`echo ${secret} >&2; exit 3`),
      "credential_process of profile \"x\": it failed with exit code 3. Run it in a shell to see why."
    ],
    "that is killed": [
      profile("[profile x]\ncredential_process = kill -9 $$\n"),
      "credential_process of profile \"x\": it was killed by SIGKILL. Run it in a shell to see why."
    ],
    "that is not installed": [
      profile(`[profile x]\ncredential_process = /nowhere/get ${secret}\n`),
      "credential_process of profile \"x\": its command was not found. Give its whole path in the profile, and check that " +
      "it is installed."
    ],
    "that prints nothing": [
      credentialProcess("true"),
      "credential_process of profile \"x\": it printed nothing. Let it print a JSON object with Version 1 and unexpired keys."
    ],
    "that prints no JSON": [
      credentialProcess(`echo '{"AccessKeyId": "${secret}'`),
      "credential_process of profile \"x\": it printed no JSON object. Let it print a JSON object with Version 1 and " +
      "unexpired keys."
    ],
    "that prints one key of two": [
      credentialProcess(printed({ AccessKeyId: "" })),
      "credential_process of profile \"x\": it printed no AccessKeyId with a SecretAccessKey. Let it print a JSON object " +
      "with Version 1 and unexpired keys."
    ],
    "that prints expired credentials": [
      credentialProcess(printed({ Expiration: "2020-01-01T00:00:00Z" })),
      "credential_process of profile \"x\": it printed credentials that have expired. Let it print a JSON object with " +
      "Version 1 and unexpired keys."
    ],
    "that prints without an end": [
      credentialProcess(`while :; do echo ${secret.repeat(1000)}; done`),
      "credential_process of profile \"x\": it printed more than a megabyte. Let it print nothing but the credentials."
    ]
  },
  SSO: {
    "without a login": [
      profile(ssoConfig),
      "profile \"x\": it is not logged in to SSO. Run `aws sso login --profile x`."
    ],
    "with an expired session": [
      sso(Effect.succeed(""), "2020-01-01T00:00:00Z"),
      "profile \"x\": its SSO session has expired. Run `aws sso login --profile x`."
    ],
    "with a session that AWS refuses": [
      ssoAnswering(401, "UnauthorizedException", `Session token not found or invalid ${secret}`),
      "profile \"x\": its SSO session has expired. Run `aws sso login --profile x`."
    ],
    "without access to the role": [
      ssoAnswering(403, "ForbiddenException", "No access"),
      "profile \"x\": its SSO user has no access to the account and role. Check sso_account_id and sso_role_name."
    ],
    "without its session in the file": [
      profile(ssoConfig.replace("[sso-session work]", "[sso-session other]")),
      "profile \"x\": its SSO settings are incomplete. Run `aws configure sso --profile x`."
    ],
    "that is down": [
      sso(WireServer.closedPort),
      "profile \"x\": it cannot be reached (ECONNREFUSED). Send the call again in a moment.",
      "transient"
    ],
    "that fails": [
      ssoAnswering(500, "InternalServerError", "no"),
      "profile \"x\": its sign-in service could not answer. Send the call again in a moment.",
      "transient"
    ]
  },
  "a login session": {
    "without a login": [profile(loginConfig), "profile \"x\": it is not logged in. Run `aws login --profile x`."],
    "with a broken file": [
      login(`{"accessToken": "${secret}`, answer(500, "")),
      "profile \"x\": it is not logged in. Run `aws login --profile x`."
    ],
    "that has expired": [
      login(
        loginToken,
        answer(400, JSON.stringify({ error: "TOKEN_EXPIRED", __type: "AccessDeniedException" }), "application/json")
      ),
      "profile \"x\": its login session has expired. Run `aws login --profile x`."
    ]
  },
  "AWS STS": {
    "that refuses the role": [
      assuming(stsError(403, "AccessDenied", "User: u is not authorized to perform: sts:AssumeRole on resource: r")),
      `${role}: "User: u is not authorized to perform: sts:AssumeRole on resource: r". Allow sts:AssumeRole to the ` +
      "caller, in its policies and in the trust policy of the role."
    ],
    "that does not know the caller": [
      assuming(stsError(403, "InvalidClientTokenId", "The security token included in the request is invalid")),
      `${role}: "The security token included in the request is invalid". Check the credentials that the role is ` +
      "assumed with."
    ],
    "whose answer is a page": [
      assuming(answer(200, html, "text/html")),
      `${role}: the answer to its request holds no credentials. Check for proxies on the way to AWS STS.`
    ],
    "behind a gateway that fails": [
      assuming(answer(502, html, "text/html")),
      `${role}: the answer is not one of AWS, but of a gateway or proxy on the way: HTTP 502, text/html. Send the ` +
      "request again; if it keeps failing, check what is in front of the endpoint.",
      "transient"
    ],
    "that fails": [
      assuming(stsError(500, "InternalFailure", "We made a mistake")),
      `${role}: "We made a mistake". Send the call again in a moment.`,
      "transient"
    ],
    "that is not there": [
      () =>
        Effect.map(WireServer.closedPort, (url): Given => ({
          variables: { AWS_ENDPOINT_URL_STS: url },
          options: { credentials: sourceOfRole, assumeRole: { roleArn } }
        })),
      `${role}: the connection was refused (ECONNREFUSED: connect ECONNREFUSED 127.0.0.1). Check the endpoint, and ` +
      "that a server listens there.",
      "transient"
    ]
  },
  "a web identity": {
    "without its token file": [
      variables({ AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: "/nowhere/token" }),
      `${role} of the web identity: its token file /nowhere/token cannot be read (ENOENT). Check ` +
      "AWS_WEB_IDENTITY_TOKEN_FILE, and that the file is mounted there."
    ],
    "with an empty token file": [
      webIdentity(answer(500, ""), "\n"),
      `${role} of the web identity: its token file ~/token is empty. Check what writes the token.`
    ],
    "without the name of its token file": [
      variables({ AWS_ROLE_ARN: roleArn }),
      `${none} (web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set beside AWS_ROLE_ARN). Set ` +
      "AWS_WEB_IDENTITY_TOKEN_FILE."
    ],
    "that AWS refuses": [
      webIdentity(stsError(400, "InvalidIdentityToken", `Couldn't verify ${secret}`)),
      `${role} of the web identity: "Couldn't verify [redacted]". Check the identity provider in IAM, and what writes ` +
      "the token file."
    ],
    "whose token has expired": [
      webIdentity(stsError(400, "ExpiredTokenException", "Token expired")),
      `${role} of the web identity: "Token expired". Check what renews the token file.`
    ]
  },
  "a container": {
    "whose endpoint is down": [
      () => Effect.map(WireServer.closedPort, (url) => ({ variables: { AWS_CONTAINER_CREDENTIALS_FULL_URI: url } })),
      `${endpoint}: it cannot be reached (ECONNREFUSED). Check that the agent of the container runs.`,
      "transient"
    ],
    "whose endpoint fails": [
      container(answer(500, secret)),
      `${endpoint}: it answered HTTP 500. Send the call again in a moment.`,
      "transient"
    ],
    "whose endpoint refuses": [
      container(answer(400, JSON.stringify({ Code: "x", Message: secret }))),
      `${endpoint}: it answered HTTP 400. Check the role of the task or of the service account.`
    ],
    "whose endpoint answers no JSON": [
      container(answer(200, `{"AccessKeyId": ${secret}`)),
      `${endpoint}: its answer holds no credentials. Check what listens at the address in AWS_CONTAINER_CREDENTIALS_*.`
    ],
    "whose endpoint answers no credentials": [
      container(answer(200, `{"AccessKeyId": "${secret}"}`)),
      `${endpoint}: its answer holds no credentials. Check what listens at the address in AWS_CONTAINER_CREDENTIALS_*.`
    ],
    "whose token file is missing": [
      container(answer(200, ""), {
        AWS_CONTAINER_AUTHORIZATION_TOKEN: "",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/nowhere/token"
      }),
      `${endpoint}: its token file cannot be read (ENOENT). Check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.`
    ],
    "whose token cannot be sent": [
      container(answer(200, ""), { AWS_CONTAINER_AUTHORIZATION_TOKEN: `${secret}\n` }),
      `${endpoint}: its authorization token has a line break in it. Check what writes the token.`
    ],
    "whose endpoint is elsewhere": [
      variables({ AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://example.com/x" }),
      `${endpoint}: AWS_CONTAINER_CREDENTIALS_FULL_URI is neither HTTPS nor an address of the container. Correct ` +
      "AWS_CONTAINER_CREDENTIALS_FULL_URI."
    ]
  },
  "an instance": {
    "without a role": [
      instance(answer(404, "")),
      `${none} (the metadata of the instance: the instance has no role). Attach an IAM role to the instance.`
    ],
    "whose metadata fails": [
      instance(answer(500, "")),
      "the metadata of the instance: it answered HTTP 500. Send the call again in a moment.",
      "transient"
    ],
    "whose metadata is something else": [
      instance(answer(200, secret)),
      `${none} (the metadata of the instance: its answer holds no credentials). Check AWS_EC2_METADATA_SERVICE_ENDPOINT.`
    ],
    "that is none": [
      () => Effect.map(WireServer.closedPort, instanceAt),
      `${none} (the metadata of the instance: it cannot be reached (ECONNREFUSED)). ${whatToSet}`
    ]
  }
}

describe("Sources of credentials", () => {
  for (const [source, failures] of Object.entries(cases)) {
    describe(`say what is wrong with ${source}`, () => {
      for (const [name, [given, expected, transient]] of Object.entries(failures)) {
        it.live(name, () =>
          Effect.gen(function*() {
            const { error, message } = yield* failureOf(given)
            assert.strictEqual(message, expected)
            assert.strictEqual(error._tag, "AuthenticationError")
            assert.strictEqual(ProviderError.isTransient(error), transient === "transient")
            assert.isFalse(Fallback.isUnavailable(error))
            for (const text of [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error)]) {
              assert.notInclude(text, secret)
            }
          }))
      }
    })
  }

  it.live("are retried by a policy as long as they may recover, and not where they are misconfigured", () =>
    Effect.gen(function*() {
      let asked = 0
      const { options } = yield* place(container((_, to) => {
        asked++
        const given = { AccessKeyId: "AKIDTASK", SecretAccessKey: "s", Token: "t", Expiration: "2099-01-01T00:00:00Z" }
        return asked < 3 ? answer(500, "")(_, to) : answer(200, JSON.stringify(given))(_, to)
      }))
      const server = yield* WireServer.http1(WireServer.answering)
      const policy = { ...Policy.standard, retry: Retry.exponential({ base: "1 millis" }) }
      const chat = yield* chatOf(server, { ...options }, policy)
      yield* chat.generate(prompt)
      assert.strictEqual(asked, 3)
      assert.lengthOf(server.received, 1)
      const misconfigured = yield* chatOf(server, { credentials: Effect.suspend(() => Effect.fail(++asked)) }, policy)
      yield* Effect.flip(misconfigured.generate(prompt))
      assert.strictEqual(asked, 4)
    }).pipe(Effect.provide(Environment.provided({}))))

  it.live("do not lead to a fallback, down or misconfigured", () =>
    Effect.gen(function*() {
      const url = yield* WireServer.closedPort
      for (const variables of [{ AWS_CONTAINER_CREDENTIALS_FULL_URI: url }, { AWS_PROFILE: "nobody" }]) {
        const error = yield* Effect.gen(function*() {
          yield* Environment.ofProcess(variables)
          const first = BedrockChat.layer({ model: request.modelId, policy: Policy.none }).pipe(
            Layer.provide(BedrockClient.layer({ region: "us-east-1", endpoint: url }))
          )
          return yield* ChatService.generate(prompt).pipe(
            Effect.provide(first.pipe(ChatService.withFallback(TestChat.layer(() => "from the fallback")))),
            Effect.flip
          )
        }).pipe(Effect.scoped)
        assert.strictEqual(error._tag, "AuthenticationError")
      }
    }).pipe(Effect.provide(Environment.provided({}))))

  describe("give credentials", () => {
    const assumed: WireServer.Handler = (received, to) => {
      const action = /Action=(\w+)/.exec(received.body)?.[1]
      const session = "<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>" +
        "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
      answer(200, `<${action}Response><${action}Result>${session}</${action}Result></${action}Response>`)(received, to)
    }
    const asked: Array<WireServer.Received> = []
    const watched: WireServer.Handler = (received, to) => {
      asked.push(received)
      assumed(received, to)
    }
    const withSts = (config: string) => (place: Place) =>
      Effect.map(place.server(watched), (url): Given => ({
        config,
        options: { profile: "x" },
        variables: { AWS_ENDPOINT_URL_STS: url, AWS_ACCESS_KEY_ID: "AKIDENV", AWS_SECRET_ACCESS_KEY: secret }
      }))

    it.live.each<readonly [string, string, (place: Place) => Effect.Effect<Given, never, Scope.Scope>]>([
      ["of a process", "AKIDPROCESS", credentialProcess(printed({ Expiration: "2099-01-01T00:00:00Z" }))],
      [
        "of the environment, without white space",
        "AKIDENV",
        variables({
          AWS_ACCESS_KEY_ID: " AKIDENV\n",
          AWS_SECRET_ACCESS_KEY: `${secret}\n`,
          AWS_SESSION_TOKEN: "t\r\n"
        })
      ],
      [
        "of a source in front of a broken one",
        "AKIDENV",
        variables({ AWS_ACCESS_KEY_ID: "AKIDENV", AWS_SECRET_ACCESS_KEY: secret, AWS_ROLE_ARN: roleArn })
      ],
      [
        "of a source behind a profile that is missing",
        "ASIAROLE",
        (place) =>
          Effect.map(
            webIdentity(assumed)(place),
            ({ variables }) => ({ variables: { ...variables, AWS_PROFILE: "z" } })
          )
      ],
      ["of a web identity", "ASIAROLE", webIdentity(assumed)]
    ])("%s", ([_, key, given]) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* keyOf(given), key)
      }))

    it.live.each<readonly [string, string, string]>([
      ["itself", "AKIDFILE", `[profile x]\nrole_arn = ${roleArn}\nsource_profile = x\n${keys}`],
      ["another profile", "AKIDFILE", `[profile x]\nrole_arn = ${roleArn}\nsource_profile = y\n[profile y]\n${keys}`],
      ["the environment", "AKIDENV", `[profile x]\nrole_arn = ${roleArn}\ncredential_source = Environment\n`],
      [
        "a process of another profile",
        "AKIDPROCESS",
        `[profile x]\nrole_arn = ${roleArn}\nsource_profile = y\n[profile y]\ncredential_process = ${printed({})}\n`
      ]
    ])("of a role that a profile assumes with the keys of %s", ([_, source, config]) =>
      Effect.gen(function*() {
        asked.length = 0
        const settings = config.replace(
          "role_arn",
          "role_session_name = me\nexternal_id = e\nduration_seconds = 900\nregion = eu-west-3\nrole_arn"
        )
        assert.strictEqual(yield* keyOf(withSts(settings)), "ASIAROLE")
        assert.lengthOf(asked, 1)
        assert.include(asked[0]?.headers.authorization ?? "", `Credential=${source}/`)
        assert.include(asked[0]?.headers.authorization ?? "", "/eu-west-3/sts/")
        for (const field of ["RoleSessionName=me", "ExternalId=e", "DurationSeconds=900"]) {
          assert.include(asked[0]?.body ?? "", field)
        }
      }))
  })
})

describe("A source of credentials", () => {
  it.effect("gets a minute to answer", () =>
    Effect.gen(function*() {
      const sts = yield* WireServer.http1(() => {})
      yield* Environment.ofProcess({ AWS_ENDPOINT_URL_STS: sts.url })
      const server = yield* WireServer.http1(WireServer.answering)
      const client = yield* connect(server, { credentials: sourceOfRole, assumeRole: { roleArn } })
      const call = yield* Effect.forkChild(Effect.flip(client.converse(request)))
      yield* WireServer.eventually(() => sts.received.length === 1)
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(call)
      assert.strictEqual(
        error.message,
        `${role}: it did not answer within a minute. Check the network on the way to it.`
      )
      assert.strictEqual(error._tag, "AuthenticationError")
      assert.isTrue(ProviderError.isTransient(error))
    }).pipe(Effect.provide(Environment.provided({}))))

  it.effect("is killed when it is a process that has not ended within a minute", () =>
    Effect.gen(function*() {
      const directory = yield* Environment.directory
      const started = Path.join(directory, "pid")
      const files = yield* Environment.files({
        config: `[profile x]\ncredential_process = echo $$ > ${started}; exec sleep 600\n`
      })
      yield* Environment.ofProcess(files)
      const server = yield* WireServer.http1(WireServer.answering)
      const client = yield* connect(server, { credentials: undefined, profile: "x" })
      const call = yield* Effect.forkChild(Effect.flip(client.converse(request)))
      yield* WireServer.eventually(() => Fs.existsSync(started) && Fs.readFileSync(started, "utf8").endsWith("\n"))
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(call)
      assert.strictEqual(
        error.message,
        "credential_process of profile \"x\": it did not end within a minute. Run it in a shell to see what it waits for."
      )
      const pid = Number(Fs.readFileSync(started, "utf8"))
      yield* WireServer.eventually(() => !isRunning(pid))
    }).pipe(Effect.provide(Environment.provided({}))))
})

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const prompt = { messages: "Hello" }

const chatOf = Effect.fnUntraced(
  function*(server: WireServer.WireServer, options: BedrockClient.Options, policy: Policy.Policy) {
    const layer = BedrockChat.layer({ model: request.modelId, policy }).pipe(
      Layer.provide(BedrockClient.layer({ endpoint: server.url, region: "us-east-1", ...options }))
    )
    return Context.get(yield* Layer.build(layer), ChatService.ChatService)
  }
)
