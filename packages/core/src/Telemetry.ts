/**
 * Spans and metrics of every call, by the OpenTelemetry conventions for generative AI:
 * https://opentelemetry.io/docs/specs/semconv/gen-ai/
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Tracer from "effect/Tracer"
import * as BoundedMap from "./internal/boundedMap.ts"
import { defined } from "./internal/defined.ts"
import * as ModelLabels from "./internal/modelLabels.ts"
import * as Total from "./internal/total.ts"
import type * as ProviderError from "./ProviderError.ts"

/** The kind of call. */
export type Operation = "chat" | "embeddings" | "rerank"

/** The service and model of a call; `scope` is a region or endpoint, where the provider has several. */
export interface Target {
  readonly operation: Operation
  readonly provider: string
  readonly model: string
  readonly scope?: string | undefined
}

/** The key of quotas, limits and breakers: provider, scope and model, for all operations together. */
export const keyOf: (target: Target) => string = Total.make(
  ({ model, provider, scope = "" }) => `${provider}/${scope}/${model}`,
  () => "//"
)

/** Whether prompts and answers are recorded on spans; `false` by default, as they may be confidential. */
export const CaptureContent = Context.Reference<boolean>("@strata/core/Telemetry/CaptureContent", {
  defaultValue: () => false
})

type Labels = Record<string, string>

/** The series of a metric under a key: `Metric.withAttributes` would compute its key from the labels at each update. */
const labelled = new WeakMap<object, (key: string, labels: () => Labels) => Metric.Metric<never, unknown>>()

const series = <M extends Metric.Metric<never, unknown>>(make: (labels?: Labels) => M): M => {
  const metric = make()
  const kept = new Map<string, M>()
  labelled.set(metric, (key, labels) => {
    // Few in any program: their labels are bounded.
    if (kept.size >= 1_000) kept.clear()
    return BoundedMap.getOrMake(kept, key, () => make(labels()))
  })
  return metric
}

const seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]

/** Seconds from the start of an operation to its end, retries included. */
export const operationDuration = series((attributes) =>
  Metric.histogram("gen_ai.client.operation.duration", {
    description: "Seconds from the start of an operation to its end",
    boundaries: seconds,
    attributes
  })
)

/** Seconds from the start of a stream to its first event, retries included. */
export const timeToFirstEvent = series((attributes) =>
  Metric.histogram("gen_ai.client.operation.time_to_first_chunk", {
    description: "Seconds from the start of a stream to its first event",
    boundaries: seconds,
    attributes
  })
)

