import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { asks, call, says, sleeper } from "./ToolFixture.ts"
import { kinds, scripted, waiting } from "./ToolWaitingFixture.ts"

const text = (id: string, name: string, text = id) => call(id, name, { text })

const untilWaiting = <const Tools extends ReadonlyArray<Tool.Any>>(
  answer: TestChat.Answer,
  options: ToolLoop.Options<Tools>
) => Effect.map(ToolLoop.run("?", options), waiting).pipe(Effect.provide(TestChat.layer([answer])))

const resultsOf = (messages: ReadonlyArray<Message.Message>) =>
  messages.flatMap((message) => message.role === "tool" ? message.content : [])

/** Lets Web Crypto work, which the test clock does not wait for. */
const until = (isDone: () => boolean) =>
  Effect.gen(function*() {
    while (!isDone()) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  })

/** Why an answer to a state is refused. */
const refusal = (
  state: ToolLoop.State,
  answers: ReadonlyArray<ToolLoop.Decision>,
  tools: ReadonlyArray<Tool.Tool<string, unknown, unknown>>
) =>
  ToolLoop.resume(state, answers, { tools }).pipe(
    Effect.flip,
    Effect.map((error) => error._tag === "DecisionError" || error._tag === "StateError" ? error.reason : error._tag),
    Effect.provide(TestChat.layer(["done"]))
  )

