import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { asks, call, says } from "./ToolFixture.ts"
import { kinds, resultsOf, scripted, text, untilWaiting, waiting } from "./ToolWaitingFixture.ts"

class Limits extends Context.Service<Limits, { readonly most: number }>()("test/Limits") {}

describe("Tool.withApproval", () => {
  it.effect("changes nothing of the tool but its policy", () =>
    Effect.gen(function*() {
      const { auto } = kinds()
      const guarded = Tool.withApproval({ ...auto, strict: true, repeatable: true, description: "d" })
      const { prepare: _, ...rest } = guarded
      const { prepare: __, ...own } = auto
      assert.deepStrictEqual(rest, { ...own, strict: true, repeatable: true, description: "d" })
      assert.strictEqual((yield* Tool.call(guarded, { text: "a" })).result, "ran a")
      const dynamic = Tool.dynamic("d", { inputSchema: { type: "object" }, handler: () => Effect.void })
      assert.deepStrictEqual(yield* Tool.definition(Tool.withApproval(dynamic)), yield* Tool.definition(dynamic))
    }))

  it("keeps the requirements of the tool and adds those of the policy, also within an array of tools", () => {
    const servicesOf = <const Tools extends ReadonlyArray<Tool.Any>>(_: Tools) =>
      expectTypeOf<Tool.Services<Tools[number]>>()
    const tool = Tool.make("t", { handler: () => Effect.void })
    const limited = Tool.make("l", { handler: () => Effect.asVoid(Limits) })
    servicesOf([tool, Tool.withApproval(tool)]).toEqualTypeOf<never>()
    servicesOf([limited, Tool.withApproval(tool, () => false)]).toEqualTypeOf<Limits>()
    servicesOf([tool, Tool.withApproval(tool, () => Effect.as(Limits, true))]).toEqualTypeOf<Limits>()
  })

  it.effect("asks by the decoded input, with services; several policies may each ask", () =>
    Effect.gen(function*() {
      const amount = Tool.make("pay", {
        input: Schema.Struct({ amount: Schema.FiniteFromString }),
        handler: ({ amount }) => Effect.succeed(amount)
      })
      const limited = Tool.withApproval(amount, ({ amount }) => Effect.map(Limits, ({ most }) => amount > most))
      expectTypeOf<Tool.Services<typeof limited>>().toEqualTypeOf<Limits>()
      const both = Tool.withApproval(limited, ({ amount }) => amount < 0)
      const pending = (tool: Tool.Tool<string, unknown, unknown, never, Limits>, amount: string) =>
        ToolLoop.run("?", { tools: [tool] }).pipe(
          Effect.provide(TestChat.layer([asks(call("1", "pay", { amount })), "done"])),
          Effect.provideService(Limits, { most: 100 }),
          Effect.map(({ reason }) => reason === "pending")
        )
      assert.deepStrictEqual(
        yield* Effect.forEach(["50", "101", "-1"], (amount) => pending(both, amount)),
        [false, true, true]
      )
      assert.isFalse(yield* pending(limited, "-1"))
    }))

  it.effect("decodes the arguments of a call once", () =>
    Effect.gen(function*() {
      let decoded = 0
      const text = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transform((text: string) => {
          decoded++
          return text
        }),
        encode: SchemaGetter.passthrough()
      }))
      const tool = Tool.make("auto", { input: Schema.Struct({ text }), handler: ({ text }) => Effect.succeed(text) })
      yield* ToolLoop.run("?", { tools: [tool] }).pipe(
        Effect.provide(TestChat.layer([asks(call("1", "auto", { text: "a" })), "done"]))
      )
      assert.strictEqual(decoded, 1)
    }))

  it.effect("asks where the policy fails, throws, dies, or says nothing sensible", () =>
    Effect.gen(function*() {
      const { auto, ran } = kinds()
      const policies: ReadonlyArray<() => unknown> = [
        () => Effect.fail("no"),
        () => Effect.die("no"),
        () => {
          throw new Error("no")
        },
        () => undefined,
        () => Promise.resolve(false)
      ]
      for (const policy of policies) {
        const tool = Tool.withApproval(auto, policy as () => boolean)
        const { pending } = yield* untilWaiting(asks(text("1", "auto")), { tools: [tool] })
        assert.deepStrictEqual(pending, [{ call: text("1", "auto"), kind: "approval" }])
      }
      assert.deepStrictEqual(ran, [])
    }))

  it.effect("case 50: validates the input before the question, and tells the model what is wrong without asking", () =>
    Effect.gen(function*() {
      const { guarded, ran } = kinds()
      const asked: Array<unknown> = []
      const tool = Tool.withApproval(guarded, (input) => asked.push(input) > 0)
      const { requests, value } = yield* scripted(
        [asks(call("1", "guarded", { txt: 1 })), asks(text("2", "guarded"))],
        ToolLoop.run("?", { tools: [tool] })
      )
      assert.deepStrictEqual(waiting(value!).pending, [{ call: text("2", "guarded"), kind: "approval" }])
      assert.include(String(resultsOf(requests[1]!.messages)[0]?.result), `at ["text"]`)
      assert.deepStrictEqual([asked, ran], [[], []])
      const again = yield* Effect.flip(
        ToolLoop.run("?", { tools: [tool] }).pipe(
          Effect.provide(TestChat.layer([asks(call("1", "guarded")), asks(call("2", "guarded"))]))
        )
      )
      assert.strictEqual(again._tag, "ToolCallError")
    }))
})

