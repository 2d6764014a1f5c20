import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import type * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as ProviderError from "@strata/core/ProviderError"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Usage from "@strata/core/Usage"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { errors, failure, timed } from "./ChatFixture.ts"
import { asks, call, echo, says, sleeper, usage } from "./ToolFixture.ts"

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

class HookFailed extends Data.TaggedError("HookFailed") {}

class Weather extends Context.Service<Weather, { readonly now: Effect.Effect<string> }>()("test/Weather") {}

class Clock extends Context.Service<Clock, { readonly now: Effect.Effect<string> }>()("test/Clock") {}

const requests = Effect.flatMap(TestChat.TestChat, (double) => double.requests)

/** Runs against a script; returns the requests to the model, too. */
const scripted = <A, E>(
  replies: TestChat.Script,
  self: Effect.Effect<A, E, ChatService.ChatService>
) => Effect.all({ end: Effect.exit(self), requests }).pipe(Effect.provide(TestChat.layer(replies)))

const outcomeOf = <A, E>(replies: TestChat.Script, self: Effect.Effect<A, E, ChatService.ChatService>) =>
  Effect.provide(self, TestChat.layer(replies))

describe("ToolLoop.run", () => {
  it.effect("sends the results of the calls until an answer has no calls", () =>
    Effect.gen(function*() {
      const { end, requests } = yield* scripted(
        [
          asks(Message.text("Let me see"), call("1", "echo", { text: "a" })),
          asks(call("2", "echo", { text: "b" })),
          says("done")
        ],
        ToolLoop.run({ messages: "?", temperature: 0 }, { tools: [echo] })
      )
      const messages = [
        Message.assistant([Message.text("Let me see"), call("1", "echo", { text: "a" })]),
        Message.tool([{ type: "tool-result", id: "1", result: "a" }]),
        Message.assistant([call("2", "echo", { text: "b" })]),
        Message.tool([{ type: "tool-result", id: "2", result: "b" }]),
        Message.assistant([Message.text("done")])
      ]
      const outcome = yield* end
      assert.strictEqual(outcome.reason, "finished")
      assert.strictEqual(outcome.response.text, "done")
      assert.strictEqual(outcome.steps, 3)
      assert.deepStrictEqual(outcome.messages, messages)
      assert.deepStrictEqual(outcome.usage, Usage.add(usage, Usage.add(usage, usage)))
      assert.deepStrictEqual(requests.map((request) => request.messages), [
        [Message.user("?")],
        [Message.user("?"), ...messages.slice(0, 2)],
        [Message.user("?"), ...messages.slice(0, 4)]
      ])
      const definition = yield* Tool.definition(echo)
      assert.isTrue(requests.every(({ temperature }) => temperature === 0))
      assert.deepStrictEqual(requests.map(({ tools }) => tools), [[definition], [definition], [definition]])
    }))

  it.effect("sends no tools where there are none", () =>
    Effect.gen(function*() {
      const { requests } = yield* scripted(["hello"], ToolLoop.run("?", { tools: [] }))
      assert.isUndefined(requests[0]?.tools)
    }))

  it.effect("runs the calls of an answer concurrently, at most eight, with results in the order of the calls", () =>
    Effect.gen(function*() {
      const { seen, tool } = sleeper()
      const calls = Array.from({ length: 10 }, (_, i) => call(`${i}`, "sleep", { millis: 100 - i }))
      const { exit, millis } = yield* timed(
        outcomeOf([asks(...calls), says("done")], ToolLoop.run("?", { tools: [tool] }))
      )
      assert.strictEqual(seen.most, 8)
      assert.isBelow(millis, 200)
      assert.strictEqual(seen.ended[0], 93)
      const outcome = yield* exit
      assert.deepStrictEqual(
        outcome.messages[1],
        Message.tool(calls.map(({ id }, i) => ({ type: "tool-result", id, result: `slept ${100 - i}` })))
      )
    }))

  it.effect("runs calls with the given concurrency, at least one", () =>
    Effect.gen(function*() {
      for (const [concurrency, most] of [[2, 2], [0, 1], [Infinity, 5]] as const) {
        const { seen, tool } = sleeper()
        const calls = Array.from({ length: 5 }, (_, i) => call(`${i}`, "sleep", { millis: 10 }))
        yield* timed(outcomeOf([asks(...calls), "done"], ToolLoop.run("?", { tools: [tool], concurrency })))
        assert.strictEqual(seen.most, most)
      }
    }))

  it.effect("ends at the limit of steps with the calls that were not run", () =>
    Effect.gen(function*() {
      let calls = 0
      const count = Tool.make("count", { handler: () => Effect.sync(() => ++calls) })
      const again = (maxSteps?: number) =>
        outcomeOf(
          (request) => asks(call(`${request.messages.length}`, "count")),
          ToolLoop.run("?", {
            tools: [count],
            maxSteps
          })
        )
      const outcome = yield* again(2)
      assert.strictEqual(outcome.reason, "max-steps")
      assert.strictEqual(calls, 1)
      assert.deepStrictEqual(outcome.response.toolCalls, [call("3", "count")])
      assert.deepStrictEqual(outcome.messages, [
        Message.assistant([call("1", "count")]),
        Message.tool([{ type: "tool-result", id: "1", result: 1 }])
      ])
      assert.strictEqual((yield* again(0)).steps, 1)
      assert.strictEqual((yield* again()).steps, 10)
    }))

  it.effect("does not run the calls of an answer the provider stopped", () =>
    Effect.gen(function*() {
      const answer: TestChat.Answer = { ...asks(call("1", "echo", { text: "a" })), finishReason: "guardrail" }
      const outcome = yield* outcomeOf([answer], ToolLoop.run("?", { tools: [echo] }))
      assert.strictEqual(outcome.reason, "finished")
      assert.strictEqual(outcome.response.finishReason, "guardrail")
      assert.deepStrictEqual(outcome.messages, [])
    }))

  it.effect("omits an empty last answer from the history", () =>
    Effect.gen(function*() {
      const outcome = yield* outcomeOf([says("")], ToolLoop.run("?", { tools: [echo] }))
      assert.deepStrictEqual(outcome.messages, [])
    }))

  it.effect("forces a call in the first step only", () =>
    Effect.gen(function*() {
      for (const [toolChoice, then] of [["any", "auto"], [{ name: "echo" }, "auto"], ["none", "none"]] as const) {
        const { requests } = yield* scripted(
          [asks(call("1", "echo", { text: "a" })), "done"],
          ToolLoop.run({ messages: "?", toolChoice }, { tools: [echo] })
        )
        assert.deepStrictEqual(requests.map((request) => request.toolChoice), [toolChoice, then])
      }
    }))

  it.effect("returns a failure to the model, or fails with it, by the failure mode", () =>
    Effect.gen(function*() {
      const failing = (failureMode: Tool.FailureMode) =>
        Tool.make("t", { failureMode, handler: () => Effect.fail(new Refused({ message: "not today" })) })
      const { end, requests } = yield* scripted(
        [asks(call("1", "t")), "done"],
        ToolLoop.run("?", { tools: [failing("return")] })
      )
      assert.isTrue(Exit.isSuccess(end))
      assert.deepStrictEqual(
        requests[1]?.messages[2],
        Message.tool([{ type: "tool-result", id: "1", result: "not today", isFailure: true }])
      )
      const error = yield* failure(
        outcomeOf([asks(call("1", "t"))], ToolLoop.run("?", { tools: [failing("error")] }))
      )
      assert.deepStrictEqual(error, new Refused({ message: "not today" }))
    }))

  it.effect("interrupts the other handlers when one fails the loop, and all when it is interrupted", () =>
    Effect.gen(function*() {
      const { seen, tool } = sleeper()
      const fail = Tool.make("fail", {
        failureMode: "error",
        handler: () => Effect.delay(Effect.fail(new Refused({ message: "no" })), 50)
      })
      const loop = outcomeOf(
        [asks(call("1", "sleep", { millis: 100 }), call("2", "sleep", { millis: 10 }), call("3", "fail"))],
        ToolLoop.run("?", { tools: [tool, fail] })
      )
      const error = yield* failure(loop)
      assert.strictEqual(error._tag, "Refused")
      assert.deepStrictEqual(seen, { started: [100, 10], ended: [10], interrupted: [100], most: 2 })
      const fiber = yield* Effect.forkChild(
        outcomeOf([asks(call("1", "sleep", { millis: 7 }))], ToolLoop.run("?", { tools: [tool] }))
      )
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(seen.interrupted, [100, 7])
    }))

  it.effect("continues when a handler dies, except with the failure mode `error`", () =>
    Effect.gen(function*() {
      const broken = (failureMode: Tool.FailureMode) =>
        Tool.make("broken", { failureMode, handler: () => Effect.die("broken") })
      const replies = [asks(call("1", "broken")), says("done")]
      const { end } = yield* scripted(replies, ToolLoop.run("?", { tools: [broken("return")] }))
      assert.strictEqual((yield* end).response.text, "done")
      const { end: failed } = yield* scripted(replies, ToolLoop.run("?", { tools: [broken("error")] }))
      assert.strictEqual((yield* Effect.flip(failed))._tag, "ToolDefectError")
    }))

  it.effect("fails as the model does", () =>
    Effect.gen(function*() {
      const { end } = yield* scripted(
        [asks(call("1", "echo", { text: "a" })), errors.ContextLengthExceededError],
        ToolLoop.run("?", { tools: [echo] })
      )
      assert.deepStrictEqual(yield* Effect.flip(end), errors.ContextLengthExceededError)
    }))

  it.effect("refuses invalid tools and requests before anything is sent", () =>
    Effect.gen(function*() {
      const definition = yield* Tool.definition(echo)
      const spaced = Tool.make("no name", { handler: () => Effect.void })
      for (
        const [loop, problem] of [
          [ToolLoop.run("?", { tools: [echo, spaced] }), "valid tool name"],
          [ToolLoop.run("?", { tools: [echo, echo] }), "two tools"],
          [ToolLoop.run({ messages: "?", tools: [definition] }, { tools: [echo] }), "the request has tools"]
        ] as const
      ) {
        const { end, requests } = yield* scripted(["never"], loop)
        const error = yield* Effect.flip(end)
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.include(error.message, problem)
        assert.deepStrictEqual(requests, [])
      }
    }))

  it.effect("refuses values of the wrong type, with their place", () =>
    Effect.gen(function*() {
      const throwing = {
        get tools() {
          throw new Error("a secret of the program")
        }
      }
      const cases: ReadonlyArray<readonly [input: unknown, options: unknown, field: string]> = [
        [null, { tools: [echo] }, "request"],
        [{}, { tools: [echo] }, "messages"],
        [[null], { tools: [echo] }, "messages[0]"],
        ["?", undefined, "options"],
        ["?", throwing, "tools"],
        ["?", { tools: null }, "tools"],
        ["?", { tools: [echo, {}] }, "tools[1].name"],
        ["?", { tools: [echo], maxSteps: "3" }, "maxSteps"],
        ["?", { tools: [echo], onStep: true }, "onStep"],
        ["?", { tools: [echo], steps: 3 }, "steps"],
        ["?", { tools: [echo], prepareStep: () => Promise.resolve({}) }, "prepareStep"]
      ]
      for (const [input, options, field] of cases) {
        const loop = ToolLoop.run(input as never, options as never) as Effect.Effect<
          unknown,
          unknown,
          ChatService.ChatService // types that are not kept need nothing else
        >
        const { end, requests } = yield* scripted(["never"], loop)
        const error: unknown = yield* Effect.flip(end)
        assert(error instanceof ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, field)
        assert.notInclude(error.message, "secret")
        assert.deepStrictEqual(requests, [])
      }
    }))

  it.effect("runs the hooks in each step, and sends the request of `prepareStep` in that step only", () =>
    Effect.gen(function*() {
      const steps: Array<ToolLoop.Step> = []
      const prepared: Array<readonly [number, Usage.Usage]> = []
      const { end, requests } = yield* scripted(
        [asks(call("1", "echo", { text: "a" })), asks(call("2", "echo", { text: "b" })), says("done")],
        ToolLoop.run("?", {
          tools: [echo],
          prepareStep: ({ index, request, usage }) => {
            prepared.push([index, usage])
            return Effect.succeed(index === 1 ? { ...request, model: "other", messages: "short" } : request)
          },
          onStep: (step) => Effect.sync(() => void steps.push(step))
        })
      )
      const twice = Usage.add(usage, usage)
      assert.deepStrictEqual(prepared, [[0, Usage.empty], [1, usage], [2, twice]])
      assert.deepStrictEqual(requests.map(({ messages, model }) => [model, messages.length]), [
        ["test-model", 1],
        ["other", 1],
        ["test-model", 5]
      ])
      assert.deepStrictEqual(steps.map((step) => [step.index, step.results.length, step.usage]), [
        [0, 1, usage],
        [1, 1, twice],
        [2, 0, Usage.add(twice, usage)]
      ])
      const outcome = yield* end
      assert.deepStrictEqual(steps[2]?.response, outcome.response)
      assert.deepStrictEqual(steps.flatMap((step) => step.messages), outcome.messages)
    }))

  it.effect("fails with the failure of a hook", () =>
    Effect.gen(function*() {
      const fail = () => Effect.fail(new HookFailed())
      for (const hooks of [{ prepareStep: fail }, { onStep: fail }]) {
        const { end } = yield* scripted(["done"], ToolLoop.run("?", { tools: [echo], ...hooks }))
        assert.deepStrictEqual(yield* Effect.flip(end), new HookFailed())
      }
    }))

  it("has exactly the errors and requirements of tools and hooks", () => {
    const weather = Tool.make("weather", { handler: () => Effect.flatMap(Weather, ({ now }) => now) })
    const clock = Tool.make("clock", {
      failureMode: "error",
      input: Schema.Struct({ zone: Schema.String }),
      handler: ({ zone }) =>
        zone === ""
          ? Effect.fail(new Refused({ message: "no zone" }))
          : Effect.flatMap(Clock, ({ now }) => now)
    })
    const quiet = ToolLoop.run("?", { tools: [echo] })
    expectTypeOf<Effect.Error<typeof quiet>>().toEqualTypeOf<ChatService.ChatError | Tool.ToolCallError>()
    expectTypeOf<Effect.Services<typeof quiet>>().toEqualTypeOf<ChatService.ChatService>()
    const busy = ToolLoop.run("?", {
      tools: [weather, clock, echo],
      onStep: () => Effect.fail(new HookFailed()),
      prepareStep: ({ request }) => Effect.as(Effect.service(Scoped), request)
    })
    expectTypeOf<Effect.Error<typeof busy>>().toEqualTypeOf<
      ChatService.ChatError | Tool.ToolCallError | Tool.ToolDefectError | Refused | HookFailed
    >()
    expectTypeOf<Effect.Services<typeof busy>>().toEqualTypeOf<ChatService.ChatService | Weather | Clock | Scoped>()
    const list: ReadonlyArray<typeof weather | typeof clock> = [weather, clock]
    const listed = ToolLoop.run("?", { tools: list })
    expectTypeOf<Effect.Services<typeof listed>>().toEqualTypeOf<ChatService.ChatService | Weather | Clock>()
  })
})

class Scoped extends Context.Service<Scoped, number>()("test/Scoped") {}
