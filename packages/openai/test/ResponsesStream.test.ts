import { assert, describe, it } from "@effect/vitest"
import { ChatEvent, ChatService } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Fake from "./support/FakeResponses.ts"

/** The events of a stream with this body, and its error, if it fails. */
const read = (...chunks: ReadonlyArray<string | Uint8Array>) => readFrom(Fake.sse(...chunks))

const readFrom = (answer: () => Response) =>
  Effect.gen(function*() {
    const seen: Array<ChatEvent.ChatEvent> = []
    const error = yield* ChatService.stream("Hi").pipe(
      Stream.runForEach((event) => Effect.sync(() => void seen.push(event))),
      Effect.provide(Fake.chat(Fake.make(answer))),
      Effect.match({ onFailure: (error) => error, onSuccess: () => undefined })
    )
    return { events: seen, error }
  })

const whole = (answer: unknown) =>
  ChatService.generate("Hi").pipe(Effect.provide(Fake.chat(Fake.make(Fake.json(answer)))))

const textOf = (events: ReadonlyArray<ChatEvent.ChatEvent>) =>
  events.map((event) => event.type === "text-delta" ? event.delta : "").join("")

const annotation = { type: "url_citation", url: "https://example.com", title: "Rain", start_index: 0, end_index: 4 }

const summary = (...texts: ReadonlyArray<string>) => texts.map((text) => ({ type: "summary_text", text }))

/** The item of an event with another status. */
const itemOf = ({ item }: Fake.Json, status: string | undefined) =>
  typeof item === "object" ? { ...item, status } : undefined

const answers: Readonly<Record<string, Fake.Json>> = {
  text: Fake.response([Fake.message("Hello, world")]),
  "an empty text": Fake.response([Fake.message("")]),
  "nothing at all": Fake.response([]),
  "encrypted reasoning": Fake.response([Fake.reasoning("rs_1"), Fake.message("Hello")]),
  "a summary in two parts": Fake.response([
    Fake.reasoning("rs_1", { summary: summary("First of all", "Then") }),
    Fake.message("Hello")
  ]),
  "reasoning in the clear": Fake.response([
    {
      type: "reasoning",
      id: "rs_1",
      summary: [],
      content: [{ type: "reasoning_text", text: "Hm, well" }, { type: "reasoning_text", text: "Yes" }]
    },
    Fake.message("Hello")
  ]),
  "a summary and the text itself": Fake.response([
    {
      type: "reasoning",
      id: "rs_1",
      summary: summary("In short"),
      content: [{ type: "reasoning_text", text: "At length" }]
    },
    Fake.message("Hello")
  ]),
  "arguments that are no JSON": Fake.response([Fake.call("c1", "weather", "{\"city\":")]),
  calls: Fake.response([
    Fake.reasoning("rs_1"),
    Fake.call("c1", "weather", { city: "Berlin" }),
    Fake.call("c2", "clock")
  ]),
  "a text between calls": Fake.response([
    Fake.call("c1", "weather", { city: "Berlin" }),
    Fake.message("And", { phase: "commentary" }),
    Fake.call("c2", "weather", { city: "Rome" })
  ]),
  "citations and a refusal": Fake.response([
    Fake.message("", {
      content: [
        { type: "output_text", text: "Rain", annotations: [annotation, { type: "invented" }, annotation] },
        { type: "refusal", refusal: "No more" }
      ]
    })
  ]),
  "items that are not known": Fake.response([
    { type: "web_search_call", id: "ws_1", status: "completed" },
    Fake.message("Hi")
  ]),
  "an answer that was cut": Fake.response([Fake.message("Hel", { status: "incomplete" })], {
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" }
  }),
  "a call that was cut": Fake.response([Fake.call("c1", "weather", "{\"city\":\"Ber", { status: "incomplete" })], {
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" }
  }),
  "an answer that was withheld": Fake.response([], {
    status: "incomplete",
    incomplete_details: { reason: "content_filter" }
  }),
  "no usage": Fake.response([Fake.message("Hi")], { usage: null })
}

