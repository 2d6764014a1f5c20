import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import type * as ChatService from "@strata/core/chat/ChatService"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { asks, call, says } from "./ToolFixture.ts"
import { kinds, resultsOf, scripted, text, untilWaiting, waiting } from "./ToolWaitingFixture.ts"

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

describe("ToolLoop.resume: types", () => {
  it("has the errors and requirements of tools and hooks, and those of a resume", () => {
    class Store extends Context.Service<Store, {}>()("test/Store") {}
    const tool = Tool.withApproval(
      Tool.make("t", { failureMode: "error", handler: () => Effect.fail("of the tool" as const) })
    )
    const resumed = (state: ToolLoop.State) =>
      ToolLoop.resume(state, [], {
        tools: [tool],
        save: () => Effect.andThen(Store, Effect.fail("of the store" as const))
      })
    type Resumed = ReturnType<typeof resumed>
    expectTypeOf<Effect.Error<Resumed>>().toEqualTypeOf<
      | ChatService.ChatError
      | Tool.ToolCallError
      | Tool.ToolDefectError
      | ToolLoop.DecisionError
      | ToolLoop.StateError
      | "of the tool"
      | "of the store"
    >()
    expectTypeOf<Effect.Services<Resumed>>().toEqualTypeOf<ChatService.ChatService | Store>()
  })
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
