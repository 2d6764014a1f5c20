import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Usage from "@strata/core/Usage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { delta, failure, response, throughJson, timed, watched } from "./ChatFixture.ts"
import { asks, call, echo, says, sleeper, usage } from "./ToolFixture.ts"

const sleep = (...millis: ReadonlyArray<number>) => asks(...millis.map((ms) => call(`${ms}`, "sleep", { millis: ms })))

const streamed = <E>(
  script: TestChat.Script,
  self: Stream.Stream<ToolLoop.Event, E, ChatService.ChatService>,
  options?: TestChat.Options
) => Stream.runCollect(self).pipe(Effect.provide(TestChat.layer(script, options)))

const types = (events: ReadonlyArray<ToolLoop.Event>) => events.map(({ type }) => type)

const outcomes = (events: ReadonlyArray<ToolLoop.Event>) =>
  events.flatMap((event) => event.type === "outcome" ? [event.outcome] : [])

describe("ToolLoop.stream", () => {
  it.effect("emits the events of every answer, each result, each step, and one outcome at the end", () =>
    Effect.gen(function*() {
      const reply = asks(call("1", "echo", { text: "a" }))
      const events = yield* streamed([reply, says("all done")], ToolLoop.stream("?", { tools: [echo] }))
      const answer = ["tool-params-start", "tool-params-delta", "tool-call", "finish"]
      assert.deepStrictEqual(types(events), [
        ...answer,
        "tool-result",
        "step",
        "text-delta",
        "text-delta",
        "finish",
        "step",
        "outcome"
      ])
      assert.deepStrictEqual(events[4], {
        type: "tool-result",
        step: 0,
        call: call("1", "echo", { text: "a" }),
        outcome: "success",
        result: "a",
        isFailure: false
      })
      const [outcome] = outcomes(events)
      assert.strictEqual(outcome?.response.text, "all done")
      assert.deepStrictEqual(outcome?.usage, Usage.add(usage, usage))
    }))

  it.effect("has the same steps and outcome as `run`", () =>
    Effect.gen(function*() {
      const broken = Tool.make("broken", { handler: () => Effect.fail("broken") })
      const script = [
        asks({ type: "text", text: "a" }, call("", "echo", { text: "a" }), call("", "broken"), call("1", "none")),
        asks(call("1", "echo", { text: "b" }), call("1", "echo", `{"te`)),
        asks(call("2", "echo", { text: "c" }))
      ]
      const options = { tools: [echo, broken], maxSteps: 3 }
      const steps: Array<ToolLoop.Step> = []
      const onStep = (step: ToolLoop.Step) => Effect.sync(() => void steps.push(step))
      const outcome = yield* Effect.provide(ToolLoop.run("?", { ...options, onStep }), TestChat.layer(script))
      const hooked: Array<ToolLoop.Step> = []
      const events = yield* streamed(
        script,
        ToolLoop.stream("?", { ...options, onStep: (step) => Effect.sync(() => void hooked.push(step)) })
      )
      assert.strictEqual(outcome.reason, "max-steps")
      assert.deepStrictEqual(outcomes(events), [outcome])
      assert.deepStrictEqual(hooked, steps)
      assert.deepStrictEqual(
        events.flatMap((event) => event.type === "step" ? [event] : []),
        steps.map((step) => ({ type: "step" as const, ...step }))
      )
    }))

  it.effect("has the same id in all events of a call", () =>
    Effect.gen(function*() {
      const events = yield* streamed(
        [asks(call("1", "echo", { text: "a" }), call("1", "echo", { text: "b" })), "done"],
        ToolLoop.stream("?", { tools: [echo] })
      )
      assert.deepStrictEqual(
        events.flatMap((event) => "id" in event ? [event.id] : event.type === "tool-result" ? [event.call.id] : []),
        ["1", "1", "1", "1-2", "1-2", "1-2", "1", "1-2"]
      )
    }))

  it.effect("emits results as the handlers end, and sends them in the order of the calls", () =>
    Effect.gen(function*() {
      const { seen, tool } = sleeper()
      const { exit, millis } = yield* timed(
        streamed([sleep(30, 10, 20), says("done")], ToolLoop.stream("?", { tools: [tool], concurrency: 2 }))
      )
      const events = yield* exit
      const results = events.flatMap((event) => event.type === "tool-result" ? [event.call.id] : [])
      assert.deepStrictEqual(results, ["10", "30", "20"])
      assert.strictEqual(seen.most, 2)
      assert.strictEqual(millis, 30)
      const [outcome] = outcomes(events)
      const message = outcome?.messages[1]
      assert.deepStrictEqual(message?.role === "tool" && message.content.map(({ id }) => id), ["30", "10", "20"])
    }))

  it.effect("starts no handler of an answer that fails half-way", () =>
    Effect.gen(function*() {
      const { seen, tool } = sleeper()
      const broken = { ...sleep(10), failAfter: 3 }
      const error = yield* failure(streamed([broken], ToolLoop.stream("?", { tools: [tool] })))
      assert.strictEqual(error._tag, "StreamInterruptedError")
      assert.deepStrictEqual(seen.started, [])
    }))

  it.effect("fails for a stream that ends without `finish`", () =>
    Effect.gen(function*() {
      const service = ChatService.ChatService.of({
        generate: () => Effect.die("not asked"),
        stream: () => Stream.make(delta("a"), delta("b"))
      })
      const error = yield* Stream.runDrain(ToolLoop.stream("?", { tools: [] })).pipe(
        Effect.provideService(ChatService.ChatService, service),
        Effect.flip
      )
      assert.strictEqual(error._tag === "StreamInterruptedError" && error.delivered, 2)
    }))

  it.effect("closes the stream of the model before the handlers run", () =>
    Effect.gen(function*() {
      const nested = Tool.make("nested", {
        failureMode: "error",
        handler: () => ChatService.text("and now?")
      })
      const events = yield* streamed(
        [asks(call("1", "nested")), "inner", "done"],
        ToolLoop.stream("?", { tools: [nested] }),
        { policy: Policy.make({ concurrency: 1 }) }
      )
      assert.strictEqual(outcomes(events)[0]?.response.text, "done")
    }))

  it.effect("interrupts the handlers, and the answer, when the stream is interrupted", () =>
    Effect.gen(function*() {
      const { seen, tool } = sleeper()
      const closed: Array<string> = []
      const slow = ChatService.ChatService.of({
        generate: () => Effect.die("not asked"),
        stream: () =>
          Stream.concat(Stream.make(delta("a")), Stream.never).pipe(
            Stream.ensuring(Effect.sync(() => closed.push("answer")))
          )
      })
      const handling = yield* Effect.forkChild(streamed([sleep(10, 20)], ToolLoop.stream("?", { tools: [tool] })))
      const answering = yield* Stream.runDrain(ToolLoop.stream("?", { tools: [tool] })).pipe(
        Effect.provide(Layer.succeed(ChatService.ChatService, slow)),
        Effect.forkChild
      )
      yield* TestClock.adjust(15)
      yield* Fiber.interrupt(handling)
      yield* Fiber.interrupt(answering)
      assert.deepStrictEqual(seen.ended, [10])
      assert.deepStrictEqual(seen.interrupted, [20])
      assert.deepStrictEqual(closed, ["answer"])
    }))

  it.effect("has backpressure: no step starts early", () =>
    Effect.gen(function*() {
      const { seen, tool } = sleeper()
      const events = yield* ToolLoop.stream("?", { tools: [tool] }).pipe(
        Stream.takeUntil((event) => event.type === "finish"),
        Stream.runCollect,
        Effect.provide(TestChat.layer([sleep(10), "done"]))
      )
      assert.strictEqual(events.at(-1)?.type, "finish")
      assert.deepStrictEqual(seen.started, [])
    }))

  it.effect("continues for many steps", () =>
    Effect.gen(function*() {
      const events = yield* streamed(
        (request) => request.messages.length > 200 ? says("done") : asks(call("1", "echo", { text: "a" })),
        ToolLoop.stream("?", { tools: [echo], maxSteps: Infinity })
      )
      assert.strictEqual(outcomes(events)[0]?.steps, 101)
    }))

  it.effect("has the spans of `run`, under its own", () =>
    Effect.gen(function*() {
      const names = yield* watched(({ spans }) =>
        Effect.map(
          streamed([asks(call("1", "echo", { text: "a" })), "done"], ToolLoop.stream("?", { tools: [echo] })),
          () =>
            spans.map((
              { name, parent }
            ) => [name, parent._tag === "Some" && "name" in parent.value && parent.value.name])
        )
      )
      assert.deepStrictEqual(names, [
        ["ToolLoop.stream", false],
        ["chat test-model", "ToolLoop.stream"],
        ["execute_tool echo", "ToolLoop.stream"],
        ["chat test-model", "ToolLoop.stream"]
      ])
    }))

  it.effect("emits events that can be encoded", () =>
    Effect.gen(function*() {
      const step: ToolLoop.Step = {
        index: 0,
        response: response("a"),
        results: [{ call: call("1", "echo"), outcome: "failed", result: { a: [1] }, isFailure: true, error: "broken" }],
        messages: [response("a").message],
        usage
      }
      const outcome: ToolLoop.Outcome = {
        reason: "finished",
        response: response("a"),
        messages: [response("a").message],
        usage,
        steps: 1
      }
      const events: ReadonlyArray<ToolLoop.Event> = [
        delta("a"),
        { type: "tool-result", step: 0, ...step.results[0]! },
        { type: "step", ...step },
        { type: "outcome", outcome }
      ]
      for (const event of events) assert.deepEqual(yield* throughJson(ToolLoop.Event, event), event)
    }))

  it("has exactly the errors and requirements of the tools", () => {
    const tool = Tool.make("t", {
      failureMode: "error",
      handler: () => Effect.flatMap(Dependency, (n) => n > 1 ? Effect.fail(n) : Effect.void)
    })
    const stream = ToolLoop.stream("?", { tools: [tool, echo] })
    expectTypeOf<Stream.Error<typeof stream>>().toEqualTypeOf<
      ChatService.ChatStreamError | Tool.ToolCallError | Tool.ToolDefectError | number
    >()
    expectTypeOf<Stream.Services<typeof stream>>().toEqualTypeOf<ChatService.ChatService | Dependency>()
    expectTypeOf<ChatEvent.ChatEvent>().toExtend<ToolLoop.Event>()
  })
})

class Dependency extends Context.Service<Dependency, number>()("test/Dependency") {}
