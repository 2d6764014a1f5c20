/** What the tests of fallbacks share: services that fail to order and write down what they were asked. */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import type * as Fallback from "@strata/core/chat/Fallback"
import * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { errors, usage } from "./ChatFixture.ts"

/**
 * - `fails`: what each service fails with; one that has nothing here answers.
 * - `asked`, `requests`: who was asked, by number, and what for.
 */
export interface Stage {
  readonly fails: Array<ProviderError.CallError | undefined>
  readonly asked: Array<number>
  readonly requests: Array<ChatRequest.Resolved>
  readonly chat: ChatService.ChatService["Service"]
}

const outcome = (number: number): ChatResponse.Outcome => ({
  finishReason: "stop",
  usage,
  model: `model-${number}`,
  requestId: undefined,
  providerMetadata: {}
})

/** A service that answers with its number, unless `fails` says otherwise. */
const service = (
  stage: Pick<Stage, "fails" | "asked" | "requests">,
  number: number,
  options: StageOptions
): Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError> => {
  const take = (request: ChatRequest.Resolved) =>
    Effect.gen(function*() {
      stage.asked.push(number)
      stage.requests.push(request)
      yield* options.before?.(number) ?? Effect.void
      const error = stage.fails[number]
      if (error !== undefined) return yield* Effect.fail(error)
    })
  const events: ReadonlyArray<ChatEvent.ChatEvent> = [
    { type: "text-delta", index: 0, delta: `from ${number}` },
    { type: "finish", ...outcome(number) }
  ]
  return Layer.effect(
    ChatService.ChatService,
    ChatService.make({
      provider: `provider-${number}`,
      defaultModel: `model-${number}`,
      policy: options.policy ?? Policy.none,
      generate: (request) =>
        Effect.as(take(request), {
          message: { role: "assistant", content: `from ${number}` },
          text: `from ${number}`,
          toolCalls: [],
          ...outcome(number)
        }),
      stream: (request) => Stream.concat(Stream.drain(Stream.fromEffect(take(request))), Stream.fromIterable(events))
    })
  )
}

interface StageOptions {
  readonly policy?: Policy.Policy
  /** What a service does before it fails or answers. */
  readonly before?: (number: number) => Effect.Effect<void>
}

/** Services that all answer, the second falling back for the first, and so on. */
export const stage = (
  count: number,
  fallback?: Fallback.Options,
  options: StageOptions = {}
): Effect.Effect<Stage, ProviderError.InvalidRequestError, Scope.Scope> => {
  const seen = { fails: [], asked: [], requests: [] }
  const [first, ...others] = Array.from({ length: count }, (_, number) => service(seen, number, options))
  const layer = (first ?? service(seen, 0, options)).pipe(ChatService.withFallback(others, fallback))
  return Effect.map(Layer.build(layer), (context) => ({
    ...seen,
    chat: Context.get(context, ChatService.ChatService)
  }))
}

/** What a service fails with that cannot serve now. */
export const busy = errors.ModelUnavailableError

/** Who answers a request, asked whole. */
export const answerOf = (stage: Stage, request: ChatRequest.ChatRequest = { messages: "Hi" }) =>
  Effect.map(stage.chat.generate(request), (response) => response.text)

/** Takes what was asked since the last time. */
export const takeAsked = (stage: Stage): ReadonlyArray<number> => stage.asked.splice(0)
