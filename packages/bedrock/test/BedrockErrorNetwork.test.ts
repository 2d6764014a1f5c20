import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import * as BedrockError from "../src/BedrockError.ts"
import { failed, fromUnknown, thrown } from "./support/Errors.ts"

type Tag = ProviderError.ProviderError["_tag"]

const Leaf = Schema.Union([
  Schema.String,
  Schema.Number,
  Schema.Boolean,
  Schema.Null,
  Schema.Undefined,
  Schema.BigInt,
  Schema.Symbol,
  Schema.Date
])

const Anything = Schema.Union([
  Leaf,
  Schema.Array(Leaf),
  Schema.Record(Schema.String, Leaf),
  Schema.Record(Schema.String, Schema.Record(Schema.String, Leaf))
])

/** What the mapper looks at, with anything in it. */
const Properties = Schema.Struct({
  name: Schema.optional(Anything),
  message: Schema.optional(Anything),
  code: Schema.optional(Anything),
  cause: Schema.optional(Schema.Struct({ name: Anything, message: Anything, code: Anything })),
  $metadata: Schema.optional(Schema.Struct({ httpStatusCode: Anything, requestId: Anything })),
  $response: Schema.optional(Schema.Struct({ headers: Schema.Record(Schema.String, Anything) })),
  originalStatusCode: Schema.optional(Anything)
})

const encode = Schema.encodeUnknownSync(ProviderError.ProviderError)

