import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Emulator, Recording, Replay, Script } from "@strata/emulator"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { isDeepStrictEqual } from "node:util"
import type * as HttpResponse from "../src/http/HttpResponse.ts"
import * as Matching from "../src/record/Matching.ts"
import * as Fixture from "./Fixture.ts"

const path = `/model/${encodeURIComponent(Fixture.modelId)}/converse`

const request = (body: Recording.Request["body"], operation = "Converse"): Recording.Request => ({
  method: "POST",
  path,
  operation,
  modelId: Fixture.modelId,
  headers: {},
  ...(body === undefined ? undefined : { body })
})

const said = (text: string) => ({ messages: [{ role: "user", content: [{ text }] }] })

/** An exchange in which `text` is answered by `answer`. */
const exchange = (text: string, answer: string): Recording.Exchange => ({
  request: request(said(text)),
  response: { status: 200, at: 7, headers: { "content-type": "application/json" }, body: { answer } }
})

const streamed = (response: Partial<Recording.Response>): Recording.Exchange => ({
  request: { ...request(said("Hi"), "ConverseStream"), path: `${path}-stream` },
  response: {
    status: 200,
    at: 10,
    headers: { "content-type": "application/vnd.amazon.eventstream" },
    events: [
      { at: 10, event: "messageStart", payload: { role: "assistant" } },
      { at: 40, event: "contentBlockDelta", payload: { contentBlockIndex: 0, delta: { text: "Hello" } } }
    ],
    ...response
  }
})

const ask = (replay: Replay.Replay["Service"], body: unknown, target = path) =>
  Effect.scoped(Effect.map(
    replay.responder({ method: "POST", target, headers: {}, body: new TextEncoder().encode(JSON.stringify(body)) }),
    (answer) => answer.type === "whole" ? new TextDecoder().decode(answer.body) : "a stream"
  ))

const over = (exchanges: ReadonlyArray<Recording.Exchange>, options?: Replay.Options) =>
  Layer.unwrap(
    Effect.map(Replay.make(exchanges, options), ({ responder }) =>
      Emulator.layer({ responder }).pipe(Layer.provide(Script.layer([]))))
  )

