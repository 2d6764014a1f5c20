/**
 * Standard input: read only where an argument says `-`, or where there is none.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as CommandError from "./CommandError.ts"
import { Output } from "./Output.ts"

/** Its bytes. Where none come within three seconds, a note says what the command waits for. */
export const bytes: Stream.Stream<Uint8Array, CommandError.CommandError, Stdio.Stdio | Output> = Stream.unwrap(
  Effect.gen(function*() {
    const { note } = yield* Output
    const { stdin, stdinIsTerminal } = yield* Stdio.Stdio
    const begun = yield* Deferred.make<void>()
    const hint = (yield* stdinIsTerminal)
      ? "Waiting for input: type it, then press Ctrl-D. `--help` shows how to give it as an argument."
      : "Waiting for standard input, on which nothing came yet. `--help` shows how to give it as an argument."
    yield* Effect.forkScoped(Effect.raceFirst(
      Effect.andThen(Effect.sleep("3 seconds"), note(hint)),
      Deferred.await(begun)
    ))
    const arrived = Deferred.succeed(begun, undefined)
    return stdin.pipe(
      Stream.tap(() => arrived),
      Stream.ensuring(arrived),
      Stream.mapError((cause) => CommandError.failed(`Standard input cannot be read: ${cause.message}`, cause))
    )
  })
)

/** All of it, up to a number of bytes. */
export const all = (
  limit: number
): Effect.Effect<Uint8Array, CommandError.CommandError, Stdio.Stdio | Output> =>
  Effect.gen(function*() {
    const chunks: Array<Uint8Array> = []
    let size = 0
    yield* Stream.runForEach(bytes, (chunk) => {
      size += chunk.length
      chunks.push(chunk)
      return size <= limit ? Effect.void : Effect.fail(CommandError.usage(
        `Standard input is longer than ${limit / 1_000_000} MB, which no model reads at once`
      ))
    })
    return Buffer.concat(chunks)
  })
