/**
 * Asks one chat service after another until one answers; `ChatService.withFallback` says in which order, and why.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as Chat from "../Chat.ts"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as ChatResponse from "../ChatResponse.ts"
import * as Fallback from "../Fallback.ts"
import * as FallbackPreference from "./fallbackPreference.ts"
import * as ChatValidation from "./validation.ts"

type Service = Chat.Chat

/** One service of several. */
export const make = (services: NonEmptyReadonlyArray<Service>, options: Fallback.Options = {}): Service => {
  const when = options.when ?? Fallback.isUnavailable
  const preference = FallbackPreference.make(services.length, Duration.toMillis(options.stickFor ?? "5 minutes"))

  /** Whether an error makes the next service be asked: because it says so itself, or because a fallback cannot answer. */
  const goesOn = (service: number, error: ProviderError.ProviderError) =>
    Result.match(Result.try(() => when(error)), {
      onFailure: (cause) => Effect.fail(Check.threw({ provider, model: error.model }, "fallback.when", cause)),
      onSuccess: (accepted) => Effect.succeed({ accepted, goes: accepted || service > 0 && !final.has(error._tag) })
    })

  const ask = <A>(
    request: ChatRequest.ChatRequest,
    attempt: (service: Service, request: ChatRequest.ChatRequest) => Effect.Effect<A, ProviderError.ProviderError>
  ): Effect.Effect<Answered<A>, ProviderError.ProviderError> => {
    const walk = (turn: FallbackPreference.Turn) => {
      const asked = new Set<number>()
      const fallen = new Map(turn.passedOver)
      let reported: ProviderError.ProviderError | undefined

      const failed = (number: number, error: ProviderError.ProviderError, accepted: boolean) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const why = describe(error, request)
          fallen.set(number, why)
          const moved = Fallback.isLasting(error) && turn.failed(number, why, now)
          const next = turn.next(asked)
          if (accepted || reported === undefined) reported = error
          return next === undefined
            ? Effect.andThen(logNobody(services.length, fallen), Effect.fail(reported))
            : Effect.andThen(recordFall(why, { from: number, to: next, moved }), step(next))
        })

      const step = (number: number): Effect.Effect<Answered<A>, ProviderError.ProviderError> => {
        asked.add(number)
        fallen.delete(number)
        return Effect.flatMap(
          addressed(request, number, options.model),
          (request) =>
            Effect.matchEffect(Effect.suspend(() => attempt(services[number] ?? services[0], request)), {
              onFailure: (error) =>
                Effect.flatMap(
                  goesOn(number, error),
                  ({ accepted, goes }) => goes ? failed(number, error, accepted) : Effect.fail(error)
                ),
              onSuccess: (answer) =>
                Effect.flatMap(Clock.currentTimeMillis, (now) =>
                  Effect.as(
                    turn.answered(number, now) ? logReturned : Effect.void,
                    { answer, fallen: [...fallen.values()] }
                  ))
            })
        )
      }
      return Effect.suspend(() => step(turn.next(asked) ?? 0))
    }
    return Effect.acquireUseRelease(
      Effect.map(Clock.currentTimeMillis, (now) => preference.begin(request.model, now)),
      walk,
      (turn) => Effect.sync(turn.end)
    )
  }

  return {
    generate: Effect.fnUntraced(function*(given) {
      const request = yield* ChatValidation.settle(provider, given)
      const { answer, fallen } = yield* ask(request, (service, request) => service.generate(request))
      return withFallen(answer, fallen)
    }),
    stream: (given) =>
      Stream.unwrap(
        Effect.gen(function*() {
          const scope = yield* Effect.scope
          const request = yield* ChatValidation.settle(provider, given)
          const { answer, fallen } = yield* ask(request, (service, request) => open(service.stream(request), scope))
          return answer === undefined ? Stream.empty : flowing(answer, fallen)
        })
      )
  }
}

/** Who finds what is wrong before any service was asked. */
const provider = "strata"

interface Answered<A> {
  readonly answer: A
  readonly fallen: ReadonlyArray<ChatResponse.Fallen>
}

/** What even a fallback fails with for good: a budget is a budget, and of an answer there was a part already. */
const final: ReadonlySet<ProviderError.ProviderError["_tag"]> = new Set<ProviderError.ProviderError["_tag"]>([
  "BudgetExceededError",
  "StructuredOutputError",
  "StreamInterruptedError"
])

