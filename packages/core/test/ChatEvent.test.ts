import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Outcome, Parts } from "./AnswerSchema.ts"
import { delta, errors, finish, response } from "./ChatFixture.ts"

/** Cuts every delta at the places given, in turn: pieces may be empty. */
const cutUp = (
  events: ReadonlyArray<ChatEvent.ChatEvent>,
  places: ReadonlyArray<number>
): ReadonlyArray<ChatEvent.ChatEvent> => {
  let cuts = 0
  return events.flatMap((event): ReadonlyArray<ChatEvent.ChatEvent> => {
    if (!("delta" in event)) return [event]
    const place = places[cuts++ % (places.length || 1)] ?? 0
    return [{ ...event, delta: event.delta.slice(0, place) }, { ...event, delta: event.delta.slice(place) }]
  })
}

/** Mixes the events of different blocks, each block in its order and `finish` last, as the choices say. */
const interleave = (events: ReadonlyArray<ChatEvent.ChatEvent>, choices: ReadonlyArray<number>) => {
  const blocks = new Map<number, Array<ChatEvent.ChatEvent>>()
  const mixed: Array<ChatEvent.ChatEvent> = []
  for (const event of events) {
    if ("index" in event) blocks.set(event.index, [...(blocks.get(event.index) ?? []), event])
  }
  for (let turn = 0; blocks.size > 0; turn++) {
    const open = [...blocks]
    const [index, block] = open[(choices[turn % (choices.length || 1)] ?? 0) % open.length]!
    mixed.push(block.shift()!)
    if (block.length === 0) blocks.delete(index)
  }
  return [...mixed, ...events.filter((event) => event.type === "finish")]
}

const places = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })))

