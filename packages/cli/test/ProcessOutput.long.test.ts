import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { setTimeout } from "node:timers/promises"
import { answering, bedrock } from "./support/Bedrock.ts"
import * as Process from "./support/Process.ts"

const settled = <A>(promise: () => Promise<A>) => Effect.promise(promise)

describe("The process", () => {
  it.live("writes all of 5 MB to a reader that is slow (jobs 50)", () =>
    Effect.gen(function*() {
      const { env } = yield* bedrock
      const child = Process.start(["ask", "?", "-q"], env)
      const ended = yield* settled(async () => {
        let size = 0
        for await (const chunk of child.stdout) {
          size += chunk.length
          if (size % 3 === 0) await setTimeout(1)
        }
        return size
      })
      assert.strictEqual(ended, 5_000_001)
      assert.strictEqual(child.exitCode ?? (yield* settled(() => new Promise((end) => child.on("close", end)))), 0)
    }).pipe(Effect.provide(answering(() => ({ content: "x".repeat(5_000_000), chunks: ["x".repeat(5_000_000)] })))))

  it.live("ends without a trace when its reader goes, and closes the call (jobs 52)", () =>
    Effect.gen(function*() {
      const { emulator, env } = yield* bedrock
      const child = Process.start(["ask", "?", "-q"], env)
      const ended = Process.ended(child)
      child.stdout.once("data", () => child.stdout.destroy())
      const { code, error } = yield* settled(() => ended)
      assert.deepStrictEqual([code, error], [141, ""])
      const requests = yield* emulator.requests
      assert.strictEqual(requests.length, 1)
    }).pipe(Effect.provide(answering(() => ({
      content: "x ".repeat(10_000),
      chunks: Array.from({ length: 10_000 }, () => "x "),
      interval: "5 millis"
    })))))

  it.live("ends although its standard input stays open, when the question is an argument (jobs 53)", () =>
    Effect.gen(function*() {
      const { env } = yield* bedrock
      const ended = yield* settled(() => Process.run(["ask", "?", "-q"], { env }))
      assert.deepStrictEqual(ended, { code: 0, out: "Hi\n", error: "" })
    }).pipe(Effect.provide(answering(() => "Hi"))))

  it.live("exits with 130 and 143 at a signal, and closes the call (jobs 51, 54)", () =>
    Effect.gen(function*() {
      const { emulator, env } = yield* bedrock
      const ended = yield* Effect.forEach(["SIGINT", "SIGTERM"] as const, (signal) =>
        settled(async () => {
          const child = Process.start(["ask", "?", "-q"], env)
          child.stdout.once("data", () => child.kill(signal))
          return Process.ended(child)
        }), { concurrency: 2 })
      assert.deepStrictEqual(ended.map(({ code, error }) => [code, error]), [[130, ""], [143, ""]])
      for (const { out } of ended) assert.match(out, /^(word )+\n$/)
      const requests = yield* emulator.requests
      assert.deepStrictEqual(requests.map(({ outcome }) => outcome), ["aborted", "aborted"])
    }).pipe(Effect.provide(answering(() => ({
      content: "word ".repeat(10_000),
      chunks: Array.from({ length: 10_000 }, () => "word "),
      interval: "5 millis"
    })))))

  it.live("writes no escape byte to standard output, also when colours are forced (jobs 55)", () =>
    Effect.gen(function*() {
      const ended = yield* Effect.forEach(
        [["--help"], ["models", "nova"], ["ask", "--help"], ["--version"]],
        (args) => settled(() => Process.run(args, { env: { FORCE_COLOR: "1" } })),
        { concurrency: 2 }
      )
      for (const { code, out } of ended) {
        assert.deepStrictEqual([code, out.includes("\x1b")], [0, false])
        assert.notStrictEqual(out, "")
      }
    }))

  it.live("serves an emulator until a signal ends it, with the models that come with it", () =>
    Effect.gen(function*() {
      const ended = yield* settled(async () => {
        const child = Process.start(["emulator", "--port", "0", "--answer", "local"])
        const ended = Process.ended(child)
        child.stdout.once("data", () => child.kill("SIGTERM"))
        return ended
      })
      assert.deepStrictEqual([ended.code, ended.error], [143, ""])
      assert.match(
        ended.out,
        /^Bedrock Runtime on http:\/\/127\.0\.0\.1:\d+, answered by the models of @strata\/local\n/
      )
    }))
})
