import { assert, describe, it } from "@effect/vitest"
import { Recorder, Recording, Redaction } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Frame from "../src/http/Frame.ts"
import * as Content from "../src/record/Content.ts"
import * as EventFrame from "../src/record/EventFrame.ts"

const runs = { arbitrary: { runs: 40 } }

/** As JSON, where -0 is 0. */
const same = (actual: unknown, expected: unknown) =>
  assert.deepStrictEqual(JSON.parse(JSON.stringify(actual)), JSON.parse(JSON.stringify(expected)))

const Texts = Schema.Record(Schema.String, Schema.String)

describe("Recording", () => {
  it.prop("round-trips any exchange", [Schema.Array(Recording.Exchange)], ([exchanges]) => {
    // Of a key with half a surrogate pair, V8's `JSON.parse` may make that of an earlier object of the same shape.
    if (/\\ud[89a-f][^"]*":/.test(JSON.stringify(exchanges))) return
    const again = (text: string) => Result.getOrThrow(Recording.fromText(text, "a.json")).exchanges
    const read = again(Recording.toText(exchanges))
    same(read, exchanges)
    // a decoded value has the key order of the schema
    assert.strictEqual(Recording.toText(again(Recording.toText(read))), Recording.toText(read))
  }, runs)

  it.prop("round-trips any body", [Schema.Uint8Array], ([bytes]) => {
    assert.deepStrictEqual([...Content.toBytes(Content.fromBytes(bytes))], [...bytes])
  }, runs)

  it("keeps JSON as JSON, text as text, and bytes as bytes", () => {
    const kept = (text: string) => Content.fromBytes(new TextEncoder().encode(text))
    assert.deepStrictEqual(kept("{\"a\":[1]}"), { body: { a: [1] } })
    assert.deepStrictEqual(kept("<html>"), { text: "<html>" })
    assert.deepStrictEqual(Content.fromBytes(Uint8Array.of(0xff)), { bytes: Uint8Array.of(0xff) })
    assert.deepStrictEqual(kept(""), {})
    // a recursive function would overflow the stack
    const deep = "[".repeat(20_000) + "]".repeat(20_000)
    assert.deepStrictEqual(kept(deep), { text: deep })
  })

  it("writes one line for each event", () => {
    const text = Recording.toText([{
      request: { method: "POST", path: "/", headers: {}, body: { values: Array.from({ length: 99 }, (_, at) => at) } },
      response: {
        status: 200,
        at: 1,
        headers: {},
        events: [
          { at: 1, event: "messageStart", payload: { role: "assistant" } },
          { at: 2, event: "contentBlockDelta", payload: { contentBlockIndex: 0, delta: { text: "Hello" } } }
        ]
      }
    }])
    assert.include(
      text,
      "\n          { \"at\": 1, \"event\": \"messageStart\", \"payload\": { \"role\": \"assistant\" } },\n"
    )
    assert.match(text, /\[0, 1, 2, .*, 98\]/)
  })

  it("reads a file truncated anywhere up to its last complete exchange", () => {
    const exchanges = ["a", "b", "c"].map((text): Recording.Exchange => ({
      request: { method: "POST", path: "/", headers: {}, body: { text, more: "}\n    },\n    {".repeat(9), ü: "ü" } },
      response: { status: 200, at: 1, headers: {}, events: [{ at: 1, event: "e", payload: { text } }] }
    }))
    const text = Recording.toText(exchanges)
    const ends = exchanges.map((_, index) =>
      Recording.toText(exchanges.slice(0, index + 1)).length - Recording.end.length
    )
    for (let length = Recording.begin.length; length <= text.length; length++) {
      const read = Result.getOrThrow(Recording.fromText(text.slice(0, length), "a.json")).exchanges
      assert.deepStrictEqual(read, exchanges.slice(0, ends.filter((end) => end <= length).length), `${length}`)
    }
    // other errors are not those of a truncated file
    assert.isTrue(Result.isFailure(Recording.fromText(text.replace("200", "\"200\""), "a.json")))
    assert.isTrue(Result.isFailure(Recording.fromText("{", "a.json")))
  })

  it("reports errors of a file with their path", () => {
    const message = (text: string) => Result.getOrThrow(Result.flip(Recording.fromText(text, "a.json"))).message
    assert.strictEqual(message("{\"version\":2,\"exchanges\":[]}"), "a.json: version: Expected 1, got 2")
    assert.strictEqual(
      message(
        "{\"version\":1,\"exchanges\":[{\"request\":{\"method\":\"POST\",\"path\":\"/\",\"headers\":{}},\"response\":{\"status\":\"200\",\"at\":1,\"headers\":{}}}]}"
      ),
      "a.json: exchanges[0].response.status: Expected number, got \"200\""
    )
  })

  describe("EventFrame", () => {
    it.prop(
      "splits any stream into frames, independent of its chunks",
      [
        Schema.Array(Schema.Struct({ type: Schema.String, payload: Texts })),
        Schema.Int.check(Schema.isBetween({
          minimum: 1,
          maximum: 40
        }))
      ],
      ([events, size]) => {
        const frames = events.map(({ payload, type }) => Frame.event(type, payload, 7))
        const bytes = Buffer.concat(frames)
        const cutter = EventFrame.makeCutter()
        const cut: Array<Uint8Array> = []
        for (let at = 0; at < bytes.length; at += size) cut.push(...cutter.push(bytes.subarray(at, at + size)))
        assert.deepStrictEqual([...cut, ...cutter.rest()].map((frame) => [...frame]), frames.map((frame) => [...frame]))
      },
      runs
    )

    it.prop("encodes any decoded event as the same frame", [Recording.Event], ([event]) => {
      const frame = EventFrame.fromEvent(event)
      // padding comes last, wherever an event had it
      const isPadded = JSON.stringify(event).includes("\"p\":")
      if (!("frame" in event) && !isPadded) same(EventFrame.fromEvent(EventFrame.toEvent(frame, event.at)), frame)
    }, runs)

    it("decodes events, chunks, exceptions and errors, and keeps the bytes of invalid frames", () => {
      const chunk = { type: "message_start" }
      const kept = (frame: Uint8Array) => EventFrame.toEvent(frame, 1)
      assert.deepStrictEqual(kept(Frame.event("a", { b: 1 }, 5)), { at: 1, event: "a", payload: { b: 1 } })
      assert.deepStrictEqual(kept(Frame.event("chunk", { bytes: Base64.encode(JSON.stringify(chunk)) }, 5)), {
        at: 1,
        chunk
      })
      const spaced = { bytes: Base64.encode("{ \"a\": 1 }") }
      assert.deepStrictEqual(kept(Frame.event("chunk", spaced, 5)), { at: 1, event: "chunk", payload: spaced })
      assert.deepStrictEqual(kept(Frame.exception("a", { message: "b" })), {
        at: 1,
        exception: "a",
        payload: { message: "b" }
      })
      assert.deepStrictEqual(kept(Frame.error("a", "b")), { at: 1, error: "a", message: "b" })
      const broken = Frame.corrupted(Frame.event("a", {}, 0), "message")
      assert.deepStrictEqual(kept(broken), { at: 1, frame: broken })
    })

    it("decodes the halves of a split surrogate pair", () => {
      for (const delta of ["\ud83d", "\ude00"]) {
        const kept = (type: string, payload: Schema.JsonObject) => EventFrame.toEvent(Frame.event(type, payload, 5), 1)
        assert.deepStrictEqual(kept("contentBlockDelta", { delta }), {
          at: 1,
          event: "contentBlockDelta",
          payload: { delta }
        })
        const bytes = Base64.encode(JSON.stringify({ delta }))
        assert.deepStrictEqual(kept("chunk", { bytes }), { at: 1, chunk: { delta } })
      }
    })

    it("forwards other bodies unchanged", () => {
      const cutter = EventFrame.makeCutter()
      const bytes = new TextEncoder().encode("<html>never a frame</html>")
      assert.deepStrictEqual([...cutter.push(bytes), ...cutter.rest()], [bytes])
    })
  })

  describe("Redaction", () => {
    it.prop("redacts every text of a conversation deterministically", [Texts], ([texts]) => {
      const values = Object.values(texts).map((text) => `${text} secret`)
      const exchange: Recording.Exchange = {
        request: { method: "POST", path: "/", headers: {}, body: { messages: values.map((text) => ({ text })) } },
        response: {
          status: 200,
          at: 0,
          headers: {},
          events: values.map((text, at) => ({ at, chunk: { index: at % 3, delta: { text } } }))
        }
      }
      const redacted = Redaction.exchange(exchange, Redaction.placeholder)
      assert.notInclude(Recording.toText([redacted]), "secret")
      same(Redaction.exchange(redacted, Redaction.placeholder), redacted)
    }, runs)

    it("keeps names of the protocol, and redacts lookalikes", () => {
      const content = Redaction.content({
        body: {
          role: "user",
          content: [
            { toolUse: { toolUseId: "t1", name: "get", input: { name: "Alice", role: "boss" } } },
            { document: { format: "pdf", name: "Alice", source: { bytes: "QWxpY2U=" } } },
            { text: "{\"name\":\"Alice\"}" }
          ]
        }
      }, (text) => `<${text.length}>`)
      assert.deepStrictEqual(content, {
        body: {
          role: "user",
          content: [
            { toolUse: { toolUseId: "t1", name: "get", input: { name: "<5>", role: "<4>" } } },
            { document: { format: "pdf", name: "<5>", source: { bytes: Base64.encode("<8>") } } },
            { text: "{\"name\":\"<5>\"}" }
          ]
        }
      })
    })
  })

  it.effect.prop(
    "contains no secret, wherever a request or an answer has it",
    [
      Schema.Json,
      Texts,
      Schema.Literals([
        "authorization: Bearer token.of-the-client",
        "authorization: AWS4-HMAC-SHA256 Credential=token.of-the-client, SignedHeaders=host, Signature=0123",
        "authorization: AWS4-HMAC-SHA256 Credential=AKIAA, SignedHeaders=host, Signature=token.of-the-client",
        "cookie: a=b; c=token.of-the-client",
        "x-amz-security-token: token.of-the-client"
      ])
    ],
    ([json, texts, header]) =>
      Effect.gen(function*() {
        const secrets = ["upstream/secret+key", "upstream-session-token", "token.of-the-client", "AKIAI44QH8DHBEXAMPLE"]
        const said = { json, texts, ...Object.fromEntries(secrets.map((secret) => [`a${secret}`, [`${secret}, b`]])) }
        const upstream = HttpClient.make((request) =>
          Effect.succeed(HttpClientResponse.fromWeb(
            request,
            new Response(
              request.url.endsWith("stream")
                ? Buffer.concat([
                  Frame.event("contentBlockDelta", said, 3),
                  Frame.event("chunk", { bytes: Base64.encode(JSON.stringify(said)) }, 3),
                  Frame.exception("validationException", { message: JSON.stringify(request.headers) }),
                  Frame.error("a", secrets.join())
                ])
                : `${JSON.stringify(request.headers)} ${JSON.stringify(said)}`,
              {
                headers: {
                  "content-type": request.url.endsWith("stream") ? "application/vnd.amazon.eventstream" : "text/plain",
                  "x-amzn-requestid": secrets[0] ?? "",
                  "set-cookie": "a=token.of-the-client"
                }
              }
            )
          ))
        )
        const recorder = yield* Recorder.make({
          upstream: "http://upstream.test",
          credentials: {
            accessKeyId: "AKIAIOSFODNN7EXAMPLE",
            secretAccessKey: Redacted.make("upstream/secret+key"),
            sessionToken: Redacted.make("upstream-session-token")
          }
        }).pipe(Effect.provideService(HttpClient.HttpClient, upstream))
        for (const operation of ["converse", "converse-stream"]) {
          yield* Effect.scoped(Effect.flatMap(
            recorder.responder({
              method: "POST",
              target: `/model/token.of-the-client/${operation}`,
              headers: Object.fromEntries([header.split(": "), ["x-amzn-bedrock-trace", "token.of-the-client"]]),
              body: new TextEncoder().encode(JSON.stringify(said))
            }),
            (answer) => answer.type === "stream" ? Stream.runDrain(answer.frames) : Effect.void
          ))
        }
        const text = Recording.toText(yield* recorder.exchanges)
        assert.lengthOf(yield* recorder.exchanges, 2)
        assert.deepStrictEqual([...secrets, "AKIAIOSFODNN7EXAMPLE", "Signature=0"].filter((s) => text.includes(s)), [])
      }),
    runs
  )
})
