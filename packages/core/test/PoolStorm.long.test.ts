import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Budget from "@strata/core/policy/Budget"
import * as Key from "@strata/core/policy/Key"
import * as Pool from "@strata/core/policy/Pool"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Quota from "@strata/core/policy/Quota"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { counts, down, type LaneOptions, pool, refused, tokensOfCall } from "./PoolFixture.ts"

const request = { messages: "Why?", maxTokens: 10 }

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** A lane: what it has, and what its calls do for as long as the storm lasts. */
const StormyLane = Schema.Struct({
  quota: Schema.UndefinedOr(between(110, 2_000)),
  concurrency: between(1, 8),
  breaker: Schema.Boolean,
  hedge: Schema.Boolean,
  retries: between(0, 2),
  takes: between(0, 5_000),
  fails: Schema.Literals(["never", "refused", "down", "malformed"]),
  cost: Schema.Literals([0, 1, 2]),
  weight: Schema.Literals([0.5, 1, 4])
})

/** A call: when it begins, whether it streams, and when its caller gives up. */
const StormyCall = Schema.Struct({
  after: between(0, 20_000),
  streams: Schema.Boolean,
  patience: Schema.UndefinedOr(between(0, 30_000)),
  interactive: Schema.Boolean,
  tenant: Schema.Literals(["a", "b"])
})

const failures = {
  never: undefined,
  refused: refused(),
  down,
  malformed: new ProviderError.MalformedResponseError({ provider: "test", model: "m", message: "No JSON." })
}

describe("A pool in a storm", () => {
  it.effect.prop(
    "answers or fails every call, exceeds nothing, and gives everything back",
    {
      calls: Schema.NonEmptyArray(StormyCall),
      first: StormyLane,
      others: Schema.Array(StormyLane).check(Schema.isMaxLength(3))
    },
    ({ calls, first, others }) =>
      Effect.gen(function*() {
        const lanes = [first, ...others]
        const budget = Budget.make({ perRun: 1_000_000 })
        const options: Record<string, LaneOptions> = {}
        for (const [index, { breaker, concurrency, fails, hedge, quota, retries, takes }] of lanes.entries()) {
          options[`lane${index}`] = {
            takes,
            fails: failures[fails],
            policy: {
              concurrency,
              retry: Retry.exponential({ times: retries, base: "100 millis" }),
              hedge: hedge ? "1 second" : undefined,
              breaker: breaker ? Breaker.consecutive(2, { open: "2 seconds" }) : undefined,
              quota: quota === undefined
                ? undefined
                : Quota.tokens({ perMinute: quota, count: "exact", key: Key.metadata("tenant") })
            }
          }
        }
        const declared = Object.fromEntries(
          lanes.map(({ cost, weight }, index) => [`lane${index}`, { cost, weight, interactive: index === 1 }])
        )
        const { asked, chat } = yield* pool(options, declared, undefined, (layer) =>
          (layer as Layer.Layer<ChatService.ChatService>).pipe(
            ChatService.withBudget(budget),
            Layer.provide(Pricing.layer([{ model: "*", price: { input: 1_000, output: 0 } }]))
          ))

        const one = ({ after, interactive, patience, streams, tenant }: typeof StormyCall.Type) => {
          const answer: Effect.Effect<unknown, ProviderError.ChatStreamError> = streams
            ? Stream.runCollect(chat.stream(request))
            : chat.generate(request)
          const within: typeof answer = patience === undefined ? answer : Effect.timeoutOption(answer, patience)
          return Effect.exit(Effect.delay(Effect.provideService(within, Pool.Interactive, interactive), after)).pipe(
            Effect.provideService(RequestMetadata.RequestMetadata, { tenant })
          )
        }
        const fiber = yield* Effect.forkChild(Effect.all(calls.map(one), { concurrency: "unbounded" }))
        yield* TestClock.adjust("40 seconds")
        // In the first minute no quota was exceeded: refused calls draw nothing.
        const sent = counts(asked)
        for (const [index, { fails, hedge, quota }] of lanes.entries()) {
          if (quota === undefined || fails !== "never" || hedge) {
            continue
          }
          assert.isAtMost((sent[`lane${index}`] ?? 0) * tokensOfCall, quota)
        }

        // The storm is over: what waits is answered, however many minutes the quotas need.
        for (const lane of Object.values(options)) {
          lane.fails = undefined
        }
        yield* TestClock.adjust("60 minutes")
        for (const exit of yield* Fiber.join(fiber)) {
          const error = Exit.findErrorOption(exit)
          assert.isTrue(Exit.isSuccess(exit) || error._tag === "Some" && ProviderError.isProviderError(error.value))
        }

        const { run } = yield* Budget.spent(budget)
        assert.strictEqual(run?.reserved, 0)
        // All lanes are in the pool again once a call has probed each, and all their permits are free.
        const asTenant = Effect.provideService(RequestMetadata.RequestMetadata, { tenant: "a" })
        const probes = yield* Effect.forEach(
          lanes,
          () =>
            Effect.delay(Effect.exit(chat.generate(request)), "2 minutes")
        ).pipe(Effect.provideService(Pool.Interactive, true), asTenant, Effect.forkChild)
        yield* TestClock.adjust("20 minutes")
        yield* Fiber.join(probes)
        for (const lane of Object.values(options)) {
          lane.takes = "1 second"
        }
        asked.length = 0
        const together = lanes.reduce((sum, { concurrency, quota = Infinity }, index) =>
          index === 1 ? sum : sum + Math.min(concurrency, Math.floor(quota / (tokensOfCall + 10))), 0)
        const again = yield* Effect.all(
          Array.from({ length: together }, () =>
            chat.generate(request)),
          {
            concurrency: "unbounded"
          }
        ).pipe(asTenant, Effect.forkChild)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(asked.length, together)
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual((yield* Fiber.join(again)).length, together)
      }),
    { arbitrary: { runs: 100 } }
  )
})
