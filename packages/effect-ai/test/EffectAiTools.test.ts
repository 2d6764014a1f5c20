import { assert, describe, it } from "@effect/vitest"
import { Message, Tool, ToolLoop } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { Context, Effect, Layer, Ref, Schema } from "effect"
import { Prompt, Tool as AiTool, Toolkit } from "effect/ai"
import { EffectAiTools } from "../src/index.ts"

class Station extends Context.Service<Station, { readonly celsius: number }>()("test/Station") {}

class Gone extends Schema.TaggedError<Gone>()("Gone", { message: Schema.String }) {}

const weather = AiTool.make("get_weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String, at: Schema.optional(Schema.Date) }),
  success: Schema.Struct({ celsius: Schema.Finite, at: Schema.optional(Schema.Date) }),
  failure: Gone,
  failureMode: "return",
  dependencies: [Station]
}).annotate(AiTool.Idempotent, true).annotate(AiTool.Strict, true)

const search = AiTool.dynamic("search", {
  parameters: { type: "object", properties: { q: { type: "string" } }, required: ["q"] },
  success: Schema.String
})

const transfer = AiTool.make("transfer", {
  parameters: Schema.Struct({ amount: Schema.Finite }),
  success: Schema.String,
  failure: Schema.String,
  needsApproval: ({ amount }) => amount > 100
})

const picture = AiTool.make("picture", {
  success: Schema.String,
  toModelOutput: () => [Prompt.makePart("file", { mediaType: "image/png", data: new Uint8Array([1]) })]
})

const kit = Toolkit.make(weather, search, transfer, picture)

const handlers = kit.toLayer({
  get_weather: ({ at, city }) =>
    city === "Atlantis"
      ? Effect.fail(new Gone({ message: "It sank" }))
      : Effect.map(Station, ({ celsius }) => ({ celsius, ...(at !== undefined && { at }) })),
  search: (input) => Effect.succeed(`found ${JSON.stringify(input)}`),
  transfer: ({ amount }) => amount < 0 ? Effect.fail("negative") : Effect.succeed(`sent ${amount}`),
  picture: () => Effect.succeed("done")
})

const services = Layer.merge(handlers, Layer.succeed(Station, { celsius: 12 }))

type Call = readonly [name: string, params: unknown]

/** Runs a loop whose model makes these calls, then answers. */
const loop = (...calls: ReadonlyArray<Call>) =>
  Effect.gen(function*() {
    const tools = yield* EffectAiTools.fromToolkit(kit)
    return yield* ToolLoop.run("x", { tools })
  }).pipe(Effect.provide([services, model(...calls)]))

const model = (...calls: ReadonlyArray<Call>) =>
  TestChat.layer((request) =>
    request.messages.length > 1
      ? "done"
      : { content: calls.map(([name, params], index) => ({ type: "tool-call", id: `c${index}`, name, params })) }
  )

const results = (messages: ReadonlyArray<Message.Message>) =>
  messages.flatMap((message) =>
    message.role === "tool" ? message.content.map(({ id: _, type: __, ...result }) => result) : []
  )

