import { ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import type { BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { Hash } from "@smithy/hash-node"
import { SignatureV4 } from "@smithy/signature-v4"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Fixture from "./Fixture.ts"

const keys = {
  accessKeyId: Emulator.defaultCredentials.accessKeyId,
  secretAccessKey: Redacted.value(Emulator.defaultCredentials.secretAccessKey)
}

const hour = 3_600_000

const refused = Effect.fnUntraced(function*(protocol: Fixture.Protocol, config: BedrockRuntimeClientConfig) {
  const client = yield* Fixture.connect(protocol, config)
  const { message, name, status } = yield* Effect.flip(
    Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
  )
  return { message, name, status }
})

const accepted = Effect.fnUntraced(function*(protocol: Fixture.Protocol, config: BedrockRuntimeClientConfig) {
  const client = yield* Fixture.connect(protocol, config)
  yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
  const { requests } = yield* Emulator.Emulator
  return (yield* requests).at(-1)?.scheme
})

/** The current time in AWS's format. */
const amzDate = () => new Date().toISOString().replace(/[-:]|\.\d+/g, "")

/**
 * - `names`: the headers that are signed, in order; `headers`: those besides `host` and `x-amz-date`.
 * - `unsigned`: headers that are sent and not signed. `query`: what is signed; `sentQuery`: what is sent instead.
 */
interface SigningOptions {
  readonly names?: ReadonlyArray<string>
  readonly headers?: Readonly<Record<string, string>>
  readonly unsigned?: Readonly<Record<string, string>>
  readonly query?: string
  readonly sentQuery?: string
}

/** Sends a request with a signature made here, so that it can be invalid in any way. */
const sign = (url: string, path: string, options: SigningOptions) => {
  const { names = ["host", "x-amz-date"], query = "", sentQuery = query } = options
  const { host, hostname, port } = new URL(url)
  const date = amzDate()
  const body = JSON.stringify(Fixture.hello)
  const headers: Record<string, string> = {
    host,
    ...options.headers,
    ...(names.includes("x-amz-date") ? { "x-amz-date": date } : {})
  }
  const hmac = (key: string | Buffer, text: string) => Crypto.createHmac("sha256", key).update(text).digest()
  const hash = (text: string) => Crypto.createHash("sha256").update(text).digest("hex")
  const canonical = [
    "POST",
    path.replaceAll("%", "%25"),
    query,
    ...names.map((name) => `${name}:${headers[name] ?? ""}`),
    "",
    names.join(";"),
    hash(body)
  ].join("\n")
  const scope = [date.slice(0, 8), "us-east-1", "bedrock", "aws4_request"]
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${keys.secretAccessKey}`)
  const stamp = options.headers?.["date"] === undefined
    ? date
    : new Date(options.headers["date"]).toISOString().replace(/[-:]|\.\d+/g, "")
  const signature = hmac(key, ["AWS4-HMAC-SHA256", stamp, scope.join("/"), hash(canonical)].join("\n")).toString("hex")
  const authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope.join("/")}, SignedHeaders=${
    names.join(";")
  }, Signature=${signature}`
  return Effect.callback<{ readonly status: number | undefined; readonly text: string }>((resume) => {
    const request = Http.request({
      hostname,
      port,
      method: "POST",
      path: sentQuery === "" ? path : `${path}?${sentQuery}`,
      headers: { ...headers, ...options.unsigned, authorization, "content-type": "application/json" }
    }, (response) => {
      let text = ""
      response.on("data", (chunk) => text += chunk)
      response.on("end", () => resume(Effect.succeed({ status: response.statusCode, text })))
    })
    request.end(body)
  })
}

describe.each(Fixture.protocols)("Signature over HTTP/%s", (protocol) => {
  it.effect("accepts the signature of a known key", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* accepted(protocol, {}), "sigv4")
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("accepts the signature over the path of an ARN", () =>
    Effect.gen(function*() {
      const client = yield* Fixture.connect(protocol)
      const modelId = `arn:aws:bedrock:us-east-1::foundation-model/${Fixture.modelId}`
      yield* Fixture.attempt(() => client.send(new ConverseCommand({ ...Fixture.hello, modelId })))
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("accepts a known API key", () =>
    Effect.gen(function*() {
      const { apiKey } = yield* Emulator.Emulator
      const scheme = yield* accepted(protocol, {
        token: { token: Redacted.value(apiKey) },
        authSchemePreference: ["httpBearerAuth"]
      })
      assert.strictEqual(scheme, "bearer")
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("refuses an unknown API key", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* refused(protocol, { token: { token: "guess" }, authSchemePreference: ["httpBearerAuth"] }),
        {
          name: "AccessDeniedException",
          status: 403,
          message: "Authentication failed: Please make sure your API Key is valid."
        }
      )
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("refuses a wrong secret", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* refused(protocol, { credentials: { ...keys, secretAccessKey: "guess" } }),
        {
          name: "InvalidSignatureException",
          status: 403,
          message:
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        }
      )
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("refuses an unknown access key", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* refused(protocol, { credentials: { ...keys, accessKeyId: "AKIAUNKNOWN" } }),
        {
          name: "UnrecognizedClientException",
          status: 403,
          message: "The security token included in the request is invalid."
        }
      )
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("refuses an expired key until it is renewed", () =>
    Effect.gen(function*() {
      const fresh = { accessKeyId: "ASIAIOSFODNN7FRESH", secretAccessKey: "fresh" }
      assert.deepStrictEqual(yield* refused(protocol, {}), {
        name: "ExpiredTokenException",
        status: 403,
        message: "The security token included in the request is expired"
      })
      assert.strictEqual(yield* accepted(protocol, { credentials: fresh }), "sigv4")
    }).pipe(Effect.provide(Fixture.emulator({
      credentials: [
        { ...Emulator.defaultCredentials, expires: Date.now() - 1 },
        { accessKeyId: "ASIAIOSFODNN7FRESH", secretAccessKey: Redacted.make("fresh"), expires: Date.now() + hour }
      ]
    }))))

  it.effect("refuses a signature for another region", () =>
    Effect.gen(function*() {
      const { message, name } = yield* refused(protocol, { region: "eu-west-1" })
      assert.strictEqual(name, "InvalidSignatureException")
      assert.include(message, "Credential should be scoped to a valid region")
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("refuses a signature that is too old or not yet valid", () =>
    Effect.gen(function*() {
      const old = yield* refused(protocol, { systemClockOffset: -hour })
      assert.strictEqual(old.name, "InvalidSignatureException")
      assert.match(old.message, /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(.* - 5 min\.\)$/)
      const early = yield* refused(protocol, { systemClockOffset: hour })
      assert.match(early.message, /^Signature not yet current: /)
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("requires the session token of temporary credentials", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* accepted(protocol, { credentials: { ...keys, sessionToken: "token" } }),
        "sigv4"
      )
      assert.strictEqual((yield* refused(protocol, {})).name, "UnrecognizedClientException")
      assert.strictEqual(
        (yield* refused(protocol, { credentials: { ...keys, sessionToken: "other" } })).name,
        "UnrecognizedClientException"
      )
    }).pipe(
      Effect.provide(Fixture.emulator({
        credentials: [{ ...Emulator.defaultCredentials, sessionToken: Redacted.make("token") }]
      }))
    ))

  it.effect("refuses an unknown session token", () =>
    Effect.gen(function*() {
      const { name } = yield* refused(protocol, { credentials: { ...keys, sessionToken: "token" } })
      assert.strictEqual(name, "UnrecognizedClientException")
    }).pipe(Effect.provide(Fixture.emulator())))
})

describe("Signature", () => {
  it.effect("refuses an unauthenticated request", () =>
    Effect.gen(function*() {
      const { url } = yield* Emulator.Emulator
      const response = yield* Fixture.attempt(() =>
        fetch(`${url}/model/${Fixture.modelId}/converse`, { method: "POST", body: "{}" })
      )
      assert.strictEqual(response.status, 403)
      assert.strictEqual(
        response.headers.get("x-amzn-errortype"),
        "MissingAuthenticationTokenException:http://internal.amazon.com/coral/com.amazon.coral.service/"
      )
      assert.strictEqual(yield* Fixture.attempt(() => response.text()), `{"message":"Missing Authentication Token"}`)
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("refuses an unknown API key in the authorizer's format", () =>
    Effect.gen(function*() {
      const { headers, text } = yield* Fixture.post("/model/a/converse", "{}", { authorization: "Bearer guess" })
      assert.strictEqual(text, `{"Message":"Authentication failed: Please make sure your API Key is valid."}`)
      assert.match(headers["x-amzn-errortype"] ?? "", /^AccessDeniedException:/)
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("refuses a body that is not the signed one", () =>
    Effect.gen(function*() {
      const { url } = yield* Emulator.Emulator
      const client = yield* Fixture.connect("1.1")
      let signed:
        | { readonly path: string; readonly headers: Record<string, string>; readonly body: Uint8Array }
        | undefined
      client.middlewareStack.add((next) => (args) => {
        // the request the client is about to send
        signed = args.request as typeof signed
        return next(args)
      }, { step: "finalizeRequest", priority: "low" })
      yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
      const body = new TextDecoder().decode(signed?.body)
      const send = (body: string) =>
        Fixture.attempt(() => fetch(url + signed?.path, { method: "POST", headers: signed?.headers ?? {}, body }))
      assert.strictEqual((yield* send(body)).status, 200)
      const forged = yield* send(body.replace("Hi", "Ho"))
      assert.strictEqual(forged.status, 403)
      assert.include(forged.headers.get("x-amzn-errortype"), "InvalidSignatureException")
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("accepts a signature over `host` for the HTTP/2 header `:authority`", () =>
    Effect.gen(function*() {
      const { url } = yield* Emulator.Emulator
      const { host } = new URL(url)
      const signer = new SignatureV4({
        service: "bedrock",
        region: "us-east-1",
        credentials: keys,
        sha256: Hash.bind(null, "sha256")
      })
      const path = `/model/${Fixture.modelId}/converse`
      const body = JSON.stringify(Fixture.hello)
      const { headers } = yield* Fixture.attempt(() =>
        signer.sign({ method: "POST", protocol: "http:", hostname: "", path, headers: { host }, body })
      )
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(url)),
        (session) => Effect.sync(() => session.destroy())
      )
      const { host: _, ...sent } = headers
      const status = yield* Effect.callback<number | undefined>((resume) => {
        const stream = session.request({ ...sent, ":method": "POST", ":path": path })
        stream.on("response", (headers) => resume(Effect.succeed(headers[":status"])))
        stream.end(body)
      })
      assert.strictEqual(status, 200)
    }).pipe(Effect.provide(Fixture.emulator())))

  const path = `/model/${encodeURIComponent(Fixture.modelId)}/converse`

  it.effect.each<readonly [what: string, status: number, options: SigningOptions, message?: string]>([
    ["takes a signature over all it must cover", 200, {}],
    ["takes a signature that is dated by the usual header", 200, {
      headers: { date: new Date().toUTCString() },
      names: ["date", "host"]
    }],
    ["refuses a request that no header dates", 400, { names: ["host"] }, "either a 'X-Amz-Date' or a 'Date' header."],
    [
      "refuses a signature that leaves out the host",
      403,
      { names: ["x-amz-date"] },
      "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization header."
    ],
    [
      "refuses a signature that leaves out a header of AWS's",
      403,
      { unsigned: { "x-amz-target": "elsewhere" } },
      "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization header."
    ],
    ["refuses a signature that leaves out its own date", 403, {
      names: ["host"],
      unsigned: { "x-amz-date": amzDate() }
    }],
    ["takes a parameter that comes twice", 200, { query: "a=1&a=2&b=%2F" }],
    ["refuses a parameter less than was signed", 403, { query: "a=1&a=2", sentQuery: "a=2" }],
    ["refuses a parameter more than was signed", 403, { query: "a=2", sentQuery: "a=1&a=2" }]
  ])("%s", ([, status, options, message]) =>
    Effect.gen(function*() {
      const { url } = yield* Emulator.Emulator
      const answer = yield* sign(url, path, options)
      assert.strictEqual(answer.status, status, answer.text)
      if (message !== undefined) assert.include(answer.text, message)
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("refuses a malformed authorization header", () =>
    Effect.gen(function*() {
      for (const authorization of ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b", "Basic abc", "Bearer"]) {
        const { status } = yield* Fixture.post("/model/x/converse", "{}", { authorization })
        assert.isTrue(status === 400 || status === 403, `${authorization}: ${status}`)
      }
    }).pipe(Effect.provide(Fixture.emulator())))
})
