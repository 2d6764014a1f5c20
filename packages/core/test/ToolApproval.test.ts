import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { asks, call, says } from "./ToolFixture.ts"
import { kinds, scripted, waiting } from "./ToolWaitingFixture.ts"

class Limits extends Context.Service<Limits, { readonly most: number }>()("test/Limits") {}

const text = (id: string, name: string, text = id) => call(id, name, { text })

/** A run until calls wait. */
const untilWaiting = <const Tools extends ReadonlyArray<Tool.Any>>(
  answer: TestChat.Answer,
  options: ToolLoop.Options<Tools>
) => Effect.map(ToolLoop.run("?", options), waiting).pipe(Effect.provide(TestChat.layer([answer])))

const resultsOf = (messages: ReadonlyArray<Message.Message>) =>
  messages.flatMap((message) => message.role === "tool" ? message.content : [])

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

describe("ToolLoop.resume: decisions", () => {
  const decisions = ["approve", "deny", "expire", "later"] as const

  const kindsOfCall = ["auto", "guarded", "place"] as const

  it.effect("case 47: asks the model when each of three calls has exactly one result, in all mixes of decisions", () =>
    Effect.gen(function*() {
      const mixes = kindsOfCall.flatMap((a) => kindsOfCall.flatMap((b) => kindsOfCall.map((c) => [a, b, c] as const)))
      for (const mix of mixes) {
        // What runs by itself needs no answer.
        const [ofFirst, ofSecond, ofThird] = mix.map((name) => name === "auto" ? ["approve" as const] : decisions)
        const answers = ofFirst!.flatMap((a) => ofSecond!.flatMap((b) => ofThird!.map((c) => [a, b, c] as const)))
        const { ran, tools } = kinds()
        const calls = mix.map((name, index) => text(`${index}`, name))
        const first = yield* Effect.provide(ToolLoop.run("?", { tools }), TestChat.layer([asks(...calls), "done"]))
        if (first.reason !== "pending") {
          assert.deepStrictEqual([...ran].sort(), ["0", "1", "2"])
          continue
        }
        const before = [...ran]
        for (const answer of answers) {
          ran.length = 0
          const given = mix.flatMap((name, index): ReadonlyArray<ToolLoop.Decision> => {
            const callId = `${index}`
            const type = answer[index]!
            if (name === "auto" || type === "later") return []
            return type === "approve" && name === "place"
              ? [{ type: "result", callId, result: { lat: 1, lon: 2 } }]
              : [{ type, callId }]
          })
          const { requests, value } = yield* scripted(["done"], ToolLoop.resume(first.state, given, { tools }))
          const later = mix.flatMap((name, index) => name !== "auto" && answer[index] === "later" ? [`${index}`] : [])
          const approved = mix.flatMap((name, index) =>
            name === "guarded" && answer[index] === "approve" ? [`${index}`] : []
          )
          const at = `${mix} ${answer}`
          assert.deepStrictEqual([...ran].sort(), approved, at)
          assert.deepStrictEqual(before.filter((id) => ran.includes(id)), [], at)
          if (later.length > 0) {
            assert.deepStrictEqual(waiting(value!).pending.map(({ call }) => call.id), later, at)
            assert.strictEqual(requests.length, 0, at)
          } else {
            const results = resultsOf(requests[0]!.messages)
            assert.deepStrictEqual(results.map(({ id }) => id), ["0", "1", "2"], at)
            assert.deepStrictEqual(
              results.map(({ isFailure = false }) => isFailure),
              mix.map((name, index) => name !== "auto" && answer[index] !== "approve"),
              at
            )
            assert.strictEqual(requests.length, 1, at)
          }
        }
      }
    }))

  it.effect("case 47: applies none of the answers when one is refused", () =>
    Effect.gen(function*() {
      const { guarded, ran } = kinds()
      const { state } = yield* untilWaiting(asks(text("1", "guarded"), text("2", "guarded")), { tools: [guarded] })
      const saved: Array<ToolLoop.State> = []
      const refuse = (...answers: ReadonlyArray<ToolLoop.Decision>) =>
        ToolLoop.resume(state, answers, {
          tools: [guarded],
          save: (state) => Effect.sync(() => void saved.push(state))
        }).pipe(
          Effect.flip,
          Effect.map((error) => error._tag === "DecisionError" ? error.reason : error._tag),
          Effect.provide(TestChat.layer())
        )
      const approve = { type: "approve", callId: "1" } as const
      assert.deepStrictEqual(
        [
          yield* refuse(approve, { type: "approve", callId: "3" }),
          yield* refuse(approve, { type: "deny", callId: "1" }),
          yield* refuse(approve, { type: "result", callId: "2", result: "forged" }),
          yield* refuse(approve, { type: "approve", callId: "2", params: { text: 7 } })
        ],
        ["unknown-call", "duplicate", "wrong-kind", "invalid-params"]
      )
      assert.deepStrictEqual([ran, saved], [[], []])
    }))

  it.effect("case 51: tells denied, expired, superseded, failed and unknown apart, to the model and in the stream", () =>
    Effect.gen(function*() {
      const { auto, guarded, place } = kinds()
      const failing = Tool.withApproval(Tool.make("failing", { handler: () => Effect.fail("too dark") }))
      const tools = [auto, guarded, place, failing] as const
      const calls = [text("1", "guarded"), text("2", "guarded"), text("3", "guarded"), call("4", "failing")]
      const { state } = yield* untilWaiting(asks(...calls, text("5", "auto")), { tools })
      const crashed: ToolLoop.State = {
        ...state,
        calls: state.calls.map((current) =>
          current.call.id === "5" ? { status: "started", call: current.call } : current
        )
      }
      const events = yield* Stream.runCollect(
        ToolLoop.resumeStream(crashed, [
          { type: "approve", callId: "4" },
          { type: "deny", callId: "1", reason: "not this account" },
          { type: "expire", callId: "2" }
        ], { tools, messages: "What is the weather?" })
      ).pipe(Effect.provide(TestChat.layer([says("sunny")])))
      const results = events.filter((event) => event.type === "tool-result")
      assert.deepStrictEqual(
        Object.fromEntries(results.map(({ call, outcome }) => [call.id, outcome])),
        { 1: "denied", 2: "expired", 3: "superseded", 4: "failed", 5: "unknown" }
      )
      assert.isTrue(results.every(({ isFailure }) => isFailure))
      const texts = new Map(results.map(({ call, result }) => [call.id, String(result)]))
      for (const id of ["1", "2", "3"]) assert.include(texts.get(id), "The tool was not run")
      assert.include(texts.get("1"), "not this account")
      assert.include(texts.get("1"), "not a rule")
      assert.strictEqual(texts.get("4"), "too dark")
      assert.include(texts.get("5"), "not known")
      assert.strictEqual(new Set(texts.values()).size, 5)
      const last = events.at(-1)
      assert(last?.type === "outcome")
      assert.deepStrictEqual(
        resultsOf(last.outcome.messages).map(({ id, result }) => [id, result]),
        [...texts].sort()
      )
      assert.deepStrictEqual(last.outcome.messages.slice(2), [
        Message.user("What is the weather?"),
        Message.assistant([Message.text("sunny")])
      ])
    }))

  it.effect("case 51: stores an edited call with its input, says so to the model, and runs it", () =>
    Effect.gen(function*() {
      const { guarded, ran } = kinds()
      const first = yield* untilWaiting(asks(Message.text("Shall I?"), text("1", "guarded", "all")), {
        tools: [guarded]
      })
      const steps: Array<ToolLoop.Step> = []
      const { requests, value } = yield* scripted(
        ["done"],
        ToolLoop.resume(first.state, [{ type: "approve", callId: "1", params: { text: "half" } }], {
          tools: [guarded],
          onStep: (step) => Effect.sync(() => void steps.push(step))
        })
      )
      assert.deepStrictEqual(ran, ["half"])
      const [, assistant, tool] = requests[0]!.messages
      assert.deepStrictEqual(assistant, Message.assistant([Message.text("Shall I?"), text("1", "guarded", "half")]))
      const [result] = resultsOf([tool!])
      assert.strictEqual(result?.result, "ran half")
      assert.deepStrictEqual(result?.parts?.slice(1), [Message.text("ran half")])
      assert.include(JSON.stringify(result?.parts?.[0]), "changed the arguments")
      assert.deepStrictEqual(
        steps[0]?.results.map(({ call, outcome, writtenParams }) => [call.params, outcome, writtenParams]),
        [[{ text: "half" }, "success", { text: "all" }]]
      )
      assert.strictEqual(value?.reason, "finished")
    }))

  it.effect("case 46: a new message settles open calls as superseded, and the next request is valid", () =>
    Effect.gen(function*() {
      const { guarded, place, ran } = kinds()
      const tools = [guarded, place] as const
      const { state } = yield* untilWaiting(asks(text("1", "guarded"), text("2", "place")), { tools })
      const { requests, value } = yield* scripted(["ok"], ToolLoop.resume(state, [], { tools, messages: "Never mind" }))
      assert.deepStrictEqual(ran, [])
      assert.strictEqual(value?.reason, "finished")
      const messages = requests[0]!.messages
      assert.deepStrictEqual(messages.map(({ role }) => role), ["user", "assistant", "tool", "user"])
      assert.deepStrictEqual(resultsOf(messages).map(({ id, isFailure }) => [id, isFailure]), [["1", true], [
        "2",
        true
      ]])
      assert.deepStrictEqual(messages.at(-1), Message.user("Never mind"))
      assert.deepStrictEqual(value?.messages.map(({ role }) => role), ["assistant", "tool", "user", "assistant"])
    }))

  it.effect("case 46: a late answer is refused with a typed error that says how the call ended", () =>
    Effect.gen(function*() {
      const { guarded, place, ran } = kinds()
      const tools = [guarded, place] as const
      const { state } = yield* untilWaiting(asks(text("1", "guarded"), text("2", "place")), { tools })
      const late = (state: ToolLoop.State, answer: ToolLoop.Decision) =>
        ToolLoop.resume(state, [answer], { tools }).pipe(Effect.flip, Effect.provide(TestChat.layer()))
      const saved: Array<ToolLoop.State> = []
      yield* scripted(
        [asks(text("3", "guarded"))],
        ToolLoop.resume(state, [], {
          tools,
          messages: "Never mind",
          save: (state) => Effect.sync(() => void saved.push(state))
        })
      )
      const inHistory = yield* late(saved.at(-1)!, { type: "approve", callId: "1" })
      assert(inHistory._tag === "DecisionError")
      assert.strictEqual(inHistory.reason, "already-answered")
      const parted = waiting(
        yield* Effect.provide(ToolLoop.resume(state, [{ type: "expire", callId: "1" }], { tools }), TestChat.layer())
      )
      const inStep = yield* late(parted.state, { type: "approve", callId: "1" })
      assert(inStep._tag === "DecisionError")
      assert.deepStrictEqual([inStep.reason, inStep.outcome], ["already-answered", "expired"])
      assert.deepStrictEqual(ran, [])
    }))

  it.effect("has the events of the rest of the loop, and `tool-pending` where calls wait", () =>
    Effect.gen(function*() {
      const { auto, guarded } = kinds()
      const tools = [auto, guarded] as const
      const first = yield* Stream.runCollect(ToolLoop.stream("?", { tools })).pipe(
        Effect.provide(TestChat.layer([asks(text("1", "guarded"), text("2", "auto"))]))
      )
      assert.deepStrictEqual(first.slice(-3).map(({ type }) => type), ["tool-result", "tool-pending", "outcome"])
      const outcome = first.at(-1)
      assert(outcome?.type === "outcome")
      const { state } = waiting(outcome.outcome)
      const events = yield* Stream.runCollect(
        ToolLoop.resumeStream(state, [{ type: "approve", callId: "1" }], { tools })
      ).pipe(Effect.provide(TestChat.layer([says("done")])))
      assert.deepStrictEqual(events.map(({ type }) => type), [
        "tool-result",
        "step",
        "text-delta",
        "finish",
        "step",
        "outcome"
      ])
      const steps = events.filter((event) => event.type === "step")
      assert.deepStrictEqual(steps.map(({ index }) => index), [0, 1])
      assert.deepStrictEqual(steps[0]?.results.map(({ call }) => call.id), ["1", "2"])
    }))
})
