import * as Sdk from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import { inspect } from "node:util"
import * as BedrockError from "../src/BedrockError.ts"
import { failed, fromUnknown, metadata, model, thrown } from "./support/Errors.ts"

type Tag = ProviderError.CallError["_tag"]

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

    it("maps every exception", () => {
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

    it("includes the status of a failed model", () => {
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
    [
      "PermissionDeniedError",
      "ResourceNotFoundException",
      404,
      "Model use case details have not been submitted for this account."
    ],
    [
      "PermissionDeniedError",
      "ValidationException",
      400,
      "data retention mode 'default' is not available for this model"
    ],
    [
      "PermissionDeniedError",
      "AccessDeniedException",
      403,
      "INVALID_PAYMENT_INSTRUMENT: A valid payment instrument is needed"
    ],
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
    ["ContextLengthExceededError", "messages: too many total text bytes: 30000000 > 25000000"],
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

  it("names the inference profile for a model without on-demand throughput", () => {
    const message =
      `Invocation of model ID ${model} with on-demand throughput isn’t supported. Retry your request with ` +
      "the ID or ARN of an inference profile that contains this model."
    const error = fromUnknown(thrown("ValidationException", message, 400))
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "model")
    assert.include(error.remedy ?? "", `us.${model}`)
    assert.include(error.message, `us.${model}`)
  })

  it.each([
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
    "***.***.content.0.thinking.signature: Field required"
  ])("says how to go on without thoughts that are refused: %s", (message) => {
    const error = fromUnknown(thrown("ValidationException", message, 400))
    assert(error._tag === "InvalidRequestError")
    assert.strictEqual(error.field, "messages")
    assert.include(error.remedy ?? "", "Message.withoutReasoning")
  })

  describe("its message", () => {
    const where = (context: BedrockError.Context) =>
      BedrockError.fromUnknown(failed("connect ECONNREFUSED", { code: "ECONNREFUSED" }), context).message.split(
        ":",
        1
      )[0]

    it("says who was asked and where, the service's words, the request, and one remedy", () => {
      const error = BedrockError.fromUnknown(thrown("ThrottlingException", "Too many tokens, please wait.", 429), {
        model: "amazon.nova-lite-v1",
        region: "us-east-1",
        server: "bedrock-runtime.us-east-1.amazonaws.com"
      })
      assert.strictEqual(
        error.message,
        "amazon.nova-lite-v1 in us-east-1: \"Too many tokens, please wait.\" (request request-1). " +
          "Send fewer requests or tokens a minute, or ask for a higher quota in Service Quotas."
      )
      assert.strictEqual(error.providerMessage, "Too many tokens, please wait.")
      assert.strictEqual(error.server, "bedrock-runtime.us-east-1.amazonaws.com")
    })

    it("names an endpoint that is not the region's own, else the region", () => {
      const region = "eu-west-1"
      assert.strictEqual(where({ model: "m", region }), "m in eu-west-1")
      for (const service of ["bedrock-runtime", "bedrock-runtime-fips"]) {
        assert.strictEqual(
          where({ model: "m", region, server: `${service}.eu-west-1.amazonaws.com` }),
          "m in eu-west-1"
        )
      }
      const endpoint = "vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com"
      assert.strictEqual(where({ model: "m", region, server: endpoint }), `m at ${endpoint}`)
      assert.strictEqual(where({ model: "m" }), "m")
      assert.strictEqual(where({ who: "guardrail g", region }), "guardrail g in eu-west-1")
      assert.strictEqual(where({}), "Bedrock")
    })

    it("ends in one remedy for every exception", () => {
      for (
        const name of ["AccessDenied", "ModelError", "ModelTimeout", "ServiceUnavailable", "ExpiredToken", "SoNew"]
      ) {
        for (const text of ["no", "no.", ""]) {
          const { message } = fromUnknown(thrown(`${name}Exception`, text, 400))
          const said = text === "" ? "HTTP 400 without a message" : `"${text}"`
          assert.isTrue(message.startsWith(`${model}: ${said} (request request-1). `), message)
          assert.match(message, /\)\. [A-Z][^.]*[^.]\.$/)
        }
      }
    })

    it("has no second period after a sentence without a request id", () => {
      const { message } = fromUnknown(failed("It broke.", { name: "somethingNewException" }))
      assert.isTrue(message.startsWith(`${model}: "It broke." Send the request again`), message)
    })

    it("allows the action that a policy denies", () => {
      const text = "User: arn:aws:iam::1:user/x is not authorized to perform: bedrock:InvokeModel on resource: m"
      const { message } = fromUnknown(thrown("AccessDeniedException", text, 403))
      assert.match(message, /Allow bedrock:InvokeModel in the IAM policies of the credentials\.$/)
    })
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
      assert.strictEqual(error.providerMessage, "took too long")
      assert.strictEqual(error.exception, "ModelTimeoutException")
    })

    it("treats an unknown exception as a fault of the service", () => {
      assert.strictEqual(fromUnknown(failed("hm", { name: "somethingNewException" }))._tag, "ProviderInternalError")
    })

    it("does not quote a body it cannot read", () => {
      const error = fromUnknown(failed(`{"completion": "secret answer"`, { name: "somethingNewException" }))
      assert.notInclude(inspect(error), "secret answer")
    })
  })
})
