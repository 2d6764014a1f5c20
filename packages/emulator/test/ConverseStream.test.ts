import { ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { EventStreamCodec } from "@smithy/eventstream-codec"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatService from "@strata/core/chat/ChatService"
import * as ProviderError from "@strata/core/ProviderError"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Http from "node:http"
import * as Fixture from "./Fixture.ts"

const streaming = (stream: Stream.Stream<ChatEvent.ChatEvent, ChatService.ChatError>) =>
  Fixture.emulator({}, Layer.merge(Fixture.chat({ stream: () => stream }), Fixture.embedding()))

const read = Effect.gen(function*() {
  const client = yield* Fixture.connect("1.1")
  const { stream } = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
  return yield* Fixture.drain(stream)
})

const frames = (bytes: Uint8Array) => {
  const codec = new EventStreamCodec(
    (input) => new TextDecoder().decode(input as Uint8Array),
    (text) => new TextEncoder().encode(text)
  )
  const messages = []
  for (let at = 0; at < bytes.length;) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0)
    messages.push(codec.decode(bytes.subarray(at, at + length)))
    at += length
  }
  return messages
}

describe("ConverseStream", () => {
  it.effect("sends no contentBlockStart for text, and the usage last", () =>
    Effect.gen(function*() {
      const events = yield* read
      const last = events.pop()
      assert.deepStrictEqual(events, [
        { messageStart: { role: "assistant" } },
        { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "Hel" } } },
        { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "lo" } } },
        { contentBlockStop: { contentBlockIndex: 0 } },
        { messageStop: { stopReason: "end_turn" } }
      ])
      assert.deepStrictEqual(last?.metadata?.usage, { inputTokens: 7, outputTokens: 3, totalTokens: 10 })
      assert.isNumber(last?.metadata?.metrics?.latencyMs)
    }).pipe(Effect.provide(streaming(Stream.fromIterable(Fixture.deltas("Hel", "lo"))))))

  it.effect("encodes reasoning, signatures and tool calls", () =>
    Effect.gen(function*() {
      const events = yield* read
      assert.deepStrictEqual(events.slice(0, -1), [
        { messageStart: { role: "assistant" } },
        { contentBlockDelta: { contentBlockIndex: 0, delta: { reasoningContent: { text: "hm" } } } },
        { contentBlockDelta: { contentBlockIndex: 0, delta: { reasoningContent: { signature: "sig" } } } },
        { contentBlockStop: { contentBlockIndex: 0 } },
        { contentBlockStart: { contentBlockIndex: 1, start: { toolUse: { toolUseId: "t1", name: "weather" } } } },
        { contentBlockDelta: { contentBlockIndex: 1, delta: { toolUse: { input: `{"city":` } } } },
        { contentBlockDelta: { contentBlockIndex: 1, delta: { toolUse: { input: `"Bern"}` } } } },
        { contentBlockStop: { contentBlockIndex: 1 } },
        { messageStop: { stopReason: "tool_use" } }
      ])
    }).pipe(Effect.provide(streaming(Stream.fromIterable<ChatEvent.ChatEvent>([
      { type: "reasoning-delta", index: 0, delta: "hm" },
      { type: "reasoning-end", index: 0, signature: "sig" },
      { type: "tool-params-start", index: 1, id: "t1", name: "weather" },
      { type: "tool-params-delta", index: 1, id: "t1", delta: `{"city":` },
      { type: "tool-params-delta", index: 1, id: "t1", delta: `"Bern"}` },
      { type: "tool-call", index: 1, id: "t1", name: "weather", params: { city: "Bern" } },
      { ...Fixture.finish, finishReason: "tool-calls" }
    ])))))

  it.effect("encodes blocks that arrive whole", () =>
    Effect.gen(function*() {
      const events = yield* read
      const types = events.map((event) => Object.keys(event)[0])
      assert.deepStrictEqual(types, [
        "messageStart",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockStart",
        "contentBlockStop",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata"
      ])
    }).pipe(
      Effect.provide(
        streaming(
          Stream.fromIterable<ChatEvent.ChatEvent>([
            { type: "part", index: 0, part: { type: "text", text: "a" } },
            { type: "reasoning-end", index: 1, redacted: Uint8Array.of(1) },
            { type: "tool-call", index: 2, id: "t1", name: "now", params: {} },
            { type: "tool-call", index: 3, id: "t2", name: "weather", params: { city: "Bern" } },
            Fixture.finish
          ])
        )
      )
    ))

  it.effect("keeps interleaved blocks separate", () =>
    Effect.gen(function*() {
      const events = yield* read
      const stopped = new Set<number>()
      const inputs: Record<number, string> = {}
      let text = ""
      for (const { contentBlockDelta, contentBlockStart, contentBlockStop } of events) {
        const index = (contentBlockDelta ?? contentBlockStart)?.contentBlockIndex ?? -1
        assert.isFalse(stopped.has(index), `block ${index} goes on after its end`)
        if (contentBlockDelta?.delta?.toolUse) {
          inputs[index] = (inputs[index] ?? "") + contentBlockDelta.delta.toolUse.input
        }
        text += contentBlockDelta?.delta?.text ?? ""
        if (contentBlockStop) stopped.add(contentBlockStop.contentBlockIndex ?? -1)
      }
      assert.strictEqual(text, "Hello")
      assert.deepStrictEqual(inputs, { 1: `{"a":1}`, 2: `{"b":2}` })
      assert.strictEqual(stopped.size, 4)
    }).pipe(Effect.provide(streaming(Stream.fromIterable<ChatEvent.ChatEvent>([
      { type: "text-delta", index: 0, delta: "Hel" },
      { type: "tool-params-start", index: 1, id: "t1", name: "a" },
      { type: "tool-params-delta", index: 1, id: "t1", delta: `{"a":` },
      { type: "tool-params-start", index: 2, id: "t2", name: "b" },
      { type: "tool-params-delta", index: 2, id: "t2", delta: `{"b":` },
      { type: "tool-params-delta", index: 1, id: "t1", delta: "1}" },
      { type: "text-delta", index: 0, delta: "lo" },
      { type: "tool-call", index: 1, id: "t1", name: "a", params: { a: 1 } },
      { type: "tool-params-delta", index: 2, id: "t2", delta: "2}" },
      { type: "tool-call", index: 2, id: "t2", name: "b", params: { b: 2 } },
      Fixture.finish
    ])))))

  it.effect("encodes citations, images and results of provider tools", () =>
    Effect.gen(function*() {
      const events = yield* read
      assert.deepStrictEqual(events.slice(1, 4), [
        { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "cited" } } },
        {
          contentBlockDelta: {
            contentBlockIndex: 0,
            delta: { citation: { title: "Notes", sourceContent: [{ text: "a" }] } }
          }
        },
        { contentBlockStop: { contentBlockIndex: 0 } }
      ])
      assert.deepStrictEqual(events.slice(4, 7), [
        { contentBlockStart: { contentBlockIndex: 1, start: { toolResult: { toolUseId: "t1", type: "search" } } } },
        { contentBlockDelta: { contentBlockIndex: 1, delta: { toolResult: [{ text: "found" }] } } },
        { contentBlockStop: { contentBlockIndex: 1 } }
      ])
      assert.deepStrictEqual(events[7], {
        contentBlockStart: { contentBlockIndex: 2, start: { image: { format: "jpeg" } } }
      })
    }).pipe(Effect.provide(streaming(Stream.fromIterable<ChatEvent.ChatEvent>([
      { type: "text-delta", index: 0, delta: "cited" },
      { type: "citation", index: 0, citation: { title: "Notes", passages: ["a"] } },
      { type: "part", index: 0, part: { type: "text", text: "cited", cache: true } },
      {
        type: "part",
        index: 1,
        part: { type: "tool-result", id: "t1", result: "found", providerExecuted: true, providerType: "search" }
      },
      {
        type: "part",
        index: 2,
        part: { type: "image", mediaType: "image/jpeg", source: { bytes: Uint8Array.of(1) } }
      },
      Fixture.finish
    ])))))

  it.effect("streams a whole answer with the same events", () =>
    Effect.gen(function*() {
      const events = yield* read
      assert.strictEqual(events.flatMap((event) => event.contentBlockDelta?.delta?.text ?? []).join(""), "one")
    }).pipe(
      Effect.provide(
        streaming(Stream.fromIterable(ChatEvent.fromResponse(Fixture.response([{ type: "text", text: "one" }]))))
      )
    ))

  it.effect("encodes each event as a frame with its type, checksums and random padding", () =>
    Effect.gen(function*() {
      const { bytes, headers } = yield* Fixture.post(
        `/model/${encodeURIComponent(Fixture.modelId)}/converse-stream`,
        JSON.stringify(Fixture.hello)
      )
      assert.strictEqual(headers["content-type"], "application/vnd.amazon.eventstream")
      const messages = frames(bytes)
      const types = messages.map((message) => message.headers[":event-type"]?.value)
      assert.deepStrictEqual([types[0], types.at(-1)], ["messageStart", "metadata"])
      const paddings = messages.map(({ body, headers }) => {
        assert.strictEqual(headers[":message-type"]?.value, "event")
        assert.strictEqual(headers[":content-type"]?.value, "application/json")
        return JSON.parse(new TextDecoder().decode(body)).p
      })
      assert.isTrue(paddings.every((padding) => /^[a-zA-Z0-9]{0,62}$/.test(padding)))
      assert.isAbove(new Set(paddings).size, 1)
    }).pipe(
      Effect.provide(streaming(Stream.fromIterable(Fixture.deltas(...Array.from({ length: 50 }, () => "x")))))
    ))

  it.effect("sends each delta without buffering", () =>
    Effect.gen(function*() {
      const client = yield* Fixture.connect("2")
      const { stream } = yield* Fixture.attempt((abortSignal) =>
        client.send(new ConverseStreamCommand(Fixture.hello), { abortSignal })
      )
      const iterator = stream?.[Symbol.asyncIterator]()
      yield* Fixture.attempt(async () => iterator?.next())
      const second = yield* Fixture.attempt(async () => iterator?.next())
      assert.strictEqual(second?.value?.contentBlockDelta?.delta?.text, "first")
    }).pipe(
      Effect.provide(
        streaming(Stream.concat(Stream.fromIterable(Fixture.deltas("first").slice(0, 1)), Stream.never))
      )
    ))

  const throttled = new ProviderError.RateLimitError({ provider: "double", message: "Too many tokens" })

  it.effect("answers a failure before the first event with its HTTP status", () =>
    Effect.gen(function*() {
      const { message, name, status } = yield* Effect.flip(read)
      assert.deepStrictEqual([name, status, message], ["ThrottlingException", 429, "Too many tokens"])
    }).pipe(Effect.provide(streaming(Stream.fail(throttled)))))

  it.effect("sends a later failure as an exception frame", () =>
    Effect.gen(function*() {
      const client = yield* Fixture.connect("1.1")
      const { stream } = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
      const texts: Array<string> = []
      const error = yield* Effect.flip(Fixture.attempt(async () => {
        for await (const event of stream ?? []) texts.push(event.contentBlockDelta?.delta?.text ?? "")
      }))
      assert.deepStrictEqual(texts, ["", "a"])
      assert.deepStrictEqual([error.name, error.message], ["ThrottlingException", "Too many tokens"])
    }).pipe(
      Effect.provide(
        streaming(Stream.concat(Stream.fromIterable(Fixture.deltas("a").slice(0, 1)), Stream.fail(throttled)))
      )
    ))

  it.effect("ends a stream without a finish event with an exception", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(read)
      assert.strictEqual(error.name, "ModelStreamErrorException")
    }).pipe(Effect.provide(streaming(Stream.fromIterable(Fixture.deltas("a").slice(0, 1))))))

  it.effect("sends a defect of the chat service as an exception frame", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(read)
      assert.strictEqual(error.name, "InternalServerException")
    }).pipe(
      Effect.provide(streaming(Stream.concat(Stream.fromIterable(Fixture.deltas("a").slice(0, 1)), Stream.die("boom"))))
    ))

  it.effect("applies backpressure to the chat service while the client does not read", () => {
    let produced = 0
    const endless = Stream.fromIterable(
      (function*(): Generator<ChatEvent.ChatEvent> {
        while (true) {
          produced++
          yield { type: "text-delta", index: 0, delta: "x".repeat(100_000) }
        }
      })(),
      { chunkSize: 1 }
    )
    return Effect.gen(function*() {
      const { apiKey, url } = yield* Emulator.Emulator
      yield* Effect.acquireRelease(
        Effect.callback<Http.IncomingMessage>((resume) => {
          const request = Http.request(`${url}/model/${Fixture.modelId}/converse-stream`, {
            method: "POST",
            headers: { authorization: `Bearer ${Redacted.value(apiKey)}` }
          })
          request.on("response", (response) => {
            response.pause()
            response.on("error", () => {})
            resume(Effect.succeed(response))
          })
          request.on("error", () => {})
          request.end(JSON.stringify(Fixture.hello))
        }),
        (response) => Effect.sync(() => response.destroy())
      )
      yield* TestClock.withLive(Effect.sleep("300 millis"))
      const before = produced
      yield* TestClock.withLive(Effect.sleep("100 millis"))
      assert.strictEqual(produced, before)
      assert.isAbove(before, 0)
    }).pipe(Effect.provide(streaming(endless)))
  })
})
