import * as Sdk from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import * as BedrockError from "../src/BedrockError.ts"

const metadata = { httpStatusCode: 400, requestId: "request-1" }

/** An exception as the SDK throws it, with the exchange hidden on it. */
const thrown = (name: string, message: string, status: number, headers: Record<string, string> = {}) => {
  const error = new Sdk.BedrockRuntimeServiceException({
    name,
    message,
    $fault: "client",
    $metadata: { ...metadata, httpStatusCode: status }
  })
  return Object.defineProperty(error, "$response", {
    value: { statusCode: status, headers, body: { req: { headers: { authorization: "Bearer top-secret" } } } },
    enumerable: false
  })
}

/** An error of Node. */
const failed = (message: string, properties: Record<string, unknown> = {}) =>
  Object.assign(new Error(message), properties)

const model = "anthropic.claude-3-7-sonnet-20250219-v1:0"

const fromUnknown = (error: unknown) => BedrockError.fromUnknown(error, { model })

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

describe("BedrockError", () => {
  describe("exceptions of the service model", () => {
    const table: ReadonlyArray<readonly [Tag, Error]> = [
      ["PermissionDeniedError", new Sdk.AccessDeniedException({ message: "no", $metadata: metadata })],
      ["InvalidRequestError", new Sdk.ConflictException({ message: "no", $metadata: metadata })],
      ["ProviderInternalError", new Sdk.InternalServerException({ message: "no", $metadata: metadata })],
      ["ModelFailedError", new Sdk.ModelErrorException({ message: "no", $metadata: metadata })],
      ["ModelUnavailableError", new Sdk.ModelNotReadyException({ message: "no", $metadata: metadata })],
      ["ProviderInternalError", new Sdk.ModelStreamErrorException({ message: "no", $metadata: metadata })],
      ["TimeoutError", new Sdk.ModelTimeoutException({ message: "no", $metadata: metadata })],
      ["ModelNotFoundError", new Sdk.ResourceNotFoundException({ message: "no", $metadata: metadata })],
      ["QuotaExceededError", new Sdk.ServiceQuotaExceededException({ message: "no", $metadata: metadata })],
      ["ModelUnavailableError", new Sdk.ServiceUnavailableException({ message: "no", $metadata: metadata })],
      ["RateLimitError", new Sdk.ThrottlingException({ message: "no", $metadata: metadata })],
      ["InvalidRequestError", new Sdk.ValidationException({ message: "no", $metadata: metadata })]
    ]

    it("maps every one, and none is missing from this table", () => {
      const known = Object.keys(Sdk).filter((name) => /[a-z]Exception$/.test(name) && name !== "ServiceException")
      assert.deepStrictEqual(
        table.map(([, error]) => error.name).toSorted(),
        known.filter((name) => name !== "BedrockRuntimeServiceException").toSorted()
      )
      for (const [tag, error] of table) {
        const mapped = fromUnknown(error)
        assert.strictEqual(mapped._tag, tag, error.name)
        assert.strictEqual(mapped.exception, error.name)
        assert.strictEqual(mapped.requestId, "request-1")
        assert.strictEqual(mapped.model, model)
        assert.strictEqual(mapped.provider, "aws.bedrock")
        assert.include(mapped.message, "no")
      }
    })

    it("says how the model failed its host", () => {
      const error = fromUnknown(
        new Sdk.ModelErrorException({ message: "no", originalStatusCode: 529, $metadata: metadata })
      )
      assert(error._tag === "ModelFailedError")
      assert.strictEqual(error.originalStatus, 529)
    })

    it("tells a stream the model refused from one that broke", () => {
      const refused = new Sdk.ModelStreamErrorException({ message: "no", originalStatusCode: 400, $metadata: metadata })
      const broken = new Sdk.ModelStreamErrorException({ message: "no", originalStatusCode: 500, $metadata: metadata })
      assert.strictEqual(fromUnknown(refused)._tag, "ModelFailedError")
      assert.strictEqual(fromUnknown(broken)._tag, "ProviderInternalError")
    })

    it("knows the timeout as the model's", () => {
      const error = fromUnknown(new Sdk.ModelTimeoutException({ message: "no", $metadata: metadata }))
      assert(error._tag === "TimeoutError")
      assert.strictEqual(error.phase, "model")
    })
  })

  it.each<[Tag, string, number, string]>([
    ["AuthenticationError", "ExpiredTokenException", 403, "The security token included in the request is expired"],
    [
      "AuthenticationError",
      "UnrecognizedClientException",
      403,
      "The security token included in the request is invalid."
    ],
    ["AuthenticationError", "InvalidSignatureException", 403, "The request signature we calculated does not match"],
    ["AuthenticationError", "MissingAuthenticationTokenException", 403, "Missing Authentication Token"],
    ["AuthenticationError", "IncompleteSignatureException", 403, "incomplete"],
    ["AuthenticationError", "InvalidClientTokenId", 403, "The security token included in the request is invalid."],
    ["AuthenticationError", "SignatureDoesNotMatch", 403, "Signature expired"],
    [
      "AuthenticationError",
      "AccessDeniedException",
      403,
      "Authentication failed: Please make sure your API Key is valid."
    ],
    ["AuthenticationError", "AccessDeniedException", 403, "Bearer Token has expired"],
    ["AuthenticationError", "SomethingNew", 401, "who are you?"],
    [
      "PermissionDeniedError",
      "AccessDeniedException",
      403,
      "You don't have access to the model with the specified model ID."
    ],
    [
      "PermissionDeniedError",
      "AccessDenied",
      403,
      "User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole"
    ],
    ["PermissionDeniedError", "SomethingNew", 403, "no"],
    ["RateLimitError", "ThrottlingException", 429, "Too many tokens, please wait before trying again."],
    ["RateLimitError", "TooManyRequestsException", 429, "no"],
    ["RateLimitError", "SomethingNew", 429, "no"],
    ["QuotaExceededError", "ThrottlingException", 429, "Too many tokens per day, please wait before trying again."],
    ["ModelNotFoundError", "ResourceNotFoundException", 404, "This model version has reached the end of its life."],
    ["InvalidRequestError", "ResourceNotFoundException", 404, "The guardrail identifier or version does not exist"],
    ["ModelNotFoundError", "SomethingNew", 404, "no"],
    ["TimeoutError", "SomethingNew", 408, "no"],
    ["ModelFailedError", "SomethingNew", 424, "no"],
    ["InvalidRequestError", "SomethingNew", 400, "no"],
    ["InvalidRequestError", "SomethingNew", 413, "too large"],
    ["ProviderInternalError", "SomethingNew", 500, "no"],
    ["ProviderInternalError", "SomethingNew", 502, "no"],
    ["ModelUnavailableError", "SomethingNew", 503, "no"],
    ["ProviderInternalError", "SomethingNew", 599, "no"]
  ])("makes %s of %s (%i): %s", (tag, name, status, message) => {
    assert.strictEqual(fromUnknown(thrown(name, message, status))._tag, tag)
  })

  it("reads a name whatever namespace surrounds it", () => {
    for (
      const name of [
        "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
        "com.amazon.bedrock#ThrottlingException",
        "throttlingException",
        "Throttling"
      ]
    ) {
      assert.strictEqual(fromUnknown(thrown(name, "slow down", 429))._tag, "RateLimitError")
    }
  })

  it.each<[Tag, string]>([
    ["ContextLengthExceededError", "Input is too long for requested model."],
    ["ContextLengthExceededError", "Input Tokens Exceeded: Number of input tokens exceeds maximum length."],
    ["ContextLengthExceededError", "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000"],
    [
      "ContextLengthExceededError",
      "The model returned the following errors: prompt is too long: 210000 tokens > 200000 maximum"
    ],
    [
      "ContextLengthExceededError",
      "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token count: 9000"
    ],
    [
      "ContextLengthExceededError",
      "Malformed input request: expected maxLength: 50000, actual: 51000, please reformat your input and try again."
    ],
    ["ContextLengthExceededError", "This model's maximum context length is 131072 tokens."],
    ["InvalidRequestError", "The maximum tokens you requested exceeds the model limit of 4096."],
    [
      "InvalidRequestError",
      "A conversation must start with a user message. Try again with a conversation that starts with a user message."
    ],
    ["ModelNotFoundError", "The provided model identifier is invalid."],
    ["UnsupportedFeatureError", "This model doesn't support tool use in streaming mode."],
    ["UnsupportedFeatureError", "This model doesn’t support system messages. Try again without system messages."],
    ["PermissionDeniedError", "Operation not allowed"]
  ])("makes %s of the validation text “%s”", (tag, message) => {
    assert.strictEqual(fromUnknown(thrown("ValidationException", message, 400))._tag, tag)
  })

  it("names the feature a model lacks", () => {
    const error = fromUnknown(
      thrown("ValidationException", "This model doesn't support the image content block that you provided. Sorry.", 400)
    )
    assert(error._tag === "UnsupportedFeatureError")
    assert.strictEqual(error.feature, "image content block")
  })

  it("names the field a constraint is about", () => {
    const message =
      "1 validation error detected: Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: " +
      "Member must have value greater than or equal to 1"
    const error = fromUnknown(thrown("ValidationException", message, 400))
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "inferenceConfig.maxTokens")
  })

  it("says which inference profile to use when a model has no on-demand throughput", () => {
    const message =
      `Invocation of model ID ${model} with on-demand throughput isn’t supported. Retry your request with ` +
      "the ID or ARN of an inference profile that contains this model."
    const error = fromUnknown(thrown("ValidationException", message, 400))
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "model")
    assert.include(error.remedy ?? "", `us.${model}`)
    assert.include(error.message, `us.${model}`)
  })

  describe("retryAfter", () => {
    it.each<[string, Record<string, string>, number | undefined]>([
      ["seconds", { "retry-after": "3" }, 3000],
      ["decimals", { "retry-after": "0.25" }, 250],
      ["milliseconds", { "x-amz-retry-after": "1500" }, 1500],
      ["milliseconds before seconds", { "x-amz-retry-after": "1500", "retry-after": "9" }, 1500],
      ["a date", { date: "Wed, 21 Oct 2026 07:28:00 GMT", "retry-after": "Wed, 21 Oct 2026 07:28:20 GMT" }, 20_000],
      ["a date, on a clock nobody told", { "retry-after": "Wed, 21 Oct 2026 07:28:20 GMT" }, undefined],
      [
        "a past date",
        { date: "Wed, 21 Oct 2026 07:28:20 GMT", "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" },
        undefined
      ],
      ["nonsense", { "retry-after": "soon" }, undefined],
      ["nothing", {}, undefined]
    ])("reads %s", (_, headers, millis) => {
      for (
        const error of [
          thrown("ThrottlingException", "slow down", 429, headers),
          thrown("ServiceUnavailableException", "busy", 503, headers),
          thrown("InternalServerException", "oops", 500, headers)
        ]
      ) {
        const hint = ProviderError.retryAfter(fromUnknown(error))
        assert.strictEqual(hint && Duration.toMillis(hint), millis)
      }
    })
  })

  describe("inside a stream", () => {
    it("reads the raw body of an exception the service model lacks", () => {
      const error = fromUnknown(failed(`{"message":"took too long"}`, { name: "modelTimeoutException" }))
      assert(error._tag === "TimeoutError")
      assert.strictEqual(error.message, "took too long")
      assert.strictEqual(error.exception, "ModelTimeoutException")
    })

    it("takes an exception nobody knows for a fault of the service", () => {
      assert.strictEqual(fromUnknown(failed("hm", { name: "somethingNewException" }))._tag, "ProviderInternalError")
    })

    it("does not quote a body it cannot read", () => {
      const error = fromUnknown(failed(`{"completion": "secret answer"`, { name: "somethingNewException" }))
      assert.notInclude(inspect(error), "secret answer")
    })
  })

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

    it("says what to do about credentials, a certificate and the protocol", () => {
      const message = (error: Error) => fromUnknown(error).message
      assert.include(message(failed("none", { name: "CredentialsProviderError" })), "AWS_ACCESS_KEY_ID")
      assert.include(message(failed("no", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })), "NODE_EXTRA_CA_CERTS")
      assert.include(message(failed("no", { code: "HPE_INVALID_CONSTANT" })), "http2: true")
      assert.include(message(failed("Region is missing")), "AWS_REGION")
    })

    it("takes a page of a proxy for what its status says", () => {
      const page = (status: number) =>
        fromUnknown(failed("Unexpected token '<', \"<html>\" is not valid JSON\n  Deserialization error: …", {
          name: "SyntaxError",
          $metadata: { httpStatusCode: status }
        }))
      assert.strictEqual(page(502)._tag, "ProviderInternalError")
      assert.strictEqual(page(503)._tag, "ModelUnavailableError")
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

  it("makes an authentication error of whatever a provider of credentials fails with", () => {
    assert.strictEqual(BedrockError.fromCredentials("boo")._tag, "AuthenticationError")
    assert.strictEqual(BedrockError.fromCredentials(failed("no", { code: "ECONNREFUSED" }))._tag, "ConnectionError")
  })
})
