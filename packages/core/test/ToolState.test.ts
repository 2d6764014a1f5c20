import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as TestChat from "@strata/core/testing/TestChat"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { asks, call, says } from "./ToolFixture.ts"
import { kinds, scripted, text, waiting } from "./ToolWaitingFixture.ts"

/** Through text, as a file or a database keeps it. */
const stored = (state: ToolLoop.State) =>
  Effect.flatMap(
    ToolLoop.encode(state),
    (json) => ToolLoop.decode(JSON.parse(JSON.stringify(json)))
  )

const fixture = (version: number): unknown =>
  JSON.parse(Fs.readFileSync(Path.join(import.meta.dirname, `fixtures/tool-loop-state-${version}.json`), "utf8"))

const image = (...bytes: ReadonlyArray<number>): Message.ImagePart => ({
  type: "image",
  mediaType: "image/png",
  source: { bytes: Uint8Array.from(bytes) }
})

/** A conversation with what is hard to keep: bytes, signatures, data of providers, large integers, and odd keys. */
const input = (bytes: ReadonlyArray<number>) => ({
  messages: [
    Message.system("Be brief"),
    Message.user([Message.text("What is this?"), image(...bytes)]),
    Message.assistant([
      { type: "reasoning", text: "hm", signature: "sig", redacted: Uint8Array.from(bytes) },
      { ...call("old", "auto", { id: "9007199254740993" }), providerFields: { anthropic: { caller: [1] } } }
    ]),
    Message.tool([{
      type: "tool-result",
      id: "old",
      result: { "~strata/bytes": "AQID" },
      parts: [image(...bytes)]
    }])
  ],
  maxTokens: 100,
  toolChoice: "any" as const,
  providerOptions: { bedrock: { trace: "enabled" } }
})

const Kind = Schema.Literals(["auto", "guarded", "place", "wrong"])

const Answer = Schema.Literals(["approve", "edit", "deny", "expire", "fail", "later", "started"])

