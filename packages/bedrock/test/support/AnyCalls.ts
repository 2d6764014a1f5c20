/**
 * Every public function of the package, called with one value in each of its places, and with what is right in the others.
 */
import * as BatchService from "@strata/core/batch/BatchService"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as RerankService from "@strata/core/rerank/RerankService"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import {
  BedrockAsync,
  BedrockBatch,
  BedrockChat,
  BedrockClient,
  BedrockEmbedding,
  BedrockError,
  BedrockPrompt,
  BedrockRerank,
  BedrockSigner,
  BedrockTokens,
  Guardrail,
  InferenceProfile,
  ModelCatalog,
  ModelId,
  PriceList,
  RequestMetadata
} from "../../src/index.ts"
import type * as Transport from "../../src/Transport.ts"

/** Calls with a value, which stands for any type: what a call gives is run by whoever tries it. */
export type Calls = (any: never) => ReadonlyArray<() => unknown>

/** Requests that left so far. */
export const sent = { count: 0 }

const answers: ReadonlyArray<readonly [path: RegExp, answer: object]> = [
  [/\/converse$/, {
    output: { message: { role: "assistant", content: [{ text: "Hi" }] } },
    stopReason: "end_turn",
    usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
    metrics: { latencyMs: 1 }
  }],
  [/rerank.*\/invoke$/, { results: [{ index: 0, relevance_score: 0.5 }] }],
  [/\/invoke$/, { embedding: Array.from({ length: 1024 }, () => 0.5), inputTextTokenCount: 1 }],
  [/\/count-tokens$/, { inputTokens: 1 }],
  [/\/guardrail\//, { action: "NONE", outputs: [], assessments: [], usage: {} }]
]

/** Counts what is sent, and answers as Bedrock does. */
const requestHandler: Transport.RequestHandler = {
  handle: (request) => {
    sent.count++
    const [, answer = {}] = answers.find(([path]) => path.test(request.path)) ?? []
    return Promise.resolve({
      response: {
        statusCode: 200,
        headers: { "content-type": "application/json", "x-amzn-requestid": "request-1" },
        body: new TextEncoder().encode(JSON.stringify(answer))
      } as never
    })
  }
}

const options: BedrockClient.Options = {
  region: "us-east-1",
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.make("a-secret-access-key") },
  transport: { requestHandler }
}

const models = {
  chat: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
  embedding: "amazon.titan-embed-text-v2:0",
  rerank: "cohere.rerank-v3-5:0"
}

const policy = Policy.none

/** The services of Bedrock, whose requests go nowhere. */
export const services = Layer.mergeAll(
  BedrockChat.layer({ model: models.chat, policy }),
  BedrockEmbedding.layer({ model: models.embedding, policy }),
  BedrockRerank.layer({ model: models.rerank, policy }),
  BedrockAsync.layer({
    model: "amazon.nova-2-multimodal-embeddings-v1:0",
    output: "s3://the-bucket/out/",
    retry: Retry.never,
    polling: Schedule.recurs(0)
  })
).pipe(Layer.provideMerge(BedrockClient.layer(options)))

/** Each field of options by itself. */
const fields = (names: ReadonlyArray<string>, any: unknown): ReadonlyArray<never> =>
  names.map((name) => ({ [name]: any }) as never)

const chatOptions = (any: unknown) => fields(["model", "family", "policy", "history", "requestMetadata"], any)

const ask = (layer: Layer.Any) =>
  Effect.provide(
    ChatService.generate("Hi"),
    layer as Layer.Layer<ChatService.ChatService, unknown, BedrockClient.BedrockClient>,
    { local: true }
  )

const embed = (layer: Layer.Any) =>
  Effect.provide(
    EmbeddingService.embed("Hi"),
    layer as Layer.Layer<EmbeddingService.EmbeddingService, unknown, BedrockClient.BedrockClient>,
    { local: true }
  )

const batchOptions: BedrockBatch.Options = {
  input: "s3://the-bucket/in/",
  output: "s3://the-bucket/out/",
  roleArn: "arn:aws:iam::123456789012:role/batch",
  model: models.embedding,
  retry: Retry.never
}

