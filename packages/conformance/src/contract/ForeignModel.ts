/**
 * A language model and an embedding model of `effect/ai` as a provider package of someone else would make them, with nothing
 * of ours but the service that answers in place of a network. Their settings are a service of their own.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as ProviderError from "@strata/core/ProviderError"
import * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as AiTool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** The settings of a request. */
export class Settings extends Context.Service<Settings, Partial<ChatRequest.ChatRequest>>()("test/Settings") {}

/** The settings of an embedding request. */
export class Dimensions extends Context.Service<Dimensions, number | undefined>()("test/Dimensions") {}

/** The language model. */
export const language = Layer.effect(
  LanguageModel.LanguageModel,
  Effect.flatMap(ChatService.ChatService, (chat) => {
    const requestOf = (options: LanguageModel.ProviderOptions) =>
      Effect.map(Effect.serviceOption(Settings), (settings): ChatRequest.ChatRequest => ({
        ...(settings._tag === "Some" && settings.value),
        messages: options.prompt.content.map(messageOf),
        ...(options.tools.length > 0 && { tools: options.tools.map(toolOf), toolChoice: choiceOf(options.toolChoice) }),
        ...(options.responseFormat.type === "json" && {
          responseFormat: {
            type: "json",
            schema: LanguageModel.defaultCodecTransformer(options.responseFormat.schema).jsonSchema
          }
        })
      }))
    return LanguageModel.make({
      generateText: (options) =>
        requestOf(options).pipe(
          Effect.flatMap(chat.generate),
          Effect.map((response): Array<Response.PartEncoded> => [
            ...Message.parts(response.message).flatMap(partOf),
            ...ending(response)
          ]),
          Effect.mapError(failure)
        ),
      streamText: (options) =>
        Stream.unwrap(Effect.map(requestOf(options), chat.stream)).pipe(
          Stream.mapError(failure),
          Stream.mapAccum(() => new Set<string>(), (open, event) => {
            const parts: Array<Response.StreamPartEncoded> = []
            const begin = (kind: "text" | "reasoning", index: number) => {
              const id = `${kind}${index}`
              if (!open.has(id)) parts.push({ type: `${kind}-start`, id })
              open.add(id)
              return id
            }
            switch (event.type) {
              case "text-delta":
                parts.push({ type: "text-delta", id: begin("text", event.index), delta: event.delta })
                break
              case "reasoning-delta":
                parts.push({ type: "reasoning-delta", id: begin("reasoning", event.index), delta: event.delta })
                break
              case "reasoning-end": {
                const metadata = { foreign: { signature: event.signature ?? null } }
                parts.push({ type: "reasoning-end", id: begin("reasoning", event.index), metadata })
                break
              }
              case "tool-params-start":
                parts.push({ type: "tool-params-start", id: event.id, name: event.name })
                break
              case "tool-params-delta":
                parts.push({ type: "tool-params-delta", id: event.id, delta: event.delta })
                break
              case "tool-call":
                parts.push({ type: "tool-params-end", id: event.id }, ...partOf(event))
                break
              case "finish":
                for (const id of open) if (id.startsWith("text")) parts.push({ type: "text-end", id })
                parts.push(...ending(event))
            }
            return [open, parts] as const
          })
        )
    })
  })
)

/** The embedding model. */
export const embedding = Layer.effect(
  EmbeddingModel.EmbeddingModel,
  Effect.flatMap(EmbeddingService.EmbeddingService, (service) =>
    EmbeddingModel.make({
      embedMany: ({ inputs }) =>
        Effect.serviceOption(Dimensions).pipe(
          Effect.flatMap((dimensions) =>
            service.embedMany(inputs, dimensions._tag === "Some" ? { dimensions: dimensions.value } : {})
          ),
          Effect.map(({ embeddings, usage }) => ({
            results: embeddings.map(({ vector }) => Array.from(vector)),
            usage
          })),
          Effect.mapError(failure)
        )
    }))
)

const partOf = (part: Message.Part): ReadonlyArray<Response.PartEncoded & Response.StreamPartEncoded> => {
  switch (part.type) {
    case "tool-call":
      return [{ type: "tool-call", id: part.id, name: part.name, params: part.params }]
    case "text":
    case "reasoning":
      // Whole parts of an answer, which a stream has in pieces.
      return [
        {
          type: part.type,
          text: part.text,
          ...(part.type === "reasoning" && { metadata: { foreign: { signature: part.signature ?? null } } })
        } as never
      ]
    default:
      return []
  }
}

const ending = (
  { finishReason, model, requestId, usage }: ChatResponse.Outcome
): ReadonlyArray<Response.ResponseMetadataPartEncoded | Response.FinishPartEncoded> => [
  { type: "response-metadata", id: requestId, modelId: model },
  {
    type: "finish",
    reason: reasons[finishReason] ?? "other",
    usage: {
      inputTokens: {
        uncached: usage.inputTokens,
        cacheRead: usage.cacheReadTokens,
        cacheWrite: usage.cacheWriteTokens,
        total: usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
      },
      outputTokens: { total: usage.outputTokens, text: undefined, reasoning: undefined }
    }
  }
]

