import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { asks, call, says, sleeper } from "./ToolFixture.ts"
import { kinds, resultsOf, scripted, text, untilWaiting, waiting } from "./ToolWaitingFixture.ts"

/** Lets Web Crypto work, which the test clock does not wait for. */
const until = (isDone: () => boolean) =>
  Effect.gen(function*() {
    while (!isDone()) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  })

describe("ToolLoop.resume: after a crash", () => {
  /** Asks for three calls, then for one more, then is done. */
  const model = (request: ChatRequest.Resolved): TestChat.Reply => {
    const steps = request.messages.filter(({ role }) => role === "tool").length
    return steps === 0
      ? asks(text("1", "auto"), text("2", "guarded"), text("3", "auto"))
      : steps === 1
      ? asks(text("4", "auto"))
      : says("done")
  }

  /** How a process dies at a save. */
  const deaths = ["fails before it is stored", "fails after it is stored", "is interrupted after it is stored"] as const

  it.effect("case 45: killed at any save, any handler or any request, a resume never repeats a side effect", () =>
    Effect.gen(function*() {
      for (const repeatable of [false, true]) {
        for (const concurrency of [1, 3]) {
          for (const death of deaths) {
            for (let first = 1; first <= 12; first++) {
              for (const second of [0, 2]) {
                const at = `${death} at save ${first}, then ${second}, concurrency ${concurrency}, ${repeatable}`
                const { ran, tools } = kinds({ repeatable })
                let stored: ToolLoop.State | undefined
                let count = 0
                let kill = first
                const next = [second, 0, 0, 0, 0, 0]
                const save = (state: ToolLoop.State) =>
                  Effect.suspend((): Effect.Effect<void, "killed"> => {
                    const isDead = ++count === kill
                    if (isDead && death === deaths[0]) return Effect.fail("killed")
                    stored = state
                    return !isDead ? Effect.void : death === deaths[1] ? Effect.fail("killed") : Effect.interrupt
                  })
                const options = { tools, concurrency, save }
                const go = Effect.suspend(() =>
                  stored === undefined
                    ? ToolLoop.run("?", options)
                    : ToolLoop.resume(
                      stored,
                      ToolLoop.pendingOf(stored).map(({ call }) => ({ type: "approve", callId: call.id })),
                      options
                    )
                )
                let end: ToolLoop.Outcome | undefined
                for (let processes = 0; end?.reason !== "finished"; processes++) {
                  assert.isBelow(processes, 6, at)
                  const exit = yield* Effect.exit(go)
                  if (Exit.isSuccess(exit)) end = exit.value
                  else {
                    count = 0
                    kill = next.shift() ?? 0
                  }
                }
                const results = resultsOf(end.messages)
                assert.deepStrictEqual(results.map(({ id }) => id), ["1", "2", "3", "4"], at)
                for (const { id, isFailure, result } of results) {
                  const times = ran.filter((name) => name === id).length
                  if (isFailure === true) {
                    assert.include(String(result), "not known", at)
                    assert.isFalse(repeatable, at)
                    assert.isAtMost(times, 1, at)
                  } else {
                    assert.strictEqual(result, `ran ${id}`, at)
                    if (repeatable) assert.isAtLeast(times, 1, at)
                    else assert.strictEqual(times, 1, at)
                  }
                }
              }
            }
          }
        }
      }
    }).pipe(Effect.provide(TestChat.layer(model))))

  it.effect("case 45: a call whose handler was interrupted is reported as unknown, and not run again", () =>
    Effect.gen(function*() {
      const { seen, tool } = sleeper()
      let stored: ToolLoop.State | undefined
      const options = {
        tools: [tool],
        save: (state: ToolLoop.State) => Effect.sync(() => void (stored = state))
      }
      const calls = [call("1", "sleep", { millis: 10 }), call("2", "sleep", { millis: 50 })]
      const fiber = yield* Effect.forkChild(
        Effect.provide(ToolLoop.run("?", { ...options, concurrency: 1 }), TestChat.layer([asks(...calls)]))
      )
      yield* until(() => seen.started.length > 0)
      yield* TestClock.adjust(20)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual([seen.ended, seen.interrupted], [[10], [50]])
      assert.deepStrictEqual(stored?.calls.map(({ status }) => status), ["settled", "started"])
      const { requests } = yield* scripted(["done"], ToolLoop.resume(stored!, [], options))
      const [first, second] = resultsOf(requests[0]!.messages)
      assert.strictEqual(first?.result, "slept 10")
      assert.include(String(second?.result), "not known")
      assert.strictEqual(seen.started.length, 2)
    }))

  it.effect("case 45: a call that was started is unknown, too, when its repeatable tool is gone or changed", () =>
    Effect.gen(function*() {
      const { auto, guarded, ran } = kinds({ repeatable: true })
      const { state } = yield* untilWaiting(asks(text("1", "auto"), text("2", "guarded")), { tools: [auto, guarded] })
      ran.length = 0
      const crashed: ToolLoop.State = {
        ...state,
        calls: state.calls.with(0, { status: "started", call: text("1", "auto") })
      }
      for (const tools of [[guarded], [guarded, { ...auto, description: "other" }]] as const) {
        const { requests } = yield* scripted(
          ["done"],
          ToolLoop.resume(crashed, [{ type: "deny", callId: "2" }], { tools })
        )
        assert.include(String(resultsOf(requests[0]!.messages)[0]?.result), "not known")
      }
      assert.deepStrictEqual(ran, [])
    }))

  it.live("case 45: stores the result of a handler that ended, also when another call fails the loop", () =>
    Effect.gen(function*() {
      const { auto } = kinds()
      const fail = Tool.make("fail", { failureMode: "error", handler: () => Effect.fail("no" as const) })
      let stored: ToolLoop.State | undefined
      // The other call fails while the result is stored.
      const save = (state: ToolLoop.State) =>
        Effect.delay(Effect.sync(() => void (stored = state)), state.calls.length === 0 ? 0 : 1)
      const exit = yield* ToolLoop.run("?", { tools: [auto, fail], save }).pipe(
        Effect.exit,
        Effect.provide(TestChat.layer([asks(text("1", "auto"), call("2", "fail"))]))
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(stored?.calls.map(({ status }) => status), ["settled", "started"])
    }))

  it.effect("saves before each request, before a handler, after its result, and when calls wait", () =>
    Effect.gen(function*() {
      const { tools } = kinds()
      const saved: Array<ToolLoop.State> = []
      yield* ToolLoop.run("?", {
        tools,
        id: "run-7",
        concurrency: 1,
        save: (state) => Effect.sync(() => void saved.push(state))
      }).pipe(Effect.provide(TestChat.layer([asks(text("1", "auto")), asks(text("2", "auto"), text("3", "guarded"))])))
      assert.deepStrictEqual(
        saved.map(({ calls, messages }) => [messages.length, ...calls.map(({ status }) => status)]),
        [
          [0],
          [0, "started"],
          [0, "settled"],
          [2],
          [2, "started", "approval"],
          [2, "settled", "approval"],
          [2, "settled", "approval"]
        ]
      )
      assert.deepStrictEqual(saved.map(({ revision }) => revision), [1, 2, 3, 4, 5, 6, 7])
      assert.isTrue(saved.every(({ id }) => id === "run-7"))
    }))

  it.effect("keeps concurrency, the limit of steps and the failure mode as `run` does", () =>
    Effect.gen(function*() {
      const { seen, tool } = sleeper()
      const tools = [Tool.withApproval(tool)] as const
      const calls = Array.from({ length: 5 }, (_, index) => call(`${index}`, "sleep", { millis: 10 }))
      const { state } = yield* untilWaiting(asks(...calls), { tools })
      const answers = calls.map(({ id }) => ({ type: "approve" as const, callId: id }))
      const fiber = yield* Effect.forkChild(
        Effect.provide(ToolLoop.resume(state, answers, { tools, concurrency: 2, maxSteps: 1 }), TestChat.layer())
      )
      yield* until(() => seen.started.length > 0)
      for (let index = 0; index < 5; index++) yield* TestClock.adjust(10)
      const outcome = yield* Fiber.join(fiber)
      assert.strictEqual(seen.most, 2)
      assert.strictEqual(outcome.reason, "max-steps")
      assert.deepStrictEqual(outcome.messages.map(({ role }) => role), ["assistant", "tool"])
      const failing = Tool.withApproval(
        Tool.make("fail", { failureMode: "error", handler: () => Effect.fail("no" as const) })
      )
      const waits = yield* untilWaiting(asks(call("1", "fail")), { tools: [failing] })
      const error = yield* ToolLoop.resume(waits.state, [{ type: "approve", callId: "1" }], { tools: [failing] }).pipe(
        Effect.flip,
        Effect.provide(TestChat.layer())
      )
      assert.strictEqual(error, "no")
    }))

  it.effect("counts steps, usage and ids over the whole run", () =>
    Effect.gen(function*() {
      const { auto, guarded } = kinds()
      const tools = [auto, guarded] as const
      const first = waiting(
        yield* Effect.provide(
          ToolLoop.run("?", { tools }),
          TestChat.layer([asks(text("1", "auto")), asks(text("1", "guarded"))])
        )
      )
      assert.deepStrictEqual(first.pending.map(({ call }) => call.id), ["1-2"])
      const { value } = yield* scripted(
        [asks(text("1", "auto")), says("done")],
        ToolLoop.resume(first.state, [{ type: "approve", callId: "1-2" }], { tools })
      )
      assert.strictEqual(value?.steps, 4)
      assert.strictEqual(value?.usage.inputTokens, 40)
      assert.deepStrictEqual(resultsOf(value?.messages ?? []).map(({ id }) => id), ["1", "1-2", "1-3"])
    }))

  it.effect("fails for a wrong call of the tool that was called wrongly before the loop waited", () =>
    Effect.gen(function*() {
      const { auto, guarded } = kinds()
      const tools = [auto, guarded] as const
      const { state } = yield* untilWaiting(asks(call("1", "auto"), text("2", "guarded")), { tools })
      const error = yield* ToolLoop.resume(state, [{ type: "deny", callId: "2" }], { tools }).pipe(
        Effect.flip,
        Effect.provide(TestChat.layer([asks(call("3", "auto"))]))
      )
      assert.strictEqual(error._tag, "ToolCallError")
    }))
})
