import { assert, describe, it } from "@effect/vitest"
import { ProviderError } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { Duration, Effect, Layer, Schema, Stream } from "effect"
import { AiError, LanguageModel } from "effect/ai"
import { StrataAiError, StrataLanguageModel } from "../src/index.ts"
import { scripted } from "./support/Model.ts"

const fields = {
  provider: "aws.bedrock",
  model: "m",
  message: "what happened",
  requestId: "r-1",
  exception: "SomeException"
}

/** One error of each tag. */
const errors: {
  readonly [Tag in ProviderError.ProviderError["_tag"]]: Extract<ProviderError.ProviderError, { _tag: Tag }>
} = {
  AuthenticationError: new ProviderError.AuthenticationError({ ...fields, transient: true }),
  PermissionDeniedError: new ProviderError.PermissionDeniedError(fields),
  InvalidRequestError: new ProviderError.InvalidRequestError({ ...fields, field: "maxTokens", remedy: "less" }),
  ContextLengthExceededError: new ProviderError.ContextLengthExceededError({
    ...fields,
    field: "messages",
    measured: { unit: "tokens", actual: 9, limit: 8 }
  }),
  ModelNotFoundError: new ProviderError.ModelNotFoundError(fields),
  UnsupportedFeatureError: new ProviderError.UnsupportedFeatureError({ ...fields, feature: "images" }),
  RateLimitError: new ProviderError.RateLimitError({ ...fields, retryAfter: Duration.seconds(7) }),
  QuotaExceededError: new ProviderError.QuotaExceededError(fields),
  ModelUnavailableError: new ProviderError.ModelUnavailableError({ ...fields, retryAfter: Duration.seconds(3) }),
  ProviderInternalError: new ProviderError.ProviderInternalError(fields),
  ModelFailedError: new ProviderError.ModelFailedError({ ...fields, originalStatus: 500 }),
  TimeoutError: new ProviderError.TimeoutError({ ...fields, phase: "idle", after: Duration.seconds(1) }),
  ConnectionError: new ProviderError.ConnectionError(fields),
  StreamInterruptedError: new ProviderError.StreamInterruptedError({ ...fields, delivered: 3 }),
  MalformedResponseError: new ProviderError.MalformedResponseError(fields),
  StructuredOutputError: new ProviderError.StructuredOutputError({ ...fields, text: "{", issue: "cut" }),
  CircuitOpenError: new ProviderError.CircuitOpenError({ ...fields, retryAfter: Duration.seconds(5) }),
  BudgetExceededError: new ProviderError.BudgetExceededError(fields),
  QueueFullError: new ProviderError.QueueFullError(fields)
}

const reasons: { readonly [Tag in keyof typeof errors]: AiError.AiErrorReason["_tag"] } = {
  AuthenticationError: "AuthenticationError",
  PermissionDeniedError: "AuthenticationError",
  InvalidRequestError: "InvalidRequestError",
  ContextLengthExceededError: "InvalidRequestError",
  ModelNotFoundError: "InvalidRequestError",
  UnsupportedFeatureError: "InvalidRequestError",
  RateLimitError: "RateLimitError",
  QuotaExceededError: "QuotaExhaustedError",
  ModelUnavailableError: "InternalProviderError",
  ProviderInternalError: "InternalProviderError",
  ModelFailedError: "UnknownError",
  TimeoutError: "NetworkError",
  ConnectionError: "NetworkError",
  StreamInterruptedError: "InvalidResponseError",
  MalformedResponseError: "InvalidResponseError",
  StructuredOutputError: "StructuredOutputError",
  CircuitOpenError: "InternalProviderError",
  BudgetExceededError: "QuotaExhaustedError",
  QueueFullError: "RateLimitError"
}

const place = { module: "LanguageModel", method: "generateText" }

