/**
 * Models to put behind an emulator when it is loaded or broken: they say little, remember nothing, and know how many ask at
 * the same time.
 */
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** What everybody is told. */
export const saying = "Once upon a time there was a fox who wanted some grapes"

/**
 * - `pace`: what every answer waits for.
 * - `inFlight`: answers under way.
 */
export class Models extends Context.Service<Models, {
  pace: Effect.Effect<void>
  inFlight: number
}>()("@strata/bedrock/test/Models") {}

/** They answer after so long. */
export const layer = (
  pace: Effect.Effect<void> = Effect.void
): Layer.Layer<
  Models | ChatService.ChatService | EmbeddingService.EmbeddingService,
  ProviderError.InvalidRequestError
> =>
  Layer.effectContext(Effect.gen(function*() {
    const models: Models["Service"] = { pace, inFlight: 0 }
    const busy = Effect.acquireRelease(
      Effect.sync(() => models.inFlight++),
      () => Effect.sync(() => models.inFlight--)
    )
    const paced = Effect.andThen(busy, Effect.suspend(() => models.pace))
    const chat = yield* ChatService.make({
      provider: "test",
      defaultModel: "test",
      policy: Policy.none,
      generate: (request) => Effect.scoped(Effect.as(paced, respond(request))),
      stream: (request) => Stream.scoped(Stream.unwrap(Effect.as(paced, Stream.fromIterable(spoken(respond(request))))))
    })
    const embedding = yield* EmbeddingService.make({
      provider: "test",
      defaultModel: "test",
      policy: Policy.none,
      limits: () => Effect.succeed({ maxItems: 96, maxLength: 50_000, images: undefined, combined: undefined }),
      embedBatch: ({ inputs, options }) =>
        Effect.scoped(Effect.as(paced, {
          vectors: inputs.map(() => new Float32Array(options.dimensions ?? 1024).fill(0.5)),
          inputTokens: inputs.length
        }))
    })
    return Context.make(Models, models).pipe(
      Context.add(ChatService.ChatService, chat),
      Context.add(EmbeddingService.EmbeddingService, embedding)
    )
  }))

/** A model that is made to call a tool calls it. */
const respond = ({ model, toolChoice }: ChatRequest.Resolved): ChatResponse.ChatResponse => {
  const isCall = typeof toolChoice === "object"
  return ChatResponse.make(
    isCall ? [{ type: "tool-call", id: "call-1", name: toolChoice.name, params: { saying } }] : [Message.text(saying)],
    {
      finishReason: isCall ? "tool-calls" : "stop",
      usage: Usage.make({ inputTokens: 5, outputTokens: 12 }),
      model,
      providerMetadata: {}
    }
  )
}

const spoken = (response: ChatResponse.ChatResponse): ReadonlyArray<ChatEvent.ChatEvent> =>
  ChatEvent.fromResponse(response).flatMap((event): ReadonlyArray<ChatEvent.ChatEvent> =>
    event.type === "text-delta" ? (event.delta.match(/\S+\s*/g) ?? []).map((delta) => ({ ...event, delta })) : [event]
  )
