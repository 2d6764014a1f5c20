import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Policy from "@strata/core/policy/Policy"
import * as Pool from "@strata/core/policy/Pool"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Trait from "../src/internal/trait.ts"
import { errors, response, timed } from "./ChatFixture.ts"
import { calls, counts, down, laneOf, pool, refused, request, under } from "./PoolFixture.ts"

const always = { when: () => true }

const tooLong = (phase: "deadline" | "attempt") =>
  new ProviderError.TimeoutError({ provider: "test", message: "It took too long.", phase })

describe("A pool whose lanes fail", () => {
  it.effect("goes on with another, and the answer names it", () =>
    Effect.gen(function*() {
      const { asked, chat } = yield* pool({ a: { fails: down }, b: {} })
      const { lane, text } = yield* chat.generate(request)
      assert.deepStrictEqual([lane, text], ["b", "b"])
      assert.deepStrictEqual(asked, ["a", "b"])
    }))

  it.effect("does not retry in a lane while there is another", () =>
    Effect.gen(function*() {
      const retry = Retry.exponential({ times: 5 })
      const { asked, chat } = yield* pool({ a: { fails: down, policy: { retry } }, b: {} })
      yield* chat.generate(request)
      assert.deepStrictEqual(asked, ["a", "b"])
    }))

  it.effect("leaves the lane of a request that is invalid in the pool, and asks no other", () =>
    Effect.gen(function*() {
      const fails = ProviderError.invalidRequest({ provider: "test", field: "x", problem: "no", remedy: "No" })
      const { asked, chat } = yield* pool({ a: { fails }, b: {} })
      assert.strictEqual((yield* Effect.flip(chat.generate(request)))._tag, "InvalidRequestError")
      yield* Effect.exit(calls(chat, 2))
      assert.deepStrictEqual(asked, ["a", "b", "a"])
    }))

  it.effect("moves what waits for a lane whose breaker opens", () =>
    Effect.gen(function*() {
      const breaker = Breaker.consecutive(1)
      const { asked, chat } = yield* pool({
        a: { fails: down, quota: 110, policy: { breaker } },
        b: { quota: 1_000 }
      })
      yield* Effect.all(Array.from({ length: 5 }, () => chat.generate(request)), { concurrency: "unbounded" })
      assert.deepStrictEqual(counts(asked), { a: 1, b: 5 })
    }))

  it.effect("repeats the round by the retry of the policy when all fail", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ retry: Retry.exponential({ times: 5 }) })
      const { asked, chat, options } = yield* pool(
        { a: { fails: down }, b: { fails: down } },
        {},
        undefined,
        under(policy)
      )
      const fiber = yield* Effect.forkChild(chat.generate(request))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(asked, ["a", "b"])
      options["b"] = {}
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).lane, "b")
    }))

  it.effect("repeats the round by the policy around its first lane, or around the pool", () =>
    Effect.gen(function*() {
      const times = (retries: number) => Policy.make({ retry: Schedule.recurs(retries) })
      const { asked, layers } = laneOf({ a: { fails: errors.MalformedResponseError, policy: times(5) } })
      const lanes = ChatService.withPool({ a: ChatService.withPolicy(layers["a"]!, times(1)) })
      for (const [layer, expected] of [[lanes, 2], [ChatService.withPolicy(lanes, times(2)), 3]] as const) {
        asked.length = 0
        yield* Effect.flip(Effect.provide(ChatService.generate(request), layer))
        assert.strictEqual(asked.length, expected)
      }
    }))

  it.effect("says which lanes are out, and why, when all are", () =>
    Effect.gen(function*() {
      const { asked, chat } = yield* pool({ a: { fails: down }, b: { fails: refused() } })
      assert.strictEqual((yield* Effect.flip(chat.generate(request)))._tag, "RateLimitError")
      const error = yield* Effect.flip(chat.generate(request))
      assert.strictEqual(error._tag, "ModelUnavailableError")
      assert.strictEqual(
        error.message,
        "No lane of the pool takes calls: a (ModelUnavailableError, for 1s), b (RateLimitError, for 250ms). " +
          "Nothing was sent. Try again later."
      )
      assert.deepStrictEqual(ProviderError.retryAfter(error), Duration.millis(250))
      assert.strictEqual(asked.length, 2)
    }))

  it.effect("ends at the deadline of a lane, not in another one", () =>
    Effect.gen(function*() {
      const policy = { timeouts: { deadline: "1 second" } } as const
      const { asked, chat } = yield* pool({ a: { takes: "1 hour", policy }, b: { policy } })
      const fiber = yield* Effect.forkChild(Effect.flip(chat.generate(request)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TimeoutError")
      assert.deepStrictEqual(asked, ["a"])
    }))

  it.effect("sends a call once through a lane whose probe fails with an error of one answer", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* pool({ a: { fails: down }, b: {} })
      yield* calls(chat, 1)
      options["a"] = { fails: errors.MalformedResponseError }
      yield* TestClock.adjust("1 second")
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked, ["a", "b", "a", "b"])
    }))

  it.effect("leaves out a lane whose streams break after their first event", () =>
    Effect.gen(function*() {
      const { asked, chat } = yield* pool({ a: { breaks: errors.ConnectionError }, b: {} })
      const read = Effect.exit(Stream.runCollect(chat.stream(request)))
      const broken = yield* Effect.flip(yield* read)
      assert.strictEqual(broken._tag, "StreamInterruptedError")
      yield* Effect.forEach([1, 2, 3], () => read)
      assert.deepStrictEqual(asked, ["a", "b", "b", "b"])
    }))

  it.effect("ends all at the deadline of the policy, retries of the round included", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ retry: Retry.exponential({ times: 8 }), timeouts: { deadline: "5 seconds" } })
      const fails = { failsAfter: "3 seconds", fails: down } as const
      const { chat } = yield* pool({ a: fails, b: fails }, {}, undefined, under(policy))
      const fiber = yield* Effect.forkChild(Effect.flip(chat.generate(request)))
      yield* TestClock.adjust("5 seconds")
      assert.isDefined(fiber.pollUnsafe())
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TimeoutError")
    }))

  it.effect("asks each lane once for what all fail with", () =>
    Effect.gen(function*() {
      const fails = errors.MalformedResponseError
      const { asked, chat } = yield* pool({ a: { fails }, b: { fails } })
      assert.strictEqual((yield* Effect.flip(chat.generate(request)))._tag, "MalformedResponseError")
      assert.deepStrictEqual(asked, ["a", "b"])
    }))

  it.effect.each<[string, ProviderError.CallError, ReadonlyArray<string>]>([
    ["its budget is exceeded", errors.BudgetExceededError, ["a"]],
    ["its deadline is over", tooLong("deadline"), ["a"]],
    ["an attempt took too long", tooLong("attempt"), [
      "a",
      "b"
    ]]
  ])("asks another lane, or not, where `when` says always and %s", ([, fails, expected]) =>
    Effect.gen(function*() {
      const { asked, chat } = yield* pool({ a: { fails }, b: { fails } }, {}, always)
      assert.strictEqual(yield* Effect.flip(chat.generate(request)), fails)
      assert.deepStrictEqual(asked, expected)
    }))

  it("takes no value that is no error for one of a lane", () => assert.isFalse(Pool.isUnavailable(undefined as never)))

  it.effect("does not retry in a pool that is a lane what another lane may answer", () =>
    Effect.gen(function*() {
      const retry = Schedule.recurs(5)
      const inner = laneOf({ a: { fails: down, policy: { retry } } })
      const outer = laneOf({ b: {} })
      const layer = ChatService.withPool({
        inner: ChatService.withPool(inner.layers, { when: () => false }),
        b: outer.layers["b"]!
      })
      const { lane } = yield* Effect.provide(ChatService.generate(request), layer)
      assert.strictEqual(lane, "b")
      assert.deepStrictEqual(inner.asked, ["a"])
    }))

  it.effect("waits between rounds until the longest deadline of its lanes", () =>
    Effect.gen(function*() {
      const retry = Schedule.spaced("1 minute")
      const lane = (deadline: Duration.Input) => ({ fails: down, policy: { retry, timeouts: { deadline } } })
      const { chat } = yield* pool({ a: lane("1 second"), b: lane("10 seconds"), c: lane("5 seconds") })
      const { exit, millis } = yield* timed(Effect.flip(chat.generate(request)))
      assert.strictEqual((yield* exit)._tag, "TimeoutError")
      assert.strictEqual(millis, 10_000)
    }))

  it.effect("counts the deadline of a lane from when the call began, not from when it came to the lane", () =>
    Effect.gen(function*() {
      const policy = (deadline: Duration.Input) => ({ timeouts: { deadline } })
      const { chat, options } = yield* pool({
        a: { fails: refused(Duration.seconds(5)), policy: policy("10 seconds") },
        b: { quota: 110, policy: policy("10 minutes") }
      })
      yield* calls(chat, 1)
      options["a"] = { takes: "8 seconds" }
      const { exit, millis } = yield* timed(Effect.flip(chat.generate(request)))
      assert.strictEqual((yield* exit)._tag, "TimeoutError")
      assert.strictEqual(millis, 10_000)
    }))

  describe("with a service that has no policy", () => {
    const plain = (
      after: Duration.Input,
      stream: Stream.Stream<never, ProviderError.ChatStreamError> = Stream.empty
    ) => ({
      generate: () => Effect.delay(Effect.succeed(response("plain")), after),
      stream: () => stream
    })
    const layerOf = (service: ChatService.ChatService["Service"]) => Layer.succeed(ChatService.ChatService, service)

    it.effect.each(
      [
        ["made by hand", plain("5 seconds")],
        ["of another copy of this package", { ...plain("5 seconds"), [Trait.cores]: [{ provider: "other" }] }]
      ] as const
    )("has no deadline where that answers: one %s", ([, service]) =>
      Effect.gen(function*() {
        const { layers } = laneOf({ a: { fails: down, policy: { timeouts: { deadline: "1 second" } } } })
        for (const others of [{ a: layers["a"]! }, {}]) {
          const both = ChatService.withPool({ ...others, plain: layerOf(service) })
          const { exit, millis } = yield* timed(Effect.provide(ChatService.generate(request), both))
          assert.deepStrictEqual([(yield* exit).text, millis], ["plain", 5_000])
        }
      }))

    it.effect("takes turns with other lanes, also where nothing is known of its room", () =>
      Effect.gen(function*() {
        const { asked, layers } = laneOf({ a: {} })
        const other = { ...plain(0), [Trait.cores]: [{ provider: "other" }] }
        const services = yield* Layer.build(ChatService.withPool({ a: layers["a"]!, other: layerOf(other) }))
        yield* calls(Context.get(services, ChatService.ChatService), 6)
        assert.strictEqual(asked.length, 3)
      }))

    it.effect("does not ask another lane for a stream that it says was interrupted", () =>
      Effect.gen(function*() {
        const { asked, layers } = laneOf({ b: {} })
        const lanes = { plain: layerOf(plain(0, Stream.fail(errors.StreamInterruptedError))), b: layers["b"]! }
        const services = yield* Layer.build(ChatService.withPool(lanes, always))
        const { stream } = Context.get(services, ChatService.ChatService)
        assert.strictEqual((yield* Effect.flip(Stream.runDrain(stream(request))))._tag, "StreamInterruptedError")
        assert.deepStrictEqual(asked, [])
      }))
  })

  describe("all of them", () => {
    const policy = Policy.make({ retry: Schedule.spaced("1 minute") })

    it.effect("sends a call that was not sent once one is back, and repeats others by the policy", () =>
      Effect.gen(function*() {
        const { asked, chat, options } = yield* pool(
          { a: { fails: down }, b: { fails: refused(Duration.minutes(2)) } },
          {},
          undefined,
          under(policy)
        )
        const sent = yield* Effect.forkChild(chat.generate(request))
        yield* TestClock.adjust("500 millis")
        const unsent = yield* Effect.forkChild(chat.generate(request))
        yield* TestClock.adjust("500 millis")
        assert.deepStrictEqual(asked, ["a", "b"])
        options["a"] = { takes: "100 millis" }
        const probe = yield* Effect.forkChild(chat.generate(request))
        yield* TestClock.adjust("100 millis")
        assert.strictEqual((yield* Fiber.join(probe)).lane, "a")
        assert.deepStrictEqual(asked, ["a", "b", "a", "a"])
        yield* TestClock.adjust("100 millis")
        assert.strictEqual((yield* Fiber.join(unsent)).lane, "a")
        assert.isUndefined(sent.pollUnsafe())
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(sent)
      }))

    it.effect("does not send a call for a lane that it may not use, until another is back", () =>
      Effect.gen(function*() {
        const retry = Schedule.max([Schedule.spaced("1 minute"), Schedule.recurs(3)])
        const lanes = { shared: { fails: down }, reserved: {} }
        const { asked, chat, options } = yield* pool(
          lanes,
          { reserved: { interactive: true } },
          undefined,
          under(Policy.make({ retry }))
        )
        const sent = yield* Effect.forkChild(chat.generate(request))
        yield* TestClock.adjust("500 millis")
        const unsent = yield* Effect.forkChild(chat.generate(request))
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(asked, ["shared"])
        options["shared"] = {}
        yield* calls(chat, 1)
        yield* TestClock.adjust(0)
        assert.strictEqual((yield* Fiber.join(unsent)).lane, "shared")
        yield* Fiber.interrupt(sent)
      }))

    it.effect("sends an interactive call once a lane for such calls is back", () =>
      Effect.gen(function*() {
        const lanes = { shared: { fails: down }, reserved: { fails: down } }
        const { chat, options } = yield* pool(lanes, { reserved: { interactive: true } }, undefined, under(policy))
        const ask = Effect.forkChild(Pool.interactive(chat.generate(request)))
        const sent = yield* ask
        yield* TestClock.adjust("500 millis")
        const unsent = yield* ask
        options["reserved"] = {}
        options["shared"] = { takes: "1 hour" }
        yield* TestClock.adjust("500 millis")
        // One probes the first lane, the other one the second.
        yield* ask
        yield* TestClock.adjust(0)
        const { lane } = yield* Pool.interactive(chat.generate(request))
        assert.strictEqual(lane, "reserved")
        yield* TestClock.adjust(0)
        assert.strictEqual((yield* Fiber.join(unsent)).lane, "reserved")
        yield* Fiber.interrupt(sent)
      }))

    it.effect("says of those that a call may use why they are out, and for how long", () =>
      Effect.gen(function*() {
        const lanes = { a: { fails: down }, b: { fails: refused() }, reserved: {} }
        const { chat, options } = yield* pool(lanes, { reserved: { interactive: true } })
        yield* Effect.exit(chat.generate(request))
        options["b"] = { takes: "1 hour" }
        yield* TestClock.adjust("400 millis")
        const probe = yield* Effect.forkChild(chat.generate(request))
        yield* TestClock.adjust("100 millis")
        const error = yield* Effect.flip(chat.generate(request))
        assert.strictEqual(
          error.message,
          "No lane of the pool takes calls: a (ModelUnavailableError, for 500ms), b (RateLimitError, for 900ms). " +
            "Nothing was sent. Try again later."
        )
        assert.deepStrictEqual(ProviderError.retryAfter(error), Duration.millis(500))
        options["a"] = { takes: "1 hour" }
        yield* TestClock.adjust("500 millis")
        const other = yield* Effect.forkChild(chat.generate(request))
        yield* TestClock.adjust(0)
        const probed = yield* Effect.flip(chat.generate(request))
        assert.include(probed.message, "a (ModelUnavailableError, for 1s), b (RateLimitError, for 400ms)")
        yield* Effect.forEach([probe, other], Fiber.interrupt)
      }))
  })
})
