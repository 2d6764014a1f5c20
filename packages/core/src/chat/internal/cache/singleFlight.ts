/** Single-flight: concurrent equal requests share one call. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Admission from "../../../policy/internal/admission.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import * as ChatEvent from "../../ChatEvent.ts"
import type * as ChatResponse from "../../ChatResponse.ts"

type Answer = Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatStreamError>

/** A call in progress, `isStream` if it was sent as one; `events` give each subscriber all that is published. */
export interface Flight {
  readonly isStream: boolean
  readonly publish: (events: ReadonlyArray<ChatEvent.ChatEvent>) => Effect.Effect<void>
  readonly response: Answer
  readonly events: Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError>
}

interface Entry {
  readonly flight: Flight
  readonly shared: Admission.Shared
  subscribers: number
  interrupt: Effect.Effect<void>
}

/**
 * The flights of one service. The function joins the flight of an equal call, or begins one (`isFirst`), until the scope
 * closes. A flight without subscribers is interrupted; one that is complete is not joined.
 */
export const make = () => {
  const entries = new Map<string, Entry>()

  const begin = (key: string, isStream: boolean, send: (flight: Flight) => Answer) => {
    const { complete, flight } = makeFlight(isStream)
    const forgetNow = () => void (entries.get(key) === entry && entries.delete(key))
    const forget = Effect.sync(forgetNow)
    const entry: Entry = { flight, shared: Admission.share(forgetNow), subscribers: 1, interrupt: Effect.void }
    entries.set(key, entry)
    const sent = entry.shared.provided(send(flight))
    return Effect.map(
      Effect.forkDetach(Effect.onExit(sent, (exit) => Effect.andThen(forget, complete(exit)))),
      (fiber) => {
        entry.interrupt = Effect.andThen(forget, Fiber.interrupt(fiber))
        return { entry, flight, isFirst: true }
      }
    )
  }

  return (
    key: string,
    isStream: boolean,
    send: (flight: Flight) => Answer
  ): Effect.Effect<{ readonly flight: Flight; readonly isFirst: boolean }, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const entry = entries.get(key)
        if (entry === undefined) return begin(key, isStream, send)
        entry.subscribers++
        return Effect.as(entry.shared.join, { entry, flight: entry.flight, isFirst: false })
      }),
      ({ entry }) => Effect.suspend(() => --entry.subscribers === 0 ? entry.interrupt : Effect.void)
    )
}

/** All events are kept until the flight is forgotten, so that a late subscriber reads from the first. */
const makeFlight = (isStream: boolean) => {
  const published: Array<ChatEvent.ChatEvent> = []
  const changed = Latch.makeUnsafe(false)
  let end: Exit.Exit<ChatResponse.ChatResponse, ProviderError.ChatStreamError> | undefined

  const response: Answer = Effect.suspend(() => end ?? Effect.andThen(changed.await, response))

  const events = Stream.fromPull(Effect.sync(() => {
    let read = 0
    const next: Pull.Pull<Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>, ProviderError.ChatStreamError> = Effect
      .suspend(() => {
        if (end?._tag === "Success" && published.length === 0) published.push(...ChatEvent.fromResponse(end.value))
        const unread = published.slice(read)
        read += unread.length
        if (Arr.isReadonlyArrayNonEmpty(unread)) return Effect.succeed(unread)
        if (end === undefined) return Effect.andThen(changed.await, next)
        return Exit.isSuccess(end) ? Cause.done() : Effect.failCause(end.cause)
      })
    return next
  }))

  const publish: Flight["publish"] = (events) =>
    Effect.suspend(() => {
      events.forEach((event) => published.push(event))
      return changed.release
    })
  const complete = (exit: NonNullable<typeof end>) =>
    Effect.suspend(() => {
      end = exit
      return changed.open
    })
  return { complete, flight: { isStream, publish, response, events } }
}
