import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Sse from "../src/client/Sse.ts"
import * as Asking from "./support/Asking.ts"
import { bytes, chunk } from "./support/FakeServer.ts"

const encode = (text: string) => new TextEncoder().encode(text)

const parse = (...pieces: ReadonlyArray<Uint8Array>) => {
  const parser = Sse.make()
  return pieces.flatMap((piece) => parser.feed(piece) ?? [])
}

const event = (data: string, event = "message") => ({ type: "event" as const, event, data })

const comment = { type: "comment" as const }

const cut = (whole: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const sorted = [
    0,
    ...places.map((place) => place % (whole.length + 1)).sort((one, other) => one - other),
    whole.length
  ]
  return sorted.slice(1).map((end, index) => whole.slice(sorted[index], end))
}

describe("Server-Sent Events", () => {
  it("case 7: lines end with LF, CR or CRLF", () => {
    for (const line of ["\n", "\r", "\r\n"]) {
      const text = ["event: a", "data: 1", "", "data: 2", "data: 3", "", ""].join(line)
      assert.deepStrictEqual(parse(encode(text)), [event("1", "a"), event("2\n3")])
    }
  })

  it("case 7: the space after the colon may be missing, and only one is taken off", () => {
    assert.deepStrictEqual(parse(encode("data:1\n\ndata:  2\n\ndata\n\n")), [event("1"), event(" 2"), event("")])
  })

  it("case 7: a byte order mark, unknown fields and U+2028 change nothing", () => {
    assert.deepStrictEqual(parse(encode("\ufeffdata: a\u2028b\n\nid: 1\nretry: 5\nfoo: bar\ndata: c\n\n")), [
      event("a\u2028b"),
      event("c")
    ])
  })

  it("case 7: comments are reported, and so is a payload that is one", () => {
    assert.deepStrictEqual(parse(encode(": keepalive\n\ndata: : keepalive\n\ndata: 1\n\n")), [
      comment,
      comment,
      event("1")
    ])
  })

  it("case 7: an event without its empty line is not one", () => {
    assert.deepStrictEqual(parse(encode("data: 1\n\ndata: 2\n")), [event("1")])
  })

  it.prop("case 7: the same bytes give the same events, wherever they are cut", [
    Schema.Array(Schema.Struct({
      line: Schema.Union([
        Schema.Literals(["", "data", "data:", ":", ": x", "event: e", "data: : x", "data: \u2028é😀", "id: 1"]),
        Schema.String
      ]),
      ending: Schema.Literals(["\n", "\r", "\r\n"])
    })),
    Schema.Array(Schema.Natural)
  ], ([lines, places]) => {
    const whole = encode(lines.map(({ ending, line }) => `${line}${ending}`).join(""))
    assert.deepStrictEqual(parse(...cut(whole, places)), parse(whole))
    assert.deepStrictEqual(parse(...Array.from(whole, (byte) => Uint8Array.of(byte))), parse(whole))
  }, { arbitrary: { runs: 500 } })

  it("a line or an event that is too long ends the parsing, whatever it is", () => {
    for (
      const text of ["data: xxxxxxxxxxxxxxxxxxxxxxx", "data: xxxxxx\ndata: xxxxxx\ndata: xxxxxx\n", ":".repeat(50)]
    ) {
      const parser = Sse.make(16)
      for (const byte of encode(text)) parser.feed(Uint8Array.of(byte))
      assert.isUndefined(parser.feed(encode("\n\ndata: 1\n\n")))
    }
  })

  it.live("case 7: a chat stream is the same for all line endings, cut between any two bytes", () =>
    Effect.gen(function*() {
      const text = [chunk({ content: "é😀 " }), chunk({ content: "a\u2028b" }), chunk({}, "stop")]
        .map((each) => `: ping\n\ndata:${JSON.stringify(each)}\n\n`).join("") + "data: : keepalive\n\ndata: [DONE]\n\n"
      for (const line of ["\n", "\r", "\r\n"]) {
        const whole = encode(text.replaceAll("\n", line))
        const pieces = Array.from({ length: Math.ceil(whole.length / 7) }, (_, at) => whole.slice(7 * at, 7 * at + 7))
        const response = yield* Asking.collect(bytes(pieces))
        assert.strictEqual(response.text, "é😀 a\u2028b")
      }
    }))
})
