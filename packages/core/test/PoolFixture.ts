/** What the tests of pools share: lanes whose calls take time, cost tokens and fail to order. */
import * as ChatService from "@strata/core/chat/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import * as Pool from "@strata/core/policy/Pool"
import * as Quota from "@strata/core/policy/Quota"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as Ledger from "@strata/core/state/Ledger"
import * as Usage from "@strata/core/Usage"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"

/**
 * - `takes`: how long a call takes.
 * - `fails`: what it fails with, if anything; may change while the test runs.
 * - `failing`: the same for each call; `failsAfter`: how long that takes; `dies`: whether it has a defect instead.
 * - `breaks`: what a stream fails with after its first event.
 * - `quota`: tokens in a minute; each call draws 100, and reserves ten more for its answer.
 * - `usage`: what an answer reports.
 */
export interface LaneOptions {
  takes?: Duration.Input
  fails?: ProviderError.CallError | undefined
  failing?: () => ProviderError.CallError | undefined
  failsAfter?: Duration.Input
  breaks?: ProviderError.CallError
  dies?: boolean
  quota?: number
  usage?: Partial<Usage.Usage>
  policy?: Policy.Options
  provider?: string
}

/** Lanes by name, and which calls they got, in order. */
export interface Lanes {
  readonly asked: Array<string>
  readonly models: Array<string>
  readonly options: Record<string, LaneOptions>
}

export const tokensOfCall = 100

const layerOf = (
  lanes: Lanes,
  name: string
): Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError> => {
  const { policy, provider = "test", quota } = lanes.options[name] ?? {}
  const answered = (model: string) =>
    Effect.gen(function*() {
      lanes.asked.push(name)
      lanes.models.push(model)
      const { dies = false, failing, failsAfter = 0, takes = 0, ...options } = lanes.options[name] ?? {}
      if (dies) return yield* Effect.die("A lane has a defect")
      const fails = failing?.() ?? options.fails
      if (fails !== undefined) return yield* Effect.delay(Effect.fail(fails), failsAfter)
      yield* Effect.sleep(takes)
      return {
        finishReason: "stop" as const,
        usage: Usage.make({ inputTokens: tokensOfCall, ...lanes.options[name]?.usage }),
        model,
        providerMetadata: {}
      }
    })
  return Layer.effect(
    ChatService.ChatService,
    ChatService.make({
      provider,
      defaultModel: `model-of-${name}`,
      metering: { scope: () => name, countTokens: () => Effect.succeed(tokensOfCall) },
      policy: Policy.make({
        retry: Retry.never,
        ...(quota !== undefined && { quota: Quota.tokens({ perMinute: quota, count: "exact" }) }),
        ...policy
      }),
      generate: ({ model }) =>
        Effect.map(answered(model), (outcome) => ({
          ...outcome,
          message: { role: "assistant", content: name },
          text: name,
          toolCalls: []
        })),
      stream: ({ model }) =>
        Stream.unwrap(
          Effect.map(answered(model), (outcome) => {
            const breaks = lanes.options[name]?.breaks
            const delta = { type: "text-delta" as const, index: 0, delta: name }
            return breaks === undefined
              ? Stream.make(delta, { type: "finish" as const, ...outcome })
              : Stream.concat(Stream.make(delta), Stream.fail(breaks))
          })
        )
    })
  )
}

/** Layers of lanes with these options, by name. */
export const laneOf = (options: Record<string, LaneOptions>) => {
  const lanes: Lanes = { asked: [], models: [], options }
  const layers = Object.fromEntries(Object.keys(options).map((name) => [name, layerOf(lanes, name)]))
  return { ...lanes, layers }
}

/** A pool of lanes with these options, and what is declared about them. */
export const pool = Effect.fnUntraced(function*(
  options: Record<string, LaneOptions>,
  declared: Record<string, Omit<Pool.Lane<never>, "layer">> = {},
  settings?: Pool.Options,
  around: (
    layer: ReturnType<typeof ChatService.withPool>
  ) => Layer.Layer<ChatService.ChatService, unknown> = (layer) => layer as never // no lane needs anything
) {
  const { layers: plain, ...lanes } = laneOf(options)
  const layers = Object.fromEntries(
    Object.entries(plain).map(([name, layer]) => [name, { layer, ...declared[name] }])
  )
  const layer = around(ChatService.withPool(layers, settings) as never) // no lane needs anything
  const services = yield* Layer.build(Layer.provide(layer, Ledger.layerMemory))
  return { ...lanes, chat: Context.get(services, ChatService.ChatService) }
})

/** A pool that asks `a` whenever it takes calls, and `b` otherwise. */
export const preferring = (a: LaneOptions, b: LaneOptions = {}) => pool({ a, b }, { b: { cost: 2 } })

export const refused = (retryAfter?: Duration.Duration) =>
  new ProviderError.RateLimitError({ provider: "test", model: "m", message: "Too many tokens.", retryAfter })

export const down = new ProviderError.ModelUnavailableError({ provider: "test", model: "m", message: "It is down." })

export const request = { messages: "Why?", maxTokens: 10 }

/** Makes calls one after the other. */
export const calls = (chat: ChatService.ChatService["Service"], count: number) =>
  Effect.forEach(Array.from({ length: count }), () => chat.generate(request))

/** A policy around a pool. */
export const under = (policy: Policy.Policy) => (layer: ReturnType<typeof ChatService.withPool>) =>
  // No lane needs anything.
  ChatService.withPolicy(layer as Layer.Layer<ChatService.ChatService>, policy)

/** How many calls of a lane had an outcome. */
export const counted = (lane: string, outcome: string) =>
  Effect.map(
    Metric.value(Metric.withAttributes(Pool.calls, { "strata.lane": lane, "strata.lane.outcome": outcome })),
    ({ count }) => count
  )

/** Whether a lane takes calls, as its gauge says. */
export const stateOf = (lane: string) =>
  Effect.map(Metric.value(Metric.withAttributes(Pool.state, { "strata.lane": lane })), ({ value }) => value)

/** How often each name occurs. */
export const counts = (names: ReadonlyArray<string>): Record<string, number> => {
  const found: Record<string, number> = {}
  for (const name of names) found[name] = (found[name] ?? 0) + 1
  return found
}
