/**
 * An emulated Bedrock in a process of its own, so that client and server do not share an event loop.
 *
 * Run as a program it serves until it is stopped, with the options of its one argument; imported, it starts that
 * program and waits for its address.
 */
import { NodeRuntime } from "@effect/platform-node"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator, type Fault } from "@strata/emulator"
import { Console, Effect, Layer, Option, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"

/** Milliseconds before every answer, and the faults that strike. */
export interface Options {
  readonly latency: number
  readonly faults?: ReadonlyArray<Fault.Fault> | undefined
}

class NotStarted extends Schema.TaggedError<NotStarted>()("NotStarted", { message: Schema.String }) {}

/** The address of a new emulator, stopped with the scope. */
export const start = Effect.fnUntraced(function*(options: Options) {
  const child = yield* ChildProcess.make(process.execPath, [import.meta.filename, JSON.stringify(options)], {
    stderr: "inherit"
  })
  const line = yield* child.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runHead)
  return yield* Option.match(line, {
    onNone: () => Effect.fail(new NotStarted({ message: "The emulator did not start" })),
    onSome: Effect.succeed
  })
})

const serve = (options: Options) =>
  Effect.gen(function*() {
    const { url } = yield* Emulator.Emulator
    yield* Console.log(url)
    return yield* Effect.never
  }).pipe(
    Effect.provide(
      Emulator.layer(options).pipe(
        Layer.provide(Layer.merge(TestChat.layer(() => "Paris"), TestEmbedding.layer({ dimensions: 1024 })))
      )
    )
  )

if (import.meta.main) NodeRuntime.runMain(serve(JSON.parse(process.argv[2] ?? "{\"latency\":0}")))
