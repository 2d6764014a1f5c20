/**
 * What answers the models of an emulator, and what the page can do with it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Recording from "../record/Recording.ts"
import type * as ScriptJson from "../script/ScriptJson.ts"
import type * as Statistics from "../Statistics.ts"

/**
 * - `script`: the script that answers; it can be edited.
 * - `recorded`: what a recorder has recorded so far.
 * - `replay`: of a replay, the requests without a recording, and the recordings without a request.
 */
export interface Backend {
  readonly script?: ScriptJson.Control | undefined
  readonly recorded?: Effect.Effect<ReadonlyArray<Recording.Exchange>> | undefined
  readonly replay?: Replayed | undefined
}

/** What a `Replay` knows of the requests that were not recorded, and of the recordings that were not requested. */
export interface Replayed {
  readonly unmatched: Effect.Effect<
    ReadonlyArray<{ readonly message: string; readonly request: Pick<Recording.Request, "operation" | "modelId"> }>
  >
  readonly unused: Effect.Effect<ReadonlyArray<unknown>>
}

/**
 * The state of the backend, and of the bodies that are captured.
 *
 * - `answers`: what answers: a script, the service behind a recorder, a replay, or the services of a program.
 * - `capture`: whether bodies are kept, and their bytes. `recording`: the exchanges that `GET /_strata/recording` has.
 * - `replay`: the number of exchanges that were not requested, and the latest requests without a recording.
 */
export type Overview = typeof Overview.Type
/** @see {@link Overview} */
export const Overview = Schema.Struct({
  answers: Schema.Literals(["script", "recorder", "replay", "services"]),
  capture: Schema.Struct({ on: Schema.Boolean, bytes: Schema.Finite, maxBytes: Schema.Finite }),
  recording: Schema.Struct({ source: Schema.Literals(["recorder", "capture", "none"]), exchanges: Schema.Finite }),
  replay: Schema.optional(Schema.Struct({
    unused: Schema.Finite,
    unmatched: Schema.Finite,
    latest: Schema.Array(Schema.Struct({
      operation: Schema.optional(Schema.String),
      model: Schema.optional(Schema.String),
      message: Schema.String
    }))
  }))
})

/** The kind of a backend. */
export const kindOf = ({ recorded, replay, script }: Backend): Overview["answers"] =>
  script !== undefined ? "script" : recorded !== undefined ? "recorder" : replay !== undefined ? "replay" : "services"

/** The {@link Overview} of a backend. */
export const overview = Effect.fnUntraced(function*(
  backend: Backend,
  captured: Statistics.Captured
): Effect.fn.Return<Overview> {
  const recorded = backend.recorded === undefined ? undefined : yield* backend.recorded
  const capture = captured.state()
  return {
    answers: kindOf(backend),
    capture,
    recording: recorded !== undefined
      ? { source: "recorder", exchanges: recorded.length }
      : capture.on
      ? { source: "capture", exchanges: captured.count() }
      : { source: "none", exchanges: 0 },
    ...(backend.replay === undefined ? undefined : { replay: yield* replayed(backend.replay) })
  }
})

const replayed = Effect.fnUntraced(function*({ unmatched, unused }: Replayed) {
  const refused = yield* unmatched
  return {
    unused: (yield* unused).length,
    unmatched: refused.length,
    latest: refused.slice(-shown).toReversed().map(({ message, request: { modelId, operation } }) => ({
      operation,
      model: modelId,
      message
    }))
  }
})

/** The requests without a recording that are described. */
const shown = 10

/** What can be downloaded: the exchanges of a recorder, or those captured; `undefined` when there are none of either. */
export const exchanges = (
  { recorded }: Backend,
  captured: Statistics.Captured
): Effect.Effect<ReadonlyArray<Recording.Exchange> | undefined> =>
  recorded ?? Effect.sync(() => captured.state().on ? captured.exchanges() : undefined)