describe("errors", () => {
  for (const error of Object.values(errors)) {
    it.effect(`case 29: ${error._tag} has one reason, and comes back with all it had`, () =>
      Effect.gen(function*() {
        const given = StrataAiError.toAiError(error, place)
        assert.strictEqual(given.reason._tag, reasons[error._tag])
        assert.include(given.message, error._tag === "RateLimitError" ? "Rate limit" : "LanguageModel.generateText")
        assert.deepStrictEqual(StrataAiError.original(given), error)
        assert.deepStrictEqual(StrataAiError.fromAiError(given, { provider: "other" }), error)
        const json = yield* Schema.encodeEffect(Schema.toCodecJson(AiError.AiError))(given)
        const stored = yield* Schema.decodeUnknownEffect(Schema.toCodecJson(AiError.AiError))(
          JSON.parse(JSON.stringify(json))
        )
        const back = StrataAiError.fromAiError(stored, { provider: "other" })
        if (given.reason._tag !== "NetworkError") assert.deepStrictEqual(back, error)
        else assert.isTrue(ProviderError.isTransient(back))
      }))

    it(`case 29: ${error._tag} is retryable where it is transient`, () => {
      const given = StrataAiError.toAiError(error, place)
      // Credentials that may come in a moment are none that a program should ask with again; and see `Reasons`.
      const expected = error._tag === "StructuredOutputError" ||
        error._tag !== "AuthenticationError" && ProviderError.isTransient(error)
      assert.strictEqual(given.isRetryable, expected)
    })
  }

  it.effect("case 29: both ways to ask fail with AiError only", () =>
    Effect.gen(function*() {
      const whole: Effect.Effect<unknown, AiError.AiError, LanguageModel.LanguageModel> = LanguageModel.generateText({
        prompt: "x"
      })
      const streamed: Stream.Stream<unknown, AiError.AiError, LanguageModel.LanguageModel> = LanguageModel.streamText({
        prompt: "x"
      })
      const object: Effect.Effect<unknown, AiError.AiError, LanguageModel.LanguageModel> = LanguageModel
        .generateObject({ prompt: "x", schema: Schema.Struct({ a: Schema.String }) })
      for (const ask of [whole, Stream.runDrain(streamed), object]) {
        const error = yield* Effect.flip(ask)
        assert.isTrue(AiError.isAiError(error))
        assert.deepStrictEqual(error.retryAfter, Duration.seconds(7))
        assert.deepStrictEqual(StrataAiError.original(error), errors.RateLimitError)
      }
    }).pipe(Effect.provide(scripted(() => errors.RateLimitError))))

  it("case 29: the reason of a tag is in its type", () => {
    const throttled: AiError.RateLimitError = StrataAiError.reasonOf(errors.RateLimitError)
    const denied: AiError.AuthenticationError = StrataAiError.reasonOf(errors.PermissionDeniedError)
    const long: AiError.InvalidRequestError = StrataAiError.reasonOf(errors.ContextLengthExceededError)
    const cut: AiError.InvalidResponseError = StrataAiError.reasonOf(errors.StreamInterruptedError)
    const tag: "RateLimitError" = StrataAiError.reasonOf(errors.RateLimitError)._tag
    // @ts-expect-error the reason of a rate limit is not one of a network
    const wrong: "NetworkError" = StrataAiError.reasonOf(errors.RateLimitError)._tag
    assert.deepStrictEqual([throttled._tag, denied._tag, long._tag, cut._tag, tag, wrong], [
      "RateLimitError",
      "AuthenticationError",
      "InvalidRequestError",
      "InvalidResponseError",
      "RateLimitError",
      "RateLimitError"
    ] as never)
  })

  it.effect("an answer that was filtered or cut is no error but a reason to finish, with all of the answer", () =>
    Effect.gen(function*() {
      const filtered = yield* LanguageModel.generateText({ prompt: "x" })
      assert.deepStrictEqual([filtered.finishReason, filtered.text], ["content-filter", "No"])
      const cut = yield* LanguageModel.generateText({ prompt: "x" })
      assert.deepStrictEqual([cut.finishReason, cut.text], ["length", "Once"])
      const object = LanguageModel.generateObject({ prompt: "x", schema: Schema.Struct({ a: Schema.String }) })
      const error = yield* Effect.flip(object)
      assert.strictEqual(error.reason._tag, "StructuredOutputError")
      assert.include(error.message, "cut by `maxTokens`")
    }).pipe(Effect.provide(scripted([
      { content: "No", finishReason: "guardrail" },
      { content: "Once", finishReason: "length" },
      { content: "{\"a\":", finishReason: "length" }
    ]))))

  it.effect("a stream that breaks fails after what had arrived", () =>
    Effect.gen(function*() {
      const parts: Array<string> = []
      const error = yield* LanguageModel.streamText({ prompt: "x" }).pipe(
        Stream.runForEach((part) => Effect.sync(() => void parts.push(part.type))),
        Effect.flip
      )
      assert.deepStrictEqual(parts, ["text-start", "text-delta", "text-delta"])
      assert.strictEqual(StrataAiError.original(error)?._tag, "StreamInterruptedError")
    }).pipe(Effect.provide(
      StrataLanguageModel.layer().pipe(
        Layer.provide(TestChat.layer([{ content: "one two three", failAfter: 2 }]))
      )
    )))

  /** Errors of a model of someone else, and ours. */
  const foreign: ReadonlyArray<readonly [AiError.AiErrorReason, ProviderError.ProviderError["_tag"]]> = [
    [new AiError.RateLimitError({ retryAfter: Duration.seconds(2) }), "RateLimitError"],
    [new AiError.QuotaExhaustedError({}), "QuotaExceededError"],
    [new AiError.AuthenticationError({ kind: "ExpiredKey" }), "AuthenticationError"],
    [new AiError.AuthenticationError({ kind: "InsufficientPermissions" }), "PermissionDeniedError"],
    [new AiError.ContentPolicyError({ description: "no" }), "InvalidRequestError"],
    [new AiError.InvalidRequestError({ parameter: "top_p" }), "InvalidRequestError"],
    [new AiError.InvalidResponseError({ description: "no" }), "MalformedResponseError"],
    [new AiError.InternalProviderError({ description: "no" }), "ProviderInternalError"],
    [new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "u" }), "ConnectionError"],
    [new AiError.NetworkError({ reason: "InvalidUrlError", method: "POST", url: "u" }), "InvalidRequestError"],
    [new AiError.InvalidOutputError({ description: "no" }), "MalformedResponseError"],
    [new AiError.UnsupportedSchemaError({ description: "no" }), "InvalidRequestError"],
    [new AiError.UnknownError({}), "ModelFailedError"],
    [new AiError.ToolNotFoundError({ toolName: "a", availableTools: [] }), "MalformedResponseError"],
    [new AiError.InvalidUserInputError({ description: "no" }), "InvalidRequestError"],
    ...([
      [402, "QuotaExceededError"],
      [404, "ModelNotFoundError"],
      [408, "TimeoutError"],
      [
        413,
        "ContextLengthExceededError"
      ],
      [424, "ModelFailedError"],
      [429, "RateLimitError"],
      [500, "ProviderInternalError"],
      [
        503,
        "ModelUnavailableError"
      ],
      [504, "TimeoutError"],
      [529, "ModelUnavailableError"]
    ] as const).map(([status, tag]) =>
      [
        AiError.reasonFromHttpStatus({ status, http: { response: { status, headers: { "retry-after": "2" } } } }),
        tag
      ] as const
    )
  ]
  for (const [reason, tag] of foreign) {
    const status = "http" in reason ? reason.http?.response?.status ?? "" : ""
    it(`${reason._tag} ${status} of a foreign model is ${tag}, with its hint`, () => {
      const error = StrataAiError.fromAiError(AiError.make({ ...place, reason }), { provider: "p", model: "m" })
      assert.deepStrictEqual([error._tag, error.provider, error.model], [tag, "p", "m"])
      if (status === 503 || status === 429 || reason._tag === "RateLimitError") {
        assert.deepStrictEqual(ProviderError.retryAfter(error), Duration.seconds(2))
      }
    })
  }
})
