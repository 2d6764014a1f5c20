import { ConverseCommand, ConverseStreamCommand, InvokeModelCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { Emulator, Statistics } from "@strata/emulator"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator()

describe("Emulator", () => {
  describe.each(Fixture.protocols)("over HTTP/%s", (protocol) => {
    it.effect("answers the AWS SDK", () =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect(protocol)
        const whole = yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
        assert.deepStrictEqual(whole.output?.message, { role: "assistant", content: [{ text: "Hello" }] })
        const streamed = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
        assert.lengthOf(yield* Fixture.drain(streamed.stream), 6)
        const invoked = yield* Fixture.attempt(() =>
          client.send(
            new InvokeModelCommand({
              modelId: "amazon.titan-embed-text-v1",
              contentType: "application/json",
              body: JSON.stringify({ inputText: "a" })
            })
          )
        )
        assert.lengthOf(JSON.parse(invoked.body.transformToString()).embedding, 1536)
      }).pipe(Effect.provide(live)))

    it.effect("receives and sends bodies of several megabytes", () =>
      Effect.gen(function*() {
        const client = yield* Fixture.connect(protocol)
        const text = "x".repeat(3_000_000)
        const answer = yield* Fixture.attempt(() =>
          client.send(
            new ConverseCommand({
              ...Fixture.hello,
              messages: [{
                role: "user",
                content: [{ text: "Read" }, {
                  document: { format: "pdf", name: "long", source: { bytes: new TextEncoder().encode(text) } }
                }]
              }]
            })
          )
        )
        assert.strictEqual(answer.output?.message?.content?.[0]?.text, text)
      }).pipe(Effect.provide(Fixture.emulator(
        {},
        Layer.merge(
          Fixture.chat({
            generate: ({ messages }) => {
              const part = typeof messages === "string" ? undefined : messages[0]?.content[1]
              const bytes = typeof part === "object" && part.type === "document" && "bytes" in part.source
                ? part.source.bytes
                : new Uint8Array()
              return Effect.succeed(Fixture.response([{ type: "text", text: new TextDecoder().decode(bytes) }]))
            }
          }),
          Fixture.embedding()
        )
      ))))

    it.effect("interrupts the answering service when the client aborts a call", () =>
      Effect.gen(function*() {
        const interrupted = yield* Deferred.make<void>()
        const services = Layer.merge(
          Fixture.chat({
            generate: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
          }),
          Fixture.embedding()
        )
        yield* Effect.gen(function*() {
          const emulator = yield* Emulator.Emulator
          const client = yield* Fixture.connect(protocol)
          const call = yield* Effect.forkChild(
            Fixture.attempt((abortSignal) => client.send(new ConverseCommand(Fixture.hello), { abortSignal }))
          )
          yield* Fixture.eventually(emulator.statistics, ({ inFlight }) => inFlight === 1)
          yield* Fiber.interrupt(call)
          yield* Deferred.await(interrupted)
          const { aborted, completed, inFlight } = yield* Fixture.eventually(
            emulator.statistics,
            ({ inFlight }) => inFlight === 0
          )
          assert.deepStrictEqual({ aborted, completed, inFlight }, { aborted: 1, completed: 0, inFlight: 0 })
          assert.strictEqual((yield* emulator.requests)[0]?.outcome, "aborted")
        }).pipe(Effect.provide(Fixture.emulator({}, services)))
      }))

    it.effect("interrupts the answering service when the client aborts a stream", () =>
      Effect.gen(function*() {
        const interrupted = yield* Deferred.make<void>()
        const services = Layer.merge(
          Fixture.chat({
            stream: () =>
              Stream.concat(
                Stream.fromIterable(Fixture.deltas("a", "b").slice(0, 2)),
                Stream.fromEffect(Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)))
              )
          }),
          Fixture.embedding()
        )
        yield* Effect.gen(function*() {
          const emulator = yield* Emulator.Emulator
          const client = yield* Fixture.connect(protocol)
          const controller = new AbortController()
          const answer = yield* Fixture.attempt(() =>
            client.send(new ConverseStreamCommand(Fixture.hello), { abortSignal: controller.signal })
          )
          const reading = yield* Effect.forkChild(Effect.exit(Fixture.drain(answer.stream)))
          controller.abort()
          yield* Deferred.await(interrupted)
          yield* Fiber.join(reading)
          const { aborted } = yield* Fixture.eventually(emulator.statistics, ({ inFlight }) => inFlight === 0)
          assert.strictEqual(aborted, 1)
        }).pipe(Effect.provide(Fixture.emulator({}, services)))
      }))

    it.effect("closes every connection and interrupts every request with its scope", () =>
      Effect.gen(function*() {
        const interrupted = yield* Deferred.make<void>()
        const scope = yield* Scope.make()
        const services = Layer.merge(
          Fixture.chat({
            generate: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
          }),
          Fixture.embedding()
        )
        const context = yield* Layer.buildWithScope(Fixture.emulator({}, services), scope)
        yield* Effect.gen(function*() {
          const emulator = yield* Emulator.Emulator
          const client = yield* Fixture.connect(protocol)
          const call = yield* Effect.forkChild(
            Effect.exit(Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello))))
          )
          yield* Fixture.eventually(emulator.statistics, ({ inFlight }) => inFlight === 1)
          yield* Scope.close(scope, Exit.void)
          yield* Deferred.await(interrupted)
          assert.isTrue(Exit.isFailure(yield* Fiber.join(call)))
          const { openConnections } = yield* Fixture.eventually(
            emulator.statistics,
            ({ openConnections }) => openConnections === 0
          )
          assert.strictEqual(openConnections, 0)
          assert.strictEqual(yield* refusal(emulator.url), "ECONNREFUSED")
        }).pipe(Effect.provide(context))
      }))
  })

  it.effect("counts connections and requests", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const client = yield* Fixture.connect("1.1")
      for (const _ of [1, 2, 3]) yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
      yield* Effect.ignore(Fixture.post("/nowhere", "{}"))
      const statistics = yield* emulator.statistics
      assert.deepStrictEqual(statistics, {
        connections: 2,
        openConnections: statistics.openConnections,
        requests: 4,
        inFlight: 0,
        completed: 4,
        aborted: 0,
        dropped: 0,
        failed: 0,
        byOperation: { ...statistics.byOperation, Converse: 3, ConverseStream: 0, InvokeModel: 0, PutObject: 0 },
        byModel: { [Fixture.modelId]: { Converse: 3 } },
        byStatus: { 200: 3, 404: 1 },
        bytesIn: statistics.bytesIn,
        bytesOut: statistics.bytesOut,
        quota: {},
        byRegion: { "us-east-1": { requests: 4, quota: {} } }
      })
    }).pipe(Effect.provide(live)))

  it.effect("keeps the latest requests, without secrets", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const client = yield* Fixture.connect("2")
      for (const text of ["one", "two", "three"]) {
        yield* Fixture.attempt(() =>
          client.send(new ConverseCommand({ ...Fixture.hello, messages: [{ role: "user", content: [{ text }] }] }))
        )
      }
      const requests = yield* emulator.requests
      assert.deepStrictEqual(requests.map((request) => request.body), [
        { messages: [{ role: "user", content: [{ text: "two" }] }] },
        { messages: [{ role: "user", content: [{ text: "three" }] }] }
      ])
      const [request] = requests
      assert.strictEqual(request?.operation, "Converse")
      assert.strictEqual(request?.modelId, Fixture.modelId)
      assert.strictEqual(request?.protocol, "2")
      assert.strictEqual(request?.scheme, "sigv4")
      assert.strictEqual(request?.status, 200)
      assert.strictEqual(request?.outcome, "completed")
      assert.notProperty(request?.headers, "authorization")
    }).pipe(Effect.provide(Fixture.emulator({ history: 2, capture: true }))))

  it.effect("keeps no bodies by default", () =>
    Effect.gen(function*() {
      const { requests } = yield* Emulator.Emulator
      yield* Fixture.converse(Fixture.hello)
      const [request] = yield* requests
      assert.deepStrictEqual([request?.status, request?.body], [200, undefined])
    }).pipe(Effect.provide(live)))

  it.effect("keeps the latest bodies within the limit, and the metadata of all requests", () =>
    Effect.gen(function*() {
      const { requests } = yield* Emulator.Emulator
      const saying = (text: string) => Fixture.converse({ messages: [{ role: "user", content: [{ text }] }] })
      for (const length of [400, 400, 400, 2000, 200]) yield* saying("x".repeat(length))
      const kept = Effect.map(
        requests,
        (all) => all.map(({ body, status }) => [status, JSON.stringify(body ?? "").length])
      )
      const frame = JSON.stringify({ messages: [{ role: "user", content: [{ text: "" }] }] }).length
      assert.deepStrictEqual(yield* kept, [[200, 2], [200, 2], [200, frame + 400], [200, 2], [200, frame + 200]])
      yield* saying("x".repeat(900 - frame))
      assert.deepStrictEqual((yield* kept).slice(2), [[200, 2], [200, 2], [200, 2], [200, 900]])
    }).pipe(Effect.provide(Fixture.emulator({ capture: { maxBytes: 1000 } }))))

  it.effect("evicts bodies with their requests", () =>
    Effect.gen(function*() {
      const { requests } = yield* Emulator.Emulator
      const saying = (text: string) => Fixture.converse({ messages: [{ role: "user", content: [{ text }] }] })
      for (const text of ["a", "b", "c", "d", "e"]) yield* saying(text.repeat(400))
      // bodies of evicted requests do not count towards the limit
      assert.deepStrictEqual((yield* requests).map(({ body }) => body === undefined), [false, false])
    }).pipe(Effect.provide(Fixture.emulator({ history: 2, capture: { maxBytes: 1000 } }))))

  it.effect("counts a request as failed if its response could not be sent", () =>
    Effect.gen(function*() {
      const { requests, statistics } = yield* Emulator.Emulator
      const exit = yield* Effect.exit(Fixture.converse(Fixture.hello))
      assert.isTrue(Exit.isFailure(exit), "the client is not left waiting")
      const { completed, failed, inFlight } = yield* statistics
      assert.deepStrictEqual({ completed, failed, inFlight }, { completed: 0, failed: 1, inFlight: 0 })
      assert.strictEqual((yield* requests)[0]?.outcome, "failed")
    }).pipe(Effect.provide(Fixture.emulator({
      responder: () =>
        Effect.succeed({ type: "whole", status: 200, headers: { "x-a": "a line\nbreak" }, body: new Uint8Array(1) })
    }))))

  it.effect("reports the attempts of each request", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const client = yield* Fixture.connect("1.1", { maxAttempts: 3 })
      yield* emulator.inject({ type: "throttle", times: 2, text: "one" })
      for (const text of ["one", "two"]) {
        yield* Fixture.attempt(() =>
          client.send(new ConverseCommand({ ...Fixture.hello, messages: [{ role: "user", content: [{ text }] }] }))
        )
      }
      const attempts = Statistics.attempts(yield* emulator.requests)
      assert.deepStrictEqual(attempts.map(({ attempts, statuses }) => [attempts, statuses]), [
        [3, [429, 429, 200]],
        [1, [200]]
      ])
    }).pipe(Effect.provide(Fixture.emulator())))

  it.live("delays the first byte by its latency", () =>
    Effect.gen(function*() {
      const client = yield* Fixture.connect("1.1")
      const [duration] = yield* Effect.timed(
        Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
      )
      assert.isAtLeast(Duration.toMillis(duration), 49)
    }).pipe(Effect.provide(Fixture.emulator({ latency: "50 millis" }))))

  it.effect("fails to start on a port in use", () =>
    Effect.gen(function*() {
      const { url } = yield* Emulator.Emulator
      const error = yield* Effect.flip(
        Layer.build(Fixture.emulator({ port: Number(new URL(url).port) }))
      )
      assert.strictEqual(error._tag, "EmulatorError")
      assert.include(error.message, "EADDRINUSE")
    }).pipe(Effect.provide(live)))

  it.effect("answers a defect of the answering service as an internal error", () =>
    Effect.gen(function*() {
      const { status, text } = yield* Fixture.converse(Fixture.hello)
      assert.strictEqual(status, 500)
      assert.include(text, "The system encountered an unexpected error")
    }).pipe(Effect.provide(
      Fixture.emulator({}, Layer.merge(Fixture.chat({ generate: () => Effect.die("boom") }), Fixture.embedding()))
    )))

  it.effect("ends the response when the answering service interrupts itself", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Fixture.converse(Fixture.hello))
      assert.isTrue(Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause))
    }).pipe(Effect.provide(
      Fixture.emulator({}, Layer.merge(Fixture.chat({ generate: () => Effect.interrupt }), Fixture.embedding()))
    )))
})

const refusal = (url: string) =>
  Effect.callback<string | undefined>((resume) => {
    const socket = Net.connect(Number(new URL(url).port), "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(undefined))
    })
    socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code)))
  })
