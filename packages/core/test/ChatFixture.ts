/**
 * What the chat tests share: an error of every tag, answers and events, and ways to watch time, logs, metrics and spans.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Telemetry from "@strata/core/Telemetry"
import * as Usage from "@strata/core/Usage"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"

export const target: Telemetry.Target = { operation: "chat", provider: "test.provider", model: "test-model" }

const known = {
  provider: "test.provider",
  model: "test-model",
  message: "it went wrong",
  requestId: "request-1",
  server: "example.com:8443",
  exception: "SomeException"
}

/** One error of every tag. */
export const errors: {
  readonly [Tag in ProviderError.ProviderError["_tag"]]: Extract<ProviderError.ProviderError, { readonly _tag: Tag }>
} = {
  AuthenticationError: new ProviderError.AuthenticationError(known),
  PermissionDeniedError: new ProviderError.PermissionDeniedError(known),
  InvalidRequestError: new ProviderError.InvalidRequestError({ ...known, field: "topP", remedy: "Use less" }),
  ContextLengthExceededError: new ProviderError.ContextLengthExceededError(known),
  ModelNotFoundError: new ProviderError.ModelNotFoundError(known),
  UnsupportedFeatureError: new ProviderError.UnsupportedFeatureError({ ...known, feature: "tools" }),
  RateLimitError: new ProviderError.RateLimitError(known),
  QuotaExceededError: new ProviderError.QuotaExceededError(known),
  ModelUnavailableError: new ProviderError.ModelUnavailableError(known),
  ProviderInternalError: new ProviderError.ProviderInternalError(known),
  ModelFailedError: new ProviderError.ModelFailedError({ ...known, originalStatus: 503 }),
  TimeoutError: new ProviderError.TimeoutError({ ...known, phase: "connect" }),
  ConnectionError: new ProviderError.ConnectionError(known),
  StreamInterruptedError: new ProviderError.StreamInterruptedError({ ...known, delivered: 2 }),
  MalformedResponseError: new ProviderError.MalformedResponseError(known),
  StructuredOutputError: new ProviderError.StructuredOutputError({ ...known, text: "{" }),
  CircuitOpenError: new ProviderError.CircuitOpenError(known),
  BudgetExceededError: new ProviderError.BudgetExceededError(known),
  QueueFullError: new ProviderError.QueueFullError(known)
}

export const usage = Usage.make({ inputTokens: 10, cacheReadTokens: 3, cacheWriteTokens: 2, outputTokens: 7 })

const outcome: ChatResponse.Outcome = {
  finishReason: "stop",
  usage,
  model: "test-model",
  requestId: "request-1",
  provider: "test.provider",
  providerMetadata: {}
}

export const response = (text: string): ChatResponse.ChatResponse =>
  ChatResponse.make([{ type: "text", text }], outcome)

export const delta = (text: string, index = 0): ChatEvent.ChatEvent => ({ type: "text-delta", index, delta: text })

export const finish: ChatEvent.ChatEvent = { type: "finish", ...outcome }

/** What becomes of a value that is written down as JSON text and read again. */
export const throughJson = <A, E>(schema: Schema.Codec<A, E>, value: A) => {
  const text = Schema.fromJsonString(Schema.toCodecJson(schema))
  return Effect.flatMap(Schema.encodeEffect(text)(value), Schema.decodeEffect(text))
}

/** A clock that counts the timers that run, and have run at most. */
export const countingClock = Effect.gen(function*() {
  const clock = yield* TestClock.testClockWith(Effect.succeed)
  const timers = { running: 0, most: 0 }
  const counted: Clock.Clock = {
    ...clock,
    sleep: (duration) =>
      Effect.acquireUseRelease(
        Effect.sync(() => timers.most = Math.max(timers.most, ++timers.running)),
        () => clock.sleep(duration),
        () => Effect.sync(() => timers.running--)
      )
  }
  return { timers, counted }
})

/** Runs an effect to its end while the test clock runs on, and says how many milliseconds of that clock it took. */
export const timed = <A, E, R>(self: Effect.Effect<A, E, R>, span: Duration.Input = "1 day") =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.exit(self).pipe(
      Effect.flatMap((exit) => Effect.map(Clock.currentTimeMillis, (now) => ({ exit, millis: now - start }))),
      Effect.forkChild
    )
    yield* TestClock.adjust(span)
    return yield* Fiber.join(fiber)
  })

/** The result of an effect that takes time. */
export const settled = <A, E, R>(self: Effect.Effect<A, E, R>, span?: Duration.Input) =>
  Effect.flatMap(timed(self, span), ({ exit }) => exit)

/** The exit of an effect that takes time of the test's clock, and real time too, as a digest does. */
export const ended = Effect.fnUntraced(function*<A, E, R>(self: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(Effect.exit(self))
  while (fiber.pollUnsafe() === undefined) {
    yield* TestClock.adjust("1 minute")
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  }
  return yield* Fiber.join(fiber)
})

/** The error of an effect that takes time. */
export const failure = <A, E, R>(self: Effect.Effect<A, E, R>, span?: Duration.Input) =>
  Effect.flip(settled(self, span))

/** What an effect left behind for those who watch it. Metrics are its own: other tests do not count. */
export interface Watched {
  readonly logs: Array<{
    readonly level: string
    readonly message: unknown
    readonly annotations: Readonly<Record<string, unknown>>
  }>
  readonly spans: Array<Tracer.NativeSpan>
}

export const watched = <A, E, R>(self: (watched: Watched) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const seen: Watched = { logs: [], spans: [] }
    const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
      seen.logs.push({ level: logLevel, message, annotations: fiber.getRef(References.CurrentLogAnnotations) })
    })
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        seen.spans.push(span)
        return span
      }
    })
    return self(seen).pipe(
      Effect.provideService(Logger.CurrentLoggers, new Set([logger])),
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  })
