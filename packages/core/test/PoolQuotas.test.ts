import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Budget from "@strata/core/policy/Budget"
import * as Key from "@strata/core/policy/Key"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Quota from "@strata/core/policy/Quota"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import * as Ledger from "@strata/core/state/Ledger"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { response } from "./ChatFixture.ts"
import { calls, counts, down, pool, request } from "./PoolFixture.ts"

describe("A pool of lanes with quotas", () => {
  it.effect("is one large quota: what waits is sent by the first lane that has room", () =>
    Effect.gen(function*() {
      const { asked, chat } = yield* pool({ a: { quota: 510 }, b: { quota: 310 } })
      const all = Array.from({ length: 16 }, () => Effect.exit(chat.generate(request)))
      const fiber = yield* Effect.forkChild(Effect.all(all, { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(counts(asked), { a: 5, b: 3 })
      yield* TestClock.adjust("62 seconds")
      assert.deepStrictEqual(counts(asked), { a: 10, b: 6 })
      assert.isTrue((yield* Fiber.join(fiber)).every(Exit.isSuccess))
    }))

  it.effect("knows the room of services that are made by hand, by their default model", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const lane = (name: string, requestsPerMinute: number) =>
        Layer.succeed(ChatService.ChatService, {
          provider: name,
          defaultModel: "m",
          generate: () => Effect.as(Effect.sync(() => asked.push(name)), response(name)),
          stream: () => Stream.empty
        }).pipe(
          ChatService.withPolicy(Policy.make({ quota: Quota.make({ requestsPerMinute }) })),
          Layer.provide(Ledger.layerMemory)
        )
      const services = yield* Layer.build(ChatService.withPool({ small: lane("small", 2), large: lane("large", 8) }))
      yield* calls(Context.get(services, ChatService.ChatService), 5)
      assert.deepStrictEqual(counts(asked), { small: 1, large: 4 })
    }))

  it.effect("has fair shares between keys, also among calls that wait in all lanes", () =>
    Effect.gen(function*() {
      const quota = Quota.make({ requestsPerMinute: 2, key: Key.metadata("tenant") })
      const { asked, chat } = yield* pool({ a: { policy: { quota } }, b: { policy: { quota } } })
      const done: Array<string> = []
      const ask = (tenant: string) =>
        Effect.map(chat.generate(request), () => void done.push(tenant)).pipe(
          Effect.provideService(RequestMetadata.RequestMetadata, { tenant }),
          Effect.forkChild
        )
      yield* Effect.forEach(Array.from({ length: 50 }), () => ask("greedy"))
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(Array.from({ length: 4 }), () => ask("modest"))
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(counts(asked), { a: 6, b: 6 })
      assert.deepStrictEqual(counts(done), { greedy: 8, modest: 4 })
    }))

  it.effect("sends what waits through a lane that is back", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* pool({ a: { quota: 110 }, b: { quota: 10_000, fails: down } })
      const fiber = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 9 }, () => chat.generate(request)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(asked, ["a", "b"])
      options["b"] = { quota: 10_000, takes: "100 millis" }
      yield* TestClock.adjust("1 millis")
      // One of them probes the lane, and the others follow when it is answered.
      assert.deepStrictEqual(asked, ["a", "b", "b"])
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(counts(asked), { a: 1, b: 9 })
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).length, 9)
    }))

  it.effect("leaves nothing reserved in the lanes that did not get the call", () =>
    Effect.gen(function*() {
      const { asked, chat } = yield* pool({ a: { quota: 110, takes: "1 hour" }, b: { quota: 110 } })
      const waiting = yield* Effect.forkChild(
        Effect.all([request, request, request, request].map((request) => chat.generate(request)), {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(waiting)
      yield* TestClock.adjust("61 seconds")
      asked.length = 0
      const fiber = yield* Effect.forkChild(calls(chat, 2))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(asked.length, 1)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("sends a call that waits for permits through one lane, where several are free at the same time", () =>
    Effect.gen(function*() {
      const lane = { takes: "1 second", policy: { concurrency: 1 } } as const
      const { asked, chat } = yield* pool({ a: lane, b: lane })
      const all = Array.from({ length: 3 }, () => chat.generate(request))
      const fiber = yield* Effect.forkChild(Effect.all(all, { concurrency: "unbounded" }))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).length, 3)
      assert.strictEqual(asked.length, 3)
    }))

  it.effect("does not reserve a budget while a call waits in several lanes", () =>
    Effect.gen(function*() {
      const budget = Budget.make({ perRun: 0.00025 })
      const price = { input: 1, output: 1 }
      const { chat } = yield* pool({ a: { quota: 110 }, b: { quota: 110 } }, {}, undefined, (layer) =>
        (layer as Layer.Layer<ChatService.ChatService>).pipe(
          ChatService.withBudget(budget),
          Layer.provide(Pricing.layer([{ model: "*", price }]))
        ))
      // Two are sent, and a third one waits: it would cost what is left, and is reserved once.
      const third = { ...request, maxTokens: 1 }
      yield* chat.generate(request)
      const fiber = yield* Effect.forkChild(
        Effect.all([chat.generate(third), chat.generate(third)], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      assert.isUndefined(fiber.pollUnsafe())
      assert.closeTo((yield* Budget.spent(budget)).run?.reserved ?? NaN, 0, 1e-9)
      yield* Fiber.interrupt(fiber)
    }))
})