const batchFields = [
  "model",
  "input",
  "output",
  "roleArn",
  "bucketOwner",
  "kmsKey",
  "tags",
  "timeout",
  "limits",
  "maxOpenJobs",
  "family",
  "history",
  "allow",
  "endpoint",
  "s3"
]

const anyBatch = (any: unknown) => [
  any as never,
  ...fields(batchFields, any).map((field) => ({ ...batchOptions, ...(field as object) })),
  ...fields(["minRecords", "timeout", "maxTimeout"], any).map((limits) => ({
    ...batchOptions,
    limits: { "*": limits }
  })),
  ...fields(["endpoint", "forcePathStyle", "region"], any).map((s3) => ({ ...batchOptions, s3 }))
]

const asyncOptions: BedrockAsync.Options = { output: "s3://the-bucket/out/", retry: Retry.never }

const anyAsync = (any: unknown) => [
  any as never,
  ...fields(["model", "input", "output", "bucketOwner", "kmsKey", "tags", "family", "polling", "s3"], any).map((
    field
  ) => ({
    ...asyncOptions,
    ...(field as object)
  }))
]

const anyRequest = (any: unknown) => [
  any as never,
  ...fields(["source", "purpose", "dimensions", "truncate", "segment", "audioVideo", "body", "token", "model"], any)
    .map(
      (field) => ({ source: { text: "Hi" }, ...(field as object) })
    ),
  ...fields(["text", "bytes", "uri", "mediaType"], any).map((source) => ({ source })),
  ...fields(["bytes", "uri", "mediaType"], any).map((part) => ({
    source: { uri: "s3://media/a.mp3", mediaType: "audio/mpeg", ...(part as object) }
  }))
]

const prepare = (layer: Layer.Any) =>
  Effect.provide(
    BatchService.prepare({ recordId: "A1", embedding: "Hi" }),
    layer as Layer.Layer<BatchService.BatchService, unknown, BedrockClient.BedrockClient>,
    { local: true }
  )

const rank = (layer: Layer.Any) =>
  Effect.provide(
    RerankService.rerank("q", ["a"]),
    layer as Layer.Layer<RerankService.RerankService, unknown, BedrockClient.BedrockClient>,
    { local: true }
  )

const tagged = <A, E, R>(call: Effect.Effect<A, E, R>, metadata: RequestMetadata.Pairs) =>
  Effect.provideService(call, RequestMetadata.RequestMetadata, metadata)

const clientFields = [
  "region",
  "endpoint",
  "transport",
  "inferenceProfile",
  "credentials",
  "profile",
  "apiKey",
  "assumeRole"
]

const clientOptions = (any: unknown): ReadonlyArray<never> => [
  any as never,
  ...fields(clientFields, any),
  ...fields(["maxSockets", "connectTimeout", "idleTimeout", "httpAgent", "httpsAgent", "http2", "requestHandler"], any)
    .map((transport) => ({ transport }) as never),
  ...fields(["accessKeyId", "secretAccessKey", "sessionToken", "expiration"], any).map((credential) =>
    ({ credentials: { ...(options.credentials as object), ...(credential as object) } }) as never
  ),
  ...fields(["roleArn", "sessionName", "externalId", "duration"], any).map((role) =>
    ({ assumeRole: { roleArn: "arn:aws:iam::123456789012:role/x", ...(role as object) } }) as never
  ),
  { transport: { http2: { maxConcurrentStreams: any } } } as never
]