describe("ToolLoop: calls that wait", () => {
  it.effect("case 52: runs the other calls of the step, then ends as pending with the full call", () =>
    Effect.gen(function*() {
      const { auto, place, ran } = kinds()
      const saved: Array<ToolLoop.State> = []
      const steps: Array<ToolLoop.Step> = []
      const { requests, value } = yield* scripted(
        [asks(text("1", "place"), text("2", "auto"), call("3", "auto"))],
        ToolLoop.run("?", {
          tools: [auto, place],
          save: (state) => Effect.sync(() => void saved.push(state)),
          onStep: (step) => Effect.sync(() => void steps.push(step))
        })
      )
      const outcome = waiting(value!)
      assert.deepStrictEqual(outcome.pending, [{ call: text("1", "place"), kind: "result" }])
      assert.deepStrictEqual(ToolLoop.pendingOf(outcome.state), outcome.pending)
      assert.deepStrictEqual(outcome.state.calls.map(({ status }) => status), ["result", "settled", "settled"])
      assert.deepStrictEqual(ran, ["2"])
      assert.deepStrictEqual([outcome.messages, outcome.steps, requests.length, steps], [[], 1, 1, []])
      assert.deepStrictEqual(saved.at(-1), outcome.state)
    }))

  it.effect("case 52: takes results, failures and cancellations by call id, in any order and in parts", () =>
    Effect.gen(function*() {
      const { place } = kinds()
      const { state } = yield* untilWaiting(
        asks(text("1", "place"), text("2", "place"), text("3", "place"), text("4", "place")),
        { tools: [place] }
      )
      const image = { type: "image" as const, mediaType: "image/png", source: { bytes: Uint8Array.of(1) } }
      const { requests, value } = yield* scripted(
        [says("done")],
        ToolLoop.resume(state, [
          { type: "deny", callId: "3", reason: "closed the tab" },
          { type: "result", callId: "2", result: "no permission", isFailure: true }
        ], { tools: [place] }).pipe(
          Effect.map(waiting),
          Effect.flatMap(({ pending, state }) => {
            assert.deepStrictEqual(pending.map(({ call }) => call.id), ["1", "4"])
            return ToolLoop.resume(state, [
              { type: "result", callId: "4", result: { lat: 1, lon: 2 }, parts: [image] },
              { type: "result", callId: "1", result: { lat: 3, lon: 4 } }
            ], { tools: [place] })
          })
        )
      )
      assert.strictEqual(value?.reason, "finished")
      assert.strictEqual(requests.length, 1)
      const results = resultsOf(requests[0]!.messages)
      assert.deepStrictEqual(results[0], { type: "tool-result", id: "1", result: { lat: 3, lon: 4 } })
      assert.deepStrictEqual(results[1], { type: "tool-result", id: "2", result: "no permission", isFailure: true })
      assert.include(String(results[2]?.result), "cancelled")
      assert.include(String(results[2]?.result), "closed the tab")
      assert.deepStrictEqual(results[3], {
        type: "tool-result",
        id: "4",
        result: { lat: 1, lon: 2 },
        parts: [image]
      })
    }))

  it.effect("case 52: checks a result against the output of the tool, and keeps the state when it is refused", () =>
    Effect.gen(function*() {
      const { place } = kinds()
      const { state } = yield* untilWaiting(asks(text("1", "place")), { tools: [place] })
      for (const result of [{ lat: "north" }, undefined, null, "here"]) {
        const { exit, requests } = yield* scripted(
          ["done"],
          ToolLoop.resume(state, [{ type: "result", callId: "1", result }], { tools: [place] })
        )
        const error = yield* Effect.flip(exit)
        assert(error._tag === "DecisionError")
        assert.deepStrictEqual([error.reason, error.callId, error.tool], ["invalid-result", "1", "place"])
        assert.strictEqual(requests.length, 0)
      }
      const parts = [{ type: "picture" }] as never
      const error = yield* ToolLoop.resume(state, [{ type: "result", callId: "1", parts, isFailure: true }], {
        tools: [place]
      }).pipe(Effect.flip, Effect.provide(TestChat.layer()))
      assert.strictEqual(error._tag === "DecisionError" && error.reason, "invalid-result")
    }))

  it.effect("asks for approval first, then for the result, of a tool with both", () =>
    Effect.gen(function*() {
      const { place } = kinds()
      const tools = [Tool.withApproval(place)] as const
      const first = yield* untilWaiting(asks(text("1", "place")), { tools })
      assert.deepStrictEqual(first.pending.map(({ kind }) => kind), ["approval"])
      const second = waiting(
        yield* Effect.provide(
          ToolLoop.resume(first.state, [{ type: "approve", callId: "1" }], { tools }),
          TestChat.layer()
        )
      )
      assert.deepStrictEqual(second.pending.map(({ kind }) => kind), ["result"])
      const { value } = yield* scripted(
        ["done"],
        ToolLoop.resume(second.state, [{ type: "result", callId: "1", result: { lat: 1, lon: 2 } }], { tools })
      )
      assert.strictEqual(value?.reason, "finished")
    }))
})