describe("BedrockError, beyond the exceptions of the service", () => {
  describe("below the service", () => {
    it.each<[Tag, string, Record<string, unknown>]>([
      ["ConnectionError", "read ECONNRESET", { code: "ECONNRESET", name: "TimeoutError" }],
      ["ConnectionError", "aborted", { code: "ECONNRESET" }],
      ["ConnectionError", "write EPIPE", { code: "EPIPE" }],
      ["ConnectionError", "connect ECONNREFUSED 127.0.0.1:1", { code: "ECONNREFUSED" }],
      ["ConnectionError", "getaddrinfo ENOTFOUND nowhere", { code: "ENOTFOUND" }],
      ["ConnectionError", "getaddrinfo EAI_AGAIN nowhere", { code: "EAI_AGAIN" }],
      ["ConnectionError", "connect EHOSTUNREACH", { code: "EHOSTUNREACH" }],
      ["ConnectionError", "read ETIMEDOUT", { code: "ETIMEDOUT", syscall: "read" }],
      ["ConnectionError", "fetch failed", { cause: failed("x", { cause: failed("y", { code: "ECONNRESET" }) }) }],
      ["ConnectionError", "Parse Error", { code: "HPE_INVALID_CONSTANT" }],
      ["ConnectionError", "Protocol error", { code: "ERR_HTTP2_ERROR" }],
      ["ConnectionError", "Stream closed with error code NGHTTP2_REFUSED_STREAM", { code: "ERR_HTTP2_STREAM_ERROR" }],
      ["ConnectionError", "x", { code: "ERR_HTTP2_GOAWAY_SESSION" }],
      ["ConnectionError", "Frame type id 1 in stream id 9 has failed with code 2.", {}],
      ["ConnectionError", "Unexpected error: http2 request did not get a response", { name: "TimeoutError" }],
      ["ConnectionError", "HTTP/2 stream is abnormally aborted in mid-communication with result code 8.", {}],
      ["ConnectionError", "Truncated event message received.", {}],
      ["ConnectionError", "Request aborted", { name: "AbortError" }],
      ["MalformedResponseError", "The message checksum (1) did not match the calculated CRC32 checksum (2)", {}],
      ["MalformedResponseError", "Unexpected token 's', \"secret answer\" is not valid JSON", { name: "SyntaxError" }],
      ["InvalidRequestError", "self-signed certificate", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }],
      ["InvalidRequestError", "certificate has expired", { code: "CERT_HAS_EXPIRED" }],
      ["InvalidRequestError", "unable to verify", { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }],
      ["InvalidRequestError", "Hostname/IP does not match", { code: "ERR_TLS_CERT_ALTNAME_INVALID" }],
      ["InvalidRequestError", "wrong version number", { code: "ERR_SSL_WRONG_VERSION_NUMBER" }],
      ["InvalidRequestError", "The pending stream has been canceled", {
        code: "ERR_HTTP2_STREAM_CANCEL",
        cause: failed("self-signed certificate", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
      }],
      ["InvalidRequestError", "Region is missing", {}],
      ["InvalidRequestError", "Region not accepted: region=\"a b\" is not a valid hostname component.", {}],
      ["InvalidRequestError", "No value provided for input HTTP label: modelId.", {}],
      ["InvalidRequestError", "Invalid URL", { name: "TypeError", code: "ERR_INVALID_URL" }],
      ["AuthenticationError", "Could not load credentials from any providers", { name: "CredentialsProviderError" }],
      ["AuthenticationError", "Token is expired", { name: "TokenProviderError" }],
      ["AuthenticationError", "Invalid character in header content [\"authorization\"]", { code: "ERR_INVALID_CHAR" }]
    ])("makes %s of “%s”", (tag, message, properties) => {
      assert.strictEqual(fromUnknown(failed(message, properties))._tag, tag)
    })

    it.each<["connect" | "idle", number | undefined, Error]>([
      [
        "connect",
        5000,
        failed(
          "@smithy/node-http-handler - the request socket did not establish a connection with the server within the " +
            "configured timeout of 5000 ms.",
          { name: "TimeoutError" }
        )
      ],
      ["connect", undefined, failed("connect ETIMEDOUT 10.0.0.1:443", { code: "ETIMEDOUT", syscall: "connect" })],
      [
        "idle",
        300,
        failed(
          "@smithy/node-http-handler - the request socket timed out after 300 ms of inactivity (configured by client " +
            "requestHandler).",
          { name: "TimeoutError" }
        )
      ],
      ["idle", 20, failed("Stream timed out because of no activity for 20 ms", { name: "TimeoutError" })]
    ])("tells a %s timeout", (phase, after, error) => {
      const mapped = fromUnknown(error)
      assert(mapped._tag === "TimeoutError")
      assert.strictEqual(mapped.phase, phase)
      assert.strictEqual(mapped.after && Duration.toMillis(mapped.after), after)
    })

    it("gives remedies for credentials, certificates and protocols", () => {
      const message = (error: Error) => fromUnknown(error).message
      assert.include(message(failed("none", { name: "CredentialsProviderError" })), "AWS_ACCESS_KEY_ID")
      assert.include(message(failed("no", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })), "NODE_EXTRA_CA_CERTS")
      assert.include(message(failed("no", { code: "HPE_INVALID_CONSTANT" })), "http2: true")
      assert.include(message(failed("Region is missing")), "AWS_REGION")
    })

    it("classifies a page of a proxy by its status", () => {
      const page = (status: number) =>
        fromUnknown(failed("Unexpected token '<', \"<html>\" is not valid JSON\n  Deserialization error: …", {
          name: "SyntaxError",
          $metadata: { httpStatusCode: status }
        }))
      assert.strictEqual(page(502)._tag, "ConnectionError")
      assert.strictEqual(page(503)._tag, "ConnectionError")
      assert.strictEqual(page(407)._tag, "InvalidRequestError")
      assert.strictEqual(page(200)._tag, "MalformedResponseError")
      assert.notInclude(page(502).message, "<html>")
    })
  })

  describe("keeps no secret", () => {
    const secrets = ["top-secret", "AKIAIOSFODNN7EXAMPLE", "session-token-value"]

    it.each<[string, unknown]>([
      ["the headers of a request", thrown("ThrottlingException", "slow down", 429)],
      [
        "the signature text of a request",
        thrown(
          "InvalidSignatureException",
          "The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for " +
            "this request should have been\n'POST\n\nx-amz-security-token:session-token-value\n'",
          403
        )
      ],
      [
        "a quoted authorization header",
        thrown(
          "IncompleteSignatureException",
          "not a valid key=value pair in Authorization header: 'Bearer top-secret'",
          403
        )
      ],
      [
        "a credential scope",
        thrown("ValidationException", "Credential=AKIAIOSFODNN7EXAMPLE/20261021 is unknown", 400)
      ],
      [
        "what hangs on a cause",
        failed("no", { code: "ECONNRESET", cause: failed("Bearer top-secret", { request: { key: "top-secret" } }) })
      ]
    ])("of %s", (_, error) => {
      const mapped = fromUnknown(error)
      for (const text of [inspect(mapped, { depth: 20, showHidden: true }), JSON.stringify(mapped), String(mapped)]) {
        for (const secret of secrets) assert.notInclude(text, secret)
      }
    })
  })

  it("leaves out the request that a signature error quotes", () => {
    const error = fromUnknown(
      thrown(
        "InvalidSignatureException",
        "The signature does not match.\n\nThe Canonical String should have been 'POST'",
        403
      )
    )
    assert.include(error.message, "The signature does not match.")
    assert.notInclude(error.message, "Canonical String")
  })

  it("returns a typed error as it is", () => {
    const error = ProviderError.invalidRequest({ provider: "p", field: "f", problem: "p", remedy: "r" })
    assert.strictEqual(fromUnknown(error), error)
  })

  it("ends with a chain of causes that bites its tail", () => {
    const error = failed("a")
    error.cause = failed("b", { cause: error })
    assert.strictEqual(fromUnknown(error)._tag, "MalformedResponseError")
  })

  it("survives a hostile getter", () => {
    const error = Object.defineProperty(new Error(), "message", {
      get: () => {
        throw new Error("boo")
      }
    })
    assert.strictEqual(fromUnknown(error)._tag, "MalformedResponseError")
  })

  it.prop(
    "never throws, and what it makes can be encoded",
    { value: Anything, properties: Properties },
    ({ properties, value }) => {
      for (const error of [value, properties, Object.assign(Object.create(Error.prototype), properties)]) {
        const mapped = BedrockError.fromUnknown(error)
        assert.isTrue(ProviderError.isProviderError(mapped))
        encode(mapped)
      }
    }
  )
})