describe("EffectAiTools", () => {
  it.effect("runs tools of a toolkit in our loop, with their services and their JSON", () =>
    Effect.gen(function*() {
      const { messages } = yield* loop(
        ["get_weather", { city: "Oslo", at: "2025-01-01T00:00:00.000Z" }],
        ["search", { q: "x" }],
        ["get_weather", { city: "Atlantis" }],
        ["picture", {}]
      )
      assert.deepStrictEqual(results(messages), [
        { result: { celsius: 12, at: "2025-01-01T00:00:00.000Z" } },
        { result: "found {\"q\":\"x\"}" },
        { result: { _tag: "Gone", message: "It sank" }, isFailure: true },
        { result: "done", parts: [{ type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1]) } }] }
      ])
    }))

  it.effect("case 24: wrong arguments are told to the model, whatever the failure mode", () =>
    Effect.gen(function*() {
      const { messages } = yield* loop(["get_weather", { city: 1 }], ["search", { q: 1 }], ["transfer", {}])
      assert.deepStrictEqual(results(messages).map(({ isFailure }) => isFailure), [true, true, true])
    }))

  it.effect("failure mode `error` fails the loop with the error of the handler", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(loop(["transfer", { amount: -1 }]))
      assert.strictEqual(error, "negative")
    }))

  it.effect("a handler that dies fails as a tool of ours does", () =>
    Effect.gen(function*() {
      const broken = AiTool.make("broken", { success: Schema.String })
      const safe = AiTool.make("safe", { success: Schema.String, failureMode: "return" })
      const brokenKit = Toolkit.make(broken, safe)
      const layer = brokenKit.toLayer({ broken: () => Effect.die("boom"), safe: () => Effect.die("boom") })
      const [first, second] = yield* Effect.provide(EffectAiTools.fromToolkit(brokenKit), layer)
      assert.isDefined(first)
      assert.isDefined(second)
      const error = yield* Effect.flip(Tool.call(first, {}))
      assert.strictEqual(error._tag, "ToolDefectError")
      const answer = yield* Tool.call(second, {})
      assert.deepStrictEqual([answer.isFailure, answer.result], [true, "The tool failed"])
    }))

  it.effect("case 30: `needsApproval` is our approval, by the arguments", () =>
    Effect.gen(function*() {
      const small = yield* loop(["transfer", { amount: 5 }])
      assert.deepStrictEqual([small.reason, results(small.messages)], ["finished", [{ result: "sent 5" }]])

      const large = yield* loop(["transfer", { amount: 500 }], ["transfer", { amount: 6 }])
      assert.strictEqual(large.reason, "pending")
      if (large.reason !== "pending") return
      assert.deepStrictEqual(large.pending.map(({ call, kind }) => [call.params, kind]), [[
        { amount: 500 },
        "approval"
      ]])
      const approved = yield* Effect.gen(function*() {
        const tools = yield* EffectAiTools.fromToolkit(kit)
        return yield* ToolLoop.resume(large.state, [{ callId: "c0", type: "approve" }], { tools })
      }).pipe(Effect.provide([services, model()]))
      assert.deepStrictEqual(results(approved.messages), [{ result: "sent 500" }, { result: "sent 6" }])
    }))

  it.effect("case 30: an approval policy is laid over a tool without touching its other fields", () =>
    Effect.gen(function*() {
      const runs = yield* Ref.make(0)
      const count = AiTool.make("count", { description: "Counts", success: Schema.Finite }).annotate(
        AiTool.Idempotent,
        true
      ).annotate(AiTool.Strict, false)
      const counts = Toolkit.make(count)
      const layer = counts.toLayer({ count: () => Ref.updateAndGet(runs, (count) => count + 1) })
      const [tool] = yield* Effect.provide(EffectAiTools.fromToolkit(counts), layer)
      assert.isDefined(tool)
      const guarded = Tool.withApproval(tool)
      const { prepare: _, ...before } = tool
      const { prepare: __, ...after } = guarded
      assert.deepStrictEqual(after, before)
      const run = model(["count", {}])
      const waiting = yield* Effect.provide(ToolLoop.run("x", { tools: [guarded] }), run)
      assert.deepStrictEqual([waiting.reason, yield* Ref.get(runs)], ["pending", 0])
      if (waiting.reason !== "pending") return
      const approved = yield* Effect.provide(
        ToolLoop.resume(waiting.state, [{ callId: "c0", type: "approve" }], { tools: [guarded] }),
        run
      )
      assert.deepStrictEqual([results(approved.messages), yield* Ref.get(runs)], [[{ result: 1 }], 1])
    }))

  it.effect("tools are described as the toolkit has them", () =>
    Effect.gen(function*() {
      const tools = yield* Effect.provide(EffectAiTools.fromToolkit(kit), services)
      const [first, second] = yield* Effect.forEach(tools, Tool.definition)
      assert.deepStrictEqual([first?.name, first?.description, first?.strict], [
        "get_weather",
        "The weather in a city",
        true
      ])
      assert.deepStrictEqual(second?.inputSchema["properties"], { q: { type: "string" } })
      assert.deepStrictEqual(tools.map(({ repeatable }) => repeatable), [true, false, false, false])
    }))

  it.effect("a value that is no toolkit is refused", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(EffectAiTools.fromToolkit({ tools: 1, handle: 2 } as never))
      assert.strictEqual(error._tag, "InvalidRequestError")
    }))
})
