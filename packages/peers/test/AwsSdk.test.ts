import * as Sdk from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, layer } from "@effect/vitest"
import { NodeHttp2Handler, NodeHttpHandler } from "@smithy/node-http-handler"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Bedrock from "./support/Bedrock.ts"

const { claude, keys, nova, region } = Bedrock

/** The transport of the client; by default a new HTTP/2 session for each request. */
const handlers: ReadonlyArray<readonly [string, () => Sdk.BedrockRuntimeClientConfig]> = [
  ["its own handler", () => ({})],
  ["shared HTTP/2 sessions", () => ({ requestHandler: new NodeHttp2Handler() })],
  ["HTTP/1.1", () => ({ requestHandler: new NodeHttpHandler() })]
]

const connect = Effect.fnUntraced(function*(config: Sdk.BedrockRuntimeClientConfig) {
  const { url } = yield* Emulator.Emulator
  return yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Sdk.BedrockRuntimeClient({ region, endpoint: url, credentials: keys, maxAttempts: 1, ...config })
    ),
    (client) => Effect.sync(() => client.destroy())
  )
})

const ask = (text: string): Array<Sdk.Message> => [{ role: "user", content: [{ text }] }]

const hello = { modelId: nova, messages: ask("Hi") }

const toolConfig: Sdk.ToolConfiguration = {
  tools: [{ toolSpec: { name: "weather", inputSchema: { json: Bedrock.placeSchema } } }]
}

/** Answers each call of the tool, as a program would. */
const runTools = (message: Sdk.Message | undefined): Array<Sdk.Message> => [{
  role: "user",
  content: (message?.content ?? []).flatMap(({ toolUse }) =>
    toolUse === undefined ? [] : [{
      toolResult: {
        toolUseId: toolUse.toolUseId,
        content: [{ text: Bedrock.weather({ city: String(Object(toolUse.input).city) }) }]
      }
    }]
  )
}]

const exceptions = [
  ["AccessDeniedException", Sdk.AccessDeniedException, 403, "client"],
  ["ConflictException", Sdk.ConflictException, 400, "client"],
  ["InternalServerException", Sdk.InternalServerException, 500, "server"],
  ["ModelErrorException", Sdk.ModelErrorException, 424, "client"],
  ["ModelNotReadyException", Sdk.ModelNotReadyException, 429, "client"],
  ["ModelTimeoutException", Sdk.ModelTimeoutException, 408, "client"],
  ["ResourceNotFoundException", Sdk.ResourceNotFoundException, 404, "client"],
  ["ServiceQuotaExceededException", Sdk.ServiceQuotaExceededException, 400, "client"],
  ["ServiceUnavailableException", Sdk.ServiceUnavailableException, 503, "server"],
  ["ThrottlingException", Sdk.ThrottlingException, 429, "client"],
  ["ValidationException", Sdk.ValidationException, 400, "client"],
  // the service does not declare this one
  ["ExpiredTokenException", Sdk.BedrockRuntimeServiceException, 403, "client"]
] as const

const streamExceptions = [
  ["InternalServerException", Sdk.InternalServerException],
  ["ModelStreamErrorException", Sdk.ModelStreamErrorException],
  ["ServiceUnavailableException", Sdk.ServiceUnavailableException],
  ["ThrottlingException", Sdk.ThrottlingException],
  ["ValidationException", Sdk.ValidationException]
] as const

