import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import * as RetryBudget from "@strata/core/policy/RetryBudget"
import * as ProviderError from "@strata/core/ProviderError"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Ledger from "@strata/core/state/Ledger"
import { Emulator, Fault } from "@strata/emulator"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../../src/BedrockChat.ts"
import * as BedrockClient from "../../src/BedrockClient.ts"
import * as BedrockEmbedding from "../../src/BedrockEmbedding.ts"
import { transports } from "../support/Client.ts"
import * as Models from "./Models.ts"
import * as Watch from "./Watch.ts"

/** How many calls of a service are in flight at most, and as long as nothing is wrong. */
const limit = 12

/** In milliseconds. */
const deadlines = { patient: 30_000, impatient: 2_000 }

/** What a call may take beyond its deadline: so many milliseconds, and so many times as long as a timer may be late. */
const tolerance = { millis: 2_000, times: 5 }

const policy = (deadline: number) =>
  Policy.make({
    concurrency: Concurrency.adaptive({ initial: limit, max: limit }),
    breaker: Breaker.consecutive(5, { open: "300 millis" }),
    quota: Quota.tokens({ windows: [{ tokens: 20_000, per: "1 second" }] }),
    // Unlike `Retry.exponential` it goes on after a `CircuitOpenError`: nothing else answers in the place of this client.
    retry: Schedule.max([Schedule.recurs(20), Schedule.exponential("50 millis")]).pipe(
      Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.millis(600)))),
      Schedule.setInputType<ProviderError.ProviderError>(),
      Schedule.while(({ input }) => ProviderError.isTransient(input))
    ),
    retryBudget: RetryBudget.make({ share: 0.5, reserve: 300, perSecond: 100 }),
    timeouts: { attempt: "4 seconds", firstEvent: "4 seconds", idle: "4 seconds", deadline }
  })

/** The first may spare a request for the second. */
const exceptionsInBursts = (["InternalServerException", "ServiceUnavailableException"] as const).map(
  (exception, index): Fault.Fault => ({
    type: "exception",
    exception,
    probability: 0.5 + index / 2,
    seed: exception,
    bursts: { every: "500 millis", lasting: "350 millis" }
  })
)

const storm = Fault.inTurn(
  { lasting: "1 second", faults: [{ type: "throttle" }] },
  {
    lasting: "1 second",
    faults: [
      { type: "reset", afterBytes: 1, probability: 0.4, seed: 1 },
      { type: "reset", afterBytes: 200, probability: 0.3, seed: 2 },
      { type: "refuseConnection", probability: 0.3, seed: 3 }
    ]
  },
  { lasting: "1500 millis", faults: [{ type: "stall", probability: 0.05, seed: 4 }, ...exceptionsInBursts] }
)

/** One every so many milliseconds, into the storm and beyond it. */
const calls = { count: 160, every: 28 }

const inParallel = <A, E>(count: number, call: (index: number) => Effect.Effect<A, E>) =>
  Effect.forEach(Array.from({ length: count }, (_, index) => index), call, { concurrency: "unbounded", discard: true })

/** An open circuit fails a call at once: a program that has nobody else to ask comes back. */
const comingBack = <A, E extends ProviderError.ProviderError, R>(call: Effect.Effect<A, E, R>) =>
  Effect.retry(call, { while: ({ _tag }) => _tag === "CircuitOpenError", schedule: Schedule.spaced("100 millis") })

/** On a busy machine the deadline of a call may pass while others are counted: it takes its place again. */
const inPlace = <A, E extends ProviderError.ProviderError, R>(call: Effect.Effect<A, E, R>) =>
  Effect.retry(call, { while: ({ _tag }) => _tag === "TimeoutError" || _tag === "StreamInterruptedError" })

const request = { messages: "Tell me a story", maxTokens: 50 }

