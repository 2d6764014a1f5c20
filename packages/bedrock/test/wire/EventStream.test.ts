import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { PassThrough, Readable } from "node:stream"
import * as EventStream from "../../src/wire/EventStream.ts"
import * as WireServer from "../support/WireServer.ts"

/** What a stream fails with here: a word for each way. */
const read = (body: unknown) =>
  EventStream.read<string, string>(body, {
    decode: ({ messageType, name, payload }) => {
      if (messageType === "exception") return Result.fail(Effect.fail(name))
      return Result.succeed(name === "ping" ? undefined : payload.toString())
    },
    done: Cause.done(),
    malformed: (problem) => Effect.fail(problem),
    lost: (error) => Effect.fail(error === undefined ? "cut" : "lost")
  })

const frame = (text: string) => WireServer.rawFrame({ ":message-type": "event", ":event-type": "said" }, text)
const ping = WireServer.rawFrame({ ":message-type": "event", ":event-type": "ping" }, "")

/** All arrays of events, and how the stream ended. */
const collect = (body: unknown) =>
  Effect.gen(function*() {
    const arrays: Array<ReadonlyArray<string>> = []
    const { events } = read(body)
    const exit = yield* Effect.exit(Stream.runForEachArray(events, (array) => Effect.sync(() => arrays.push(array))))
    return { arrays, failure: Exit.isSuccess(exit) ? undefined : Cause.squash(exit.cause) }
  })

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${index}`)

/** A body of a handler that pushes when it is asked for more, as a socket does. */
const endless = (piece: Uint8Array) => {
  let pushed = 0
  const body = new Readable({
    highWaterMark: 1024,
    read() {
      pushed += piece.length
      // as from a network: never in the turn that asks
      setImmediate(() => this.push(piece))
    }
  })
  return { body, pushed: () => pushed }
}

/** As many turns of the event loop: in each of them an endless body can be read once. */
const turns = (count: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const next = (left: number): void => void (left === 0 ? resume(Effect.void) : setImmediate(() => next(left - 1)))
    next(count)
  })

describe("wire/EventStream", () => {
  it.live("emits events that arrived together as one array, without unknown frames", () =>
    Effect.gen(function*() {
      const first = Buffer.concat(numbers(10).map(frame))
      const { arrays, failure } = yield* collect(Readable.from([first, ping, frame("last")]))
      assert.deepStrictEqual(arrays, [numbers(10), ["last"]])
      assert.isUndefined(failure)
    }))

  it.live("hands over an event without waiting for the rest of its piece, or for another piece", () =>
    Effect.gen(function*() {
      const body = new PassThrough()
      const { events } = read(body)
      const fiber = yield* Effect.forkChild(Stream.runHead(events), { startImmediately: true })
      body.write(Buffer.concat([frame("first"), frame("second").subarray(0, 20)]))
      yield* turns(2)
      assert.deepInclude(fiber.pollUnsafe(), { _tag: "Success" })
      assert.deepInclude(yield* Fiber.join(fiber), { value: "first" })
    }))

  it.live.each<readonly [end: string, frames: ReadonlyArray<Uint8Array>, failure: string | undefined]>([
    ["the end of the body", [], undefined],
    ["an exception", [WireServer.exception("no", {}), frame("later")], "no"],
    ["a frame that is cut", [frame("b").subarray(0, 15)], "cut"],
    [
      "a frame with a wrong checksum",
      [frame("b").map((byte, at) => at === 20 ? byte ^ 1 : byte)],
      "a frame with a wrong checksum"
    ]
  ])("hands over what came before %s, then ends with it", ([_, frames, failure]) =>
    Effect.gen(function*() {
      for (const body of [[Buffer.concat([frame("a"), ...frames])], [frame("a"), ...frames]]) {
        const result = yield* collect(Readable.from(body))
        assert.deepStrictEqual(result.arrays.flat(), ["a"])
        assert.strictEqual(result.failure, failure)
      }
    }))

  it.live("fails as the body does", () =>
    Effect.gen(function*() {
      const body = new PassThrough()
      const fiber = yield* Effect.forkChild(collect(body), { startImmediately: true })
      body.write(frame("a"))
      yield* turns(2)
      body.destroy(new Error("gone"))
      assert.deepStrictEqual(yield* Fiber.join(fiber), { arrays: [["a"]], failure: "lost" })
    }))

  it.live("ignores an error after its end", () =>
    Effect.gen(function*() {
      const body = new PassThrough()
      const fiber = yield* Effect.forkChild(collect(body), { startImmediately: true })
      body.write(WireServer.exception("no", {}))
      assert.strictEqual((yield* Fiber.join(fiber)).failure, "no")
      body.destroy(new Error("gone"))
      yield* turns(2)
    }))

  it.live.each<readonly [body: string, value: unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["bytes", frame("a")],
    ["a web stream", Readable.toWeb(Readable.from([frame("a")]))],
    [
      "an async iterable",
      (async function*() {
        yield frame("a")
      })()
    ]
  ])("reads a body that is %s", ([_, value]) =>
    Effect.gen(function*() {
      const { arrays, failure } = yield* collect(value)
      assert.deepStrictEqual(arrays.flat(), value === undefined || value === null ? [] : ["a"])
      assert.isUndefined(failure)
    }))

  it.live.each([[5], [{}], [Readable.from([{ a: 1 }])], [Readable.from([frame("a"), null, 5].filter(Boolean))]])(
    "fails on a body that is not made of bytes (%#)",
    ([body]) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* collect(body)).failure, "lost")
      })
  )

  describe("while the consumer does not read", () => {
    it.live("has the sender wait after 64 events", () =>
      Effect.gen(function*() {
        const piece = Buffer.concat(numbers(16).map(frame))
        const { body, pushed } = endless(piece)
        const { opened } = read(body)
        yield* opened
        yield* turns(100)
        assert.isAtMost(pushed(), 64 / 16 * piece.length + 4 * piece.length)
      }))

    it.live("has the sender wait after a megabyte of them", () =>
      Effect.gen(function*() {
        const piece = frame("x".repeat(300_000))
        const { body, pushed } = endless(piece)
        const { opened } = read(body)
        yield* opened
        yield* turns(100)
        assert.isAtMost(pushed(), 1024 * 1024 + 4 * piece.length)
      }))

    it.live("continues without loss when it is read again", () =>
      Effect.gen(function*() {
        const texts = numbers(2000)
        const { events } = read(Readable.from(texts.map(frame)))
        const seen: Array<string> = []
        yield* Stream.runForEachArray(
          events,
          (array) => Effect.andThen(Effect.sync(() => seen.push(...array)), turns(3))
        )
        assert.deepStrictEqual(seen, texts)
      }))

    it.live("does not wait for a reader in the middle of a large event", () =>
      Effect.gen(function*() {
        const text = "x".repeat(5_000_000)
        const whole = frame(text)
        const pieces = Array.from({ length: 100 }, (_, index) => whole.subarray(index * 51_000, (index + 1) * 51_000))
        const { arrays } = yield* collect(Readable.from(pieces))
        assert.isTrue(arrays.length === 1 && arrays[0]?.[0] === text)
      }))
  })

  describe("with a fiber that yields at any point", () => {
    for (let operations = 3; operations <= 13; operations++) {
      it.live(`ends after each of its events, at ${operations} operations`, () =>
        Effect.gen(function*() {
          const texts = numbers(20)
          for (const delay of [0, 1]) {
            for (const size of [7, 50, 1000]) {
              const bytes = Buffer.concat(texts.map(frame))
              const body = Readable.from((async function*() {
                for (let at = 0; at < bytes.length; at += size) {
                  // arrivals at all points of a fiber: in its turn, in a microtask, in a turn of their own
                  if (delay === 1 && at % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
                  yield bytes.subarray(at, at + size)
                }
              })())
              const { arrays, failure } = yield* collect(body)
              assert.deepStrictEqual([arrays.flat(), failure], [texts, undefined])
            }
          }
        }).pipe(Effect.provideService(References.MaxOpsBeforeYield, operations)))
    }
  })
})
