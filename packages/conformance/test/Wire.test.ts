import { assert, describe, it } from "@effect/vitest"
import { EventStreamCodec } from "@smithy/eventstream-codec"
import * as Result from "effect/Result"
import { delta, framed, start, stop, text } from "../src/fixture/Exchange.ts"
import * as ConverseAnswer from "../src/wire/ConverseAnswer.ts"
import * as EventStream from "../src/wire/EventStream.ts"
import * as Json from "../src/wire/Json.ts"

const call = (id: string) => `{"toolUse":{"name":"find","toolUseId":"${id}"}}`

const blocksOf = (...frames: ReadonlyArray<Uint8Array>) =>
  ConverseAnswer.fromStream(Buffer.concat(framed("end_turn", frames))).blocks

describe("Json", () => {
  it("keeps every digit of a whole number, read and written", () => {
    const source = `{"a":9007199254740993,"b":[-9223372036854775809,9007199254740991,0.1]}`
    const read = Result.getOrThrow(Json.parse(source))
    assert.deepStrictEqual(read, { a: 9007199254740993n, b: [-9223372036854775809n, 9007199254740991, 0.1] })
    assert.strictEqual(Json.print(read), source)
  })

  it("says nothing of members that are null", () => {
    assert.deepStrictEqual(Json.withoutNulls({ a: null, b: [{ c: null, d: 0 }] }), { b: [{ d: 0 }] })
    assert.isUndefined(Json.member({ a: null }, "a", "b"))
  })
})

describe("EventStream", () => {
  it("writes frames that the codec of the SDK reads, and reads them again", () => {
    const codec = new EventStreamCodec((bytes) => Buffer.from(bytes).toString(), (text) => Buffer.from(text))
    const bytes = EventStream.event("contentBlockDelta", `{"a":"ř"}`)
    const read = codec.decode(bytes)
    assert.strictEqual(Buffer.from(read.body).toString(), `{"a":"ř"}`)
    assert.strictEqual(read.headers[":event-type"]?.value, "contentBlockDelta")
    const { frames } = EventStream.read(Buffer.concat([bytes, bytes]))
    assert.deepStrictEqual(frames.map(({ headers }) => headers[":event-type"]), [
      "contentBlockDelta",
      "contentBlockDelta"
    ])
  })

  it("tells a frame that was cut, and one with a wrong checksum", () => {
    const bytes = EventStream.event("messageStop", `{"stopReason":"end_turn"}`)
    const flipped = Uint8Array.from(bytes)
    flipped[40] = (flipped[40] ?? 0) ^ 1
    assert.match(EventStream.read(bytes.subarray(0, -1)).problem ?? "", /frame of/)
    assert.strictEqual(EventStream.read(flipped).problem, "checksum")
  })
})

describe("ConverseAnswer", () => {
  it("keeps apart blocks that share an index", () => {
    assert.deepStrictEqual(blocksOf(start(0, call("a")), stop(0), start(0, call("b")), stop(0)), [
      { toolUse: { name: "find", toolUseId: "a", input: {} } },
      { toolUse: { name: "find", toolUseId: "b", input: {} } }
    ])
    assert.deepStrictEqual(blocksOf(delta(0, text("Let me")), delta(0, text(" look")), start(0, call("a"))), [
      { text: "Let me look" },
      { toolUse: { name: "find", toolUseId: "a", input: {} } }
    ])
  })

  it("puts together what came in pieces", () => {
    assert.deepStrictEqual(
      blocksOf(
        delta(0, `{"reasoningContent":{"text":"a"}}`),
        delta(0, `{"reasoningContent":{"text":"b"}}`),
        delta(0, `{"reasoningContent":{"signature":"c2ln"}}`),
        stop(0),
        start(1, call("a")),
        delta(1, `{"toolUse":{"input":"{\\"n\\":90071992"}}`),
        delta(1, `{"toolUse":{"input":"54740993}"}}`),
        stop(1),
        delta(2, `{"citation":{"title":"t"}}`),
        delta(2, text("cited")),
        stop(2)
      ),
      [
        { reasoningContent: { reasoningText: { text: "ab", signature: "c2ln" } } },
        { toolUse: { name: "find", toolUseId: "a", input: { n: 9007199254740993n } } },
        { citationsContent: { content: [{ text: "cited" }], citations: [{ title: "t" }] } }
      ]
    )
  })

  it("tells how a stream ended that did not come to its end", () => {
    const broken = Buffer.concat([
      delta(0, text("a")),
      EventStream.exception("throttlingException", `{"message":"slow down"}`)
    ])
    assert.deepStrictEqual(ConverseAnswer.fromStream(broken).failure, {
      exception: "throttlingException",
      message: "slow down"
    })
    assert.isDefined(ConverseAnswer.fromStream(delta(0, text("a"))).problem)
    assert.isUndefined(ConverseAnswer.fromStream(Buffer.concat(framed("end_turn", []))).problem)
  })
})
