import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { asks, call, says } from "./ToolFixture.ts"
import { kinds, resultsOf, scripted, text, untilWaiting, waiting } from "./ToolWaitingFixture.ts"

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

  it.effect("case 51: takes a call that is approved with its own arguments for one that was not edited", () =>
    Effect.gen(function*() {
      const { guarded } = kinds()
      const { state } = yield* untilWaiting(asks(call("1", "guarded", { text: "a", more: 1 })), { tools: [guarded] })
      const { requests } = yield* scripted(
        ["done"],
        ToolLoop.resume(state, [{ type: "approve", callId: "1", params: { more: 1, text: "a" } }], { tools: [guarded] })
      )
      assert.deepStrictEqual(resultsOf(requests[0]!.messages), [{ type: "tool-result", id: "1", result: "ran a" }])
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

  it.effect("case 46: a blank message settles nothing: it is refused", () =>
    Effect.gen(function*() {
      const { guarded } = kinds()
      const { state } = yield* untilWaiting(asks(text("1", "guarded")), { tools: [guarded] })
      for (const messages of [" ", [{ role: "user" }], 7] as ReadonlyArray<unknown>) {
        const error = yield* ToolLoop.resume(state, [], { tools: [guarded], messages: messages as string }).pipe(
          Effect.flip,
          Effect.provide(TestChat.layer())
        )
        assert.strictEqual(error._tag, "InvalidRequestError")
      }
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