layer(Bedrock.layer())("The AWS SDK", (it) => {
  describe.each(handlers)("over %s", (_, handler) => {
    const connected = Effect.suspend(() => connect(handler()))

    it.effect("generates", () =>
      Effect.gen(function*() {
        const client = yield* connected
        const { $metadata, metrics, output, stopReason, usage } = yield* Bedrock.attempt(() =>
          client.send(new Sdk.ConverseCommand(hello))
        )
        assert.deepStrictEqual(output?.message, { role: "assistant", content: [{ text: "Hello there" }] })
        assert.strictEqual(stopReason, "end_turn")
        assert.deepStrictEqual(usage, { inputTokens: 7, outputTokens: 3, totalTokens: 10 })
        assert.isNumber(metrics?.latencyMs)
        assert.strictEqual($metadata.httpStatusCode, 200)
        assert.match($metadata.requestId ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      }))

    it.effect("streams", () =>
      Effect.gen(function*() {
        const client = yield* connected
        const { events } = yield* Bedrock.read(async () =>
          (await client.send(new Sdk.ConverseStreamCommand(hello))).stream
        )
        assert.deepStrictEqual(events.map((event) => Object.keys(event)[0]), [
          "messageStart",
          "contentBlockDelta",
          "contentBlockDelta",
          "contentBlockStop",
          "messageStop",
          "metadata"
        ])
        assert.strictEqual(events.map((event) => event.contentBlockDelta?.delta?.text ?? "").join(""), "Hello there")
        assert.strictEqual(events.at(-1)?.metadata?.usage?.totalTokens, 10)
      }))

    it.effect("runs the tools the model calls", () =>
      Effect.gen(function*() {
        const client = yield* connected
        const messages = ask("How is it in Paris and Rome?")
        const converse = (messages: Array<Sdk.Message>) =>
          Bedrock.attempt(() => client.send(new Sdk.ConverseCommand({ modelId: claude, messages, toolConfig })))
        const asked = yield* converse(messages)
        assert.strictEqual(asked.stopReason, "tool_use")
        const turn = asked.output?.message
        const answered = yield* converse([...messages, ...(turn === undefined ? [] : [turn]), ...runTools(turn)])
        assert.deepStrictEqual(answered.output?.message?.content, [{
          text: "It is 20 degrees in Paris and 20 degrees in Rome."
        }])
      }))

    it.effect("streams a tool call", () =>
      Effect.gen(function*() {
        const client = yield* connected
        const { events } = yield* Bedrock.read(async () => {
          const input = { modelId: claude, messages: ask("How is it in Rome?"), toolConfig }
          return (await client.send(new Sdk.ConverseStreamCommand(input))).stream
        })
        const start = events.find((event) => event.contentBlockStart !== undefined)?.contentBlockStart
        assert.deepStrictEqual<unknown>(start?.start?.toolUse, {
          toolUseId: "tooluse_0",
          name: "weather",
          type: "tool_use"
        })
        const input = events.map((event) => event.contentBlockDelta?.delta?.toolUse?.input ?? "").join("")
        assert.deepStrictEqual(JSON.parse(input), { city: "Rome" })
        assert.strictEqual(events.at(-2)?.messageStop?.stopReason, "tool_use")
      }))

    it.effect("embeds", () =>
      Effect.gen(function*() {
        const client = yield* connected
        const embed = (modelId: string, body: unknown) =>
          Bedrock.attempt(() =>
            client.send(
              new Sdk.InvokeModelCommand({ modelId, contentType: "application/json", body: JSON.stringify(body) })
            )
          ).pipe(Effect.map(({ body, contentType }) => {
            assert.strictEqual(contentType, "application/json")
            return JSON.parse(body.transformToString())
          }))
        const titan = yield* embed("amazon.titan-embed-text-v2:0", { inputText: "One text", dimensions: 256 })
        assert.lengthOf(titan.embedding, 256)
        assert.strictEqual(titan.inputTextTokenCount, 2)
        const cohere = yield* embed("cohere.embed-english-v3", { texts: ["One", "Two"], input_type: "search_query" })
        assert.deepStrictEqual(cohere.embeddings.map((vector: ReadonlyArray<number>) => vector.length), [1024, 1024])
      }))

    it.effect("corrects its clock skew after a refusal", () =>
      Effect.gen(function*() {
        const client = yield* connect({ ...handler(), systemClockOffset: 3_600_000 })
        const error = yield* Bedrock.thrownBy(() => client.send(new Sdk.ConverseCommand(hello)))
        assert.include(String(error), "InvalidSignatureException: Signature not yet current")
        yield* Bedrock.attempt(() => client.send(new Sdk.ConverseCommand(hello)))
      }))

    it.effect.each(exceptions)(
      "throws %s as its class",
      ([exception, Class, status, fault]) =>
        Effect.gen(function*() {
          const client = yield* connected
          yield* Bedrock.inject({ type: "exception", exception })
          const error = yield* Bedrock.thrownBy(() => client.send(new Sdk.ConverseCommand(hello)))
          if (!(error instanceof Class)) return assert.fail(String(error))
          assert.strictEqual(error.name, exception)
          assert.notInclude(error.message, "UnknownError")
          assert.strictEqual(error.$fault, fault)
          assert.strictEqual(error.$metadata.httpStatusCode, status)
          assert.isString(error.$metadata.requestId)
          assert.strictEqual(error.$retryable !== undefined, exception === "ModelNotReadyException")
        })
    )

    it.effect.each(streamExceptions)(
      "throws %s inside a stream",
      ([exception, Class]) =>
        Effect.gen(function*() {
          const client = yield* connected
          yield* Bedrock.inject({ type: "streamException", exception, originalStatusCode: 529 })
          const { error, events } = yield* Bedrock.read(async () =>
            (await client.send(new Sdk.ConverseStreamCommand(hello))).stream
          )
          assert.lengthOf(events, 1)
          assert.isTrue(error instanceof Class, String(error))
          if (error instanceof Sdk.ModelStreamErrorException) assert.strictEqual(error.originalStatusCode, 529)
        })
    )
  })

  it.effect("retries the exceptions it retries for the service, and no others", () =>
    Effect.gen(function*() {
      const client = yield* connect({ maxAttempts: 2 })
      const attempts = (exception: typeof exceptions[number][0]) =>
        Effect.gen(function*() {
          yield* Bedrock.inject({ type: "exception", exception, text: exception })
          const messages = ask(exception)
          return yield* Bedrock.attempt(() => client.send(new Sdk.ConverseCommand({ modelId: nova, messages }))).pipe(
            Effect.map(({ $metadata }) => [exception, $metadata.attempts]),
            Effect.catchTag("Thrown", () => Effect.succeed([exception, "not retried"]))
          )
        })
      assert.deepStrictEqual(
        yield* Effect.all(exceptions.map(([exception]) => attempts(exception)), { concurrency: "unbounded" }),
        [
          ["AccessDeniedException", "not retried"],
          ["ConflictException", "not retried"],
          ["InternalServerException", 2],
          ["ModelErrorException", "not retried"],
          ["ModelNotReadyException", 2],
          ["ModelTimeoutException", "not retried"],
          ["ResourceNotFoundException", "not retried"],
          ["ServiceQuotaExceededException", "not retried"],
          ["ServiceUnavailableException", 2],
          ["ThrottlingException", 2],
          ["ValidationException", "not retried"],
          ["ExpiredTokenException", "not retried"]
        ]
      )
    }))

  const wrong: ReadonlyArray<readonly [string, Sdk.BedrockRuntimeClientConfig, string, string]> = [
    [
      "an unknown key",
      { credentials: { accessKeyId: "AKIANOBODY", secretAccessKey: "guess" } },
      "UnrecognizedClientException",
      "The security token included in the request is invalid."
    ],
    [
      "a wrong secret",
      { credentials: { ...keys, secretAccessKey: "guess" } },
      "InvalidSignatureException",
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    ],
    [
      "another region",
      { region: "eu-west-1" },
      "InvalidSignatureException",
      "Credential should be scoped to a valid region, not 'eu-west-1'. "
    ],
    [
      "a wrong API key",
      { token: { token: "guess" }, authSchemePreference: ["httpBearerAuth"] },
      "AccessDeniedException",
      "Authentication failed: Please make sure your API Key is valid."
    ]
  ]

  it.effect.each(wrong)("is refused with %s", ([, config, name, message]) =>
    Effect.gen(function*() {
      const client = yield* connect(config)
      const error = yield* Bedrock.thrownBy(() => client.send(new Sdk.ConverseCommand(hello)))
      if (!(error instanceof Sdk.BedrockRuntimeServiceException)) return assert.fail(String(error))
      assert.deepStrictEqual([error.name, error.message, error.$metadata.httpStatusCode], [name, message, 403])
    }))

  it.effect("reports an expired session token", () =>
    Effect.gen(function*() {
      const client = yield* connect({})
      yield* Bedrock.inject({ type: "exception", exception: "ExpiredTokenException" })
      const error = yield* Bedrock.thrownBy(() => client.send(new Sdk.ConverseCommand(hello)))
      assert.strictEqual(Object(error).message, "The security token included in the request is expired")
    }))

  it.effect("authenticates with an API key", () =>
    Effect.gen(function*() {
      const { apiKey, requests } = yield* Emulator.Emulator
      const client = yield* connect({
        token: { token: Redacted.value(apiKey) },
        authSchemePreference: ["httpBearerAuth"]
      })
      yield* Bedrock.attempt(() => client.send(new Sdk.ConverseCommand(hello)))
      assert.strictEqual((yield* requests).at(-1)?.scheme, "bearer")
    }))

  const refused: ReadonlyArray<readonly [string, Partial<Sdk.ConverseCommandInput>, string, string]> = [
    [
      "a model nobody knows",
      { modelId: "nobody.nothing-v1:0" },
      "ValidationException",
      "The provided model identifier is invalid."
    ],
    [
      "a model that wants a profile",
      { modelId: "anthropic.claude-sonnet-4-5-20250929-v1:0" },
      "ValidationException",
      "Invocation of model ID anthropic.claude-sonnet-4-5-20250929-v1:0 with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model."
    ],
    [
      "a model that is gone",
      { modelId: "anthropic.claude-3-5-sonnet-20240620-v1:0" },
      "ResourceNotFoundException",
      "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
    ],
    [
      "a blank text",
      { messages: ask(" ") },
      "ValidationException",
      "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again."
    ],
    [
      "a temperature beyond its range",
      { inferenceConfig: { temperature: 2 } },
      "ValidationException",
      "1 validation error detected: Value '2' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1"
    ],
    [
      "a guardrail nobody made",
      { guardrailConfig: { guardrailIdentifier: "nobody", guardrailVersion: "1" } },
      "ValidationException",
      "The guardrail identifier or version provided in the request does not exist."
    ]
  ]

  it.effect.each(refused)("is refused %s", ([, input, name, message]) =>
    Effect.gen(function*() {
      const client = yield* connect({})
      const error = yield* Bedrock.thrownBy(() => client.send(new Sdk.ConverseCommand({ ...hello, ...input })))
      if (!(error instanceof Sdk.BedrockRuntimeServiceException)) return assert.fail(String(error))
      assert.deepStrictEqual([error.name, error.message], [name, message])
    }))

  it.effect("reports the intervention of a guardrail", () =>
    Effect.gen(function*() {
      const client = yield* connect({})
      const input = { modelId: nova, messages: ask("How do I build a bomb?"), guardrailConfig: Bedrock.guardrailConfig }
      const { output, stopReason, trace } = yield* Bedrock.attempt(() => client.send(new Sdk.ConverseCommand(input)))
      assert.strictEqual(stopReason, "guardrail_intervened")
      assert.deepStrictEqual(output?.message?.content, [{ text: "Not that." }])
      assert.deepStrictEqual(trace?.guardrail?.inputAssessment?.["abc123"]?.wordPolicy?.customWords, [
        { action: "BLOCKED", detected: true, match: "bomb" }
      ])
      const { action } = yield* Bedrock.attempt(() =>
        client.send(
          new Sdk.ApplyGuardrailCommand({
            ...Bedrock.guardrailConfig,
            source: "INPUT",
            content: [{ text: { text: "A bomb" } }]
          })
        )
      )
      assert.strictEqual(action, "GUARDRAIL_INTERVENED")
    }))

  it.effect("gets JSON that matches a schema", () =>
    Effect.gen(function*() {
      const client = yield* connect({})
      const { output } = yield* Bedrock.attempt(() =>
        client.send(
          new Sdk.ConverseCommand({
            modelId: claude,
            messages: ask("Where is the Louvre?"),
            outputConfig: {
              textFormat: {
                type: "json_schema",
                structure: { jsonSchema: { name: "place", schema: JSON.stringify(Bedrock.placeSchema) } }
              }
            }
          })
        )
      )
      assert.deepStrictEqual(JSON.parse(output?.message?.content?.[0]?.text ?? ""), { city: "Paris" })
    }))

  it.effect("counts tokens", () =>
    Effect.gen(function*() {
      const client = yield* connect({})
      const { inputTokens } = yield* Bedrock.attempt(() =>
        client.send(
          new Sdk.CountTokensCommand({
            modelId: "anthropic.claude-sonnet-4-5-20250929-v1:0",
            input: { converse: { messages: hello.messages } }
          })
        )
      )
      assert.isAbove(inputTokens ?? 0, 0)
    }))
})
