/**
 * The turns that run in this process, each with the frames it sent: any reader gets all of them, from the first, whenever it
 * comes. A turn belongs to no request: it runs in the scope of the server.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as UiChunk from "../UiChunk.ts"
import { UiConflictError, UiSizeError } from "../UiError.ts"

/** Why a turn was interrupted. */
export type StopReason = "stopped" | "left" | "shutdown"

/**
 * - `frames`: what was sent; `prelude`: what a replay has after the first frame.
 * - `changed`: done at the next change. `first`: done with the first content, or the failure before it. `ended`: at the end.
 */
export interface Live<Failure> {
  readonly key: string
  readonly chatId: string
  readonly frames: Array<string>
  prelude: string
  bytes: number
  readers: number
  isDone: boolean
  stopReason: StopReason | undefined
  fiber: Fiber.Fiber<void> | undefined
  changed: Deferred.Deferred<void>
  readonly first: Deferred.Deferred<Option.Option<Failure>>
  readonly ended: Deferred.Deferred<void>
}

export interface Settings {
  readonly whenReadersLeave: "stop" | "continue"
  readonly maxTurns: number
  readonly maxBytes: number
  readonly heartbeat: number
}

export const make = <Failure>({ heartbeat, maxBytes, maxTurns, whenReadersLeave }: Settings, scope: Scope.Scope) => {
  const lives = new Map<string, Live<Failure>>()

  const notify = (live: Live<Failure>): void => {
    const { changed } = live
    live.changed = Deferred.makeUnsafe()
    Deferred.doneUnsafe(changed, Effect.void)
  }

  const stop = (live: Live<Failure>, reason: StopReason): Effect.Effect<void> =>
    Effect.suspend(() => {
      live.stopReason ??= reason
      // One that has no fiber yet sees the reason when it gets one.
      live.fiber?.interruptUnsafe()
      return Deferred.await(live.ended)
    })

  /** Waits a moment for a turn without readers to end: a page that stopped a turn may send at once. */
  const settle = (live: Live<Failure>): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      if (live.isDone) return Effect.succeed(true)
      if (live.readers === 0 || live.stopReason !== undefined) return Effect.as(stop(live, "stopped"), true)
      return Effect.flatMap(Deferred.await(live.changed), () => settle(live))
    })

  /** A turn of a conversation that has none. */
  const begin = (key: string, chatId: string): Effect.Effect<Live<Failure>, UiConflictError> =>
    Effect.suspend((): Effect.Effect<Live<Failure>, UiConflictError> => {
      const running = lives.get(key)
      if (running !== undefined) {
        return settle(running).pipe(
          Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.succeed(false) }),
          Effect.flatMap((isOver) =>
            isOver
              ? begin(key, chatId)
              : Effect.fail(
                new UiConflictError({
                  reason: "turn-running",
                  chatId,
                  message: "The conversation has a turn that runs"
                })
              )
          )
        )
      }
      if (lives.size >= maxTurns) {
        const message = `There are ${lives.size} turns at once: no more are begun`
        return Effect.fail(new UiConflictError({ reason: "too-many-turns", chatId, message }))
      }
      const live: Live<Failure> = {
        key,
        chatId,
        frames: [],
        prelude: "",
        bytes: 0,
        readers: 0,
        isDone: false,
        stopReason: undefined,
        fiber: undefined,
        changed: Deferred.makeUnsafe(),
        first: Deferred.makeUnsafe(),
        ended: Deferred.makeUnsafe()
      }
      lives.set(key, live)
      return Effect.succeed(live)
    })

  const send = (live: Live<Failure>, chunks: ReadonlyArray<UiChunk.Chunk>): Effect.Effect<void, UiSizeError> =>
    Effect.suspend(() => {
      if (chunks.length === 0) return Effect.void
      const frame = chunks.map(UiChunk.frame).join("")
      if (live.bytes + frame.length > maxBytes) {
        return Effect.fail(
          new UiSizeError({ limit: maxBytes, message: `The answer is larger than ${maxBytes} characters` })
        )
      }
      live.frames.push(frame)
      live.bytes += frame.length
      notify(live)
      return Effect.void
    })

  /** The last frames, whatever their size; from here on the conversation has no turn. */
  const end = (live: Live<Failure>, chunks: ReadonlyArray<UiChunk.Chunk>): Effect.Effect<void> =>
    Effect.sync(() => {
      live.frames.push(chunks.map(UiChunk.frame).join("") + UiChunk.done)
      live.isDone = true
      if (lives.get(live.key) === live) lives.delete(live.key)
      notify(live)
      Deferred.doneUnsafe(live.first, Effect.succeedNone)
      Deferred.doneUnsafe(live.ended, Effect.void)
    })

  /** Runs a turn, which calls {@link end} whatever happens: only what it makes interruptible is. */
  const drive = <R>(live: Live<Failure>, turn: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
    Effect.uninterruptible(
      Effect.flatMap(Effect.forkIn(turn, scope, { uninterruptible: true }), (fiber) =>
        Effect.sync(() => {
          live.fiber = fiber
          if (live.stopReason !== undefined) fiber.interruptUnsafe()
        }))
    )

  /** Counts a reader until the scope closes; the last one that leaves may stop the turn. */
  const attach = (live: Live<Failure>): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => void live.readers++),
      () =>
        Effect.suspend(() => {
          live.readers--
          if (live.readers > 0 || live.isDone) return Effect.void
          // Its request ended before it ran.
          if (live.fiber === undefined) return end(live, [])
          notify(live)
          return whenReadersLeave === "stop" ? Effect.forkIn(stop(live, "left"), scope) : Effect.void
        })
    )

  /** The frames from the first; a comment where there was none for a while. */
  const frames = (live: Live<Failure>, isReplay: boolean): Stream.Stream<string> =>
    Stream.paginate(
      0,
      (sent) =>
        Effect.suspend((): Effect.Effect<readonly [ReadonlyArray<string>, Option.Option<number>]> => {
          const more = live.frames.slice(sent)
          if (more.length > 0) {
            if (sent === 0 && isReplay) more[0] += live.prelude
            const isLast = live.isDone
            return Effect.succeed([[more.join("")], isLast ? Option.none() : Option.some(sent + more.length)])
          }
          if (live.isDone) return Effect.succeed([[], Option.none()])
          return Deferred.await(live.changed).pipe(
            Effect.timeoutOption(heartbeat),
            Effect.map((changed) => [Option.isNone(changed) ? [UiChunk.heartbeat] : [], Option.some(sent)])
          )
        })
    )

  return {
    attach,
    begin,
    drive,
    end,
    frames,
    get: (key: string): Live<Failure> | undefined => lives.get(key),
    send,
    stop
  }
}
