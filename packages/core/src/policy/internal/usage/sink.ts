/**
 * What was used, on its way from the attempts of calls and from caches to those who listen.
 *
 * The reference is read when a call is made. Where that has none, what was in force when the service was built is used.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Cost from "../../../Cost.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import * as RequestMetadata from "../../../RequestMetadata.ts"
import type * as Telemetry from "../../../Telemetry.ts"
import * as Usage from "../../../Usage.ts"
import type * as BudgetGate from "../budget/gate.ts"
import type * as BudgetPrice from "../budget/price.ts"
import * as Lane from "../lane.ts"

/** What was used by an attempt, or answered by a cache. `model`: that of the target unless another answered. */
export interface Report {
  readonly target: Telemetry.Target
  readonly model?: string | undefined
  readonly usage: Usage.Usage
  readonly cost?: Cost.Cost | undefined
  readonly cached: boolean
  readonly estimated: boolean
  readonly requestId?: string | undefined
  readonly metadata: Effect.Effect<RequestMetadata.Pairs, ProviderError.CallError>
}

/** `isHeard`: whether somebody listens. `publish` neither fails nor waits. */
export interface Sink {
  readonly isHeard: () => boolean
  readonly publish: (report: Report) => Effect.Effect<void>
}

export const Sink = Context.Reference<Sink | undefined>("@strata/core/policy/UsageSink", {
  defaultValue: () => undefined
})

/**
 * The sink of a call, by that of its service; `undefined` where nobody listens. It knows the lane and the request metadata
 * of the fiber that calls: a stream may end in another one.
 */
export const heard = (ofService: Sink | undefined): Effect.Effect<Sink | undefined> =>
  Effect.withFiber(({ context }) => {
    const sink = Context.get(context, Sink) ?? ofService
    if (sink?.isHeard() !== true) return Effect.undefined
    const lane = Context.get(context, Lane.Lane)
    const metadata = Context.get(context, RequestMetadata.RequestMetadata)
    return Effect.succeed({
      isHeard: sink.isHeard,
      publish: (report) =>
        sink.publish(report).pipe(
          Effect.provideService(Lane.Lane, lane),
          Effect.provideService(RequestMetadata.RequestMetadata, metadata)
        )
    })
  })

/** What a report needs to know of a call; `cost`: of tokens, at the prices in force. */
export interface Meter<A> extends Pick<BudgetGate.Meter<A>, "load" | "metadata"> {
  readonly cost?:
    | ((clock: Clock.Clock, usage: Usage.Usage, model?: string) => Cost.Cost | undefined)
    | undefined
}

/** One attempt. `inside` is the sink of what it calls; `report` publishes what it used, once it has ended. */
export interface Attempt {
  readonly inside: Sink
  readonly report: (end: BudgetPrice.End) => Effect.Effect<void>
}

/** Of an attempt that calls another service, only what that reports counts: it is nearer to the provider. */
export const attempt = (sink: Sink, target: Telemetry.Target, meter: Meter<never>): Attempt => {
  let isReported = false
  const metadata = meter.metadata ?? RequestMetadata.RequestMetadata
  return {
    inside: {
      isHeard: sink.isHeard,
      publish: (report) =>
        Effect.suspend(() => {
          isReported = true
          return sink.publish(report)
        })
    },
    report: ({ bill, isRefused, outputTokens }) =>
      Clock.clockWith((clock) => {
        if (isReported) return Effect.void
        if (bill !== undefined && bill.usage.totalTokens > 0) {
          const { cached = false, cost = meter.cost?.(clock, bill.usage, bill.model), model, requestId, usage } = bill
          return sink.publish({ target, model, usage, cost, cached, requestId, metadata, estimated: false })
        }
        if (isRefused) return Effect.void
        return Effect.matchCauseEffect(meter.load("estimate"), {
          onFailure: () => Effect.void,
          onSuccess: (load) => {
            const { inputTokens } = load
            const usage = Usage.make({ inputTokens, outputTokens: Math.min(outputTokens, load.outputTokens) })
            if (usage.totalTokens === 0) return Effect.void
            const { model, requestId } = bill ?? {}
            const cost = meter.cost?.(clock, usage, model)
            return sink.publish({ target, model, usage, cost, requestId, metadata, cached: false, estimated: true })
          }
        })
      })
  }
}

/** Publishes an answer of a cache; it costs nothing. */
export const cached = (
  ofService: Sink | undefined,
  target: Telemetry.Target,
  { cost, model, requestId, usage }: Pick<Report, "cost" | "model" | "requestId" | "usage">
): Effect.Effect<void> =>
  Effect.flatMap(heard(ofService), (sink) =>
    sink === undefined ? Effect.void : sink.publish({
      target,
      model,
      usage,
      cost,
      requestId,
      cached: true,
      estimated: false,
      metadata: RequestMetadata.RequestMetadata
    }))