describe("ToolLoop.State", () => {
  it.effect.prop("case 48: goes on from JSON as from the state itself, for each kind of pending call", {
    calls: Schema.Array(Schema.Tuple([Kind, Answer])).check(Schema.isMinLength(1), Schema.isMaxLength(5)),
    bytes: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))),
    params: Schema.Record(Schema.String, Schema.Json)
  }, ({ bytes, calls, params }) =>
    Effect.gen(function*() {
      const { ran, tools } = kinds()
      // JSON as it is sent: it has no negative zero.
      const more: object = JSON.parse(JSON.stringify(params))
      const written = calls.map(([kind], index) =>
        kind === "wrong" ? call(`${index}`, "none", more) : call(`${index}`, kind, { ...more, text: `${index}` })
      )
      const first = yield* Effect.provide(
        ToolLoop.run(input(bytes), { tools }),
        TestChat.layer([asks({ type: "reasoning", text: "so", signature: "s" }, ...written), says("done")])
      )
      if (first.reason !== "pending") return
      const state: ToolLoop.State = {
        ...first.state,
        calls: first.state.calls.map((current, index) =>
          calls[index]?.[1] === "started" && current.status === "settled" && current.outcome === "success"
            ? { status: "started", call: current.call }
            : current
        )
      }
      const restored = yield* stored(state)
      assert.deepStrictEqual(restored, state)
      const answers = first.pending.flatMap(({ call: { id }, kind }): ReadonlyArray<ToolLoop.Decision> => {
        switch (calls[Number(id)]![1]) {
          case "approve":
            return kind === "approval"
              ? [{ type: "approve", callId: id }]
              : [{ type: "result", callId: id, result: { lat: 1, lon: 2 } }]
          case "edit":
            return kind === "approval" ? [{ type: "approve", callId: id, params: { text: "edited" } }] : []
          case "fail":
            return kind === "result" ? [{ type: "result", callId: id, parts: [image(1)], isFailure: true }] : []
          case "deny":
          case "expire":
            return [{ type: calls[Number(id)]![1] as "deny" | "expire", callId: id }]
          default:
            return []
        }
      })
      const go = (from: ToolLoop.State) => {
        ran.length = 0
        return Effect.map(
          scripted([says("done")], ToolLoop.resume(from, answers, { tools })),
          (gone) => ({ ...gone, ran: [...ran] })
        )
      }
      const expected = yield* go(state)
      assert(expected.value !== undefined)
      assert.deepStrictEqual(yield* go(restored), expected)
      if (expected.value.reason === "pending") {
        assert.deepStrictEqual(yield* stored(expected.value.state), expected.value.state)
      }
    }), { arbitrary: { runs: 60 } })

  it.effect("case 48: is JSON of plain data, with bytes as base64", () =>
    Effect.gen(function*() {
      const { tools } = kinds()
      const { state } = waiting(
        yield* Effect.provide(
          ToolLoop.run(input([1, 2, 255]), { tools }),
          TestChat.layer([asks(text("1", "guarded"))])
        )
      )
      const json = yield* ToolLoop.encode(state)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(json)), json)
      assert.include(JSON.stringify(json), "AQL/")
    }))

  it.effect("case 48: refuses what is not a state, whatever is wrong with it", () =>
    Effect.gen(function*() {
      const { guarded } = kinds()
      const good = fixture(1) as Record<string, unknown>
      const bad = [
        null,
        "text",
        [],
        {},
        { ...good, calls: [{ status: "ready" }] },
        { ...good, messages: "none" },
        { ...good, fingerprint: undefined },
        { ...good, version: "1" },
        { ...good, request: { messages: [{ role: "user" }] } }
      ]
      for (const json of bad) {
        const error = yield* Effect.flip(ToolLoop.decode(json))
        assert.deepStrictEqual([error._tag, error.reason], ["StateError", "malformed"], JSON.stringify(json))
        const resumed = yield* ToolLoop.resume(json as ToolLoop.State, [], { tools: [guarded] }).pipe(
          Effect.flip,
          Effect.provide(TestChat.layer())
        )
        assert.strictEqual(resumed._tag, "StateError")
      }
    }))

  it.effect("fails for a state that JSON cannot hold", () =>
    Effect.gen(function*() {
      const state = yield* ToolLoop.decode(fixture(1))
      const odd = { ...state, request: { ...state.request, providerOptions: { test: { now: () => 1 } } } }
      const error = yield* Effect.flip(ToolLoop.encode(odd as ToolLoop.State))
      assert.strictEqual(error.reason, "malformed")
    }))

  it.effect("case 49: a state that version 1 stored goes on", () =>
    Effect.gen(function*() {
      const { ran, tools } = kinds()
      const state = yield* ToolLoop.decode(fixture(1))
      assert.deepStrictEqual(ToolLoop.pendingOf(state).map(({ call, kind }) => [call.id, kind]), [
        ["1", "approval"],
        ["2", "result"]
      ])
      const { requests, value } = yield* scripted(
        [says("done")],
        ToolLoop.resume(state, [
          { type: "approve", callId: "1" },
          { type: "result", callId: "2", result: { lat: 1, lon: 2 } }
        ], { tools })
      )
      assert.strictEqual(value?.reason, "finished")
      assert.deepStrictEqual(ran, ["1"])
      const tool = requests[0]!.messages.at(-1)
      assert(tool?.role === "tool")
      assert.deepStrictEqual(tool.content.map(({ id, result }) => [id, result]), [
        ["1", "ran 1"],
        ["2", { lat: 1, lon: 2 }],
        ["3", "ran 3"]
      ])
      assert.deepStrictEqual(yield* ToolLoop.encode(state), fixture(1))
    }))

  it.effect("case 49: one of another version is refused with its version", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ToolLoop.decode({ ...fixture(1) as object, version: 2, calls: "other" }))
      assert.strictEqual(error.reason, "version")
      assert.include(error.message, "version 2")
    }))

  it.effect("case 49: another model or provider does not go on, unless it may", () =>
    Effect.gen(function*() {
      const { tools } = kinds()
      const state = yield* ToolLoop.decode(fixture(1))
      const go = (options: Partial<ToolLoop.ResumeOptions<typeof tools>>) =>
        ToolLoop.resume(state, [], { tools, messages: "Go on", ...options }).pipe(
          Effect.provide(TestChat.layer(["done"], { model: "other-model" })),
          Effect.result
        )
      const refused = yield* go({})
      assert(refused._tag === "Failure" && refused.failure._tag === "StateError")
      assert.strictEqual(refused.failure.reason, "model-changed")
      assert.include(refused.failure.message, "other-model")
      assert.strictEqual((yield* go({ allowModelChange: true }))._tag, "Success")
    }))
})