const reasons: { readonly [R in ChatResponse.FinishReason]?: Response.FinishReason } = {
  stop: "stop",
  "stop-sequence": "stop",
  length: "length",
  "context-length": "length",
  "tool-calls": "tool-calls",
  "content-filter": "content-filter",
  guardrail: "content-filter",
  refusal: "content-filter",
  "malformed-output": "error",
  "malformed-tool-call": "error"
}

const messageOf = (message: Prompt.Message): Message.Message => {
  switch (message.role) {
    case "system":
      return Message.system(message.content)
    case "user":
      return Message.user(message.content.map((part) => part.type === "text" ? Message.text(part.text) : fileOf(part)))
    case "assistant":
      return Message.assistant(message.content.flatMap((part): ReadonlyArray<Message.AssistantPart> => {
        switch (part.type) {
          case "text":
            return [Message.text(part.text)]
          case "reasoning": {
            const foreign = part.options["foreign"] as { readonly signature?: string | null } | undefined
            const signature = foreign?.signature
            return [{ type: "reasoning", text: part.text, ...(typeof signature === "string" && { signature }) }]
          }
          case "tool-call":
            return [{ type: "tool-call", id: part.id, name: part.name, params: part.params }]
          default:
            return []
        }
      }))
    case "tool":
      return Message.tool(message.content.flatMap((part) =>
        part.type === "tool-approval-response" ? [] : [{
          type: "tool-result" as const,
          id: part.id,
          result: part.result,
          ...(part.isFailure && { isFailure: true }),
          ...(part.modelOutput !== undefined && {
            parts: part.modelOutput.map((part) => part.type === "text" ? Message.text(part.text) : fileOf(part))
          })
        }]
      ))
  }
}

const fileOf = ({ data, fileName = "file", mediaType }: Prompt.FilePart): Message.ImagePart | Message.DocumentPart => {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array()
  return mediaType.startsWith("image/")
    ? { type: "image", mediaType, source: { bytes } }
    : { type: "document", mediaType, name: fileName, source: { bytes } }
}

const toolOf = (tool: AiTool.Any): ToolDefinition.ToolDefinition => {
  const description = AiTool.getDescription(tool)
  return {
    name: tool.name,
    ...(description !== undefined && { description }),
    inputSchema: AiTool.getJsonSchema(tool)
  }
}

const choiceOf = (choice: LanguageModel.ToolChoice<string>): ToolDefinition.ToolChoice =>
  choice === "required"
    ? "any"
    : typeof choice === "string"
    ? choice
    : "tool" in choice
    ? { name: choice.tool }
    : "auto"

/** As much as provider packages tell of an error. */
const failure = (error: ProviderError.ProviderError): AiError.AiError => {
  const reason = (): AiError.AiErrorReason => {
    const description = error.message
    switch (error._tag) {
      case "RateLimitError":
        return new AiError.RateLimitError({ ...(error.retryAfter !== undefined && { retryAfter: error.retryAfter }) })
      case "AuthenticationError":
        return new AiError.AuthenticationError({ kind: "InvalidKey", description })
      case "PermissionDeniedError":
        return new AiError.AuthenticationError({ kind: "InsufficientPermissions", description })
      case "QuotaExceededError":
        return new AiError.QuotaExhaustedError({})
      case "ConnectionError":
        return new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "https://test", description })
      case "ModelNotFoundError":
        return AiError.reasonFromHttpStatus({
          status: 404,
          description,
          http: { response: { status: 404, headers: {} } }
        })
      case "TimeoutError":
        return AiError.reasonFromHttpStatus({
          status: 408,
          description,
          http: { response: { status: 408, headers: {} } }
        })
      case "ContextLengthExceededError":
        return AiError.reasonFromHttpStatus({
          status: 413,
          description,
          http: { response: { status: 413, headers: {} } }
        })
      case "ModelFailedError":
        return AiError.reasonFromHttpStatus({
          status: 424,
          description,
          http: { response: { status: 424, headers: {} } }
        })
      case "ModelUnavailableError":
        return AiError.reasonFromHttpStatus({
          status: 503,
          description,
          http: { response: { status: 503, headers: {} } }
        })
      case "ProviderInternalError":
        return new AiError.InternalProviderError({ description })
      case "MalformedResponseError":
      case "StreamInterruptedError":
        return new AiError.InvalidResponseError({ description })
      default:
        return new AiError.InvalidRequestError({ description })
    }
  }
  return AiError.make({ module: "Foreign", method: "ask", reason: reason() })
}