/** The services of one client in the storm, through `transport`; `about` names what is wrong. */
const weathered = Effect.fnUntraced(
  function*(transport: typeof transports[number]["transport"], about: (what: string) => string) {
    const emulator = yield* Emulator.Emulator
    const models = yield* Models.Models
    const said: Array<string> = []
    const logger = Logger.make<unknown, void>(({ message }) => void said.push(String(message)))

    return yield* Effect.gen(function*() {
      const client = yield* BedrockClient.make({ ...emulator.client, transport })
      const of = Effect.provideService(BedrockClient.BedrockClient, client)
      const model = "amazon.nova-lite-v1:0"
      const chat = yield* of(BedrockChat.make({ model, policy: policy(deadlines.patient) }))
      const impatient = yield* of(BedrockChat.make({ model, policy: policy(deadlines.impatient) }))
      const embedding = yield* of(
        BedrockEmbedding.make({ model: "amazon.titan-embed-text-v2:0", policy: policy(deadlines.patient) })
      )
      const kinds: ReadonlyArray<
        readonly [keyof typeof deadlines, Effect.Effect<unknown, ProviderError.ProviderError>]
      > = [
        ["patient", chat.generate(request)],
        ["patient", Stream.runDrain(chat.stream(request))],
        ["patient", embedding.embed("a text")],
        ["patient", embedding.embedMany(["one text", "another one", "a third one"])],
        ["patient", Stream.runDrain(Stream.take(chat.stream(request), 2))],
        ["patient", Effect.timeoutOption(chat.generate(request), "300 millis")],
        ["impatient", impatient.generate(request)],
        ["impatient", Stream.runDrain(impatient.stream(request))]
      ]
      const underWay = Effect.sync(() => models.inFlight)
      const timed = Effect.fnUntraced(function*(index: number) {
        const [kind, call] = kinds[index % kinds.length]!
        const start = yield* Clock.currentTimeMillis
        const exit = yield* Effect.exit(kind === "patient" ? comingBack(call) : call)
        return { kind, exit, millis: (yield* Clock.currentTimeMillis) - start }
      })

      /** Of three times as many calls of a service, the limit is in flight together: no permit was lost. */
      const atOnce = Effect.fnUntraced(function*(
        name: string,
        call: (index: number) => Effect.Effect<unknown, ProviderError.ProviderError>
      ) {
        yield* Watch.eventually(about("answers under way"), underWay, (count) => count === 0)
        const latch = yield* Latch.make()
        const { pace } = models
        models.pace = latch.await
        const held = yield* Effect.forkChild(
          inParallel(3 * limit, (index) => inPlace(comingBack(call(index))))
        )
        yield* Watch.eventually(about(`calls of the ${name} service at once`), underWay, (count) => count === limit)
        models.pace = pace
        yield* latch.open
        yield* Fiber.join(held)
      })
      const allAtOnce = Effect.gen(function*() {
        yield* atOnce("patient", () => chat.generate(request))
        yield* atOnce("impatient", () => Stream.runDrain(impatient.stream(request)))
        yield* atOnce("embedding", (index) => embedding.embed(`text ${index}`))
      })

      // Once for nothing: what is loaded now need not be waited for within a deadline.
      yield* inParallel(
        limit,
        (index) => Effect.all([Stream.runDrain(chat.stream(request)), embedding.embed(`text ${index}`)])
      )
      yield* allAtOnce

      yield* Effect.forEach(storm, emulator.inject, { discard: true })
      const lateness = yield* Watch.lateness
      const ends = yield* Effect.forEach(
        Array.from({ length: calls.count }, (_, index) => index),
        (index) => Effect.delay(timed(index), index * calls.every),
        { concurrency: "unbounded" }
      )
      const late = tolerance.millis + tolerance.times * (yield* lateness)
      for (const { exit, kind, millis } of ends) {
        assert.isAtMost(millis, deadlines[kind] + late, about("the time a call took"))
        if (Exit.isSuccess(exit)) continue
        const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
        assert.isTrue(ProviderError.isProviderError(error), about(Cause.pretty(exit.cause)))
      }
      const patient = ends.filter(({ kind }) => kind === "patient").map(({ exit }) => Exit.isSuccess(exit))
      assert.isAtLeast(patient.filter(Boolean).length / patient.length, 0.8, about("the share of calls answered"))

      const { byStatus, dropped } = yield* emulator.statistics
      for (const status of [429, 500, 503]) assert.isAbove(byStatus[status] ?? 0, 0, about(`answers of ${status}`))
      assert.isAbove(dropped, 0, about("requests dropped"))

      // On a busy machine a burst may end before five calls have failed in it.
      const hasOpened = () => said.some((message) => message.startsWith("The circuit is open"))
      yield* emulator.inject({ type: "exception", exception: "ServiceUnavailableException", lasting: "1 hour" })
      yield* Effect.repeat(Effect.ignore(impatient.generate(request)), { times: 10, until: hasOpened })
      yield* emulator.clearFaults
      assert.isTrue(hasOpened(), about("the circuit never opened"))

      // As many answers as it takes to find the limit again, from one.
      yield* inParallel(limit ** 2 / 2, () => comingBack(chat.generate(request)))
      yield* inParallel(limit ** 2 / 2, () => inPlace(comingBack(impatient.generate(request))))
      yield* inParallel(limit ** 2 / 2, (index) => comingBack(embedding.embed(`text ${index}`)))
      yield* allAtOnce
    }).pipe(
      Effect.scoped,
      Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
    )
  }
)

describe("A client in a storm", () => {
  it.live(
    "ends every call in its time, leaves nothing behind, and is soon as fast as before",
    () =>
      Watch.leavesProcessAlone(
        Effect.forEach(
          transports,
          ({ name, transport }) =>
            Effect.gen(function*() {
              const about = (what: string) => `${name}: ${what}`
              const fibers = Watch.fibers()
              const { ledger, reserved } = yield* Watch.ledger
              const { limits, lowest } = yield* Watch.limits
              yield* weathered(transport, about).pipe(
                Effect.provideService(Ledger.Ledger, ledger),
                Effect.provideService(AdaptiveLimits.AdaptiveLimits, limits),
                fibers.counted
              )
              assert.isAtMost(yield* lowest, limit / 2, about("the limit in the storm"))
              const balances = yield* reserved
              assert.deepStrictEqual(balances, [0, 0], about("reservations"))
              const { statistics } = yield* Emulator.Emulator
              yield* Watch.eventually(
                about("connections and requests"),
                statistics,
                ({ inFlight, openConnections }) => inFlight === 0 && openConnections === 0
              )
              yield* Watch.eventually(about("fibers"), fibers.alive, (alive) => alive === 0)
            }).pipe(
              Effect.provide(Emulator.layer().pipe(Layer.provideMerge(Models.layer(Effect.sleep("25 millis")))))
            ),
          { concurrency: "unbounded", discard: true }
        )
      )
  )
})
