/** The events of a stream, read through an assembly. */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { ServerEvent } from "../../client/Answer.ts"
import type * as Assembly from "./Assembly.ts"

/**
 * - `assembly`: of this answer. `ended`: its last events, or what is wrong with the whole.
 * - `failed`: the error for a chunk that cannot be. `truncated`: the error of a stream that ended too early.
 */
export interface Options {
  readonly assembly: Assembly.Assembly
  readonly ended: () => Result.Result<ReadonlyArray<ChatEvent.ChatEvent>, Ended>
  readonly failed: (failure: Assembly.Failure) => Effect.Effect<never, ProviderError.CallError>
  readonly truncated: () => ProviderError.CallError
}

/** What is wrong with an answer that is complete, and the events that it has all the same. */
export interface Ended {
  readonly events: ReadonlyArray<ChatEvent.ChatEvent>
  readonly error: ProviderError.CallError
}

/**
 * Ends with `finish` when the server said that the answer is complete, by a finish reason or by `[DONE]`; fails otherwise. What
 * comes after `[DONE]` is read, so that the connection can be used again.
 */
export const make = (
  events: Stream.Stream<ServerEvent, ProviderError.CallError>,
  { assembly, ended, failed, truncated }: Options
): Stream.Stream<ChatEvent.ChatEvent, ProviderError.CallError> =>
  Stream.transformPull(events, (pull) =>
    Effect.sync(() => {
      type Next = Pull.Pull<Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>, ProviderError.CallError>
      let failure: Effect.Effect<never, ProviderError.CallError> | undefined
      let isOver = false

      const finish = (before: ReadonlyArray<ChatEvent.ChatEvent>): ReadonlyArray<ChatEvent.ChatEvent> => {
        isOver = true
        const end = ended()
        if (Result.isSuccess(end)) return [...before, ...end.success]
        failure = Effect.fail(end.failure.error)
        return [...before, ...end.failure.events]
      }

      const read = (batch: ReadonlyArray<ServerEvent>): ReadonlyArray<ChatEvent.ChatEvent> => {
        const given: Array<ChatEvent.ChatEvent> = []
        for (const event of batch) {
          if (event.type === "done") return finish(given)
          if (event.type === "comment") given.push(...assembly.alive())
          else {
            const added = assembly.add(event.data)
            if (Result.isFailure(added)) {
              failure = failed(added.failure)
              return given
            }
            for (const one of added.success) given.push(one)
          }
        }
        return given
      }

      /** Without `[DONE]` a finish reason is enough, and a connection that is lost after it loses nothing. */
      const atEnd = (error: ProviderError.CallError | undefined): Next =>
        assembly.isProven() ? emit(finish([])) : Effect.fail(error ?? truncated())

      const emit = (given: ReadonlyArray<ChatEvent.ChatEvent>): Next =>
        Arr.isReadonlyArrayNonEmpty(given) ? Effect.succeed(given) : next

      const rest: Next = Effect.suspend(() =>
        Effect.matchEffect(pull, { onFailure: () => Cause.done(), onSuccess: () => rest })
      )

      const next: Next = Effect.suspend((): Next => {
        if (failure !== undefined) return failure
        if (isOver) return rest
        return Effect.matchEffect(pull, {
          onFailure: (error) =>
            Cause.isDone(error)
              ? atEnd(undefined)
              : error._tag === "ConnectionError"
              ? atEnd(error)
              : Effect.fail(error),
          onSuccess: (batch) => emit(read(batch))
        })
      })

      return next
    }))
