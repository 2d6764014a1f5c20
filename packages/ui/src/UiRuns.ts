/**
 * The tool loops of conversations that wait: for a person to approve a call, or for a tool of the page.
 *
 * What a page says is only an answer; which call was asked about, with which arguments, is read from here. A run is taken
 * once, so that no answer counts twice, and a message of the user takes it too, so that no later answer counts.
 */
import type * as Documents from "@strata/core/state/Documents"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { UiRunsError } from "./UiError.ts"

/**
 * A loop that waits.
 *
 * - `messageId`: of the assistant message that asks. `approvals`: the id of the request for approval, by the id of the call.
 * - `state`: of the loop: the whole conversation. `expiresAt`: milliseconds since 1970, after which no answer counts.
 */
export class WaitingRun extends Schema.Opaque<WaitingRun>()(Schema.Struct({
  version: Schema.Literal(1),
  messageId: Schema.String,
  approvals: Schema.Record(Schema.String, Schema.String),
  state: ToolLoop.State,
  expiresAt: Schema.Finite
})) {}

/**
 * The store. `key` is that of the conversation, as `UiChat` makes it.
 *
 * - `put`: replaces the run of a conversation.
 * - `take`: gives the run, if any, and the time to `decide`; removes the run when that succeeds. Atomic: of two at once, one
 *   gets the run.
 */
export interface Runs {
  readonly put: (key: string, run: WaitingRun) => Effect.Effect<void, UiRunsError>
  readonly take: <A, E>(
    key: string,
    decide: (run: WaitingRun | undefined, now: number) => Result.Result<A, E>
  ) => Effect.Effect<A, E | UiRunsError>
}

/** The service that `UiChat` asks. */
export class UiRuns extends Context.Service<UiRuns, Runs>()("@strata/ui/UiRuns") {}

/**
 * Runs in the memory of this process, at most `capacity` of them (10,000 when missing), from then on without the oldest:
 * for tests, and for servers of one process that may forget.
 */
export const makeMemory = (options?: { readonly capacity?: number | undefined }): Runs => {
  const capacity = options?.capacity ?? 10_000
  const runs = new Map<string, WaitingRun>()
  return {
    put: (key, run) =>
      Effect.sync(() => {
        runs.delete(key)
        runs.set(key, run)
        for (const oldest of runs.keys()) {
          if (runs.size <= capacity) return
          runs.delete(oldest)
        }
      }),
    take: (key, decide) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const decided = decide(runs.get(key), now)
        if (Result.isSuccess(decided)) runs.delete(key)
        return Effect.fromResult(decided)
      })
  }
}

/** {@link makeMemory} as a layer. */
export const layerMemory = (options?: { readonly capacity?: number | undefined }): Layer.Layer<UiRuns> =>
  Layer.sync(UiRuns, () => makeMemory(options))

/**
 * Runs in a store that processes share: a table, a bucket, Redis; see `Documents` of `@strata/core`. The texts hold
 * conversations: keep the store as private as those. `prefix` of the keys is `strata:ui:` when missing.
 */
export const fromDocuments = <E>(
  documents: Documents.Documents<E>,
  options?: { readonly prefix?: string | undefined }
): Runs => {
  const prefix = options?.prefix ?? "strata:ui:"
  return {
    put: (key, run) =>
      Effect.flatMap(Effect.mapError(encode(run), failed("put")), (text) =>
        Effect.mapError(
          documents.change(
            prefix + key,
            (_, now) => Result.succeed({ answer: undefined, text, keep: keepOf(run, now) })
          ),
          failed("put")
        )),
    take: <A, E2>(key: string, decide: (run: WaitingRun | undefined, now: number) => Result.Result<A, E2>) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        documents.change(prefix + key, (text): Result.Result<
          { readonly answer: A; readonly text: undefined; readonly keep: number },
          Decided<E2>
        > => {
          const run = text === undefined ? Result.succeed(undefined) : Result.mapError(decode(text), failed("take"))
          return Result.flatMap(Result.mapError(run, refused), (run) =>
            Result.map(
              Result.mapError(decide(run, now), refused),
              (answer) => ({ answer, text: undefined, keep: 0 })
            ))
        })).pipe(
          Effect.mapError((error) => error instanceof Refusal ? error.error as E2 | UiRunsError : failed("take")(error))
        )
  }
}

/** {@link fromDocuments} as a layer. */
export const layerDocuments = <E, E2, R>(
  documents: Effect.Effect<Documents.Documents<E>, E2, R>,
  options?: { readonly prefix?: string | undefined }
): Layer.Layer<UiRuns, E2, R> => Layer.effect(UiRuns, Effect.map(documents, (given) => fromDocuments(given, options)))

const codec = Schema.fromJsonString(Schema.toCodecJson(WaitingRun))
const encode = Schema.encodeUnknownEffect(codec)
const decode = Schema.decodeUnknownResult(codec)

/** What `decide` or the codec refused, apart from what the store fails with. */
class Refusal<E> extends Data.Class<{ readonly error: E }> {}
type Decided<E> = Refusal<E | UiRunsError>
const refused = <E>(error: E): Refusal<E> => new Refusal({ error })

const failed = (operation: UiRunsError["operation"]) => (cause: unknown) =>
  new UiRunsError({ operation, message: `The store of waiting calls failed: ${operation}`, cause })

/** An hour longer than answers count: until then a late one is told that it is late. */
const keepOf = ({ expiresAt }: WaitingRun, now: number): number => Math.max(0, expiresAt - now) + 3_600_000
