import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import * as Pool from "@strata/core/policy/Pool"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Ledger from "@strata/core/state/Ledger"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { errors, settled } from "./ChatFixture.ts"
import { counts, down, laneOf, pool, refused, request, under } from "./PoolFixture.ts"

describe("A pool whose lanes fail", () => {
  it.effect("keeps lanes that answer more than nine in ten calls", () =>
    Effect.gen(function*() {
      /** Fails one in twenty calls, after the first hundred. */
      const sometimes = (phase: number) => {
        let asked = phase - 100
        const failing = () => ++asked > 0 && asked % 20 === 0 ? errors.ProviderInternalError : undefined
        return { takes: "100 millis", failing } as const
      }
      const { asked, chat } = yield* pool({ a: sometimes(0), b: sometimes(7), c: sometimes(13) })
      const exits = yield* settled(Effect.forEach(
        Array.from({ length: 60 }),
        () => Effect.forEach(Array.from({ length: 20 }), () => Effect.exit(chat.generate(request))),
        { concurrency: "unbounded" }
      ))
      assert.isAtMost(exits.flat().filter(Exit.isFailure).length, 12)
      assert.isAtLeast(Math.min(...Object.values(counts(asked))), 300)
    }))

  it.effect("answers calls that share a flight in a lane, whichever lane gets the first of them", () =>
    Effect.gen(function*() {
      const { asked, layers } = laneOf({ a: { quota: 110 }, b: { quota: 110 } })
      const chat = yield* built(ChatService.withPool({
        b: { layer: ChatService.withCache(layers["b"]!), interactive: true },
        a: ChatService.withCache(layers["a"]!)
      }))
      const ask = (messages: string) => Effect.forkChild(chat.generate({ ...request, messages }))
      yield* Pool.interactive(ask("Why?"))
      yield* until(() => asked.length === 1)
      yield* TestClock.adjust("10 seconds")
      yield* ask("How?")
      yield* until(() => asked.length === 2)
      assert.deepStrictEqual(asked, ["b", "a"])
      yield* TestClock.adjust("10 seconds")
      // Both wait in a, the first one in b too.
      const first = yield* Pool.interactive(ask("Who?"))
      const second = yield* ask("Who?")
      // A lane that is waited for has no room again before a minute is over.
      yield* until(() => asked.length > 2, TestClock.adjust("100 millis"))
      assert.strictEqual((yield* Fiber.join(first)).lane, "b")
      yield* until(() => second.pollUnsafe() !== undefined, TestClock.adjust("100 millis"))
      assert.strictEqual((yield* Fiber.join(second)).lane, "a")
      assert.deepStrictEqual(asked, ["b", "a", "b", "a"])
    }))

  it.effect.each(
    [
      ["down", down],
      ["refused", refused()],
      ["not reached", errors.ConnectionError]
    ] as const
  )(
    "sends waiting calls once its lanes, that were all %s, are back, and few before",
    ([, fails]) =>
      Effect.gen(function*() {
        const outage = { fails, failsAfter: "50 millis", takes: "300 millis" } as const
        const policy = Policy.make({ concurrency: 1_000 })
        const { asked, chat, options } = yield* pool(
          { a: outage, b: outage, c: outage },
          {},
          undefined,
          under(policy)
        )
        const start = yield* Clock.currentTimeMillis
        const answeredAfter: Array<number> = []
        const ask = Effect.tap(
          chat.generate(request),
          () => Effect.map(Clock.currentTimeMillis, (now) => answeredAfter.push(now - start))
        )
        const all = Array.from({ length: 200 }, () => ask)
        const fiber = yield* Effect.forkChild(Effect.all(all, { concurrency: "unbounded", discard: true }))
        yield* TestClock.adjust("20 seconds")
        assert.isAtMost(asked.length, 300)
        for (const name of ["a", "b", "c"]) options[name] = { takes: "300 millis" }
        yield* settled(Fiber.join(fiber))
        answeredAfter.sort((self, that) => self - that)
        // A probe comes within five seconds; the few whose own attempt failed last wait for their backoff.
        assert.isAtMost(answeredAfter[100]!, 25_500)
        assert.isAtMost(answeredAfter.at(-1)!, 40_000)
      })
  )
})

/** Waits for a condition: a digest takes real time. `meanwhile` runs before each look. */
const until = (condition: () => boolean, meanwhile: Effect.Effect<void> = Effect.void) =>
  Effect.repeat(
    Effect.andThen(meanwhile, Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))),
    { until: condition }
  )

const built = (layer: Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError>) =>
  Effect.map(
    Layer.build(Layer.provide(layer, Layer.merge(Ledger.layerMemory, ChatCache.layerMemory()))),
    (services) => Context.get(services, ChatService.ChatService)
  )