describe("Responses: streams", () => {
  for (const [name, answer] of Object.entries(answers)) {
    it.effect(`equals the whole answer, and ends with one finish: ${name}`, () =>
      Effect.gen(function*() {
        const { error, events } = yield* read(Fake.text(Fake.events(answer)))
        assert.isUndefined(error)
        assert.strictEqual(events.filter(({ type }) => type === "finish").length, 1)
        assert.strictEqual(events.at(-1)?.type, "finish")
        assert.deepStrictEqual(yield* ChatEvent.collect(Stream.fromIterable(events)), yield* whole(answer))
      }))
  }

  for (const [name, answer] of Object.entries(answers)) {
    it.effect(`equals the whole answer where a server leaves out deltas, or all but the end: ${name}`, () =>
      Effect.gen(function*() {
        const expected = yield* whole(answer)
        const events = Fake.events(answer)
        const kept = [
          events.filter(({ type }) => !String(type).endsWith("delta")),
          events.filter(({ type }) => !/item\.done|arguments\.done|part\.done/.test(String(type))),
          events.filter(({ type }) => !/item\.added|delta|created/.test(String(type))),
          events.slice(-1)
        ]
        for (const some of kept) {
          const { events } = yield* read(Fake.text(some))
          assert.deepStrictEqual(yield* ChatEvent.collect(Stream.fromIterable(events)), expected)
        }
      }))
  }

  it.effect("tells the cached tokens apart, and keeps what the server counted", () =>
    Effect.gen(function*() {
      const { finishReason, providerMetadata, requestId, usage } = yield* whole(answers["text"])
      assert.deepStrictEqual(usage, {
        inputTokens: 40,
        cacheReadTokens: 60,
        cacheWriteTokens: 0,
        outputTokens: 20,
        totalTokens: 120
      })
      assert.strictEqual(finishReason, "stop")
      assert.strictEqual(requestId, "req_1")
      const { model, usage: counted } = providerMetadata.openai ?? {}
      assert.strictEqual(model, "gpt-5.4-2026-03-05")
      assert.deepStrictEqual(counted?.["output_tokens_details"], { reasoning_tokens: 12 })
      const { providerMetadata: { openai } } = yield* whole(answers["no usage"])
      assert.deepStrictEqual(openai?.warnings?.map(({ type }) => type), ["no-usage"])
    }))

  it.effect("shows text, reasoning, citations and arguments as they come", () =>
    Effect.gen(function*() {
      const { events } = yield* read(Fake.text(Fake.events(
        Fake.response([
          Fake.reasoning("rs_1", { summary: summary("One", "Two") }),
          Fake.message("Rainy", { content: [{ type: "output_text", text: "Rainy", annotations: [annotation] }] }),
          Fake.call("c1", "weather", { a: 1 })
        ]),
        5
      )))
      assert.deepStrictEqual(
        events.flatMap((event) => "delta" in event ? [[event.type, event.index, event.delta]] : []),
        [
          ["reasoning-delta", 0, "One"],
          ["reasoning-delta", 0, "\n\nTwo"],
          ["text-delta", 1, "Rainy"],
          ["tool-params-delta", 2, "{\"a\":"],
          ["tool-params-delta", 2, "1}"]
        ]
      )
      assert.deepStrictEqual(events.filter(({ type }) => type === "citation" || type === "tool-params-start"), [
        {
          type: "citation",
          index: 1,
          citation: {
            title: "Rain",
            source: "https://example.com",
            location: { type: "web", url: "https://example.com" }
          }
        },
        { type: "tool-params-start", index: 2, id: "c1", name: "weather" }
      ])
    }))

  it.effect("shows what began: the summary of reasoning and its text are not mixed", () =>
    Effect.gen(function*() {
      const { events } = yield* read(Fake.text(Fake.events(answers["a summary and the text itself"]!)))
      const shown = events.map((event) => event.type === "reasoning-delta" ? event.delta : "").join("")
      assert.strictEqual(shown, "In short")
    }))

  it.effect("case 1: the end is proved by the last event, or by [DONE]; without both nothing open is handed out", () =>
    Effect.gen(function*() {
      const events = Fake.events(Fake.response([Fake.message("Rain"), Fake.call("c1", "weather", { city: "Berlin" })]))
      const open = Fake.text(events.slice(0, -3))
      const closed = Fake.text(events.slice(0, -1))
      const end = Fake.text(events.slice(-1))
      const neither = yield* read(open)
      assert.strictEqual(neither.error?._tag, "StreamInterruptedError")
      assert.strictEqual(textOf(neither.events), "Rain")
      assert.notInclude(neither.events.map(({ type }) => type), "tool-call")
      for (const body of [closed + end, `${closed}data: [DONE]\n\n`, `${closed}${end}data: [DONE]\n\n`]) {
        const { error, events } = yield* read(body)
        assert.isUndefined(error)
        assert.deepStrictEqual(events.slice(-2).map(({ type }) => type), ["tool-call", "finish"])
      }
    }))

  it.effect("case 1: a call that is still open at [DONE] is not handed out", () =>
    Effect.gen(function*() {
      const events = Fake.events(Fake.response([Fake.message("Rain"), Fake.call("c1", "weather", { city: "Berlin" })]))
      for (const status of ["in_progress", undefined]) {
        const open = events.slice(0, -4).map((event) => JSON.stringify({ ...event, item: itemOf(event, status) }))
        const { error, events: seen } = yield* read([...open, "[DONE]"].map((data) => `data: ${data}\n\n`).join(""))
        assert.isUndefined(error)
        assert.notInclude(seen.map(({ type }) => type), "tool-call")
        const last = seen.at(-1)
        assert.strictEqual(last?.type === "finish" ? last.finishReason : undefined, "length")
      }
    }))

  it.effect("case 3: calls that come interleaved are told apart, also at one place", () =>
    Effect.gen(function*() {
      const answer = Fake.response([
        Fake.call("c1", "weather", { city: "Berlin" }),
        Fake.call("c2", "weather", { city: "Rome" })
      ])
      const events = Fake.events(answer).map((event) => "output_index" in event ? { ...event, output_index: 0 } : event)
      const added = events.filter(({ type }) => type === "response.output_item.added")
      const deltas = events.filter(({ type }) => String(type).endsWith("delta"))
      const [first, second] = ["fc_c1", "fc_c2"].map((id) => deltas.filter(({ item_id }) => item_id === id))
      const alternating = first!.flatMap((delta, at) => [delta, ...second!.slice(at, at + 1)])
      const whole = events.filter(({ type }) => /\.done$|completed/.test(String(type)))
      const { events: seen } = yield* read(Fake.text([...added, ...alternating, ...whole]))
      assert.strictEqual(alternating.length, deltas.length)
      const texts = new Map<string, string>()
      for (const event of seen) {
        if (event.type === "tool-params-delta") texts.set(event.id, `${texts.get(event.id) ?? ""}${event.delta}`)
      }
      assert.deepStrictEqual([...texts], [["c1", "{\"city\":\"Berlin\"}"], ["c2", "{\"city\":\"Rome\"}"]])
      const { toolCalls } = yield* ChatEvent.collect(Stream.fromIterable(seen))
      assert.deepStrictEqual(toolCalls.map(({ params }) => params), [{ city: "Berlin" }, { city: "Rome" }])
    }))

  const failed = { code: "rate_limit_exceeded", message: "Rate limit reached for gpt-5.4" }

  it.effect("case 2: a failure within a stream is the error of its HTTP status", () =>
    Effect.gen(function*() {
      const opened = Fake.text(Fake.events(Fake.response([Fake.message("Rain")])).slice(0, 4))
      const expected = yield* Effect.flip(
        ChatService.generate("Hi").pipe(Effect.provide(Fake.chat(Fake.make(Fake.json({ error: failed }, 429)))))
      )
      assert.strictEqual(expected._tag, "RateLimitError")
      for (
        const event of [
          { type: "response.failed", response: { ...Fake.response([]), status: "failed", error: failed } },
          { type: "error", ...failed, param: null },
          { type: "error", error: failed },
          { error: failed }
        ]
      ) {
        const named = `event: ${"type" in event ? event.type : "error"}\n`
        for (const text of ["", named].map((name) => `${name}data: ${JSON.stringify(event)}\n\n`)) {
          const { error } = yield* read(text)
          assert.strictEqual(error?._tag, "RateLimitError")
          assert.strictEqual(error?.providerMessage, failed.message)
          const late = yield* read(opened + text)
          assert.strictEqual(late.error?._tag, "StreamInterruptedError")
          assert.strictEqual(late.error?.providerMessage, failed.message)
          assert.include(textOf(late.events), "Rai")
        }
      }
      for (const error of [failed, { code: "server_error", message: "Oops" }]) {
        const answer = { ...Fake.response([]), status: "failed", error }
        const { _tag } = yield* Effect.flip(whole(answer))
        assert.strictEqual(_tag, error === failed ? "RateLimitError" : "ProviderInternalError")
      }
      for (const empty of ["", ": keepalive\n\n"]) {
        assert.strictEqual((yield* read(empty)).error?._tag, "ConnectionError")
      }
    }))

  it.effect("case 4: a call without an id has one that stays the same, and a number is text", () =>
    Effect.gen(function*() {
      const answer = Fake.response([
        { type: "function_call", name: "weather", arguments: "{}" },
        { type: "function_call", call_id: 7, name: "clock", arguments: "{}" }
      ])
      const { events } = yield* read(Fake.text(Fake.events(answer)))
      const ids = events.flatMap((event) => "id" in event ? [event.id] : [])
      const [first, second] = new Set(ids)
      assert.strictEqual(new Set(ids).size, 2)
      assert.match(String(first), /^call_\w+_0$/)
      assert.strictEqual(second, "7")
    }))

  it.effect("case 5: reads arguments that are an object, and keeps what is no JSON", () =>
    Effect.gen(function*() {
      for (
        const [args, params, reason] of [
          [{ city: "Berlin" }, { city: "Berlin" }, "tool-calls"],
          ["", {}, "tool-calls"],
          ["{\"city\":", "{\"city\":", "length"]
        ] as const
      ) {
        const answer = Fake.response([{
          type: "function_call",
          id: "fc_1",
          call_id: "c1",
          name: "weather",
          arguments: args
        }])
        const { finishReason, toolCalls } = yield* whole(answer)
        assert.deepStrictEqual(toolCalls.map(({ params }) => params), [params])
        // Case 6: a last call that does not parse was cut, whatever the server says.
        assert.strictEqual(finishReason, reason)
      }
    }))

  it.effect("case 6: whether calls are handed out depends on whether they are complete", () =>
    Effect.gen(function*() {
      const calls = [Fake.call("c1", "weather", { city: "Berlin" })]
      const { finishReason, toolCalls } = yield* whole(Fake.response(calls, { status: undefined }))
      assert.strictEqual(finishReason, "tool-calls")
      assert.strictEqual(toolCalls.length, 1)
      const cut = yield* whole(answers["a call that was cut"])
      assert.strictEqual(cut.finishReason, "length")
      assert.deepStrictEqual(cut.toolCalls, [])
    }))

  it.effect("case 26: unknown events and fields pass by, a malformed end is fatal", () =>
    Effect.gen(function*() {
      const answer = Fake.response([Fake.message("Hello, world")])
      const events = Fake.events(answer).flatMap((event) => [
        { type: "response.invented", output_index: 0, delta: "x", item: 5 },
        { ...event, invented: { a: [1] } },
        { type: "response.output_text.delta" },
        { type: "response.output_item.added" },
        { type: "response.output_item.done", item: "?" },
        { type: "keepalive" }
      ])
      const { error, events: seen } = yield* read(Fake.text(events))
      assert.isUndefined(error)
      assert.strictEqual(textOf(seen), "Hello, world")
      for (const response of [undefined, null, "?", 7, [], { output: "?" }]) {
        const { error } = yield* read(Fake.text([{ type: "response.completed", response }]))
        assert.strictEqual(error?._tag, "MalformedResponseError")
      }
      const { error: late } = yield* read(
        Fake.text([...Fake.events(answer), { type: "error", code: "server_error", message: "too late" }])
      )
      assert.isUndefined(late)
    }))

  it.effect("reads the numbers of servers that count in other ways", () =>
    Effect.gen(function*() {
      const answer = Fake.response([
        Fake.call("c1", "weather", { city: "Berlin" }),
        Fake.call("c2", "weather", { city: "Rome" }),
        Fake.message("Rain"),
        Fake.message("Sun", { id: "msg_other" })
      ])
      const expected = yield* whole(answer)
      const events = Fake.events(answer)
      let count = 0
      const ways: ReadonlyArray<(event: Fake.Json) => Fake.Json> = [
        // every item at the place 0
        (event) => "output_index" in event ? { ...event, output_index: 0 } : event,
        // another id in every event
        (event) => "item_id" in event ? { ...event, item_id: `other_${count++}` } : event,
        // no place
        ({ output_index: _, ...event }) => event,
        // no id in deltas
        ({ item_id: _, ...event }) => event,
        // pieces counted over all items
        (event) => "content_index" in event ? { ...event, content_index: Number(event["output_index"]) } : event
      ]
      for (const way of ways) {
        const { events: seen } = yield* read(Fake.text(events.map(way)))
        assert.deepStrictEqual(yield* ChatEvent.collect(Stream.fromIterable(seen)), expected)
      }
    }))

  it.effect("reads a whole answer of a server that does not stream", () =>
    Effect.gen(function*() {
      const answer = answers["calls"]
      const { error, events } = yield* readFrom(Fake.json(answer))
      assert.isUndefined(error)
      assert.deepStrictEqual(yield* ChatEvent.collect(Stream.fromIterable(events)), yield* whole(answer))
    }))

  it.effect("refuses whole answers that are none", () =>
    Effect.gen(function*() {
      for (const answer of [{}, { output: "?" }, { object: "response", status: "completed" }]) {
        assert.strictEqual((yield* Effect.flip(whole(answer)))._tag, "MalformedResponseError")
      }
      const { _tag } = yield* Effect.flip(whole(Fake.response([], { status: "cancelled" })))
      assert.strictEqual(_tag, "ProviderInternalError")
    }))
})