/** The request as the service with this number gets it: a model's name means something to the first one only. */
const addressed = (
  request: ChatRequest.ChatRequest,
  number: number,
  rename: Fallback.Options["model"]
): Effect.Effect<ChatRequest.ChatRequest, ProviderError.InvalidRequestError> => {
  if (number === 0 || request.model === undefined) return Effect.succeed(request)
  const { model, ...rest } = request
  return Result.match(Result.try(() => rename?.(model, number - 1)), {
    onFailure: (cause) => Effect.fail(Check.threw({ provider, model }, "fallback.model", cause)),
    onSuccess: (renamed) => Effect.succeed(renamed === undefined ? rest : { ...rest, model: renamed })
  })
}

const describe = (error: ProviderError.ProviderError, request: ChatRequest.ChatRequest): ChatResponse.Fallen => {
  const model = error.model ?? request.model
  return {
    error: error._tag,
    message: error.message,
    provider: error.provider,
    ...(model !== undefined && { model })
  }
}

const withFallen = <O extends ChatResponse.Outcome>(outcome: O, fallen: ReadonlyArray<ChatResponse.Fallen>): O =>
  fallen.length === 0 ? outcome : { ...outcome, fallback: [...fallen, ...outcome.fallback ?? []] }

/** A stream that has given its first events. */
interface Opened {
  readonly events: NonEmptyReadonlyArray<ChatEvent.ChatEvent>
  readonly pull: Pull.Pull<NonEmptyReadonlyArray<ChatEvent.ChatEvent>, ProviderError.ProviderError>
}

/** A stream up to its first events, which lives in a scope of its own until `scope` closes. `undefined`: it has none. */
const open = (
  self: Stream.Stream<ChatEvent.ChatEvent, ProviderError.ProviderError>,
  scope: Scope.Scope
): Effect.Effect<Opened | undefined, ProviderError.ProviderError> =>
  Effect.flatMap(Scope.fork(scope), (connection) =>
    Stream.toPull(self).pipe(
      Scope.provide(connection),
      Effect.flatMap((pull) => Effect.map(pull, (events): Opened | undefined => ({ events, pull }))),
      Pull.catchDone(() => Effect.succeed(undefined)),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(connection, exit))
    ))

const flowing = (
  { events, pull }: Opened,
  fallen: ReadonlyArray<ChatResponse.Fallen>
): Stream.Stream<ChatEvent.ChatEvent, ProviderError.ProviderError> => {
  const all = Stream.fromPull(Effect.sync(() => {
    let begun = false
    return Effect.suspend(() => {
      if (begun) return pull
      begun = true
      return Effect.succeed(events)
    })
  }))
  return fallen.length === 0
    ? all
    : Stream.map(all, (event) => event.type === "finish" ? withFallen(event, fallen) : event)
}

const recordFall = (
  fallen: ChatResponse.Fallen,
  { from, moved, to }: { readonly from: number; readonly to: number; readonly moved: boolean }
): Effect.Effect<void> => {
  const { error, model = "unknown", provider } = fallen
  const attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": provider,
    "gen_ai.request.model": model,
    "error.type": error
  }
  return Effect.andThen(
    Metric.update(Metric.withAttributes(Fallback.fallbacks, attributes), 1),
    moved
      ? Effect.logWarning("A service cannot answer: another takes over").pipe(
        Effect.annotateLogs({ ...fallen, service: from, next: to })
      )
      : Effect.logDebug("A service cannot answer: another is asked").pipe(
        Effect.annotateLogs({ ...fallen, service: from, next: to })
      )
  )
}

/** The service that a layer built; a layer of something else builds all the same. */
export const built = (service: Option.Option<Service>): Effect.Effect<Service, ProviderError.InvalidRequestError> =>
  Option.match(service, {
    onNone: () =>
      Effect.fail(ProviderError.invalidRequest({
        provider: "strata",
        field: "fallbacks",
        problem: "a layer does not build a chat service",
        remedy: "Give layers of chat services"
      })),
    onSome: Effect.succeed
  })

const logNobody = (
  count: number,
  fallen: ReadonlyMap<number, ChatResponse.Fallen>
): Effect.Effect<void> =>
  Effect.annotateLogs(
    Effect.logWarning(`None of ${count} services can answer`),
    { fallback: [...fallen.values()] }
  )

const logReturned = Effect.logInfo("The first service answers again")
