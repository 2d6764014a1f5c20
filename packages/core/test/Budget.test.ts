import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Budget from "@strata/core/policy/Budget"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as TextTokens from "../src/internal/textTokens.ts"
import * as Fixture from "./BudgetFixture.ts"

const { isolated, mostDollars, promptDollars, request, rounded, runOf } = Fixture

type Ask = (
  service: ChatService.ChatService["Service"],
  request: ChatRequest.ChatRequest
) => Effect.Effect<unknown, ChatService.ChatStreamError>

const ways: ReadonlyArray<readonly [string, Ask]> = [
  ["generate", (service, request) => service.generate(request)],
  ["stream", (service, request) => ChatEvent.collect(service.stream(request))]
]

const connecting = new ProviderError.TimeoutError({ provider: "test.provider", message: "no", phase: "connect" })

describe("Budget", () => {
  it.effect.each(ways)(
    "enters what %s did cost in place of what it could have",
    ([, ask]) =>
      isolated(Effect.gen(function*() {
        const budget = Budget.make({ perRun: 10 })
        const { service } = yield* Fixture.make(budget)
        const asked = request({ inputTokens: 50, outputTokens: 20, delay: "1 minute" })
        const fiber = yield* Effect.forkChild(ask(service, asked))
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(yield* runOf(budget), { spent: 0, reserved: rounded(mostDollars(asked)) })
        yield* TestClock.adjust("30 seconds")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* runOf(budget), { spent: 0.09, reserved: 0 })
      }))
  )

  it.effect.each(ways)(
    "fails %s at once when it could cost more than is left, and says by how much",
    ([, ask]) =>
      isolated(Effect.gen(function*() {
        const budget = Budget.make({ name: "tests", perRun: 5 })
        const { sent, service } = yield* Fixture.make(budget)
        yield* ask(service, request({ inputTokens: 250, outputTokens: 0 }))
        const waiting = request({ delay: "1 hour" }, 500)
        const first = yield* Effect.forkChild(ask(service, waiting))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(sent.length, 2)

        const dear = request({}, 2000)
        const exceeded = yield* Effect.flip(ask(service, dear))
        assert.strictEqual(exceeded._tag, "BudgetExceededError")
        assert.strictEqual(exceeded.model, "test-model")
        assert.strictEqual(exceeded.provider, "test.provider")
        assert.strictEqual(
          exceeded.message,
          `This call of test-model of test.provider could cost $${
            rounded(mostDollars(dear))
          }, and the budget "tests" allows $5 for the run, of which $0.25 ` +
            `is spent and $${rounded(mostDollars(waiting))} reserved for calls in flight. ` +
            "Ask for less with `maxTokens` or a shorter prompt, or raise `perRun` of the budget."
        )
        assert.strictEqual(sent.length, 2)
        yield* Fiber.interrupt(first)
      }))
  )

  it.effect("admits a smaller call after a larger one was refused", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 1, perDay: 1 })
      const { service } = yield* Fixture.make(budget)
      yield* Effect.forkChild(service.generate(request({ delay: "1 hour" }, 400)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Effect.flip(service.generate(request({}, 400))))._tag, "BudgetExceededError")
      yield* service.generate(request({}, 10))
    })))

  it.effect("is spent to the last billionth", () =>
    isolated(Effect.gen(function*() {
      const asked = request({ delay: "1 minute" })
      const budget = Budget.make({ perRun: 10 * mostDollars(asked) })
      const { sent, service } = yield* Fixture.make(budget)
      const fibers = yield* Effect.replicateEffect(Effect.forkChild(service.generate(asked)), 11)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sent.length, 10)
      yield* TestClock.adjust("1 minute")
      const exits = yield* Effect.forEach(fibers, Fiber.await)
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 10)
    })))

  describe.each(ways)("after %s", (_, ask) => {
    const failing: ReadonlyArray<readonly [string, Fixture.Play]> = [
      ["was refused", { error: Fixture.refused }],
      ["did not get through", { error: connecting }]
    ]
    it.effect.each(failing)("that %s has lost nothing", ([, play]) =>
      isolated(Effect.gen(function*() {
        const budget = Budget.make({ perRun: 10 })
        const { sent, service } = yield* Fixture.make(budget)
        yield* Effect.flip(ask(service, request(play)))
        assert.strictEqual(sent.length, 1)
        assert.deepStrictEqual(yield* runOf(budget), { spent: 0, reserved: 0 })
      })))

    it.effect("that broke has lost the prompt", () =>
      isolated(Effect.gen(function*() {
        const budget = Budget.make({ perRun: 10 })
        const { service } = yield* Fixture.make(budget)
        const asked = request({ error: Fixture.broken })
        yield* Effect.flip(ask(service, asked))
        assert.deepStrictEqual(yield* runOf(budget), { spent: rounded(promptDollars(asked)), reserved: 0 })
      })))

    it.effect("that was interrupted has lost the prompt", () =>
      isolated(Effect.gen(function*() {
        const budget = Budget.make({ perRun: 10, perDay: 10 })
        const { service } = yield* Fixture.make(budget)
        const asked = request({ delay: "1 minute" })
        const fiber = yield* Effect.forkChild(ask(service, asked))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* runOf(budget), { spent: rounded(promptDollars(asked)), reserved: 0 })
      })))
  })

  const words = ["one ", "two ", "three ", "four "]
  const arrived = (count: number) =>
    words.slice(0, count).reduce((sum, word) => sum + TextTokens.count(word), 0) * Fixture.outputDollars

  it.effect("has lost what arrived of a stream that broke, or was not read to its end", () =>
    isolated(Effect.gen(function*() {
      const broken = request({ words, error: Fixture.refused })
      const long = request({ words })
      for (const [asked, read] of [[broken, 4], [long, 2]] as const) {
        const budget = Budget.make({ perRun: 10 })
        const { service } = yield* Fixture.make(budget)
        const fiber = yield* Effect.forkChild(
          Effect.exit(Stream.runDrain(Stream.take(service.stream(asked), asked === long ? 2 : 100)))
        )
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* runOf(budget), {
          spent: rounded(promptDollars(asked) + arrived(read)),
          reserved: 0
        })
      }
    })))

  it.effect("counts every attempt that was sent, and holds nothing while a call backs off", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 10 })
      const asked = request({ inputTokens: 10, outputTokens: 10 })
      let attempts = 0
      const { service } = yield* Fixture.make(budget, {
        policy: Policy.make({
          retry: Schedule.spaced("1 minute").pipe(Schedule.setInputType<ProviderError.ProviderError>())
        }),
        generate: (request) =>
          Effect.suspend(() => ++attempts < 3 ? Effect.fail(Fixture.broken) : Fixture.makeProvider().generate(request))
      })
      const fiber = yield* Effect.forkChild(service.generate(asked))
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual(attempts, 2)
      const lost = 2 * promptDollars(asked)
      assert.deepStrictEqual(yield* runOf(budget), { spent: rounded(lost), reserved: 0 })
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* runOf(budget), { spent: rounded(lost + 0.03), reserved: 0 })
    })))

  it.effect("keeps what a call holds however long it lasts", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ name: "long", perRun: 100, perDay: 100 })
      const { service } = yield* Fixture.make(budget)
      const asked = request({ words: Array.from({ length: 240 }, () => "word ") })
      const fiber = yield* Effect.forkChild(Stream.runDrain(service.stream(asked)))
      yield* TestClock.adjust("3 minutes")
      const { day, run } = yield* Budget.spent(budget)
      assert.strictEqual(rounded(run?.reserved ?? 0), rounded(mostDollars(asked)))
      assert.strictEqual(rounded(day?.reserved ?? 0), rounded(mostDollars(asked)))
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* runOf(budget), { spent: 0.003, reserved: 0 })
    })))

  it.effect("releases what is not renewed, and still settles what it cost", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 10 })
      const scope = yield* Scope.make()
      const { service } = yield* Scope.provide(Fixture.make(budget), scope)
      const fiber = yield* Effect.forkChild(service.generate(request({ delay: "1 hour" })))
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* runOf(budget), { spent: 0, reserved: 0 })
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* runOf(budget), { spent: 0.003, reserved: 0 })
    })))

  it.effect("forgets what is 24 hours old for the day, and nothing for the run", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 10, perDay: 1 })
      const { service } = yield* Fixture.make(budget)
      const asked = request({ inputTokens: 500, outputTokens: 0 }, 250)
      yield* service.generate(asked)
      yield* TestClock.adjust("23 hours")
      const exceeded = yield* Effect.flip(service.generate(asked))
      assert.include(exceeded.message, "allows $1 in 24 hours, of which $0.5 is spent")
      assert.include(exceeded.message, "raise `perDay`")
      assert.deepStrictEqual(yield* runOf(budget), { spent: 0.5, reserved: 0 })
      yield* TestClock.adjust("2 hours")
      yield* service.generate(asked)
      const { day, run } = yield* Budget.spent(budget)
      assert.deepStrictEqual([day?.spent, run?.spent], [0.5, 1])
      assert.deepStrictEqual([day?.limit, run?.limit], [1, 10])
    })))

  it.effect("needs the price of the model, of its answers too", () =>
    isolated(Effect.gen(function*() {
      const { sent, service } = yield* Fixture.make(Budget.make({ perRun: 10 }))
      const unknown = yield* Effect.flip(service.generate({ ...request({}), model: "other-model" }))
      assert.strictEqual(unknown._tag, "InvalidRequestError")
      assert.include(unknown.message, "no price is configured for \"other-model\"")
      assert.include(unknown.message, "Give it with `Pricing.layer(")
      assert.strictEqual(sent.length, 0)

      const inputOnly = Pricing.layer([{ model: "test-model", price: { input: 1 } }])
      const other = yield* Fixture.make(Budget.make({ perRun: 10 }), {}, inputOnly)
      const half = yield* Effect.flip(other.service.generate(request({})))
      assert.include(half.message, "no price for output is configured for \"test-model\"")
      assert.strictEqual(other.sent.length, 0)
    })))

  it.effect("counts only where it is infinite, allows nothing where it is nothing, and is refused where it is no amount", () =>
    isolated(Effect.gen(function*() {
      const endless = Budget.make({ perRun: Infinity })
      const { service } = yield* Fixture.make(endless)
      yield* service.generate(request({ inputTokens: 10, outputTokens: 0 }, 1e9))
      assert.deepStrictEqual((yield* Budget.spent(endless)).run, { limit: Infinity, spent: 0.01, reserved: 0 })
      const nothing = yield* Fixture.make(Budget.make({ perRun: 0 }))
      assert.strictEqual((yield* Effect.flip(nothing.service.generate(request({}))))._tag, "BudgetExceededError")
      for (const perRun of [-1, Number.NaN]) {
        const wrong = Budget.make({ perRun })
        assert.strictEqual((yield* Effect.flip(Fixture.make(wrong))).field, "budget.perRun")
        assert.deepInclude(yield* Effect.flip(Budget.spent(wrong)), { field: "budget.perRun" })
      }
    })))

  it.effect("holds with others, and releases its reservation when another refuses", () =>
    isolated(Effect.gen(function*() {
      const wide = Budget.make({ perRun: 10 })
      const narrow = Budget.make({ perRun: 0.3 })
      const { service } = yield* Fixture.make([wide, narrow, wide])
      const exceeded = yield* Effect.flip(service.generate(request({}, 1000)))
      assert.include(exceeded.message, "allows $0.3 for the run")
      assert.deepStrictEqual(yield* runOf(wide), { spent: 0, reserved: 0 })
      yield* service.generate(request({ inputTokens: 20, outputTokens: 0 }, 10))
      for (const budget of [wide, narrow]) {
        assert.deepStrictEqual(yield* runOf(budget), { spent: 0.02, reserved: 0 })
      }
    })))

  it.effect("is shared by name, for the run too where that has one", () =>
    isolated(Effect.gen(function*() {
      const asked = request({ inputTokens: 100, outputTokens: 0 })
      const spend = (budget: Budget.Budget) =>
        Effect.flatMap(Fixture.make(budget), ({ service }) => service.generate(asked))
      const named = () => Budget.make({ name: "a", run: "1", perRun: 10, perDay: 10 })
      yield* spend(named())
      yield* spend(named())
      yield* spend(Budget.make({ name: "a", run: "2", perRun: 10, perDay: 10 }))
      yield* spend(Budget.make({ name: "a", perRun: 10, perDay: 10 }))
      yield* spend(Budget.make({ name: "b", run: "1", perRun: 10, perDay: 10 }))
      yield* spend(Budget.make({ perRun: 10, perDay: 10 }))
      const { day, run } = yield* Budget.spent(named())
      assert.deepStrictEqual([rounded(day?.spent ?? 0), rounded(run?.spent ?? 0)], [0.4, 0.2])
      const fresh = yield* Budget.spent(Budget.make({ perRun: 10 }))
      assert.deepStrictEqual(fresh, { run: { limit: 10, spent: 0, reserved: 0 }, day: undefined })
    })))

  it.effect("stays when the policy is replaced, whichever comes first", () =>
    isolated(Effect.gen(function*() {
      const policy = Policy.make({ retry: Retry.never })
      for (const isFirst of [true, false]) {
        const budget = Budget.make({ perRun: 0.01 })
        const provider = Layer.effect(ChatService.ChatService, ChatService.make(Fixture.makeProvider()))
        const context = yield* Layer.build(
          (isFirst
            ? provider.pipe(ChatService.withBudget(budget), ChatService.withPolicy(policy))
            : provider.pipe(ChatService.withPolicy(policy), ChatService.withBudget(budget))).pipe(
              Layer.provide(Fixture.prices)
            )
        )
        const service = Context.get(context, ChatService.ChatService)
        assert.strictEqual((yield* Effect.flip(service.generate(request({}))))._tag, "BudgetExceededError")
      }
    })))

  it.effect("takes the prompt, and what arrived, where a provider does not count", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 10 })
      const { service } = yield* Fixture.make(budget)
      const asked = request({ inputTokens: 0, outputTokens: 0, words })
      const fiber = yield* Effect.forkChild(ChatEvent.collect(service.stream(asked)))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* runOf(budget), { spent: rounded(promptDollars(asked) + arrived(4)), reserved: 0 })
    })))

  it.effect("reserves what a provider allows an answer when the request does not say", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 100 })
      const { service } = yield* Fixture.make(budget, { metering: { maxOutputTokens: () => 4000 } })
      const { maxTokens: _, ...asked } = request({ delay: "1 minute" })
      const fiber = yield* Effect.forkChild(service.generate(asked))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* runOf(budget), { spent: 0, reserved: rounded(promptDollars(asked) + 8) })
      yield* Fiber.interrupt(fiber)
    })))
})
