import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as SentenceEncoder from "../src/SentenceEncoder.ts"

/** A thread with a few lines in place of the model: `tokens` tells how many texts it has seen. */
const threadOf = (body: string) =>
  new URL(`data:text/javascript,${
    encodeURIComponent(`
      import { parentPort } from "node:worker_threads"
      let seen = 0
      const answer = ({ id, texts }) => parentPort.postMessage({
        id, type: "encoded", encoded: { vectors: texts.map(() => new Float32Array(512)), tokens: texts.map(() => ++seen) }
      })
      ${body}
    `)
  }`)

const crashing = threadOf(`
  parentPort.on("message", (request) => {
    if (request.texts.includes("crash")) throw new Error("out of memory")
    answer(request)
  })
`)

describe("SentenceEncoder", () => {
  it.effect("fails the call in flight and all later ones when the thread dies", () =>
    Effect.gen(function*() {
      const encoder = yield* SentenceEncoder.make(crashing)
      const first = yield* Effect.flip(encoder.encode(["crash"]))
      const second = yield* Effect.flip(encoder.encode(["fine"]))
      assert.strictEqual(first._tag, "ModelUnavailableError")
      assert.include(String(first.cause), "out of memory")
      assert.strictEqual(second._tag, "ModelUnavailableError")
    }))

  it.effect("a pool gives the next call a new thread", () =>
    Effect.gen(function*() {
      const pool = yield* SentenceEncoder.makePool({ size: 1, entry: crashing })
      const seen = (text: string) => Effect.map(pool.encode([text]), ({ tokens }) => tokens[0])
      assert.strictEqual(yield* seen("fine"), 1)
      assert.strictEqual(yield* seen("fine"), 2)
      assert.strictEqual((yield* Effect.flip(seen("crash")))._tag, "ModelUnavailableError")
      assert.strictEqual(yield* seen("fine"), 1)
    }))

  it.effect("a pool works on as many calls at once as it has threads", () =>
    Effect.gen(function*() {
      // Each thread answers its first request only when it is told that another thread has one too.
      const pool = yield* SentenceEncoder.makePool({
        size: 2,
        entry: threadOf(`
          const others = new BroadcastChannel("requests")
          parentPort.on("message", (request) => {
            others.onmessage = ({ data }) => { if (data === "request") others.postMessage("me too"); answer(request) }
            others.postMessage("request")
          })
        `)
      })
      yield* Effect.all([pool.encode(["one"]), pool.encode(["two"])], { concurrency: "unbounded" })
    }))

  it.effect("fails with a typed error when the model does not load", () =>
    Effect.gen(function*() {
      const encoder = yield* SentenceEncoder.make(threadOf("throw new Error(\"no weights\")"))
      const error = yield* Effect.flip(encoder.encode(["text"]))
      assert.strictEqual(error._tag, "ModelUnavailableError")
      assert.include(String(error.cause), "no weights")
    }))

  it.effect("reports a text the model chokes on, and goes on", () =>
    Effect.gen(function*() {
      const encoder = yield* SentenceEncoder.make(threadOf(`
        parentPort.on("message", (request) =>
          request.texts.includes("odd") ? parentPort.postMessage({ id: request.id, type: "failed", problem: "odd" })
                                        : answer(request))
      `))
      assert.strictEqual((yield* Effect.flip(encoder.encode(["odd"])))._tag, "ModelFailedError")
      assert.lengthOf((yield* encoder.encode(["fine"])).vectors, 1)
    }))

  it.effect("forgets an interrupted call and keeps its late answer from the next one", () =>
    Effect.gen(function*() {
      // Answers each request only when the next one comes.
      const encoder = yield* SentenceEncoder.make(threadOf(`
        let held
        parentPort.on("message", (request) => { if (held) answer(held), answer(request); held = request })
      `))
      const interrupted = yield* Effect.forkChild(encoder.encode(["one", "two", "three"]), { startImmediately: true })
      yield* Fiber.interrupt(interrupted)
      assert.lengthOf((yield* encoder.encode(["four"])).vectors, 1)
    }))

  it.effect("ends the thread, and what waits for it, with the scope", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const encoder = yield* Scope.provide(SentenceEncoder.make(threadOf("parentPort.on('message', () => {})")), scope)
      const call = yield* Effect.forkChild(Effect.flip(encoder.encode(["text"])), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(call))._tag, "ModelUnavailableError")
    }))
})
