import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Result } from "effect"
import * as Asking from "./support/Asking.ts"
import * as FakeServer from "./support/FakeServer.ts"
import { json, type Reply } from "./support/FakeServer.ts"

const failure = (reply: Reply, request = "Hello") =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(Asking.generate(reply, request))
    // Whole and streamed fail alike.
    const { events, exit } = yield* Asking.stream(reply, request)
    assert.deepStrictEqual(events, [])
    assert.isTrue(Result.isFailure(exit) && exit.failure._tag === error._tag)
    return error
  })

const error = (message: string, rest: object = {}) => ({
  error: { message, type: "invalid_request_error", param: null, code: null, ...rest }
})

const tags: ReadonlyArray<readonly [server: string, status: number, body: unknown, tag: string]> = [
  [
    "OpenAI",
    401,
    error("Incorrect API key provided: sk-abcdef********wxyz.", { code: "invalid_api_key" }),
    "AuthenticationError"
  ],
  [
    "OpenAI",
    403,
    error("Country, region, or territory not supported", { code: "unsupported_country_region_territory" }),
    "PermissionDeniedError"
  ],
  [
    "OpenAI",
    403,
    error("Project `proj_x` does not have access to model `gpt-5`", { code: "model_not_found" }),
    "PermissionDeniedError"
  ],
  [
    "OpenAI",
    404,
    error("The model `gpt-9` does not exist or you do not have access to it.", { code: "model_not_found" }),
    "ModelNotFoundError"
  ],
  [
    "OpenAI",
    429,
    error("Rate limit reached for gpt-4o on requests per min (RPM): Limit 3, Used 3, Requested 1.", {
      type: "requests",
      code: "rate_limit_exceeded"
    }),
    "RateLimitError"
  ],
  [
    "OpenAI",
    429,
    error("Rate limit reached for gpt-4o on requests per day (RPD): Limit 200.", {
      type: "requests",
      code: "rate_limit_exceeded"
    }),
    "QuotaExceededError"
  ],
  [
    "OpenAI",
    429,
    error("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 48000.", {
      type: "tokens",
      code: "rate_limit_exceeded"
    }),
    "QuotaExceededError"
  ],
  [
    "OpenAI",
    429,
    error("You exceeded your current quota, please check your plan.", {
      type: "insufficient_quota",
      code: "insufficient_quota"
    }),
    "QuotaExceededError"
  ],
  [
    "OpenAI",
    400,
    error("This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens.", {
      code: "context_length_exceeded",
      param: "messages"
    }),
    "ContextLengthExceededError"
  ],
  [
    "OpenAI",
    400,
    error("Unsupported parameter: 'temperature' is not supported with this model.", {
      code: "unsupported_parameter",
      param: "temperature"
    }),
    "UnsupportedFeatureError"
  ],
  ["OpenAI", 400, error("Invalid value: 'x'.", { code: "invalid_value", param: "tool_choice" }), "InvalidRequestError"],
  [
    "OpenAI",
    500,
    error("The server had an error while processing your request.", { type: "server_error" }),
    "ProviderInternalError"
  ],
  [
    "OpenAI",
    503,
    error("The engine is currently overloaded, please try again later.", { type: "server_error" }),
    "ProviderInternalError"
  ],
  ["OpenAI", 503, error("Slow down", { code: "slow_down" }), "ModelUnavailableError"],
  ["Azure", 401, {
    error: { code: "401", message: "Access denied due to invalid subscription key or wrong API endpoint." }
  }, "AuthenticationError"],
  ["Azure", 401, { statusCode: 401, message: "Unauthorized. Access token is missing." }, "AuthenticationError"],
  ["Azure", 404, {
    error: { code: "DeploymentNotFound", message: "The API deployment for this resource does not exist." }
  }, "ModelNotFoundError"],
  ["Azure", 404, { error: { code: "404", message: "Resource not found" } }, "InvalidRequestError"],
  ["Azure", 429, {
    error: { code: "429", message: "Requests have exceeded call rate limit. Please retry after 26 seconds." }
  }, "RateLimitError"],
  [
    "Ollama",
    404,
    error("model \"llama9\" not found, try pulling it first", { type: "api_error" }),
    "ModelNotFoundError"
  ],
  ["Ollama", 400, { error: "the input length exceeds the context length" }, "ContextLengthExceededError"],
  [
    "Ollama",
    500,
    error("llama runner process has terminated: exit status 2", { type: "api_error" }),
    "ProviderInternalError"
  ],
  ["vLLM", 400, {
    object: "error",
    message:
      "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4900 in the messages, 100 in the completion).",
    type: "BadRequestError",
    param: null,
    code: 400
  }, "ContextLengthExceededError"],
  ["vLLM", 404, {
    error: { message: "The model `x` does not exist.", type: "NotFoundError", param: "model", code: 404 }
  }, "ModelNotFoundError"],
  [
    "vLLM",
    422,
    { detail: [{ loc: ["body", "messages"], msg: "field required", input: { secret: "content" } }] },
    "InvalidRequestError"
  ],
  ["vLLM", 400, { detail: "Invalid JSON" }, "InvalidRequestError"],
  [
    "LM Studio",
    404,
    error("No models loaded. Please load a model in the developer page.", { code: "model_not_found" }),
    "ModelNotFoundError"
  ],
  ["LM Studio", 400, {
    error:
      "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough."
  }, "ContextLengthExceededError"],
  [
    "LiteLLM",
    429,
    error("litellm.RateLimitError: RateLimitError", { type: "throttling_error", code: "429" }),
    "RateLimitError"
  ],
  [
    "LiteLLM",
    400,
    error("Budget has been exceeded! Current cost: 1.2, Max budget: 1.0", { type: "budget_exceeded", code: "400" }),
    "QuotaExceededError"
  ],
  [
    "LiteLLM",
    401,
    error("Authentication Error, Invalid proxy server token passed.", { type: "token_not_found_in_db", code: "401" }),
    "AuthenticationError"
  ],
  [
    "LiteLLM",
    401,
    error("API key not allowed to access model.", { type: "key_model_access_denied", code: "401" }),
    "PermissionDeniedError"
  ],
  [
    "LiteLLM",
    400,
    error("litellm.ContextWindowExceededError: prompt is too long: 201000 tokens > 200000 maximum", { code: "400" }),
    "ContextLengthExceededError"
  ],
  ["LiteLLM", 408, error("litellm.Timeout: Request timed out", { type: "timeout_error", code: "408" }), "TimeoutError"],
  ["llama.cpp", 400, {
    error: {
      code: 400,
      message: "the request exceeds the available context size",
      type: "exceed_context_size_error",
      n_prompt_tokens: 5000,
      n_ctx: 4096
    }
  }, "ContextLengthExceededError"],
  [
    "llama.cpp",
    503,
    { error: { code: 503, message: "Loading model", type: "unavailable_error" } },
    "ModelUnavailableError"
  ],
  ["Bedrock", 403, { message: "User: arn is not authorized to perform: bedrock:InvokeModel" }, "PermissionDeniedError"],
  ["Bedrock", 429, { message: "Too many tokens, please wait before trying again." }, "RateLimitError"],
  ["Bedrock", 424, { message: "The model failed." }, "ModelFailedError"],
  ["Bedrock", 400, { message: "Input is too long for requested model." }, "ContextLengthExceededError"],
  ["OpenRouter", 402, { error: { code: 402, message: "Insufficient credits" } }, "QuotaExceededError"],
  ["a gateway", 504, "", "TimeoutError"],
  [
    "a gateway",
    529,
    { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    "ModelUnavailableError"
  ],
  ["a gateway", 418, [], "InvalidRequestError"],
  ["a gateway", 308, "", "InvalidRequestError"]
]

describe("OpenAiError", () => {
  for (const [server, status, body, tag] of tags) {
    it.live(`${server}, ${status}: ${tag} for ${JSON.stringify(body).slice(0, 90)}`, () =>
      Effect.gen(function*() {
        const reply: Reply = typeof body === "string" ? { status, body } : json(body, status)
        assert.strictEqual((yield* failure(reply))._tag, tag)
      }))
  }

  it.live("an error has the server's words and name of the error, the request id, the host, the field", () =>
    Effect.gen(function*() {
      const body = error("Invalid value.", { param: "tools[0].name", code: "invalid_value" })
      const found = yield* failure(json(body, 400, { "x-request-id": "req_123" }))
      assert.strictEqual(found.requestId, "req_123")
      assert.strictEqual(found.exception, "invalid_value")
      assert.strictEqual(found.providerMessage, "Invalid value.")
      assert.match(found.server ?? "", /^127\.0\.0\.1:\d+$/)
      assert.isTrue(found._tag === "InvalidRequestError" && found.field === "tools[0].name")
      assert.match(
        found.message,
        /^m at 127\.0\.0\.1:\d+: "Invalid value\." \(request req_123\)\. Correct the request\.$/
      )
    }))

  it.live("the hint when to retry is read from headers and words", () =>
    Effect.gen(function*() {
      const limited = (headers: Readonly<Record<string, string>>, message = "Too many") =>
        Effect.map(failure(json(error(message), 429, headers)), (error) =>
          "retryAfter" in error && error.retryAfter !== undefined ? Duration.toMillis(error.retryAfter) : undefined)
      assert.strictEqual(yield* limited({ "retry-after": "7" }), 7000)
      assert.strictEqual(yield* limited({ "retry-after-ms": "250", "retry-after": "7" }), 250)
      const reset = { "x-ratelimit-reset-requests": "1m2s", "x-ratelimit-reset-tokens": "20ms" }
      assert.strictEqual(yield* limited({ ...reset, "x-ratelimit-remaining-requests": "0" }), 62_000)
      assert.strictEqual(yield* limited({ ...reset, "x-ratelimit-remaining-tokens": "0" }), 20)
      assert.strictEqual(yield* limited(reset), undefined)
      assert.strictEqual(yield* limited({}, "Please try again in 1.5s. Visit"), 1500)
      assert.strictEqual(yield* limited({}, "Please retry after 26 seconds."), 26_000)
      const date = yield* limited({ "retry-after": new Date(Date.now() + 60_000).toUTCString() })
      assert.isTrue(date !== undefined && date > 50_000 && date <= 60_000)
      assert.strictEqual(yield* limited({ "retry-after": "soon" }), undefined)
    }))

  it.live("the measured lengths are told", () =>
    Effect.gen(function*() {
      for (const [server, status, body, tag] of tags) {
        if (tag !== "ContextLengthExceededError" || /Ollama|Bedrock/.test(server)) continue
        const found = yield* failure(json(body, status))
        assert.isTrue(found._tag === "ContextLengthExceededError" && found.measured !== undefined, JSON.stringify(body))
        if (found._tag === "ContextLengthExceededError" && found.measured !== undefined) {
          assert.isAbove(found.measured.actual, found.measured.limit)
        }
      }
    }))

  it.live("case 18: a page is a typed error with the URL and its first characters, whatever its status", () =>
    Effect.gen(function*() {
      const page = "<!DOCTYPE html>\n<html><head><title>Open WebUI</title></head><body>Not here</body></html>"
      for (
        const [status, tag] of [
          [200, "MalformedResponseError"],
          [404, "InvalidRequestError"],
          [502, "ConnectionError"]
        ] as const
      ) {
        const found = yield* failure({ status, headers: { "content-type": "text/html" }, body: page })
        assert.strictEqual(found._tag, tag)
        assert.match(found.message, /http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions/)
        assert.include(found.message, "<!DOCTYPE html> <html>")
        const unlabelled = yield* failure({ status, body: page })
        assert.strictEqual(unlabelled._tag, tag)
      }
    }))

  it.live("neither the key nor the prompt stands in an error", () =>
    Effect.gen(function*() {
      const prompt = "My grandmother's maiden name is Featherstonehaugh, and her cat is called Bartholomew."
      const echoes = [
        `Invalid key sk-secret-key-1 for ${prompt}`,
        `Could not parse: {"content": ${JSON.stringify(prompt)}}`,
        `Incorrect API key provided: sk-abcd****wxyz. Got Bearer sk-secret-key-1`
      ]
      for (const echo of echoes) {
        for (const body of [error(echo), { detail: echo }, { error: echo }, echo]) {
          const found = yield* failure(json(body, 400), prompt)
          const text = JSON.stringify(found) + found.message + String(found.stack)
          assert.notMatch(text, /secret-key|Featherstonehaugh|Bartholomew|abcd/)
        }
      }
    }))

  it.live("a key of any form, and the values of headers, are kept out of an error", () =>
    Effect.gen(function*() {
      const client = { apiKey: "correct horse battery", headers: { "x-tenant": "staple-7" } }
      const reply = json(error("No access for correct horse battery of staple-7"), 403)
      const found = yield* Effect.flip(Asking.generate(reply, "Hello", { client }))
      assert.notMatch(JSON.stringify(found) + found.message, /horse|staple/)
    }))

  it.live("a server that is not there is a connection error", () =>
    Effect.gen(function*() {
      // A server that was there.
      const { url } = yield* Effect.scoped(FakeServer.make)
      const error = yield* Effect.flip(Asking.generate(json({}), "Hello", { client: { baseUrl: url } }))
      assert.strictEqual(error._tag, "ConnectionError")
      assert.include(error.message, "ECONNREFUSED")
    }))
})
