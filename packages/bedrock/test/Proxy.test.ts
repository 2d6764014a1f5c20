import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as Proxy from "../src/network/proxy.ts"
import { connect, request } from "./support/Client.ts"
import * as Environment from "./support/Environment.ts"
import * as ProxyServer from "./support/ProxyServer.ts"
import * as WireServer from "./support/WireServer.ts"

const ca = WireServer.certificate

const converse = (server: Pick<WireServer.WireServer, "url">, options: BedrockClient.Options = {}) =>
  Effect.flatMap(connect(server, options), (client) => client.converse(request))

/** A client of a server over TLS, with this environment. */
const withEnvironment = (variables: Record<string, string>, options: BedrockClient.Options = {}) =>
  Effect.gen(function*() {
    const server = yield* WireServer.https(WireServer.answering)
    yield* Environment.ofProcess(variables)
    yield* converse(server, { transport: { ca }, ...options })
    return server
  })

const streaming = WireServer.streaming([
  WireServer.delta("a"),
  WireServer.event("messageStop", { stopReason: "end_turn" })
])

describe("A proxy", () => {
  describe.each(
    [
      { name: "HTTP/1.1", options: {}, serve: WireServer.https },
      { name: "HTTP/2", options: { http2: true }, serve: WireServer.https2 }
    ] as const
  )("over $name", ({ options, serve }) => {
    it.live("carries calls and streams in tunnels, which are kept for later calls", () =>
      Effect.gen(function*() {
        const proxy = yield* ProxyServer.make()
        const server = yield* serve((received, answer) =>
          (received.path.endsWith("-stream") ? streaming : WireServer.answering)(received, answer)
        )
        const client = yield* connect(server, { transport: { ...options, ca, proxy: proxy.url } })
        yield* client.converse(request)
        yield* client.converse(request)
        const { events } = yield* client.converseStream(request)
        assert.lengthOf(yield* Stream.runCollect(events), 2)
        assert.lengthOf(server.received, 3)
        assert.deepStrictEqual(proxy.asked, [`CONNECT ${new URL(server.url).host} HTTP/1.1`])
      }))

    it.live("is named in the error when it cannot be reached, without its password", () =>
      Effect.gen(function*() {
        const url = yield* WireServer.closedPort
        const server = yield* serve(WireServer.answering)
        const proxy = url.replace("://", "://user:secret@")
        const error = yield* Effect.flip(converse(server, { transport: { ...options, ca, proxy } }))
        assert.strictEqual(error._tag, "ConnectionError")
        assert.include(error.message, `the proxy ${url} cannot be reached (ECONNREFUSED`)
        assert.include(error.message, "HTTPS_PROXY")
        assert.notInclude(JSON.stringify(error), "secret")
        assert.lengthOf(server.received, 0)
      }))

    it.live("that demands a login says so once, in an error about the proxy", () =>
      Effect.gen(function*() {
        const proxy = yield* ProxyServer.make({ login: "user:pass word" })
        const server = yield* serve(WireServer.answering)
        const error = yield* Effect.flip(converse(server, { transport: { ...options, ca, proxy: proxy.url } }))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "proxy")
        assert.include(error.message, "HTTP 407")
        assert.isFalse(ProviderError.isTransient(error))
        assert.lengthOf(proxy.asked, 1)
        const login = Redacted.make(proxy.url.replace("://", "://user:pass%20word@"))
        yield* converse(server, { transport: { ...options, ca, proxy: login } })
        assert.lengthOf(server.received, 1)
      }))

    it.live.each<[refuse: string, tag: string, words: string]>([
      ["HTTP/1.1 403 Forbidden\r\n\r\n", "InvalidRequestError", "HTTP 403"],
      ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "ConnectionError", "HTTP 503"],
      ["no HTTP at all\r\n\r\n", "ConnectionError", "cannot be reached"]
    ])("that answers %j fails the call", ([refuse, tag, words]) =>
      Effect.gen(function*() {
        const proxy = yield* ProxyServer.make({ refuse })
        const server = yield* serve(WireServer.answering)
        const error = yield* Effect.flip(converse(server, { transport: { ...options, ca, proxy: proxy.url } }))
        assert.strictEqual(error._tag, tag)
        assert.include(error.message, `the proxy ${proxy.url} `)
        assert.include(error.message, words)
      }))

    it.live("that gives no answer fails the call in time, and is named", () =>
      Effect.gen(function*() {
        const proxy = yield* ProxyServer.make({ refuse: "" })
        const server = yield* serve(WireServer.answering)
        const error = yield* Effect.flip(
          converse(server, { transport: { ...options, ca, proxy: proxy.url, connectTimeout: "100 millis" } })
        )
        assert.isTrue(ProviderError.isTransient(error), error.message)
        assert.include(error.message, proxy.url)
      }))

    it.live("is named when a connection through it is lost", () =>
      Effect.gen(function*() {
        const proxy = yield* ProxyServer.make()
        const server = yield* serve((_, answer) => answer.cut())
        const error = yield* Effect.flip(converse(server, { transport: { ...options, ca, proxy: proxy.url } }))
        assert.strictEqual(error._tag, "ConnectionError", error.message)
        assert.include(error.message, `through the proxy ${proxy.url}`)
      }))

    it.live("may speak TLS itself", () =>
      Effect.gen(function*() {
        const proxy = yield* ProxyServer.make({ tls: true })
        const server = yield* serve(WireServer.answering)
        yield* converse(server, { transport: { ...options, ca, proxy: proxy.url } })
        assert.lengthOf(proxy.asked, 1)
      }))
  })

  it.live.each([{}, { NODE_USE_ENV_PROXY: "1" }])(
    "is that of HTTPS_PROXY for an https endpoint, with %j",
    (more) =>
      Effect.gen(function*() {
        const proxy = yield* ProxyServer.make()
        yield* withEnvironment({ HTTPS_PROXY: proxy.url, ...more })
        assert.lengthOf(proxy.asked, 1)
      })
  )

  it.live("in lower case comes first", () =>
    Effect.gen(function*() {
      const proxy = yield* ProxyServer.make()
      yield* withEnvironment({ HTTPS_PROXY: "http://127.0.0.1:9", https_proxy: new URL(proxy.url).host })
      assert.lengthOf(proxy.asked, 1)
    }))

  it.live("of HTTP_PROXY is for http endpoints only, and gets requests addressed to it", () =>
    Effect.gen(function*() {
      const proxy = yield* ProxyServer.make({ login: "user:secret" })
      const server = yield* WireServer.http1(WireServer.answering)
      yield* Environment.ofProcess({ HTTP_PROXY: proxy.url.replace("://", "://user:secret@") })
      yield* converse(server)
      assert.include(proxy.asked[0] ?? "", `POST ${server.url}/model/`)
      assert.isUndefined(server.received[0]?.headers["proxy-authorization"])
      assert.strictEqual(server.received[0]?.headers.host, new URL(server.url).host)
      yield* converse(yield* WireServer.https(WireServer.answering), { transport: { ca } })
      assert.lengthOf(proxy.asked, 1)
    }))

  it.live("of HTTP_PROXY that cannot be reached, or demands a login, is named", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const closed = yield* WireServer.closedPort
      const unreachable = yield* Effect.flip(converse(server, { transport: { proxy: closed } }))
      assert.include(unreachable.message, `the proxy ${closed} cannot be reached`)
      const { url } = yield* ProxyServer.make({ login: "a:b" })
      const error = yield* Effect.flip(converse(server, { transport: { proxy: url } }))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.include(error.message, "407")
      assert.lengthOf(server.received, 0)
    }))

  it.live.each<[list: string, bypassed: boolean]>([
    ["*", true],
    ["127.0.0.1", true],
    ["localhost, 127.0.0.1", true],
    ["10.0.0.0/8 127.0.0.0/8", true],
    ["127.0.0.1:$port", true],
    ["127.0.0.1:1", false],
    ["localhost", false],
    ["0.0.1", false],
    ["", false],
    ["10.0.0.0/8,[::1]:443,/,:,.", false]
  ])("is bypassed for a server in NO_PROXY=%s: %s", ([list, bypassed]) =>
    Effect.gen(function*() {
      const proxy = yield* ProxyServer.make()
      const server = yield* WireServer.https(WireServer.answering)
      const NO_PROXY = list.replace("$port", new URL(server.url).port)
      yield* Environment.ofProcess({ HTTPS_PROXY: proxy.url, NO_PROXY })
      yield* converse(server, { transport: { ca } })
      assert.lengthOf(proxy.asked, bypassed ? 0 : 1)
    }))

  it.live.each<[list: string, bypassed: boolean]>([
    ["amazonaws.com", true],
    [".amazonaws.com", true],
    ["*.amazonaws.com", true],
    ["bedrock-runtime.us-east-1.amazonaws.com", true],
    ["BEDROCK-RUNTIME.us-east-1.amazonaws.com:443", true],
    ["azonaws.com", false],
    ["bedrock-runtime.us-east-1.amazonaws.com:8443", false]
  ])("is bypassed for AWS with NO_PROXY=%s: %s", ([list, bypassed]) =>
    Effect.gen(function*() {
      const proxy = yield* ProxyServer.make({ refuse: "HTTP/1.1 403 Forbidden\r\n\r\n" })
      yield* Environment.ofProcess({ HTTPS_PROXY: proxy.url, no_proxy: list })
      const client = yield* BedrockClient.make({ region: "us-east-1", ...keys })
      yield* Effect.flip(client.converse(request))
      assert.lengthOf(proxy.asked, bypassed ? 0 : 1)
    }))

  it.effect.each<[list: string, host: string, port: number, bypassed: boolean]>([
    ["::1", "[::1]", 443, true],
    ["[::1]", "[::1]", 443, true],
    ["[::1]:8443", "[::1]", 8443, true],
    ["[::1]:8443", "[::1]", 443, false],
    ["fd00::/8", "[fd12::1]", 443, true],
    ["10.0.0.0/8", "10.1.2.3", 443, true],
    ["10.0.0.0/8", "11.1.2.3", 443, false],
    ["10.0.0.0/99", "10.1.2.3", 443, false],
    ["10.0.0.1:8080", "10.0.0.1", 8080, true],
    ["10.0.0.1:8080", "10.0.0.1", 443, false],
    ["EXAMPLE.com.", "a.Example.com", 443, true],
    ["*.", "a.b", 443, false]
  ])("is bypassed with NO_PROXY=%s for %s, port %i: %s", ([list, hostname, port, bypassed]) =>
    Effect.gen(function*() {
      const route = yield* Proxy.resolve(undefined)
      assert.strictEqual(route({ protocol: "https:", hostname, port }) === undefined, bypassed)
    }).pipe(Effect.provide(Environment.provided({ HTTPS_PROXY: "http://[::1]:3128", no_proxy: list }))))

  it.live("of an option decides alone, and `false` is none", () =>
    Effect.gen(function*() {
      const proxy = yield* ProxyServer.make()
      yield* withEnvironment({ HTTPS_PROXY: "http://127.0.0.1:9", NO_PROXY: "*" }, {
        transport: { ca, proxy: proxy.url }
      })
      assert.lengthOf(proxy.asked, 1)
      yield* withEnvironment({ HTTPS_PROXY: proxy.url }, { transport: { ca, proxy: false } })
      yield* withEnvironment({ HTTPS_PROXY: proxy.url, NODE_USE_ENV_PROXY: "0" })
      assert.lengthOf(proxy.asked, 1)
    }))

  it.live("must be a URL of http or https", () =>
    Effect.gen(function*() {
      for (const proxy of ["socks5://user:secret@127.0.0.1:1", "http://", "::"]) {
        const given = yield* Effect.flip(BedrockClient.make({ ...keys, transport: { proxy } }))
        assert.strictEqual(given.field, "transport.proxy")
        assert.notInclude(given.message, "secret")
        yield* Environment.ofProcess({ HTTPS_PROXY: proxy })
        const found = yield* Effect.flip(BedrockClient.make(keys))
        assert.strictEqual(found.field, "HTTPS_PROXY")
        assert.notInclude(found.message, "secret")
      }
      for (const proxy of [true, 1, {}]) {
        // values that programs without types give
        const given = yield* Effect.flip(BedrockClient.make({ ...keys, transport: { proxy: proxy as never } }))
        assert.strictEqual(given.field, "transport.proxy")
      }
    }))

  it.live.each([{}, { http2: true }] as const)(
    "carries requests to STS as well, with %j",
    (options) =>
      Effect.gen(function*() {
        const proxy = yield* ProxyServer.make({ refuse: "HTTP/1.1 403 Forbidden\r\n\r\n" })
        yield* Environment.ofProcess({ HTTPS_PROXY: proxy.url })
        const client = yield* BedrockClient.make({
          region: "us-east-1",
          ...keys,
          assumeRole: { roleArn: "arn:aws:iam::123456789012:role/x" },
          transport: options
        })
        const error = yield* Effect.flip(client.converse(request))
        assert.deepStrictEqual(proxy.asked, ["CONNECT sts.us-east-1.amazonaws.com:443 HTTP/1.1"])
        assert.include(error.message, `the proxy ${proxy.url} refused a tunnel`)
      })
  )

  it.live("carries requests to SSO as well", () =>
    Effect.gen(function*() {
      const proxy = yield* ProxyServer.make({ refuse: "HTTP/1.1 403 Forbidden\r\n\r\n" })
      const files = yield* Environment.ssoFiles
      yield* Environment.ofProcess({ HTTPS_PROXY: proxy.url, ...files })
      const client = yield* BedrockClient.make({ region: "us-east-1", profile: "work" })
      yield* Effect.flip(client.converse(request))
      assert.deepStrictEqual(proxy.asked, ["CONNECT portal.sso.eu-west-1.amazonaws.com:443 HTTP/1.1"])
    }))
})

const keys = { credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.make("a-secret-access-key") } }