describe("Replay", () => {
  it.effect("returns the answers of equal requests in recorded order, then fails", () =>
    Effect.gen(function*() {
      const replay = yield* Replay.make([exchange("a", "1"), exchange("b", "2"), exchange("a", "3")])
      assert.strictEqual(yield* ask(replay, said("a")), "{\"answer\":\"1\"}")
      assert.deepStrictEqual((yield* replay.unused).map(({ number }) => number), [2, 3])
      assert.strictEqual(yield* ask(replay, said("a")), "{\"answer\":\"3\"}")
      const error = yield* Effect.flip(ask(replay, said("a")))
      assert.strictEqual(error.exception, "ValidationException")
      assert.strictEqual(
        error.message,
        "This Converse of amazon.nova-lite-v1:0 was recorded twice, and is asked for the 3rd time."
      )
      assert.deepStrictEqual((yield* replay.unused).map(({ number }) => number), [2])
    }))

  it.effect("repeats the last answer with atEnd \"repeat\"", () =>
    Effect.gen(function*() {
      const replay = yield* Replay.make([exchange("a", "1"), exchange("a", "2")], { atEnd: "repeat" })
      const answers = yield* Effect.forEach([1, 2, 3, 4], () => ask(replay, said("a")))
      assert.deepStrictEqual(answers, ["1", "2", "2", "2"].map((answer) => JSON.stringify({ answer })))
    }))

  it.effect("reports the closest recording and its differences", () =>
    Effect.gen(function*() {
      const replay = yield* Replay.make([exchange("What is the time?", "1"), exchange("What is the weather?", "2")])
      const sent = { ...said("What is the weather now?"), inferenceConfig: { temperature: 1 } }
      const { message } = yield* Effect.flip(ask(replay, sent))
      assert.strictEqual(
        message,
        `No recording of this Converse of amazon.nova-lite-v1:0. The closest is number 2, which differs in
- messages[0].content[0].text: "What is the weather?" recorded, "What is the weather now?" sent
- inferenceConfig: nothing recorded, {"temperature":1} sent`
      )
      const [unmatched] = yield* replay.unmatched
      assert.strictEqual(unmatched?.message, message)
      assert.strictEqual(unmatched?.closest, 2)
      assert.deepStrictEqual(unmatched?.request.body, sent)
      const other = yield* Effect.flip(ask(replay, said("What is the time?"), "/model/a/converse"))
      assert.match(other.message, /number 1, which differs in\n- modelId: "amazon.nova-lite-v1:0" recorded, "a" sent$/)
      const own = { ...exchange("quite another thing", "1"), request: request(said("quite another thing")) }
      const foreign = { ...own, request: { ...request(said("a")), modelId: "b" } }
      const near = yield* Effect.flip(ask(yield* Replay.make([foreign, own]), said("a")))
      assert.match(near.message, /The closest is number 2/)
      const [a, b] = ["x".repeat(500), `${"x".repeat(300)}y`]
      const long = yield* Effect.flip(ask(yield* Replay.make([exchange(a, "")]), said(b)))
      assert.match(long.message, /text: "…x{80}…" recorded, "…x{20}y" sent$/)
    }))

  it.effect("ignores configured paths and everything below", () =>
    Effect.gen(function*() {
      const replay = yield* Replay.make([{
        ...exchange("a", "1"),
        request: request({ ...said("a"), requestMetadata: { id: "1" } })
      }], { ignore: ["requestMetadata", "messages[*].content[0].text"], atEnd: "repeat" })
      assert.strictEqual(yield* ask(replay, said("b")), "{\"answer\":\"1\"}")
      assert.strictEqual(yield* ask(replay, { ...said("b"), requestMetadata: {} }), "{\"answer\":\"1\"}")
      const { message } = yield* Effect.flip(ask(replay, { ...said("b"), system: [] }))
      assert.match(message, /differs in\n- system: nothing recorded, \[\] sent$/)
    }))

  it.prop("matches requests regardless of the order of keys", [Schema.Json, Schema.Json], ([a, b]) => {
    const keyOf = (body: Schema.Json) => Matching.keyOf(Matching.comparer([])(request({ body })))
    const turned = (json: Schema.Json): Schema.Json =>
      typeof json !== "object" || json === null
        ? json
        : Array.isArray(json)
        ? json.map(turned)
        : Object.fromEntries(Object.entries(json).toReversed().map(([key, item]) => [key, turned(item)]))
    // -0 is 0 in JSON
    const asJson = (json: Schema.Json): unknown => JSON.parse(JSON.stringify(json))
    assert.strictEqual(keyOf(turned(a)), keyOf(a))
    assert.strictEqual(keyOf(a) === keyOf(b), isDeepStrictEqual(asJson(a), asJson(b)))
  }, { arbitrary: { runs: 60 } })

  it.effect("responds immediately, or with recorded timing", () =>
    Effect.gen(function*() {
      const replay = yield* Replay.make([exchange("a", "1")], { timing: "recorded" })
      const asking = yield* Effect.forkChild(ask(replay, said("a")))
      yield* TestClock.adjust("6 millis")
      assert.isUndefined(asking.pollUnsafe())
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(yield* Fiber.join(asking), "{\"answer\":\"1\"}")
      const times = Effect.fnUntraced(function*(timing: Replay.Options["timing"]) {
        const replay = yield* Replay.make([streamed({})], { timing })
        const seen: Array<number> = []
        const started = yield* Clock.currentTimeMillis
        const reading = yield* Effect.forkChild(Effect.scoped(Effect.gen(function*() {
          const answer: HttpResponse.HttpResponse = yield* replay.responder({
            method: "POST",
            target: `${path}-stream`,
            headers: {},
            body: new TextEncoder().encode(JSON.stringify(said("Hi")))
          })
          if (answer.type === "whole") return
          yield* Stream.runForEach(answer.frames, () =>
            Effect.map(Clock.currentTimeMillis, (now) => {
              seen.push(now - started)
            }))
        })))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(reading)
        return seen
      })
      assert.deepStrictEqual(yield* times("none"), [0, 0])
      assert.deepStrictEqual(yield* times("recorded"), [10, 40])
    }))

  describe.each(Fixture.protocols)("over HTTP/%s", (protocol) => {
    it.effect("refuses unrecorded requests with ValidationException", () =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect(protocol)
        const error = yield* Effect.flip(Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello))))
        assert.deepStrictEqual([error.name, error.status], ["ValidationException", 400])
        assert.include(error.message, "messages[0].content[0].text: \"Hello\" recorded, \"Hi\" sent")
      }).pipe(Effect.provide(over([exchange("Hello", "1")]))))

    it.effect.each(
      [
        ["broken", "ServiceUnavailableException"],
        ["abandoned", "ModelStreamErrorException"]
      ] as const
    )("ends a %s stream where it ended", ([end, exception]) =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect(protocol)
        const { stream } = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
        const events: Array<unknown> = []
        const exit = yield* Effect.exit(Fixture.attempt(async () => {
          for await (const event of stream ?? []) events.push(event)
        }))
        assert.lengthOf(events, 2)
        assert.strictEqual(Exit.isFailure(exit) && (Cause.squash(exit.cause) as Error).name, exception)
      }).pipe(Effect.provide(over([streamed({ end })]))))
  })

  it.effect("reads several files", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const directory = yield* fileSystem.makeTempDirectoryScoped()
      const file = [`${directory}/a.json`, `${directory}/b.json`]
      yield* Recording.write(`${directory}/a.json`, [exchange("a", "1")])
      yield* Recording.write(`${directory}/b.json`, [exchange("b", "2")])
      const answer = yield* Effect.gen(function*() {
        assert.lengthOf(yield* (yield* Replay.Replay).unused, 2)
        return yield* Fixture.converse(said("b"))
      }).pipe(Effect.provide(Replay.layer({ file })))
      assert.strictEqual(answer.text, "{\"answer\":\"2\"}")
      const missing = yield* Effect.flip(Layer.build(Replay.layer({ file: `${directory}/c.json` })))
      assert.include(missing.message, `${directory}/c.json: `)
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})