const client = <A, E, R>(use: (client: BedrockClient.BedrockClient["Service"]) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(BedrockClient.BedrockClient, use)

const authenticationError = new ProviderError.AuthenticationError({ provider: "aws.bedrock", message: "no" })

const prompt = "arn:aws:bedrock:us-east-1:123456789012:prompt/PROMPT1234:1"

const guardrail = { guardrail: { id: "gr1", version: "1" }, source: "input" as const, content: "Hi" }

/** By module and name. */
export const calls: Readonly<Record<string, Calls>> = {
  "BedrockChat.layer": (any) => [any, ...chatOptions(any)].map((options) => () => ask(BedrockChat.layer(options))),
  "BedrockChat.layerConfig": (any) =>
    [any, ...chatOptions(any), { model: Config.succeed(any) } as never].map((options) => () =>
      ask(BedrockChat.layerConfig(options))
    ),
  "BedrockChat.make": (any) => [any, ...chatOptions(any)].map((options) => () => BedrockChat.make(options)),
  "BedrockClient.layer": (any) => clientOptions(any).map((options) => () => BedrockClient.layer(options)),
  "BedrockClient.layerConfig": (any) =>
    [...clientOptions(any), { region: Config.succeed(any) } as never].map((options) => () =>
      BedrockClient.layerConfig(options)
    ),
  "BedrockClient.make": (any) => clientOptions(any).map((options) => () => BedrockClient.make(options)),
  "BedrockEmbedding.layer": (any) =>
    [any, ...fields(["model", "family", "policy", "coalesce", "requestMetadata"], any)].map((options) => () =>
      embed(BedrockEmbedding.layer(options))
    ),
  "BedrockEmbedding.layerConfig": (any) =>
    [any, ...fields(["model", "family"], any)].map((options) => () => embed(BedrockEmbedding.layerConfig(options))),
  "BedrockEmbedding.make": (any) =>
    [any, ...fields(["model", "family", "policy", "coalesce", "requestMetadata"], any)].map((options) => () =>
      BedrockEmbedding.make(options)
    ),
  "BedrockError.fromUnknown": (any) => [
    () => BedrockError.fromUnknown(any),
    () => BedrockError.fromUnknown(new Error("no"), any),
    () => BedrockError.fromUnknown(new Error("no"), { model: any })
  ],
  "BedrockError.isRegionMissing": (any) => [() => BedrockError.isRegionMissing(any)],
  "BedrockError.isMissing": (any) => [() => BedrockError.isMissing(any)],
  "BedrockError.isRenewable": (any) => [
    () => BedrockError.isRenewable(any),
    () => BedrockError.isRenewable({ ...authenticationError, exception: any } as never)
  ],
  "BedrockError.timeOfService": (any) => [
    () => BedrockError.timeOfService(any),
    () => BedrockError.timeOfService({ ...authenticationError, exception: "X", message: any } as never)
  ],
  "BedrockPrompt.make": (any) =>
    [
      () => BedrockPrompt.make(any),
      () => BedrockPrompt.make(prompt, any),
      ...fields(["variables", "messages", "providerOptions"], any).map((options) => () =>
        BedrockPrompt.make(prompt, options)
      ),
      () => BedrockPrompt.make(prompt, { variables: { a: any } })
    ].flatMap((make) => [make, () => ChatService.generate(make())]),
  "BedrockAsync.embedSegments": (any) =>
    anyRequest(any).map((request) => () => BedrockAsync.embedSegments(request as BedrockAsync.Request)),
  "BedrockAsync.layer": (any) => anyAsync(any).map((options) => () => BedrockAsync.layer(options)),
  "BedrockAsync.layerConfig": (any) => anyAsync(any).map((options) => () => BedrockAsync.layerConfig(options)),
  "BedrockAsync.make": (any) => anyAsync(any).map((options) => () => BedrockAsync.make(options)),
  "BedrockAsync.resume": (any) => [() => BedrockAsync.resume(any)],
  "BedrockAsync.start": (any) =>
    anyRequest(any).map((request) => () => BedrockAsync.start(request as BedrockAsync.Request)),
  "BedrockAsync.status": (any) => [() => BedrockAsync.status(any)],
  "BedrockBatch.layer": (any) => anyBatch(any).map((options) => () => prepare(BedrockBatch.layer(options))),
  "BedrockBatch.layerConfig": (any) => anyBatch(any).map((options) => () => prepare(BedrockBatch.layerConfig(options))),
  "BedrockBatch.make": (any) => anyBatch(any).map((options) => () => BedrockBatch.make(options)),
  "BedrockRerank.layer": (any) =>
    [any, ...fields(["model", "family", "policy"], any)].map((options) => () => rank(BedrockRerank.layer(options))),
  "BedrockRerank.layerConfig": (any) =>
    [any, ...fields(["model", "family"], any)].map((options) => () => rank(BedrockRerank.layerConfig(options))),
  "BedrockSigner.make": (any) =>
    [any, ...fields(["region", "service", "transport", "credentials", "apiKey", "profile", "assumeRole"], any)].map(
      (options) => () =>
        Effect.scoped(
          Effect.flatMap(BedrockSigner.make(options), ({ sign }) => sign({ method: "GET", url: "https://a.example" }))
        )
    ),
  "BedrockSigner.layer": (any) => [() => Effect.scoped(Layer.build(BedrockSigner.layer(any)))],
  "BedrockRerank.make": (any) =>
    [any, ...fields(["model", "family", "policy"], any)].map((options) => () => BedrockRerank.make(options)),
  "BedrockTokens.count": (any) => [
    () => BedrockTokens.count(any),
    () => BedrockTokens.count({ model: any, messages: "Hi" }),
    () => BedrockTokens.count("Hi", any),
    ...fields(["model", "family", "history"], any).map((options) => () => BedrockTokens.count("Hi", options))
  ],
  "BedrockTokens.countBody": (any) => [
    () => BedrockTokens.countBody(any),
    () => BedrockTokens.countBody({ model: any, body: "{}" }),
    () => BedrockTokens.countBody({ model: "amazon.nova-lite-v1:0", body: any })
  ],
  "PriceList.read": (any) => [
    () => PriceList.read(any, { region: "us-east-1" }),
    () => PriceList.read("{}", any),
    () => PriceList.read("{}", { region: any }),
    () => PriceList.read("{}", { region: "us-east-1", models: any }),
    () => PriceList.read({ offerCode: "AmazonBedrock", products: any, terms: any }, { region: "us-east-1" })
  ],
  "Guardrail.apply": (any) => [
    () => Guardrail.apply(any),
    ...fields(["guardrail", "source", "content", "outputScope"], any).map((field) => () =>
      Guardrail.apply({ ...guardrail, ...(field as object) })
    ),
    ...fields(["id", "version"], any).map((field) => () =>
      Guardrail.apply({ ...guardrail, guardrail: { ...guardrail.guardrail, ...(field as object) } })
    ),
    () => Guardrail.apply({ ...guardrail, content: [any] }),
    () => Guardrail.apply({ ...guardrail, content: [{ type: "text", text: any }] }),
    () => Guardrail.apply({ ...guardrail, content: [{ type: "image", mediaType: any, source: { bytes: bytes() } }] }),
    () => Guardrail.apply({ ...guardrail, content: [{ type: "image", mediaType: "image/png", source: any }] }),
    () =>
      Guardrail.apply({ ...guardrail, content: [{ type: "image", mediaType: "image/png", source: { bytes: any } }] })
  ],
  "InferenceProfile.isOpaque": (any) => [() => InferenceProfile.isOpaque(any)],
  "InferenceProfile.layer": (any) => [
    () => InferenceProfile.layer(any),
    () => InferenceProfile.layer({ endpoint: any })
  ],
  "InferenceProfile.modelOf": (any) => [() => InferenceProfile.modelOf(any)],
  "ModelCatalog.check": (any) => [
    () => ModelCatalog.check(any, { model: "m", messages: [] }, { streaming: false }),
    () => ModelCatalog.check({ tools: false, imageInput: false, sampling: false }, any, { streaming: false }),
    () => ModelCatalog.check({ streaming: false }, { model: "m", messages: [Message.user("Hi")] }, any)
  ],
  "ModelCatalog.extend": (any) => [
    () => ModelCatalog.extend(any),
    () => ModelCatalog.extend([], any),
    () => ModelCatalog.lookup("m", { catalog: ModelCatalog.extend([any]) })
  ],
  "ModelCatalog.layer": (any) => [
    () => ModelCatalog.layer(any),
    () => ModelCatalog.layer([any]),
    () => ModelCatalog.layer([{ match: any, capabilities: {} }]),
    () => ModelCatalog.layer([{ match: {}, capabilities: any }])
  ],
  "ModelCatalog.lookup": (any) => [
    () => ModelCatalog.lookup(any),
    () => ModelCatalog.lookup("m", any),
    () => ModelCatalog.lookup("m", { family: any }),
    () => ModelCatalog.lookup("m", { catalog: any }),
    () => ModelCatalog.lookup("m", { catalog: [any] })
  ],
  "ModelCatalog.resolve": (any) => [() => ModelCatalog.resolve(any), () => ModelCatalog.resolve("m", any)],
  "ModelId.isArn": (any) => [() => ModelId.isArn(any)],
  "ModelId.parse": (any) => [() => ModelId.parse(any)],
  "ModelId.region": (any) => [() => ModelId.region(any)],
  "ModelId.withoutGeo": (any) => [() => ModelId.withoutGeo(any)]
}

const bytes = () => Uint8Array.of(1, 2, 3)

/** The operations of the client, which takes requests in the words of the service. */
export const operations: Readonly<Record<string, Calls>> = {
  converse: (any) => [
    () => client((client) => client.converse(any)),
    ...fields(["modelId", "messages", "system", "inferenceConfig", "toolConfig"], any).map((field) => () =>
      client((client) => client.converse({ modelId: models.chat, ...(field as object) }))
    )
  ],
  converseStream: (any) => [
    () => client((client) => client.converseStream(any)),
    () => client((client) => client.converseStream({ modelId: any }))
  ],
  invokeModel: (any) => [
    () => client((client) => client.invokeModel(any)),
    () => client((client) => client.invokeModel({ modelId: any, body: "{}" })),
    () => client((client) => client.invokeModel({ modelId: models.embedding, body: any }))
  ],
  countTokens: (any) => [
    () => client((client) => client.countTokens(any)),
    () => client((client) => client.countTokens({ modelId: any, input: undefined })),
    () => client((client) => client.countTokens({ modelId: models.chat, input: any }))
  ],
  applyGuardrail: (any) => [
    () => client((client) => client.applyGuardrail(any)),
    ...fields(["guardrailIdentifier", "guardrailVersion", "source", "content"], any).map((field) => () =>
      client((client) =>
        client.applyGuardrail({
          guardrailIdentifier: "gr1",
          guardrailVersion: "1",
          source: "INPUT",
          content: [],
          ...(field as object)
        })
      )
    )
  ],
  chat: (any) => [
    () => ChatService.generate({ messages: "Hi", providerOptions: any }),
    () => ChatService.generate({ messages: "Hi", providerOptions: { bedrock: any } }),
    ...fields(chatWords, any).map((bedrock) => () =>
      ChatService.generate({ messages: "Hi", providerOptions: { bedrock } })
    ),
    () => Stream.runDrain(ChatService.stream({ messages: "Hi", providerOptions: { bedrock: any } }))
  ],
  embed: (any) => [
    () => EmbeddingService.embed("Hi", { providerOptions: any }),
    () => EmbeddingService.embed("Hi", { providerOptions: { bedrock: any } }),
    () => EmbeddingService.embed("Hi", { providerOptions: { bedrock: { family: any } } }),
    () => EmbeddingService.embed("Hi", { providerOptions: { bedrock: { body: any } } }),
    () => EmbeddingService.embed("Hi", { providerOptions: { bedrock: { body: { field: any } } } }),
    () => EmbeddingService.embed("Hi", { providerOptions: { bedrock: { requestMetadata: any } } })
  ],
  rerank: (any) => [
    () => RerankService.rerank("q", ["a"], { providerOptions: any }),
    () => RerankService.rerank("q", ["a"], { providerOptions: { bedrock: any } }),
    () => RerankService.rerank("q", ["a"], { providerOptions: { bedrock: { family: any } } }),
    () => RerankService.rerank("q", ["a"], { providerOptions: { bedrock: { body: any } } }),
    () => RerankService.rerank("q", ["a"], { providerOptions: { bedrock: { requestMetadata: any } } })
  ],
  "request metadata of a fiber": (any) => [
    ...[any, { team: any } as never].flatMap((metadata) => [
      () => tagged(ChatService.generate("Hi"), metadata),
      () => tagged(EmbeddingService.embed("Hi"), metadata),
      () => tagged(RerankService.rerank("q", ["a"]), metadata)
    ]),
    ...[any, ...fields(["model", "providerOptions"], any), { providerOptions: { bedrock: any } } as never].map(
      (options) => () => tagged(EmbeddingService.embed("Hi", options), { team: "a" })
    )
  ]
}

const chatWords = [
  "family",
  "system",
  "inferenceConfig",
  "toolConfig",
  "guardrailConfig",
  "additionalModelRequestFields",
  "promptVariables",
  "additionalModelResponseFieldPaths",
  "requestMetadata",
  "performanceConfig",
  "serviceTier",
  "outputConfig",
  "unknown"
]
