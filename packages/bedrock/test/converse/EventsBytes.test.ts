import { assert, describe, it } from "@effect/vitest"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Events from "../../src/converse/Events.ts"
import { connect, request } from "../support/Client.ts"
import * as WireServer from "../support/WireServer.ts"

/** A whole answer with text and a tool call, as the service frames it. */
const answer: ReadonlyArray<Uint8Array> = [
  WireServer.event("messageStart", { role: "assistant", p: "ab" }),
  WireServer.delta("Let me "),
  WireServer.delta("look."),
  WireServer.event("contentBlockStop", { contentBlockIndex: 0 }),
  WireServer.event("contentBlockStart", {
    contentBlockIndex: 1,
    start: { toolUse: { toolUseId: "t1", name: "look" } }
  }),
  WireServer.event("contentBlockDelta", { contentBlockIndex: 1, delta: { toolUse: { input: "{\"at\":" } } }),
  WireServer.event("contentBlockDelta", { contentBlockIndex: 1, delta: { toolUse: { input: "1}" } } }),
  WireServer.event("contentBlockStop", { contentBlockIndex: 1 }),
  WireServer.event("messageStop", { stopReason: "tool_use" }),
  WireServer.event("metadata", {
    usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
    metrics: { latencyMs: 1 }
  })
]

const position = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))

/** What may happen to an answer on its way. */
const Damage = Schema.Union([
  Schema.Struct({
    type: Schema.tag("flip"),
    at: position,
    bit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))
  }),
  Schema.Struct({ type: Schema.tag("cut"), at: position }),
  Schema.Struct({ type: Schema.tag("repeat"), at: position }),
  Schema.Struct({ type: Schema.tag("drop"), at: position }),
  Schema.Struct({ type: Schema.tag("swap"), at: position, with: position })
])

const damaged = (damages: ReadonlyArray<typeof Damage.Type>): Uint8Array => {
  let frames = [...answer]
  for (const damage of damages) {
    const at = damage.at % Math.max(frames.length, 1)
    if (damage.type === "repeat") frames.splice(at, 0, ...frames.slice(at, at + 1))
    if (damage.type === "drop") frames.splice(at, 1)
    if (damage.type === "swap" && frames.length > 0) {
      const other = damage.with % frames.length
      frames = frames.map((frame, index) => index === at ? frames[other]! : index === other ? frames[at]! : frame)
    }
  }
  let bytes = Buffer.concat(frames)
  for (const damage of damages) {
    if (bytes.length === 0) break
    const at = damage.at % bytes.length
    if (damage.type === "flip") bytes[at] = bytes[at]! ^ (1 << damage.bit)
    if (damage.type === "cut") bytes = bytes.subarray(0, at)
  }
  return bytes
}

describe("converse/Events, from the bytes", () => {
  it.live.prop(
    "ends with one finish or a typed error, whatever happened to the bytes",
    [Schema.Array(Damage)],
    ([damages]) =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.streaming([damaged(damages)]))
        const client = yield* connect(server)
        const events: Array<ChatEvent.ChatEvent> = []
        const result = yield* client.converseStream(request).pipe(
          Effect.flatMap((response) =>
            Stream.runForEach(
              Events.decode(response.events, { model: request.modelId, requestId: response.requestId }),
              (event) => Effect.sync(() => events.push(event))
            )
          ),
          Effect.result
        )
        const finishes = events.filter((event) => event.type === "finish").length
        assert.strictEqual(finishes, result._tag === "Success" ? 1 : 0)
        if (damages.length === 0) assert.strictEqual(result._tag, "Success")
      }).pipe(Effect.scoped),
    { timeout: 30_000, arbitrary: { runs: 150 } }
  )
})
