import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Key from "@strata/core/policy/Key"
import * as Pool from "@strata/core/policy/Pool"
import * as Quota from "@strata/core/policy/Quota"
import * as UsageEvents from "@strata/core/policy/UsageEvents"
import * as ProviderError from "@strata/core/ProviderError"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import * as Ledger from "@strata/core/state/Ledger"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import { errors } from "./ChatFixture.ts"
import { calls, counted, counts, down, pool, refused, request, stateOf } from "./PoolFixture.ts"

describe("ChatService.withPool", () => {
  describe("chooses a lane", () => {
    it.effect("in turn where all are equal", () =>
      Effect.gen(function*() {
        const { asked, chat } = yield* pool({ a: {}, b: {}, c: {} })
        yield* calls(chat, 6)
        assert.deepStrictEqual(asked, ["a", "b", "c", "a", "b", "c"])
      }))

    it.effect("by the room in its quota", () =>
      Effect.gen(function*() {
        const { asked, chat } = yield* pool({ small: { quota: 1_000 }, large: { quota: 9_000 } })
        yield* calls(chat, 50)
        const { large = 0, small = 0 } = counts(asked)
        assert.strictEqual(large + small, 50)
        assert.approximately(small, 5, 1)
      }))

    it.effect("by the permits in use", () =>
      Effect.gen(function*() {
        const takes = "1 second"
        const { asked, chat } = yield* pool({
          narrow: { takes, policy: { concurrency: 2 } },
          wide: { takes, policy: { concurrency: 8 } }
        })
        const fiber = yield* Effect.forkChild(Effect.all(Array.from({ length: 10 }, () => chat.generate(request)), {
          concurrency: "unbounded"
        }))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(counts(asked), { narrow: 2, wide: 8 })
      }))

    it.effect("by weights, where all have the same room", () =>
      Effect.gen(function*() {
        const { asked, chat } = yield* pool({ light: {}, heavy: {} }, { heavy: { weight: 3 } })
        yield* calls(chat, 40)
        assert.deepStrictEqual(counts(asked), { heavy: 30, light: 10 })
      }))

    it.effect("by weights, where all have the same part of their room in use", () =>
      Effect.gen(function*() {
        const takes = "1 second"
        const { asked, chat } = yield* pool({ light: { takes }, heavy: { takes } }, { heavy: { weight: 3 } })
        const all = Array.from({ length: 8 }, () => chat.generate(request))
        const fiber = yield* Effect.forkChild(Effect.all(all, { concurrency: "unbounded" }))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(counts(asked), { heavy: 6, light: 2 })
      }))

    it.effect("by weights, of which calls that were interrupted use nothing", () =>
      Effect.gen(function*() {
        const { asked, chat, options } = yield* pool({ a: { takes: "1 hour" }, b: {} }, { a: { weight: 4 } })
        const fiber = yield* Effect.forkChild(chat.generate(request))
        yield* TestClock.adjust(0)
        yield* Fiber.interrupt(fiber)
        options["a"] = {}
        yield* calls(chat, 10)
        assert.deepStrictEqual(asked, ["a", "a", "b", "a", "a", "a", "a", "b", "a", "a", "a"])
      }))

    it.effect("with room, and asks no ledger for another that is known to be full", () =>
      Effect.gen(function*() {
        const memory = LedgerMemory.make()
        const reserved: Array<string> = []
        const reserve: Ledger.Ledger["reserve"] = (reservation) => {
          reserved.push(reservation.key)
          return memory.reserve(reservation)
        }
        const full = { policy: { quota: Quota.make({ requestsPerMinute: 1 }) } }
        const { asked, chat } = yield* pool({ full, dear: {} }, { full: { cost: 0 } }, undefined, (layer) =>
          // No lane needs anything.
          Layer.provide(
            layer as Layer.Layer<ChatService.ChatService>,
            Layer.succeed(Ledger.Ledger, { ...memory, reserve })
          ))
        yield* calls(chat, 2)
        assert.deepStrictEqual(asked, ["full", "dear"])
        assert.strictEqual(reserved.length, 1)
      }))

    it.effect("that is a pool by the emptiest of its own", () =>
      Effect.gen(function*() {
        const takes = "1 hour"
        const one = { takes, policy: { concurrency: 1 } } as const
        const inner = yield* pool({ x: { takes, policy: { concurrency: 10 } }, y: one })
        const other = yield* pool({ z: { takes, policy: { concurrency: 4 } } })
        const services = yield* Layer.build(ChatService.withPool({
          inner: Layer.succeed(ChatService.ChatService, inner.chat),
          other: Layer.succeed(ChatService.ChatService, other.chat)
        }))
        const chat = Context.get(services, ChatService.ChatService)
        // Of `x` a tenth is in use, of `y` all, of `z` a quarter.
        const fibers = yield* Effect.forEach([inner.chat, inner.chat, other.chat, chat], (chat) =>
          Effect.andThen(Effect.forkChild(chat.generate(request)), (fiber) =>
            Effect.as(TestClock.adjust(0), fiber)))
        assert.deepStrictEqual([inner.asked, other.asked], [["x", "y", "x"], ["z"]])
        yield* Effect.forEach(fibers, Fiber.interrupt)
      }))

    it.effect("by cost, as long as the cheaper one has room", () =>
      Effect.gen(function*() {
        const { asked, chat } = yield* pool(
          { dear: { quota: 100_000 }, cheap: { quota: 410 } },
          { cheap: { cost: 0 } }
        )
        yield* calls(chat, 6)
        assert.deepStrictEqual(asked, ["cheap", "cheap", "cheap", "cheap", "dear", "dear"])
      }))

    it.effect("for interactive calls alone, where it is reserved", () =>
      Effect.gen(function*() {
        const { asked, chat } = yield* pool({ shared: {}, reserved: {} }, { reserved: { interactive: true } })
        yield* calls(chat, 3)
        assert.deepStrictEqual(asked, ["shared", "shared", "shared"])
        yield* Pool.interactive(calls(chat, 2))
        assert.deepStrictEqual(asked.slice(3), ["reserved", "reserved"])
      }))
  })

  describe("keeps a cached prompt where it is", () => {
    const usage = { inputTokens: 10, cacheReadTokens: 90 }
    const cached = {
      messages: [
        { role: "system", content: [{ type: "text", text: "You are brief.", cache: true }] },
        { role: "user", content: "Why?" }
      ]
    } as const

    it.effect("as long as the lane has room", () =>
      Effect.gen(function*() {
        const { asked, chat } = yield* pool({ a: { usage }, b: { usage } })
        yield* chat.generate(request)
        yield* Effect.forEach([1, 2, 3], () => chat.generate(cached))
        yield* chat.generate({ ...cached, messages: [...cached.messages, { role: "user", content: "More." }] })
        assert.deepStrictEqual(asked, ["a", "b", "b", "b", "b"])
      }))

    it.effect("but not where another lane is cheaper all the same", () =>
      Effect.gen(function*() {
        const { asked, chat, options } = yield* pool({ a: { usage, fails: down }, b: { usage } }, { a: { cost: 0.05 } })
        yield* chat.generate(cached)
        options["a"] = { usage }
        yield* TestClock.adjust("1 second")
        yield* Effect.forEach([1, 2], () => chat.generate(cached))
        assert.deepStrictEqual(asked, ["a", "b", "a", "a"])
      }))

    it.effect("until the cache has expired", () =>
      Effect.gen(function*() {
        const { asked, chat } = yield* pool({ a: { usage }, b: { usage } })
        yield* chat.generate(cached)
        yield* TestClock.adjust("299 seconds")
        yield* chat.generate(cached)
        yield* TestClock.adjust("300 seconds")
        yield* chat.generate(cached)
        assert.deepStrictEqual(asked, ["a", "a", "b"])
      }))
  })

  it.effect("streams, with another lane before the first event", () =>
    Effect.gen(function*() {
      const { chat } = yield* pool({ a: { fails: down }, b: {} })
      const events = yield* Stream.runCollect(chat.stream(request))
      assert.deepStrictEqual(events.map((event) => event.type === "finish" ? event.lane : event.type), [
        "text-delta",
        "b"
      ])
    }))

  it.effect("sends the model of a request to every lane, or what `model` makes of it", () =>
    Effect.gen(function*() {
      const same = yield* pool({ a: {}, b: {} })
      yield* same.chat.generate({ ...request, model: "m" })
      yield* same.chat.generate(request)
      assert.deepStrictEqual(same.models, ["m", "model-of-b"])
      const own = yield* pool({ a: {}, b: {} }, {}, {
        model: (model, lane) => lane === "a" ? `${lane}.${model}` : undefined
      })
      yield* Effect.forEach([1, 2], () => own.chat.generate({ ...request, model: "m" }))
      assert.deepStrictEqual(own.models, ["a.m", "model-of-b"])
    }))

  it.effect("counts the calls of each lane", () =>
    Effect.gen(function*() {
      const broken = () => {
        throw new Error("broken")
      }
      const lanes = { a: { fails: refused() }, b: { fails: down }, c: {}, d: { fails: errors.InvalidRequestError } }
      const { chat } = yield* pool(lanes, { d: { interactive: true } })
      yield* calls(chat, 2)
      yield* Effect.exit(Pool.interactive(chat.generate(request)))
      const other = yield* pool({ e: { fails: down } }, {}, { when: broken })
      yield* Effect.exit(calls(other.chat, 1))
      const outcomes = ["refused", "unavailable", "answered", "failed"]
      const found = yield* Effect.forEach(["a", "b", "c", "d", "e"], (lane) =>
        Effect.all([stateOf(lane), ...outcomes.map((outcome) => counted(lane, outcome))]))
      assert.deepStrictEqual(found, [[2, 1, 0, 0, 0], [2, 0, 1, 0, 0], [0, 0, 0, 2, 0], [0, 0, 0, 0, 1], [
        0,
        0,
        0,
        0,
        1
      ]])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("names the lane in events of usage, also of a stream that is read elsewhere", () =>
    Effect.gen(function*() {
      const { chat } = yield* pool({ a: {}, b: {} })
      const { subscribe } = yield* UsageEvents.UsageEvents
      const queue = yield* subscribe
      const { lane } = yield* chat.generate(request)
      yield* Stream.runDrain(chat.stream(request))
      const events = yield* Queue.takeN(queue, 2)
      assert.deepStrictEqual(events.map(({ key, lane }) => [key, lane]), [["x", "a"], ["x", "b"]])
      assert.strictEqual(lane, "a")
    }).pipe(
      Effect.provideService(RequestMetadata.RequestMetadata, { tenant: "x" }),
      Effect.provide(UsageEvents.layer({ key: Key.metadata("tenant") }))
    ))

  it.effect("can be a lane of another pool", () =>
    Effect.gen(function*() {
      const inner = yield* pool({ x: { quota: 110, takes: "5 minutes" }, y: { quota: 110, takes: "5 minutes" } })
      const outer = ChatService.withPool({
        inner: Layer.succeed(ChatService.ChatService, inner.chat),
        other: Layer.succeed(ChatService.ChatService, (yield* pool({ z: { quota: 1_000 } })).chat)
      })
      const lanes = yield* Effect.gen(function*() {
        const fibers = yield* Effect.forEach(
          Array.from({ length: 6 }),
          () => Effect.forkChild(ChatService.generate(request))
        )
        yield* TestClock.adjust("5 minutes")
        return yield* Effect.forEach(fibers, (fiber) => Effect.map(Fiber.join(fiber), ({ lane }) => lane))
      }).pipe(Effect.provide(outer))
      assert.deepStrictEqual(counts(lanes.map((lane) => `${lane}`)), { "inner/x": 1, "inner/y": 1, "other/z": 4 })
    }))

  it.effect.each<[string, unknown, unknown, string]>([
    ["no lanes", {}, undefined, "lanes"],
    ["no object", null, undefined, "lanes"],
    ["an array", [Layer.empty], undefined, "lanes"],
    ["a lane that is no layer", { a: Layer.empty, b: 1 }, undefined, "lanes.b"],
    ["a weight of zero", { a: { layer: Layer.empty, weight: 0 } }, undefined, "lanes.a.weight"],
    ["a negative cost", { a: { layer: Layer.empty, cost: -1 } }, undefined, "lanes.a.cost"],
    ["a lane of another service", { a: Layer.empty }, undefined, "lanes.a"],
    ["a lane without a name", { "": Layer.empty }, undefined, "lanes[\"\"]"],
    ["a lane with a blank name", { " ": Layer.empty }, undefined, "lanes[\" \"]"],
    ["another option", { a: Layer.empty }, { whenn: () => true }, "pool.whenn"],
    ["an option that is no function", { a: Layer.empty }, { when: true }, "pool.when"]
  ])("refuses %s", ([, lanes, options, field]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(ChatService.withPool(lanes as never, options as never)))
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.strictEqual((error as ProviderError.InvalidRequestError).field, field)
    }))

  it.effect("refuses lanes of which calls may use none, and says why", () =>
    Effect.gen(function*() {
      const none = yield* Effect.flip(Effect.scoped(pool({})))
      assert.include(`${none}`, "a pool without a lane cannot answer")
      const reserved = yield* Effect.flip(Effect.scoped(pool({ a: {} }, { a: { interactive: true } })))
      assert.include(`${reserved}`, "all lanes are for interactive calls")
    }))

  it.effect("fails a call with what its functions throw, typed", () =>
    Effect.gen(function*() {
      const broken = () => {
        throw new Error("broken")
      }
      const when = yield* pool({ a: { fails: down }, b: {} }, {}, { when: broken })
      const model = yield* pool({ a: {}, b: {} }, {}, { model: broken })
      const error = yield* Effect.flip(when.chat.generate(request))
      assert.deepStrictEqual([error._tag, "field" in error && error.field], ["InvalidRequestError", "pool.when"])
      const other = yield* Effect.flip(model.chat.generate({ ...request, model: "m" }))
      assert.deepStrictEqual([other._tag, "field" in other && other.field], ["InvalidRequestError", "pool.model"])
      assert.deepStrictEqual(model.asked, [])
    }))
})
