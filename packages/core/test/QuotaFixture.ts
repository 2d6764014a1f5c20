/**
 * What the tests of quotas share: calls that draw tokens, and a ledger that is watched or fails.
 */
import { it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import type * as Quota from "@strata/core/policy/Quota"
import * as Retry from "@strata/core/policy/Retry"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Ledger from "@strata/core/state/Ledger"
import * as Telemetry from "@strata/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import { settled, target } from "./ChatFixture.ts"

/**
 * One call.
 *
 * - `input`: tokens of its prompt; `estimate`: what is thought before, else they are counted; `cached`: how many of them
 *   come from a cache.
 * - `output`: tokens of its answer, none unless said otherwise; `maxTokens`: how many it may have.
 * - `takes`: how long it takes; `fails`: what it ends with.
 * - `tenant`: in its request metadata.
 */
export interface Work {
  readonly name?: string
  readonly input: number
  readonly estimate?: number
  readonly cached?: number
  readonly maxTokens?: number
  readonly output?: number
  readonly burndown?: number
  readonly takes?: Duration.Input
  readonly fails?: ProviderError.CallError
  readonly target?: Telemetry.Target
  readonly tenant?: string
}

/** Makes calls under a policy: how one is answered is up to the caller. */
export const enforceWith = (
  options: Policy.Options,
  answer: (work: Work) => Effect.Effect<Quota.Consumption, ProviderError.CallError>
) =>
  Effect.map(
    Enforcement.make(Policy.make({ retry: Retry.never, concurrency: 100_000, ...options })),
    (enforcement) => (work: Work) =>
      enforcement.call(answer(work), work.target ?? target, {
        load: () =>
          Effect.succeed({
            inputTokens: work.estimate ?? work.input,
            outputTokens: work.maxTokens ?? 0,
            counted: work.estimate === undefined
          }),
        outputBurndown: work.burndown ?? 1,
        consumed: (consumption) => consumption,
        ...(work.tenant === undefined ? {} : { metadata: Effect.succeed({ tenant: work.tenant }) })
      })
  )

/** Puts a policy in force, and remembers which call went out at which millisecond. */
export const enforce = (options: Policy.Options) =>
  Effect.suspend(() => {
    const sent: Array<readonly [name: string, millis: number]> = []
    const answer = (work: Work): Effect.Effect<Quota.Consumption, ProviderError.CallError> =>
      Effect.gen(function*() {
        sent.push([work.name ?? "", yield* Clock.currentTimeMillis])
        yield* Effect.sleep(work.takes ?? 0)
        if (work.fails !== undefined) return yield* work.fails
        return {
          inputTokens: work.input - (work.cached ?? 0),
          outputTokens: work.output ?? 0,
          promptTokens: work.input
        }
      })
    return Effect.map(
      enforceWith(options, answer),
      (call) => ({ call, sent, times: () => sent.map(([, millis]) => millis) })
    )
  })

/** The key of a target's quota. */
export const keyOf = (scope = "", of = target) => `quota/${scope}/${Telemetry.keyOf(of)}`

/** What the ledger has for a quota: the first of its windows. */
export const balance = (quota: Quota.Quota, key = keyOf()) =>
  Effect.gen(function*() {
    const ledger = yield* Ledger.Ledger
    const limits = quota.windows.map(({ name, tokens = Infinity, window }) => ({
      name,
      unit: "tokens" as const,
      amount: tokens,
      window
    }))
    const [first] = yield* Effect.orDie(ledger.balances(key, limits))
    return { spent: first?.spent, reserved: first?.reserved }
  })

/** What another process reserves of a quota of 1,000 tokens a minute, or waits for. */
export const reserveAhead = (
  id: string,
  tokens: number,
  { scope = "", share }: { readonly scope?: string; readonly share?: string } = {}
) =>
  Effect.gen(function*() {
    const ledger = yield* Ledger.Ledger
    const limits = [{ name: "minute tokens", unit: "tokens" as const, amount: 1_000, window: Duration.minutes(1) }]
    const reservation = { id, key: keyOf(scope), amounts: { tokens }, limits, lease: Duration.hours(1), share }
    yield* ledger.reserve(reservation)
    return {
      leave: ledger.leave(reservation),
      settle: (tokens: number) => ledger.settle({ ...reservation, amounts: { tokens } })
    }
  })

/** What the metric shows of the minute of a quota, of tokens unless its attributes say otherwise. */
export const shown = (attributes: Readonly<Record<string, string>> = {}) => {
  const of = (part: string) =>
    Effect.map(
      Metric.value(Metric.withAttributes(Telemetry.quota, {
        "gen_ai.provider.name": target.provider,
        "gen_ai.request.model": target.model,
        "strata.quota.window": "minute",
        "strata.quota.unit": "tokens",
        "strata.quota.part": part,
        ...attributes
      })),
      ({ value }) => value
    )
  return Effect.all({ spent: of("spent"), reserved: of("reserved"), limit: of("limit") })
}

/** Counts the operations of the ledger in force, and makes them fail while `broken` is set. */
export const watchedLedger = Effect.map(Ledger.Ledger, (ledger) => {
  const watch = { reserve: 0, settle: 0, leave: 0, renew: 0, balances: 0, broken: false }
  const watched = <A>(
    operation: keyof Ledger.Ledger,
    self: Effect.Effect<A, Ledger.LedgerError>
  ): Effect.Effect<A, Ledger.LedgerError> =>
    Effect.suspend(() => {
      watch[operation]++
      return watch.broken ? Effect.fail(new Ledger.LedgerError({ message: "no connection" })) : self
    })
  const service: Ledger.Ledger = {
    reserve: (reservation) => watched("reserve", ledger.reserve(reservation)),
    settle: (settlement) => watched("settle", ledger.settle(settlement)),
    leave: (place) => watched("leave", ledger.leave(place)),
    renew: (reservations, lease) => watched("renew", ledger.renew(reservations, lease)),
    balances: (key, limits) => watched("balances", ledger.balances(key, limits))
  }
  return { watch, service }
})

/** A test with a ledger of its own. */
export const test = <A, E>(name: string, self: () => Effect.Effect<A, E, Scope.Scope>) =>
  it.effect(name, () => Effect.provide(self(), Ledger.layerMemory))

/** Starts calls one after the other at the same time, and lets the clock run until all have ended. */
export const together = <A, E>(calls: ReadonlyArray<Effect.Effect<A, E>>) =>
  settled(Effect.forEach(calls, (call) => Effect.exit(call), { concurrency: "unbounded" }))

/** Starts a call, and lets it go as far as it gets without time. */
export const start = <A, E>(call: Effect.Effect<A, E>) => Effect.tap(Effect.forkChild(call), () => TestClock.adjust(0))

/** Starts calls in order, without waiting for them. */
export const arrive = <E>(call: (work: Work) => Effect.Effect<unknown, E>, works: ReadonlyArray<Work>) =>
  Effect.forEach(works, (work) => start(Effect.exit(call(work))))

/** Calls of a tenant, by number. */
export const many = (count: number, work: Work): ReadonlyArray<Work> =>
  Array.from({ length: count }, (_, index) => ({ name: `${work.tenant} ${index}`, ...work }))
