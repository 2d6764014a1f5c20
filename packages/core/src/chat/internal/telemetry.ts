/** The span and metrics of a chat call. */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Lazy from "../../internal/lazy.ts"
import type * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import * as ChatEvent from "../ChatEvent.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as ChatResponse from "../ChatResponse.ts"
import * as Message from "../Message.ts"

/** Around `generate`. */
export const generate = <R>(
  target: Telemetry.Target,
  request: ChatRequest.Resolved,
  self: Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatError, R>
): Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatError, R> => {
  const { name, options } = Telemetry.span(target, requestAttributes(request))
  const answered = Effect.flatMap(Telemetry.CaptureContent, (capture) => {
    const recorded = Effect.tap(self, (response) => recordOutcome(target, response))
    return capture
      ? Effect.andThen(recordContent("gen_ai.input.messages", request.messages), recorded).pipe(
        Effect.tap(({ message }) => recordContent("gen_ai.output.messages", [message]))
      )
      : recorded
  })
  return Effect.withSpan(
    Effect.flatMap(
      Clock.currentTimeMillis,
      (start) => Effect.onExit(answered, (exit) => Telemetry.recordEnd(target, start, exit))
    ),
    name,
    options
  )
}

/** Around `stream`: the span lasts until the stream ends. */
export const stream = <R>(
  target: Telemetry.Target,
  request: ChatRequest.Resolved,
  self: Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError, R>
): Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError, R> => {
  const { name, options } = Telemetry.span(target, { ...requestAttributes(request), "gen_ai.request.stream": true })
  return Stream.transformPull(
    self,
    Effect.fnUntraced(function*(pull, parent) {
      const scope = yield* Scope.fork(parent)
      const span = yield* Scope.provide(Effect.makeSpanScoped(name, options), scope)
      const inSpan = withSpan(span)
      const start = yield* Clock.currentTimeMillis
      yield* Scope.addFinalizerExit(scope, (exit) => inSpan(Telemetry.recordEnd(target, start, exit)))
      yield* inSpan(recordContent("gen_ai.input.messages", request.messages))
      const written = (yield* Telemetry.CaptureContent) ? ChatEvent.makeCollector() : undefined
      let isFirst = true
      const record = Effect.fnUntraced(function*(events: Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>) {
        const last = Arr.lastNonEmpty(events)
        if (isFirst) yield* Telemetry.recordFirstEvent(target, start)
        isFirst = false
        if (last.type !== "finish") return events
        yield* recordOutcome(target, last)
        const response = written?.response()
        if (response !== undefined) yield* recordContent("gen_ai.output.messages", [response.message])
        return events
      })
      return Effect.matchCauseEffect(pull, {
        onFailure: (cause) =>
          Effect.andThen(Scope.close(scope, Pull.doneExitFromCause(cause)), Effect.failCause(cause)),
        onSuccess: (events) => {
          if (written !== undefined) events.forEach(written.add)
          return isFirst || Arr.lastNonEmpty(events).type === "finish" ? record(events) : Effect.succeed(events)
        }
      }).pipe(inSpan)
    })
  )
}

/** Provides a span to effects that run often in the same context, which is extended once. */
const withSpan = (span: Tracer.AnySpan) => {
  let last: Context.Context<never> | undefined
  let extended: Context.Context<never> = Context.empty()
  return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.updateContext(self, (context: Context.Context<R>) => {
      if (context !== last) extended = Context.add(context, Tracer.ParentSpan, span)
      last = context
      return extended as Context.Context<R> // it has what the last context has
    })
}

const requestAttributes = (request: ChatRequest.Resolved) => ({
  "gen_ai.request.max_tokens": request.maxTokens,
  "gen_ai.request.temperature": request.temperature,
  "gen_ai.request.top_p": request.topP,
  "gen_ai.request.stop_sequences": request.stopSequences,
  "gen_ai.request.reasoning.level": request.reasoning ? request.reasoning.effort : undefined,
  "gen_ai.output.type": request.responseFormat?.type
})

const recordOutcome = (target: Telemetry.Target, outcome: ChatResponse.Outcome): Effect.Effect<void> => {
  const { usage } = outcome
  const prompt = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
  return Telemetry.annotate({
    "gen_ai.response.model": outcome.model,
    "gen_ai.response.id": outcome.requestId,
    "gen_ai.response.finish_reasons": [outcome.finishReason],
    "gen_ai.usage.input_tokens": prompt,
    "gen_ai.usage.output_tokens": usage.outputTokens,
    "gen_ai.usage.cache_read.input_tokens": usage.cacheReadTokens,
    "gen_ai.usage.cache_creation.input_tokens": usage.cacheWriteTokens
  }).pipe(
    Effect.andThen(Telemetry.recordTokens(target, "input", prompt)),
    Effect.andThen(Telemetry.recordTokens(target, "output", usage.outputTokens))
  )
}

const recordContent = (attribute: string, messages: ReadonlyArray<Message.Message>): Effect.Effect<void> =>
  Effect.flatMap(Telemetry.CaptureContent, (capture) =>
    capture
      ? Effect.ignore(Effect.flatMap(encodeMessages()(messages), (json) => Telemetry.annotate({ [attribute]: json })))
      : Effect.void)

const encodeMessages = Lazy.make(() =>
  Schema.encodeEffect(Schema.fromJsonString(Schema.toCodecJson(Schema.Array(Message.Message))))
)