describe("ToolLoop.resume: the state is the authority", () => {
  it.effect("case 44: an approval for a call that the state does not hold runs nothing", () =>
    Effect.gen(function*() {
      const { guarded, ran } = kinds()
      const { state } = yield* untilWaiting(asks(text("1", "guarded")), { tools: [guarded] })
      assert.strictEqual(yield* refusal(state, [{ type: "approve", callId: "2" }], [guarded]), "unknown-call")
      // A call that is not of the answer of the model.
      const forged: ToolLoop.State = {
        ...state,
        calls: [...state.calls, { status: "ready", isApproved: true, call: text("2", "guarded") }]
      }
      assert.strictEqual(yield* refusal(forged, [], [guarded]), "malformed")
      const twice: ToolLoop.State = { ...state, calls: [...state.calls, ...state.calls] }
      assert.strictEqual(yield* refusal(twice, [], [guarded]), "malformed")
      const none: ToolLoop.State = { ...state, calls: [] }
      assert.strictEqual(yield* refusal(none, [], [guarded]), "malformed")
      assert.deepStrictEqual(ran, [])
    }))

  it.effect("case 44: an answer is used once", () =>
    Effect.gen(function*() {
      const { guarded, ran } = kinds()
      const tools = [guarded] as const
      const { state } = yield* untilWaiting(asks(text("1", "guarded"), text("2", "guarded")), { tools })
      const approve = [{ type: "approve", callId: "1" }] as const
      const next = waiting(yield* Effect.provide(ToolLoop.resume(state, approve, { tools }), TestChat.layer()))
      assert.strictEqual(yield* refusal(next.state, approve, tools), "already-answered")
      assert.deepStrictEqual(ran, ["1"])
    }))

  it.effect("case 44: checks input and policy again before a call runs", () =>
    Effect.gen(function*() {
      const { auto, guarded, ran } = kinds()
      const tools = [auto, guarded] as const
      const saved: Array<ToolLoop.State> = []
      yield* untilWaiting(asks(text("1", "auto"), text("2", "guarded")), {
        tools,
        save: (state) => Effect.sync(() => void saved.push(state))
      })
      ran.length = 0
      // The process died before the first call was started.
      const state: ToolLoop.State = {
        ...saved.at(-1)!,
        calls: [{ status: "ready", call: text("1", "auto") }, { status: "approval", call: text("2", "guarded") }]
      }
      const stricter = [Tool.withApproval(auto), guarded] as const
      const asked = waiting(yield* Effect.provide(ToolLoop.resume(state, [], { tools: stricter }), TestChat.layer()))
      assert.deepStrictEqual(asked.pending.map(({ call, kind }) => [call.id, kind]), [
        ["1", "approval"],
        ["2", "approval"]
      ])
      const altered: ToolLoop.State = {
        ...state,
        calls: [{ status: "ready", call: call("1", "auto", { text: 7 }) }, state.calls[1]!]
      }
      const { state: settled } = waiting(
        yield* Effect.provide(ToolLoop.resume(altered, [], { tools }), TestChat.layer())
      )
      assert.strictEqual(settled.calls[0]?.status === "settled" && settled.calls[0].outcome, "failed")
      assert.deepStrictEqual(ran, [])
    }))

  it.effect("case 44: a store that refuses a revision it has lets one of two resumes go on", () =>
    Effect.gen(function*() {
      const { guarded, ran } = kinds()
      const tools = [guarded] as const
      let revision = -1
      const save = (state: ToolLoop.State) =>
        Effect.suspend(() => {
          if (state.revision <= revision) return Effect.fail("conflict" as const)
          revision = state.revision
          return Effect.void
        })
      const outcome = yield* Effect.provide(
        ToolLoop.run("?", { tools, save }),
        TestChat.layer([asks(text("1", "guarded"))])
      )
      const { state } = waiting(outcome)
      const approve = ToolLoop.resume(state, [{ type: "approve", callId: "1" }], { tools, save }).pipe(
        Effect.provide(TestChat.layer(["done"])),
        Effect.exit
      )
      const exits = yield* Effect.all([approve, approve], { concurrency: 2 })
      assert.deepStrictEqual(ran, ["1"])
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
    }))

  it.effect("case 40: refuses an approval for a tool with another definition, which can still be denied", () =>
    Effect.gen(function*() {
      const { guarded, ran } = kinds()
      const { state } = yield* untilWaiting(asks(text("1", "guarded")), { tools: [guarded] })
      const changed = { ...guarded, description: "Deletes everything" }
      assert.strictEqual(yield* refusal(state, [{ type: "approve", callId: "1" }], [changed]), "tool-changed")
      assert.deepStrictEqual(ran, [])
      const { value } = yield* scripted(
        ["done"],
        ToolLoop.resume(state, [{ type: "deny", callId: "1" }], { tools: [changed] })
      )
      assert.strictEqual(value?.reason, "finished")
      // The order of the keys of a schema does not matter.
      const schema = (properties: object) =>
        Tool.withApproval(
          Tool.dynamic("d", { inputSchema: { type: "object", properties }, handler: () => Effect.succeed("ran") })
        )
      const first = yield* untilWaiting(asks(call("1", "d")), { tools: [schema({ a: {}, b: {} })] })
      const again = yield* scripted(
        ["done"],
        ToolLoop.resume(first.state, [{ type: "approve", callId: "1" }], { tools: [schema({ b: {}, a: {} })] })
      )
      assert.strictEqual(resultsOf(again.requests[0]!.messages)[0]?.result, "ran")
    }))

  it.effect("case 40: a call of a tool that is gone, or ready to run and changed, is a failed result", () =>
    Effect.gen(function*() {
      const { auto, guarded, place, ran } = kinds()
      const calls = [text("1", "guarded"), text("2", "place"), text("3", "auto"), text("4", "guarded")]
      const { state } = yield* untilWaiting(asks(...calls), { tools: [auto, guarded, place] })
      ran.length = 0
      const crashed: ToolLoop.State = { ...state, calls: state.calls.with(2, { status: "ready", call: calls[2]! }) }
      const { requests } = yield* scripted(
        ["done"],
        ToolLoop.resume(crashed, [{ type: "approve", callId: "1" }, { type: "deny", callId: "4" }], {
          tools: [{ ...auto, description: "other" }]
        })
      )
      const results = resultsOf(requests[0]!.messages).map(({ isFailure, result }) => [isFailure, result])
      assert.deepStrictEqual(results.map(([isFailure]) => isFailure), [true, true, true, true])
      assert.include(String(results[0]?.[1]), "no longer there")
      assert.include(String(results[1]?.[1]), "no longer there")
      assert.include(String(results[2]?.[1]), "another one now")
      assert.include(String(results[3]?.[1]), "declined")
      assert.deepStrictEqual(ran, [])
    }))
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

describe("ToolLoop.resume: the stream", () => {
  it.effect("has the same requests and outcome as `resume`", () =>
    Effect.gen(function*() {
      const { auto, guarded, place } = kinds()
      const tools = [auto, guarded, place] as const
      const { state } = yield* untilWaiting(asks(text("1", "guarded"), text("2", "place"), text("3", "auto")), {
        tools
      })
      const answers: ReadonlyArray<ToolLoop.Decision> = [
        { type: "approve", callId: "1" },
        { type: "result", callId: "2", result: { lat: 1, lon: 2 } }
      ]
      const replies = [asks(text("4", "auto")), says("done")]
      const whole = yield* scripted(replies, ToolLoop.resume(state, answers, { tools }))
      const streamed = yield* scripted(
        replies,
        Stream.runCollect(ToolLoop.resumeStream(state, answers, { tools }))
      )
      const last = streamed.value?.at(-1)
      assert(last?.type === "outcome")
      assert.deepStrictEqual(last.outcome, whole.value)
      assert.deepStrictEqual(streamed.requests, whole.requests)
    }))
})
