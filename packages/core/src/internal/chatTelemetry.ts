/**
 * The span and the metrics around one chat call.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as ChatResponse from "../ChatResponse.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Telemetry from "../Telemetry.ts"

/** Around `generate`. */
export const generate = <R>(
  target: Telemetry.Target,
  request: ChatRequest.Resolved,
  self: Effect.Effect<ChatResponse.ChatResponse, ProviderError.ProviderError, R>
): Effect.Effect<ChatResponse.ChatResponse, ProviderError.ProviderError, R> => {
  const { name, options } = Telemetry.span(target, requestAttributes(request))
  return Effect.flatMap(Clock.currentTimeMillis, (start) =>
    recordInput(request).pipe(
      Effect.andThen(self),
      Effect.tap((response) =>
        Effect.andThen(
          recordOutcome(target, response),
          whenCaptured(() => ({ "gen_ai.output.messages": JSON.stringify([response.message]) }))
        )
      ),
      Effect.onExit((exit) => Telemetry.recordEnd(target, start, exit))
    )).pipe(Effect.withSpan(name, options))
}

/** Around `stream`: the span lasts until the stream ends. */
export const stream = <R>(
  target: Telemetry.Target,
  request: ChatRequest.Resolved,
  self: Stream.Stream<ChatEvent.ChatEvent, ProviderError.ProviderError, R>
): Stream.Stream<ChatEvent.ChatEvent, ProviderError.ProviderError, R> => {
  const { name, options } = Telemetry.span(target, requestAttributes(request))
  return Stream.unwrap(Effect.map(Effect.andThen(recordInput(request), Clock.currentTimeMillis), (start) => {
    let first = true
    return self.pipe(
      Stream.mapArrayEffect((events) => {
        const last = events[events.length - 1]
        const finished = last?.type === "finish" ? recordOutcome(target, last) : Effect.void
        if (!first) return Effect.as(finished, events)
        first = false
        return Effect.as(Effect.andThen(Telemetry.recordFirstEvent(target, start), finished), events)
      }),
      Stream.onExit((exit) => Telemetry.recordEnd(target, start, exit))
    )
  })).pipe(Stream.withSpan(name, options))
}

const requestAttributes = (request: ChatRequest.Resolved) => ({
  "gen_ai.request.max_tokens": request.maxTokens,
  "gen_ai.request.temperature": request.temperature,
  "gen_ai.request.top_p": request.topP,
  "gen_ai.request.stop_sequences": request.stopSequences
})

const recordOutcome = (target: Telemetry.Target, outcome: ChatResponse.Outcome): Effect.Effect<void> => {
  const { usage } = outcome
  const prompt = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
  return Effect.all([
    Telemetry.annotate({
      "gen_ai.response.model": outcome.model,
      "gen_ai.response.id": outcome.requestId,
      "gen_ai.response.finish_reasons": [outcome.finishReason],
      "gen_ai.usage.input_tokens": prompt,
      "gen_ai.usage.output_tokens": usage.outputTokens,
      "gen_ai.usage.cache_read.input_tokens": usage.cacheReadTokens,
      "gen_ai.usage.cache_creation.input_tokens": usage.cacheWriteTokens
    }),
    Telemetry.recordTokens(target, "input", prompt),
    Telemetry.recordTokens(target, "output", usage.outputTokens)
  ], { discard: true })
}

const recordInput = (request: ChatRequest.Resolved) =>
  whenCaptured(() => ({ "gen_ai.input.messages": JSON.stringify(request.messages) }))

const whenCaptured = (values: () => Record<string, unknown>): Effect.Effect<void> =>
  Effect.flatMap(Telemetry.CaptureContent, (capture) => capture ? Telemetry.annotate(values()) : Effect.void)
