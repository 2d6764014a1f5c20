import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { TestClock } from "effect/testing"
import * as Shutdown from "../src/process/Shutdown.ts"

const minute = Effect.as(Effect.sleep("1 minute"), "whole")

describe("Shutdown", () => {
  it.effect("interrupts at the first signal what cannot finish (jobs 51)", () =>
    Effect.gen(function*() {
      const control = yield* Shutdown.make
      const fiber = yield* Effect.forkChild(control.run(minute))
      yield* TestClock.adjust("1 second")
      control.signal("SIGTERM")
      assert.strictEqual(yield* Fiber.join(fiber), "SIGTERM")
      assert.deepStrictEqual(yield* control.shutdown.received, Option.some("SIGTERM" as const))
    }))

  it.effect("lets finish at the first signal what finishes by itself, and interrupts it at the second (jobs 51)", () =>
    Effect.gen(function*() {
      for (const signals of [1, 2]) {
        const control = yield* Shutdown.make
        const work = control.shutdown.finishing(
          Effect.andThen(control.shutdown.requested, Effect.as(Effect.sleep("5 seconds"), "saved"))
        )
        const fiber = yield* Effect.forkChild(control.run(work))
        yield* TestClock.adjust("1 second")
        for (let signal = 0; signal < signals; signal++) control.signal("SIGINT")
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), signals === 1 ? "saved" : "SIGINT")
      }
    }))

  it.effect("lets end what has nothing to finish (jobs 51)", () =>
    Effect.gen(function*() {
      const control = yield* Shutdown.make
      const fiber = yield* Effect.forkChild(
        control.run(Effect.as(control.shutdown.finishing(control.shutdown.requested), "saved"))
      )
      yield* TestClock.adjust("1 second")
      control.signal("SIGINT")
      assert.strictEqual(yield* Fiber.join(fiber), "saved")
    }))
})
