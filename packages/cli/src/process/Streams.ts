/**
 * Standard output and standard error of the process.
 *
 * A write ends when the operating system has taken the text: a slow reader slows the command down, and nothing is left to
 * write when it ends.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/**
 * Standard output was closed by its reader, and what follows cannot be written.
 *
 * When: the command `strata` writes to a pipe whose reader ends, as `head` does.
 *
 * Remedy: none is needed: the command ends with the exit code 141.
 */
export class OutputClosed extends Schema.TaggedError<OutputClosed>()("OutputClosed", {
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return "Standard output is closed"
  }
}

/**
 * Standard output and standard error.
 *
 * - `out`, `error`: write a text as it is. Standard error that is closed takes everything.
 * - `isRedrawable`: whether standard error is a terminal that can redraw a line; `columns`: its width now.
 */
export class Streams extends Context.Service<Streams, {
  readonly out: (text: string) => Effect.Effect<void, OutputClosed>
  readonly error: (text: string) => Effect.Effect<void>
  readonly isRedrawable: boolean
  readonly columns: Effect.Effect<number>
}>()("@strata/cli/process/Streams") {}

/** A writable stream of Node, as far as it is used here. */
export interface Writable {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly write: (text: string, done: (error?: Error | null) => void) => unknown
  readonly on: (event: "error", listener: (error: Error) => void) => unknown
}

/** The streams of a process; `terminal` is the `TERM` of the environment. */
export const layer = (
  { stderr, stdout, terminal }: {
    readonly stdout: Writable
    readonly stderr: Writable
    readonly terminal: string | undefined
  }
): Layer.Layer<Streams> =>
  Layer.effect(
    Streams,
    Effect.gen(function*() {
      const out = yield* writer(stdout)
      const error = yield* writer(stderr)
      return {
        out,
        error: (text) => Effect.ignore(error(text)),
        isRedrawable: stderr.isTTY === true && terminal !== "dumb",
        columns:
          // Some pseudo terminals have none.
          Effect.sync(() => stderr.columns || 80)
      }
    })
  )

/** Errors come to the callback of a write; one without a listener would end the process. */
const writer = (stream: Writable) =>
  Effect.map(
    Effect.sync(() => stream.on("error", ignore)),
    () => (text: string): Effect.Effect<void, OutputClosed> =>
      text === "" ? Effect.void : Effect.callback<void, OutputClosed>((resume) => {
        stream.write(text, (cause) =>
          resume(cause === undefined || cause === null ? Effect.void : Effect.fail(new OutputClosed({ cause }))))
      })
  )

const ignore = () => {}
