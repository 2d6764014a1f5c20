/**
 * The tool loops of conversations that wait: for a person to approve a call, or for a tool of the page.
 *
 * What a page says is only an answer; which call was asked about, with which arguments, is read from here. A run is taken
 * once, so that no answer counts twice, and a message of the user takes it too, so that no later answer counts.
 */
import * as Check from "@strata/core/Check"
import type * as Documents from "@strata/core/state/Documents"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
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
 * Runs in the memory of this process, for tests, and for servers of one process that may forget. At most `capacity`
 * of them are kept (10,000 when missing), without the oldest from then on.
 */
export const makeMemory = (options?: { readonly capacity?: number | undefined }): Runs => {
  const capacity = capacityOf(options)
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

const capacityOf: (options: { readonly capacity?: number | undefined } | undefined) => number = Check.total(
  (options) => typeof options?.capacity === "number" && options.capacity >= 1 ? options.capacity : 10_000,
  () => 10_000
)

/** {@link makeMemory} as a layer. */
export const layerMemory = (options?: { readonly capacity?: number | undefined }): Layer.Layer<UiRuns> =>
  Layer.sync(UiRuns, () => makeMemory(options))

/**
 * Runs in a store that processes share: a table, a bucket; see `Documents` of `@strata/core`. The texts hold conversations:
 * keep the store as private as those. `prefix` of the keys is `strata:ui:` when missing.
 *
 * A run that cannot be read, such as one of an older version, counts as none, with a warning in the log: nothing of it runs.
 */
export const fromDocuments = <E>(
  documents: Documents.Documents<E>,
  options?: { readonly prefix?: string | undefined }
): Runs => {
  const prefix = prefixOf(options)
  return {
    put: Effect.fnUntraced(function*(key, run) {
      const text = yield* Effect.mapError(encode(run), failed("put"))
      const keep = keepOf(run, yield* Clock.currentTimeMillis)
      yield* guarded("put", () =>
        Effect.mapError(
          documents.change(`${prefix}${key}`, () => Result.succeed({ answer: undefined, text, keep })),
          failed("put")
        ))
    }),
    take: Effect.fnUntraced(function*<A, E2>(
      key: string,
      decide: (run: WaitingRun | undefined, now: number) => Result.Result<A, E2>
    ) {
      const now = yield* Clock.currentTimeMillis
      // What was decided leaves the store as an answer or as a refusal: its own failures are told apart from those.
      const taken = yield* guarded("take", () =>
        documents.change(`${prefix}${key}`, (text) => {
          const run = text === undefined ? Result.succeed(undefined) : decode(text)
          const decided = decide(Result.getOrUndefined(run), now)
          return Result.isFailure(decided)
            ? Result.fail(new Refused({ error: decided.failure }))
            : Result.succeed({
              answer: { answer: decided.success, isUnreadable: Result.isFailure(run) },
              text: undefined,
              keep: 0
            })
        }).pipe(
          Effect.mapError((error: E | Refused<E2>) => error instanceof Refused ? error.error : failed("take")(error))
        ))
      if (taken.isUnreadable) yield* Effect.logWarning("A waiting call could not be read, and is given up", { key })
      return taken.answer
    })
  }
}

/** What `decide` refused. */
class Refused<E> extends Data.Class<{ readonly error: E }> {}

/**
 * {@link fromDocuments} as a layer.
 *
 * @example
 * UiRuns.layerDocuments(SharedState.documentsSql(PgClient.layer({ url }))) // of `@strata/persistence`
 */
export const layerDocuments = <E, E2, R>(
  documents: Effect.Effect<Documents.Documents<E>, E2, R>,
  options?: { readonly prefix?: string | undefined }
): Layer.Layer<UiRuns, E2, Exclude<R, Scope.Scope>> =>
  Layer.effect(UiRuns, Effect.map(documents, (given) => fromDocuments(given, options)))

/**
 * Runs in a `KeyValueStore` of Effect: files, SQL, Redis. For one process at a time: such a store cannot change a key
 * atomically, so of two processes both could take a run. Within this process they are taken one after the other.
 */
export const fromKeyValueStore = (
  store: KeyValueStore.KeyValueStore,
  options?: { readonly prefix?: string | undefined }
): Runs => {
  const turns = Semaphore.makeUnsafe(1)
  return fromDocuments({
    change: (key, change) =>
      Effect.gen(function*() {
        const changed = change(yield* store.get(key), yield* Clock.currentTimeMillis)
        const { answer, text } = yield* Effect.fromResult(changed)
        yield* text === undefined ? store.remove(key) : store.set(key, text)
        return answer
      }).pipe(turns.withPermits(1))
  }, options)
}

/** {@link fromKeyValueStore} as a layer. */
export const layerKeyValueStore = (
  options?: { readonly prefix?: string | undefined }
): Layer.Layer<UiRuns, never, KeyValueStore.KeyValueStore> =>
  Layer.effect(UiRuns, Effect.map(KeyValueStore.KeyValueStore, (store) => fromKeyValueStore(store, options)))

/** A prefix of keys; one that is not text counts as missing. */
const prefixOf: (options: { readonly prefix?: string | undefined } | undefined) => string = Check.total(
  (options) => typeof options?.prefix === "string" ? options.prefix : "strata:ui:",
  () => "strata:ui:"
)

/** The operation of a store; one that throws, dies, or gives no effect, has failed. */
const guarded = <A, E>(operation: UiRunsError["operation"], run: () => Effect.Effect<A, E>) =>
  Effect.flatMap(
    Effect.try({ try: run, catch: failed(operation) }),
    (effect): Effect.Effect<A, E | UiRunsError> =>
      Check.holds(Effect.isEffect, effect)
        ? Effect.catchDefect(effect, (cause) => Effect.fail(failed(operation)(cause)))
        : Effect.fail(failed(operation)(new TypeError("No effect")))
  )

const codec = Schema.fromJsonString(Schema.toCodecJson(WaitingRun))
const encode = (run: WaitingRun) =>
  Effect.catchDefect(Effect.suspend(() => Schema.encodeUnknownEffect(codec)(run)), (cause) => Effect.fail(cause))
const decode = Schema.decodeUnknownResult(codec)

const failed = (operation: UiRunsError["operation"]) => (cause: unknown) =>
  new UiRunsError({ operation, message: `The store of waiting calls failed: ${operation}`, cause })

/** An hour longer than answers count: until then a late one is told that it is late. */
const keepOf = ({ expiresAt }: WaitingRun, now: number): number => Math.max(0, expiresAt - now) + 3_600_000