/** Tokens of an operation, by `gen_ai.token.type`: `input` or `output`. */
export const tokenUsage = series((attributes) =>
  Metric.histogram("gen_ai.client.token.usage", {
    description: "Tokens of an operation",
    boundaries: [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
    attributes
  })
)

/** Requests sent: first attempts, retries, and each batch of an embedding call. */
export const attempts = series((attributes) =>
  Metric.counter("strata.client.attempts", {
    description: "Requests sent to a provider, retries included",
    incremental: true,
    attributes
  })
)

/** Retries, by the tag of the error that caused them. */
export const retries = series((attributes) =>
  Metric.counter("strata.client.retries", {
    description: "Calls sent again after a transient failure",
    incremental: true,
    attributes
  })
)

/** Seconds a call waited before it was sent, by `strata.wait.reason`: see {@link WaitReason}. */
export const waits = series((attributes) =>
  Metric.histogram("strata.client.wait.duration", {
    description: "Seconds a call waited before it was sent",
    boundaries: seconds,
    attributes
  })
)

/** Calls in flight and their limit, by `strata.permits`: `used` or `limit`; per model if adaptive, else per provider. */
export const permits = Metric.gauge("strata.client.permits", { description: "Calls in flight, and their limit" })

/**
 * The state of a quota, by `strata.quota.window`, `strata.quota.unit` (`tokens` or `requests`) and `strata.quota.part`
 * (`spent`, `reserved` or `limit`).
 */
export const quota = Metric.gauge("strata.client.quota", {
  description: "Tokens and requests of a quota, spent and reserved"
})

/** State of a breaker: 0 closed, 1 half open, 2 open. */
export const breaker = Metric.gauge("strata.client.breaker", {
  description: "State of a breaker: 0 closed, 1 half open, 2 open"
})

/** Hedges: second requests sent because the first took long. */
export const hedges = Metric.counter("strata.client.hedges", {
  description: "Second requests sent because the first took long",
  incremental: true
})

/** What was spent where the price of the model is known: US dollars, or the currency in `strata.cost.currency`. */
export const cost = Metric.counter("strata.client.cost", {
  description: "US dollars spent, or another currency where strata.cost.currency names one",
  incremental: true
})

/** What a call waited for. */
export type WaitReason = "quota" | "concurrency" | "retry-budget"

/** Records a wait of some milliseconds; none at all is not recorded. */
export const recordWait = (target: Target, reason: WaitReason, millis: number): Effect.Effect<void> =>
  recording((context) => {
    if (millis > 0) update(context, waits, target, millis / 1000, { "strata.wait.reason": label(reason) })
  })

/** Records the end of an attempt as an event `strata.attempt` on the span of its operation. */
export const attempt = (number: number) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber(({ context }) => {
    const span = spanOf(context)
    if (span === undefined) return self
    const clock = Context.get(context, Clock.Clock)
    const start = clock.currentTimeNanosUnsafe()
    return Effect.onExit(self, (exit) =>
      recording(() => {
        const end = clock.currentTimeNanosUnsafe()
        span.event("strata.attempt", end, {
          "strata.attempt.number": number,
          "strata.attempt.duration": Number(end - start) / 1e9,
          ...errorType(exit)
        })
      }))
  })

/**
 * A target in the words of a message: `amazon.nova-lite-v1:0 of aws.bedrock in us-east-1`.
 *
 * @internal
 */
export const nameOf: (target: Pick<Target, "provider" | "model" | "scope">) => string = Total.make(
  ({ model, provider, scope }) => `${model} of ${provider}${scope === undefined || scope === "" ? "" : ` in ${scope}`}`,
  () => "the service"
)

/** The attributes of every metric of an operation. */
export const attributes: (target: Target) => Record<string, string> = Total.make((target) => ({
  "gen_ai.operation.name": `${target.operation}`,
  "gen_ai.provider.name": `${target.provider}`,
  "gen_ai.request.model": ModelLabels.of(`${target.provider}`, `${target.model}`)
}), () => ({}))

/**
 * The attributes of metrics that are common to all operations of a target.
 *
 * @internal
 */
export const sharedAttributes = ({ model, provider, scope }: Target): Record<string, string> => ({
  "gen_ai.provider.name": provider,
  "gen_ai.request.model": ModelLabels.of(provider, model),
  ...(scope === undefined ? {} : { "strata.scope": scope })
})

/**
 * An error as annotations of a log.
 *
 * @internal
 */
export const errorAnnotations = ({ _tag, exception, requestId, server }: ProviderError.ProviderError) =>
  defined({ error: _tag, exception, requestId, server })

/** Name and options of the span of an operation: `chat MODEL`, `embeddings MODEL`, of kind client. */
export const span = Total.make(
  (target: Target, request: Record<string, unknown>) =>
    clientSpan(`${target.operation} ${target.model}`, {
      ...attributes(target),
      "gen_ai.request.model": target.model,
      ...request
    }),
  () => clientSpan("unknown", {})
)

const clientSpan = (name: string, attributes: Record<string, unknown>) => ({
  name,
  // A stack trace for each span would cost more than the rest of the call's telemetry.
  options: { kind: "client" as const, attributes: defined(attributes), captureStackTrace: false }
})

/** Annotates the current span with the values that are not `undefined`. */
export const annotate = (values: Record<string, unknown>): Effect.Effect<void> =>
  recording((context) => describe(context, values))

/**
 * Records how long an operation took and, on its span, the error it failed with. That is its tag (`error.type`), its
 * message, the provider's own name for it and id of the request, and where it was sent: `server.address`,
 * `server.port` and the scope of the target.
 */
export const recordEnd = <A>(
  target: Target,
  start: number,
  exit: Exit.Exit<A, ProviderError.ProviderError>
): Effect.Effect<void> =>
  recording((context) => {
    const failed = errorType(exit)
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    if (failed !== undefined) describe(context, failed)
    if (error !== undefined) {
      describe(context, {
        "error.message": error.message,
        "strata.error.exception": error.exception,
        "strata.error.request_id": error.requestId,
        "strata.scope": target.scope === "" ? undefined : target.scope,
        ...placeOf(error.server)
      })
    }
    update(context, operationDuration, target, secondsSince(context, start), { ...failed, ...serverOf(context) })
  })

/** A host, with its port or without: that of an IPv6 address has brackets. */
const placeOf = (server: string | undefined) => {
  const [, address, port] = /^(.*?)(?::(\d+))?$/s.exec(server ?? "") ?? []
  return {
    "server.address": address === "" ? undefined : address,
    "server.port": port === undefined ? undefined : Number(port)
  }
}

/** Records the time to the first event of a stream, on the current span too. */
export const recordFirstEvent = (target: Target, start: number): Effect.Effect<void> =>
  recording((context) => {
    const seconds = secondsSince(context, start)
    update(context, timeToFirstEvent, target, seconds, serverOf(context))
    describe(context, { "gen_ai.response.time_to_first_chunk": seconds })
  })

/** Records tokens of one type; nothing when the provider did not count them. */
export const recordTokens = (
  target: Target,
  type: "input" | "output",
  tokens: number | undefined
): Effect.Effect<void> =>
  recording((context) => {
    if (typeof tokens !== "number") return
    update(context, tokenUsage, target, tokens, { "gen_ai.token.type": label(type), ...serverOf(context) })
  })

/** Counts one request. */
export const recordAttempt = (target: Target): Effect.Effect<void> =>
  recording((context) => update(context, attempts, target, 1))

/** Counts one retry. */
export const recordRetry = (target: Target, error: ProviderError.ProviderError): Effect.Effect<void> =>
  recording((context) => update(context, retries, target, 1, { "error.type": label(error._tag) }))

/** Runs a synchronous recording. What cannot be recorded does no harm to the call. */
const recording = (record: (context: Context.Context<never>) => void): Effect.Effect<void> =>
  Effect.withFiber(({ context }) => {
    Result.try(() => record(context))
    return Effect.void
  })

/** Of another value the metric would build a key, however large it is. */
const label = (value: string): string => typeof value === "string" ? value : "unknown"

const update = <Input>(
  context: Context.Context<never>,
  metric: Metric.Metric<Input, unknown>,
  target: Target,
  value: Input,
  others: Labels = {}
): void => {
  let key = `${target.operation}\n${target.provider}\n${ModelLabels.of(target.provider, target.model)}`
  for (const name of Object.keys(others)) key += `\n${name}\n${others[name]}`
  const one = labelled.get(metric)?.(key, () => ({ ...attributes(target), ...others }))
  one?.updateUnsafe(value as never, context) // what is made for a metric takes its values
}

const spanOf = (context: Context.Context<never>): Tracer.Span | undefined => {
  const span = Context.getOrUndefined(context, Tracer.ParentSpan)
  return span?._tag === "Span" ? span : undefined
}

const describe = (context: Context.Context<never>, values: Record<string, unknown>): void => {
  const span = spanOf(context)
  for (const name of Object.keys(values)) if (values[name] !== undefined) span?.attribute(name, values[name])
}

/** A metric of the conventions has the server as well, once the provider put it on the span of the operation. */
const serverOf = (context: Context.Context<never>): Record<string, string> => {
  const attributes = spanOf(context)?.attributes
  const address = attributes?.get("server.address")
  if (address === undefined) return {}
  const port = attributes?.get("server.port")
  return { "server.address": `${address}`, ...(port !== undefined && { "server.port": `${port}` }) }
}

const secondsSince = (context: Context.Context<never>, start: number): number =>
  (Context.get(context, Clock.Clock).currentTimeMillisUnsafe() - start) / 1000

/** How a call failed, as the attribute `error.type`; none when it did not. */
const errorType = (exit: Exit.Exit<unknown, unknown>): Record<string, string> | undefined =>
  Exit.isSuccess(exit) ? undefined : {
    "error.type": Option.match(Cause.findErrorOption(exit.cause), {
      onNone: () => Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "defect",
      onSome: (error) => Predicate.hasProperty(error, "_tag") ? String(error._tag) : "unknown"
    })
  }
