/**
 * Test doubles of the two services, and the AWS SDK over each protocol.
 */
import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import type { BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime"
import { NodeHttpHandler } from "@smithy/node-http-handler"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import type * as Message from "@strata/core/chat/Message"
import * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import { Emulator } from "@strata/emulator"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

export const usage = Usage.make({ inputTokens: 7, outputTokens: 3 })

export const outcome: ChatResponse.Outcome = { finishReason: "stop", usage, model: "double", providerMetadata: {} }

export const response = (
  content: ReadonlyArray<Message.AssistantPart>,
  options?: Partial<ChatResponse.Outcome>
): ChatResponse.ChatResponse => ChatResponse.make(content, { ...outcome, ...options })

export const finish: ChatEvent.Finish = { type: "finish", ...outcome }

export const deltas = (...texts: ReadonlyArray<string>): ReadonlyArray<ChatEvent.ChatEvent> => [
  ...texts.map((delta) => ({ type: "text-delta", index: 0, delta }) as const),
  finish
]

/** A chat service with given answers; `asked` collects the requests. */
export const chat = (options?: {
  readonly generate?: ChatService.ChatService["Service"]["generate"] | undefined
  readonly stream?: ChatService.ChatService["Service"]["stream"] | undefined
  readonly asked?: Array<ChatRequest.ChatRequest> | undefined
}) =>
  Layer.succeed(ChatService.ChatService, {
    generate: (request) => {
      options?.asked?.push(request)
      return options?.generate?.(request) ?? Effect.succeed(response([{ type: "text", text: "Hello" }]))
    },
    stream: (request) => {
      options?.asked?.push(request)
      return options?.stream?.(request) ?? Stream.fromIterable(deltas("Hel", "lo"))
    }
  })

/**
 * A chat service that answers with the scripted value, whole or as a stream, for tests that share one emulator. `asked`
 * is the latest request.
 */
export const stage = () => {
  let next: ReadonlyArray<ChatEvent.ChatEvent> | ChatResponse.ChatResponse = response([{ type: "text", text: "Hello" }])
  let asked: ChatRequest.ChatRequest | undefined
  const isEvents = (script: typeof next): script is ReadonlyArray<ChatEvent.ChatEvent> => Array.isArray(script)
  const take = (request: ChatRequest.ChatRequest) => {
    asked = request
    return next
  }
  return {
    /** Without undefined members. */
    asked: () => JSON.parse(JSON.stringify(asked ?? null)),
    says: (script: typeof next) =>
      Effect.sync(() => {
        next = script
        asked = undefined
      }),
    layer: Layer.merge(
      Layer.succeed(ChatService.ChatService, {
        generate: (request) =>
          Effect.suspend(() => {
            const script = take(request)
            return isEvents(script)
              ? Effect.orDie(ChatEvent.collect(Stream.fromIterable(script)))
              : Effect.succeed(script)
          }),
        stream: (request) =>
          Stream.suspend(() => {
            const script = take(request)
            return Stream.fromIterable(isEvents(script) ? script : ChatEvent.fromResponse(script))
          })
      }),
      embedding()
    )
  }
}

export interface EmbeddingCall {
  readonly inputs: ReadonlyArray<Embedding.Input>
  readonly options: Embedding.EmbeddingOptions | undefined
}

/** An image as a text, such as `<image/png 1>`. */
const wordsOf = (input: Embedding.Input): string => {
  if (typeof input === "string" || input.image === undefined) return Embedding.textOf(input) ?? ""
  return `${input.text ?? ""}<${input.image.mediaType} ${input.image.bytes.join(" ")}>`
}

/** An embedding service that answers the vectors `vectorOf` makes; one token a character, and none for an image. */
export const embedding = (options?: {
  readonly vectorOf?: ((text: string) => Float32Array) | undefined
  readonly asked?: Array<EmbeddingCall> | undefined
}) => {
  const vectorOf = options?.vectorOf ?? ((text: string) => Float32Array.of(text.length, 1, -2))
  const embedMany = (inputs: ReadonlyArray<Embedding.Input>, embeddingOptions?: Embedding.EmbeddingOptions) => {
    options?.asked?.push({ inputs, options: embeddingOptions })
    return Effect.succeed({
      embeddings: inputs.map((input) => ({ vector: vectorOf(wordsOf(input)), model: "double" })),
      usage: { inputTokens: inputs.map((input) => Embedding.textOf(input) ?? "").join("").length },
      model: "double",
      requests: 1
    })
  }
  return Layer.succeed(EmbeddingService.EmbeddingService, {
    embedMany,
    embed: () => Effect.die("The emulator calls embedMany only"),
    embedEach: () => Effect.die("The emulator calls embedMany only"),
    embedStream: () => Stream.die("The emulator calls embedMany only")
  })
}

/** An emulator over doubles that answer "Hello". */
export const emulator = (
  options?: Emulator.Options,
  services: Layer.Layer<
    ChatService.ChatService | EmbeddingService.EmbeddingService,
    ProviderError.InvalidRequestError
  > = Layer.merge(chat(), embedding())
) => Emulator.layer(options).pipe(Layer.provide(services))

export type Protocol = "1.1" | "2"

export const protocols: ReadonlyArray<Protocol> = ["1.1", "2"]

/** A client of the AWS SDK for the running emulator, without retries. */
export const connect = Effect.fnUntraced(function*(protocol: Protocol, config?: BedrockRuntimeClientConfig) {
  const { client: { credentials, ...options } } = yield* Emulator.Emulator
  return yield* Effect.acquireRelease(
    Effect.sync(() =>
      new BedrockRuntimeClient({
        ...options,
        credentials: {
          accessKeyId: credentials.accessKeyId,
          secretAccessKey: Redacted.value(credentials.secretAccessKey)
        },
        authSchemePreference: ["sigv4"],
        maxAttempts: 1,
        ...(protocol === "1.1" ? { requestHandler: new NodeHttpHandler() } : undefined),
        ...config
      })
    ),
    (client) => Effect.sync(() => client.destroy())
  )
})

export const modelId = "amazon.nova-lite-v1:0"

export const hello = { modelId, messages: [{ role: "user" as const, content: [{ text: "Hi" }] }] }

/** Any error the SDK throws. */
export class ClientError extends Data.TaggedError("ClientError")<{
  readonly name: string
  readonly message: string
  readonly status: number | undefined
  readonly error: unknown
}> {}

/** Runs a promise of the client; interruption aborts it. */
export const attempt = <A>(send: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, ClientError> =>
  Effect.tryPromise({
    try: send,
    catch: (error) => {
      const { $metadata, message, name } = error as Error & { readonly $metadata?: { readonly httpStatusCode: number } }
      return new ClientError({ name, message, status: $metadata?.httpStatusCode, error })
    }
  })

/** Reads a stream of the client to its end. */
export const drain = <A>(stream: AsyncIterable<A> | undefined): Effect.Effect<Array<A>, ClientError> =>
  attempt(async () => {
    const events: Array<A> = []
    for await (const event of stream ?? []) events.push(event)
    return events
  })

/** A request without the SDK: any body, with the API key. */
export const post = Effect.fnUntraced(function*(path: string, body: string, headers?: Record<string, string>) {
  const { apiKey, url } = yield* Emulator.Emulator
  const response = yield* attempt((signal) =>
    fetch(url + path, {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${Redacted.value(apiKey)}`, "content-type": "application/json", ...headers },
      signal
    })
  )
  const bytes = new Uint8Array(yield* attempt(() => response.arrayBuffer()))
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    bytes,
    text: new TextDecoder().decode(bytes)
  }
})

/** The body of a Converse request without the client. */
export const converse = (body: unknown, model: string = modelId) =>
  post(`/model/${encodeURIComponent(model)}/converse`, JSON.stringify(body))

/** Polls in real time until the condition holds. */
export const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>, holds: (value: A) => boolean) =>
  effect.pipe(
    Effect.repeat({ until: holds, schedule: Schedule.spaced("5 millis") }),
    TestClock.withLive
  )
