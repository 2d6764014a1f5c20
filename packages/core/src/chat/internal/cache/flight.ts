/**
 * Equal calls in progress: the first one is sent, and the others take part in what comes of it.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as ProviderError from "../../../ProviderError.ts"
import * as ChatEvent from "../../ChatEvent.ts"
import type * as ChatResponse from "../../ChatResponse.ts"

/**
 * A call that several take part in.
 *
 * - `isStream`: whether it is sent as a stream.
 * - `add`: tells them more of the stream.
 * - `landed`: the answer.
 * - `events`: the answer from its beginning as it comes; all at once when it comes whole.
 */
export interface Flight {
  readonly isStream: boolean
  readonly add: (events: ReadonlyArray<ChatEvent.ChatEvent>) => Effect.Effect<void>
  readonly landed: Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatStreamError>
  readonly events: Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError>
}

/** Who takes part in a flight; `isFirst` is the one it was begun for. */
export interface Passenger {
  readonly flight: Flight
  readonly isFirst: boolean
}

/** How to send a call. */
export interface Plan {
  readonly key: string
  readonly isStream: boolean
  readonly send: (flight: Flight) => Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatStreamError>
}

/**
 * Takes part in the flight of an equal call, or begins one, until the scope closes. A flight that nobody takes part in
 * any longer is interrupted; one that has landed is not joined.
 */
export type Join = (plan: Plan) => Effect.Effect<Passenger, never, Scope.Scope>

/** Flights of one service. */
export const make = (): Join => {
  const flights = new Map<string, Seats>()

  const begin = ({ isStream, key, send }: Plan) => {
    const { flight, land } = makeFlight(isStream)
    const seats: Seats = { flight, taken: 1, leave: Effect.void }
    flights.set(key, seats)
    const forget = () => flights.get(key) === seats && flights.delete(key)
    return send(flight).pipe(
      Effect.onExit((exit) => {
        forget()
        return land(exit)
      }),
      Effect.forkDetach,
      Effect.map((fiber) => {
        seats.leave = Effect.suspend(() => {
          forget()
          return Fiber.interrupt(fiber)
        })
        return seats
      })
    )
  }

  return (plan) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const seats = flights.get(plan.key)
        if (seats === undefined) return Effect.map(begin(plan), (seats) => ({ seats, isFirst: true }))
        seats.taken++
        return Effect.succeed({ seats, isFirst: false })
      }),
      ({ seats }) => Effect.suspend(() => --seats.taken === 0 ? seats.leave : Effect.void)
    ).pipe(Effect.map(({ isFirst, seats }) => ({ flight: seats.flight, isFirst })))
}

interface Seats {
  readonly flight: Flight
  taken: number
  leave: Effect.Effect<void>
}

/** Whoever reads the events begins with the first: all of them are at hand, as many as the answer has. */
const makeFlight = (isStream: boolean) => {
  const told: Array<ChatEvent.ChatEvent> = []
  const changed = Latch.makeUnsafe(false)
  let end: Exit.Exit<ChatResponse.ChatResponse, ProviderError.ChatStreamError> | undefined

  const add = (events: ReadonlyArray<ChatEvent.ChatEvent>) => events.forEach((event) => told.push(event))

  const landed: Flight["landed"] = Effect.suspend(() => end ?? Effect.andThen(changed.await, landed))

  const events = Stream.fromPull(Effect.sync(() => {
    let read = 0
    const next: Pull.Pull<Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>, ProviderError.ChatStreamError> = Effect
      .suspend(() => {
        if (end !== undefined && Exit.isSuccess(end) && told.length === 0) add(ChatEvent.fromResponse(end.value))
        const news = told.slice(read)
        read += news.length
        if (Arr.isReadonlyArrayNonEmpty(news)) return Effect.succeed(news)
        return end === undefined
          ? Effect.andThen(changed.await, next)
          : Exit.isSuccess(end)
          ? Cause.done()
          : Effect.failCause(end.cause)
      })
    return next
  }))

  const flight: Flight = {
    isStream,
    landed,
    events,
    add: (news) =>
      Effect.suspend(() => {
        add(news)
        return changed.release
      })
  }
  const land = (exit: Exit.Exit<ChatResponse.ChatResponse, ProviderError.ChatStreamError>) =>
    Effect.suspend(() => {
      end = exit
      return changed.open
    })
  return { flight, land }
}
