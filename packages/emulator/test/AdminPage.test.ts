import { ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it, layer } from "@effect/vitest"
import { Emulator, Recording, Replay, Script } from "@strata/emulator"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Fixture from "./Fixture.ts"

const ask = Effect.fnUntraced(function*(method: string, path: string, body?: unknown) {
  const { url } = yield* Emulator.Emulator
  const response = yield* Fixture.attempt((signal) =>
    fetch(`${url}/_strata/${path}`, {
      method,
      signal,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? undefined : { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
  )
  const text = yield* Fixture.attempt(() => response.text())
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) }
})

const entries = Effect.map(ask("GET", "requests"), ({ body }) => body.requests)

const said = (text: string) =>
  Effect.map(
    Fixture.converse({ messages: [{ role: "user", content: [{ text }] }] }),
    (response) => JSON.parse(response.text).output?.message.content[0].text ?? response.status
  )

describe("The admin paths behind the page", () => {
  it.effect("say which quota a request exceeded, by how much, and when it has room", () =>
    Effect.gen(function*() {
      yield* Fixture.converse({ ...Fixture.hello, inferenceConfig: { maxTokens: 900 } })
      yield* Fixture.converse({ ...Fixture.hello, inferenceConfig: { maxTokens: 999 } })
      yield* Fixture.converse({ ...Fixture.hello, inferenceConfig: { maxTokens: 5_000 } })
      const [, soon, never] = yield* entries
      assert.strictEqual(soon.refusal.exception, "ThrottlingException")
      const { left, needed, ...quota } = soon.refusal.quota
      assert.deepStrictEqual(quota, { name: Fixture.modelId, unit: "tokens", limit: 1_000, windowMillis: 60_000 })
      assert.isAbove(needed, left)
      assert.isAbove(soon.refusal.retryMillis, 0)
      assert.strictEqual(never.refusal.quota.limit, 1_000)
      assert.notProperty(never.refusal, "retryMillis")
    }).pipe(Effect.provide(Fixture.emulator({ quota: { "*": { tokensPerMinute: 1_000 } } }))))

  it.effect("say which field was refused", () =>
    Effect.gen(function*() {
      yield* Fixture.converse({ messages: [{ role: "user", content: [{ text: " " }] }] })
      yield* Fixture.converse({ ...Fixture.hello, inferenceConfig: { temperature: 3 } })
      yield* Fixture.converse({ messages: [{ role: "user", content: [{ text: 5 }] }] })
      const fields = (yield* entries).map(({ refusal }: { refusal: { field: string } }) => refusal.field)
      assert.deepStrictEqual(fields, [
        "messages.0.content.0",
        "inferenceConfig.temperature",
        "messages[0].content[0].text"
      ])
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("have the past of a quota, also between its events, and the refusals", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* Fixture.converse({ ...Fixture.hello, inferenceConfig: { maxTokens: 900 } })
      yield* Fixture.converse({ ...Fixture.hello, inferenceConfig: { maxTokens: 5_000 } })
      yield* emulator.advance("30 seconds")
      const { body } = yield* ask("GET", "quotas/history")
      const past = body["us-east-1"][Fixture.modelId]
      assert.deepStrictEqual(past.limits, [{ unit: "tokens", limit: 1_000 }, { unit: "requests", limit: 10 }])
      assert.strictEqual(past.slotMillis, 5_000)
      const [first, next] = past.slots
      // what was reserved, though less was used in the end
      assert.isAtLeast(first.used[0], 900)
      assert.deepStrictEqual([first.used[1], first.throttled], [1, [1, 0]])
      // a bucket refills
      assert.isBelow(next.used[0], first.used[0])
      assert.deepStrictEqual(past.slots.at(-1).used, [0, 0])
      yield* emulator.advance("2 hours")
      const later = (yield* ask("GET", "quotas/history")).body["us-east-1"][Fixture.modelId]
      assert.lengthOf(later.slots, 120)
      assert.isTrue(later.slots.every(({ throttled }: { throttled: [number] }) => throttled[0] === 0))
    }).pipe(
      Effect.provide(Fixture.emulator({ quota: { "*": { tokensPerMinute: 1_000, requestsPerMinute: 10 } } })),
      TestClock.withLive
    ))

  it.effect("count the events of a stream while it flows, and show its text only where bodies are kept", () => {
    const over = (capture: boolean) =>
      Effect.gen(function*() {
        const finish = yield* Deferred.make<void>()
        const services = Layer.merge(
          Fixture.chat({
            stream: () => {
              const [hello, ...rest] = Fixture.deltas("Hello, world", "!")
              return Stream.concat(
                Stream.fromIterable(hello === undefined ? [] : [hello]),
                Stream.unwrap(Effect.as(Deferred.await(finish), Stream.fromIterable(rest)))
              )
            }
          }),
          Fixture.embedding()
        )
        return yield* Effect.gen(function*() {
          const client = yield* Fixture.connect("2")
          const answer = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
          const [begun] = yield* Fixture.eventually(entries, ([entry]) => entry.events >= 2)
          yield* Deferred.succeed(finish, undefined)
          yield* Fixture.drain(answer.stream)
          const [over] = yield* Fixture.eventually(entries, ([entry]) => entry.outcome === "completed")
          return { begun, over, detail: (yield* ask("GET", "requests/1")).body }
        }).pipe(Effect.provide(Fixture.emulator({ capture }, services)))
      })
    return Effect.gen(function*() {
      const shown = yield* over(true)
      assert.include(shown.begun, { outcome: "in-flight", tail: "Hello, world" })
      assert.isAbove(shown.over.events, shown.begun.events)
      assert.isAbove(shown.over.sentBytes, shown.begun.sentBytes)
      assert.strictEqual(shown.detail.answer, "Hello, world!")
      const hidden = yield* over(false)
      assert.isAbove(hidden.over.events, hidden.begun.events)
      assert.notInclude(JSON.stringify(hidden), "world")
    })
  })

  it.effect("change a pending fault in its place, and say what is wrong at which field", () =>
    Effect.gen(function*() {
      yield* ask("POST", "faults", [{ type: "throttle", times: "Infinity" }, { type: "latency", duration: 1 }])
      const refused = yield* ask("PUT", "faults/1", { type: "throttle", times: -1, modle: "x" })
      assert.strictEqual(refused.status, 400)
      assert.sameMembers(refused.body.problems.map(({ path }: { path: string }) => path), ["times", "modle"])
      assert.strictEqual((yield* Fixture.converse(Fixture.hello)).status, 429)
      const changed = { type: "exception", exception: "ServiceUnavailableException" }
      assert.strictEqual((yield* ask("PUT", "faults/1", changed)).status, 200)
      const pending = (yield* ask("GET", "faults")).body
      assert.deepStrictEqual(pending[0], { id: 1, fault: changed, struck: 0 })
      assert.strictEqual((yield* Fixture.converse(Fixture.hello)).status, 503)
      assert.strictEqual((yield* ask("PUT", "faults/1", changed)).status, 404)
      const unknown = yield* ask("POST", "faults", { type: "bad weather" })
      assert.strictEqual(unknown.body.problems[0].path, "type")
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("read the script and put another in force; a wrong one is refused, and the former one answers", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* ask("GET", "script")).body, { rules: [], default: "old" })
      assert.strictEqual(yield* said("weather?"), "old")
      const script = { rules: [{ when: { text: "weather", call: 1 }, answer: { text: "Rain", delay: "1 millis" } }] }
      const put = yield* ask("PUT", "script", script)
      assert.strictEqual(put.status, 200)
      assert.strictEqual(put.body.rules[0].answer.text, "Rain")
      assert.strictEqual(yield* said("weather?"), "Rain")
      const refused = yield* ask("PUT", "script", { rules: [{ answer: { delay: true } }] })
      assert.strictEqual(refused.status, 400)
      assert.deepStrictEqual(refused.body.problems[0].path, "rules[0].answer.delay")
      assert.include(refused.body.remedy, "The former script still answers")
      // the call was counted, so this is the second
      assert.strictEqual(yield* said("weather?"), 400)
      yield* ask("PUT", "script", script)
      assert.strictEqual(yield* said("weather?"), "Rain")
    }).pipe(Effect.provide(Script.layerEmulator({ rules: [], default: "old" }))))

  it.effect("have no script where none answers", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* ask("GET", "script")).body.message.includes("--script"), true)
      assert.strictEqual((yield* ask("PUT", "script", [])).status, 400)
      assert.strictEqual((yield* ask("GET", "overview")).body.answers, "services")
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("record what is captured, from the switch on, as a file that a replay reads", () =>
    Effect.gen(function*() {
      const stream = Fixture.post(`/model/${Fixture.modelId}/converse-stream`, JSON.stringify(Fixture.hello))
      yield* said("before")
      assert.strictEqual((yield* ask("GET", "recording")).status, 400)
      assert.strictEqual((yield* ask("PUT", "capture", { on: true })).body.on, true)
      const [before] = [yield* said("after")]
      const streamed = yield* stream
      yield* Fixture.converse({ messages: [{ role: "user", content: [{ text: " " }] }] })
      yield* Fixture.eventually(
        Effect.map(ask("GET", "overview"), ({ body }) => body.recording),
        ({ exchanges }) => exchanges === 3
      )
      const file = yield* ask("GET", "recording")
      assert.include(file.headers.get("content-disposition"), "recording.json")
      assert.notInclude(file.text, "bedrock-api-key-of-the-emulator")
      const recording = Result.getOrThrow(Recording.fromText(file.text, "recording.json"))
      assert.lengthOf(recording.exchanges, 3)
      const replayed = yield* Effect.gen(function*() {
        const { responder } = yield* Replay.make(recording.exchanges)
        return yield* Effect.all([
          said("after"),
          stream,
          said(" "),
          said("never asked")
        ]).pipe(Effect.provide(Fixture.emulator({ responder })))
      })
      assert.deepStrictEqual([replayed[0], replayed[2], replayed[3]], [before, 400, 400])
      assert.strictEqual(
        replayed[1].text.match(/contentBlockDelta/g)?.length,
        streamed.text.match(/contentBlockDelta/g)?.length
      )
      yield* ask("PUT", "capture", { on: false })
      assert.deepInclude((yield* ask("GET", "overview")).body, {
        recording: { source: "none", exchanges: 0 },
        capture: { on: false, bytes: 0, maxBytes: 64_000_000 }
      })
      assert.notProperty((yield* ask("GET", "requests/2")).body, "body")
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("keep no more of answers than the bound", () =>
    Effect.gen(function*() {
      const { requests } = yield* Emulator.Emulator
      yield* Effect.forEach(Array.from({ length: 30 }), () => said("x".repeat(100)), { discard: true })
      const { capture, recording } = (yield* ask("GET", "overview")).body
      assert.isAtMost(capture.bytes, 2 * 2_000)
      assert.isBelow(recording.exchanges, 30)
      assert.isAbove(recording.exchanges, 0)
      assert.lengthOf(yield* requests, 30)
    }).pipe(Effect.provide(Fixture.emulator({ capture: { maxBytes: 2_000 } }))))

  it.effect("show what a replay was asked for without having it", () =>
    Effect.gen(function*() {
      yield* said("never recorded")
      const { answers, replay } = (yield* ask("GET", "overview")).body
      assert.strictEqual(answers, "replay")
      assert.include(replay, { unused: 0, unmatched: 1 })
      assert.include(replay.latest[0], { operation: "Converse", model: Fixture.modelId })
      assert.include(replay.latest[0].message, "No recording of this Converse")
    }).pipe(Effect.provide(Layer.unwrap(
      Effect.map(Replay.make([]), (replay) => Fixture.emulator({ responder: replay.responder, backend: { replay } }))
    ))))
})

const Near = Schema.Union([
  Schema.Json,
  Schema.Struct({ rules: Schema.Array(Schema.Struct({ answer: Schema.Json, when: Schema.optionalKey(Schema.Json) })) }),
  Schema.Struct({
    type: Schema.Literals(["throttle", "latency", "exception"]),
    times: Schema.Json,
    duration: Schema.Json
  }),
  Schema.Struct({ "*": Schema.Struct({ tokensPerMinute: Schema.Json }) }),
  Schema.Struct({ on: Schema.Json }),
  Schema.Array(
    Schema.Union([Schema.String, Schema.Struct({ chunks: Schema.Array(Schema.String), delay: Schema.Finite })])
  )
])

layer(Script.layerEmulator([]), { timeout: "30 seconds" })("Arbitrary bodies", (it) => {
  const changes = [
    ["PUT", "script"],
    ["PUT", "capture"],
    ["PUT", "quotas"],
    ["PUT", "faults/1"],
    ["POST", "faults"],
    ["POST", "clock"],
    ["POST", "batches/abcdefghijkl/stop"]
  ] as const

  it.effect.prop("never fail inside the admin paths", [Near], ([body]) =>
    Effect.gen(function*() {
      const text = JSON.stringify(body)
      const answers = yield* Effect.forEach(changes, ([method, path]) => ask(method, path, text))
      for (const { body, status } of answers) {
        assert.isBelow(status, 500)
        if (status !== 200) assert.isString(body.message)
      }
      yield* ask("DELETE", "faults")
      // whatever was put in force, a read works
      for (const path of ["script", "quotas", "quotas/history", "overview", "statistics", "faults"]) {
        assert.strictEqual((yield* ask("GET", path)).status, 200)
      }
    }), { timeout: 30_000, arbitrary: { runs: 12 } })

  it.effect("never fail inside for what is no JSON", () =>
    Effect.gen(function*() {
      for (const text of ["{", "\"\\ud800\"", "[".repeat(5_000), "\u0000", "0"]) {
        for (const [method, path] of changes) assert.isBelow((yield* ask(method, path, text)).status, 500)
      }
    }))
})