describe("ChatEvent.collect", () => {
  it.effect.prop(
    "puts together again what fromResponse took apart",
    [Parts, Outcome],
    ([parts, outcome]) =>
      Effect.gen(function*() {
        const whole = ChatResponse.make(parts, outcome)
        const collected = yield* ChatEvent.collect(Stream.fromIterable(ChatEvent.fromResponse(whole)))
        assert.deepStrictEqual(collected, whole)
      })
  )

  it.effect.prop(
    "does not mind where deltas are cut, and how blocks are mixed",
    [Parts, places, places],
    ([parts, cuts, choices]) =>
      Effect.gen(function*() {
        const whole = ChatResponse.make(parts, response(""))
        const events = interleave(cutUp(ChatEvent.fromResponse(whole), cuts), choices)
        assert.deepStrictEqual(yield* ChatEvent.collect(Stream.fromIterable(events)), whole)
      })
  )

  it.effect("orders blocks by index, not by arrival", () =>
    Effect.gen(function*() {
      const collected = yield* ChatEvent.collect(Stream.make(delta("b", 7), delta("a", 2), delta("c", 7), finish))
      assert.deepStrictEqual(collected.message.content, [{ type: "text", text: "a" }, { type: "text", text: "bc" }])
      assert.strictEqual(collected.text, "abc")
    }))

  it.effect("keeps a signature without text", () =>
    Effect.gen(function*() {
      const redacted = new Uint8Array([1, 2, 3])
      const collected = yield* ChatEvent.collect(
        Stream.make<ReadonlyArray<ChatEvent.ChatEvent>>({ type: "reasoning-end", index: 0, redacted }, finish)
      )
      assert.deepStrictEqual(collected.message.content, [{ type: "reasoning", text: "", redacted }])
    }))

  it.effect("keeps reasoning without its end", () =>
    Effect.gen(function*() {
      const collected = yield* ChatEvent.collect(
        Stream.make<ReadonlyArray<ChatEvent.ChatEvent>>({ type: "reasoning-delta", index: 0, delta: "Hm" }, finish)
      )
      assert.deepStrictEqual(collected.message.content, [{ type: "reasoning", text: "Hm" }])
    }))

  it.effect("loses nothing when a provider uses an index again, or for blocks of several types", () =>
    Effect.gen(function*() {
      const call = (id: string): Message.ToolCallPart => ({ type: "tool-call", id, name: "now", params: {} })
      const image: Message.ImagePart = { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1]) } }
      const collected = yield* ChatEvent.collect(
        Stream.make<ReadonlyArray<ChatEvent.ChatEvent>>(
          { type: "reasoning-delta", index: 0, delta: "Hm" },
          { type: "reasoning-end", index: 0, signature: "s" },
          { type: "reasoning-delta", index: 0, delta: "Well" },
          { type: "reasoning-end", index: 0 },
          delta("Let me "),
          delta("look"),
          { ...call("1"), index: 0 },
          { ...call("2"), index: 0 },
          { type: "part", index: 0, part: image },
          { type: "part", index: 0, part: image },
          delta("Done"),
          finish
        )
      )
      assert.deepStrictEqual(collected.message.content, [
        { type: "reasoning", text: "Hm", signature: "s" },
        { type: "reasoning", text: "Well" },
        { type: "text", text: "Let me look" },
        call("1"),
        call("2"),
        image,
        image,
        { type: "text", text: "Done" }
      ])
    }))

  it.effect("replaces a block by its whole part", () =>
    Effect.gen(function*() {
      const text: Message.TextPart = { type: "text", text: "Hi", providerFields: { some: { a: 1 } } }
      const thought: Message.ReasoningPart = { type: "reasoning", text: "Hm", providerFields: { some: { b: 2 } } }
      const whole = ChatResponse.make([thought, text], response(""))
      assert.deepStrictEqual(yield* ChatEvent.collect(Stream.fromIterable(ChatEvent.fromResponse(whole))), whole)
    }))

  it.effect("keeps a tool call only when it is complete", () =>
    Effect.gen(function*() {
      const begun: ReadonlyArray<ChatEvent.ChatEvent> = [
        { type: "tool-params-start", index: 0, id: "1", name: "now" },
        { type: "tool-params-delta", index: 0, id: "1", delta: "{\"zone\":" }
      ]
      const collected = yield* ChatEvent.collect(Stream.fromIterable([...begun, finish]))
      assert.deepStrictEqual(collected.toolCalls, [])
      assert.deepStrictEqual(collected.message.content, [])
    }))

  it.effect("returns an empty answer for a stream with `finish` only", () =>
    Effect.gen(function*() {
      const collected = yield* ChatEvent.collect(Stream.make(finish))
      assert.deepStrictEqual(collected, { ...response(""), message: { role: "assistant", content: [] } })
    }))

  it.effect("fails as the stream fails", () =>
    Effect.gen(function*() {
      const broken = Stream.concat(Stream.make(delta("Hel")), Stream.fail(errors.RateLimitError))
      assert.strictEqual(yield* Effect.flip(ChatEvent.collect(broken)), errors.RateLimitError)
    }))

  it.effect("fails for a stream without `finish`", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ChatEvent.collect(Stream.make(delta("Hel"), delta("lo"))))
      assert.deepInclude(error, { _tag: "StreamInterruptedError", delivered: 2 })
    }))

  it.effect("starts anew each time it is run", () =>
    Effect.gen(function*() {
      const collect = ChatEvent.collect(Stream.make(delta("Hello"), finish))
      assert.deepStrictEqual(yield* collect, yield* collect)
    }))
})

describe("ChatEvent.fromResponse", () => {
  it.prop("ends with exactly one finish, and numbers blocks by position", [Parts], ([parts]) => {
    const events = ChatEvent.fromResponse(ChatResponse.make(parts, response("")))
    assert.deepStrictEqual(events.flatMap((event, at) => event.type === "finish" ? [at] : []), [events.length - 1])
    const indexes = new Set(events.flatMap((event) => "index" in event ? [event.index] : []))
    assert.deepStrictEqual([...indexes], parts.map((_, index) => index))
  })

  it("streams the parameters of a tool call before the call", () => {
    const call: Message.ToolCallPart = { type: "tool-call", id: "1", name: "now", params: { zone: "UTC" } }
    assert.deepStrictEqual(ChatEvent.fromResponse(ChatResponse.make([call], response(""))).slice(0, 3), [
      { type: "tool-params-start", index: 0, id: "1", name: "now" },
      { type: "tool-params-delta", index: 0, id: "1", delta: "{\"zone\":\"UTC\"}" },
      { ...call, index: 0 }
    ])
  })

  it("streams the string of a message as one block", () => {
    const whole = { ...response("Hi"), message: { role: "assistant" as const, content: "Hi" } }
    assert.deepStrictEqual(ChatEvent.fromResponse(whole)[0], delta("Hi"))
  })
})
