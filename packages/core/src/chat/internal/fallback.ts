/**
 * Asks one chat service after another until one answers; `ChatService.withFallback` says in which order, and why.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import * as ModelLabels from "../../internal/modelLabels.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as Retrying from "../../policy/internal/retrying.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as Chat from "../Chat.ts"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as ChatResponse from "../ChatResponse.ts"
import * as Fallback from "../Fallback.ts"
import * as ChatValidation from "./validation.ts"

type Service = Chat.Chat

/** One service of several. */
export const make = (services: NonEmptyReadonlyArray<Service>, options: Fallback.Options = {}): Service => {
  const { failFast, model, when = Fallback.isUnavailable } = options
  const changes = makeChanges(services.length)
  const last = services.length - 1

  /** Asks a function of the user, which may throw. */
  const decided = (option: "when" | "failFast", decide: typeof when, error: ProviderError.ProviderError) =>
    Result.match(Result.try(() => decide(error)), {
      onFailure: (cause) => Effect.fail(Check.threw({ provider, model: error.model }, `fallback.${option}`, cause)),
      onSuccess: Effect.succeed
    })

  /** Whether an error makes the next service be asked: because `when` says so, or because a fallback cannot answer. */
  const judged = (number: number, error: ProviderError.ProviderError) =>
    Effect.map(decided("when", when, error), (accepted) => ({
      accepted,
      goesOn: accepted || number > 0 && !final.has(error._tag)
    }))

  /** Ends the retries of a service that is not the last where `failFast` says so. What is final for a caller stays so. */
  const failingFast = <A, E, R>(number: number, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    number === last || failFast === undefined ? self : Effect.updateService(
      self,
      Retrying.FinalErrors,
      (isFinal): Retrying.IsFinal =>
        Effect.fnUntraced(function*(error) {
          if (yield* isFinal(error)) return true
          const { goesOn } = yield* judged(number, error)
          return goesOn && (yield* decided("failFast", failFast, error))
        })
    )

  const ask = Effect.fnUntraced(function*<A, E extends ProviderError.ChatStreamError>(
    request: ChatRequest.ChatRequest,
    attempt: (service: Service, request: ChatRequest.ChatRequest) => Effect.Effect<A, E>
  ): Effect.fn.Return<
    { readonly answer: A; readonly fallen: ReadonlyArray<ChatResponse.Fallen> },
    E | ProviderError.InvalidRequestError
  > {
    const fallen: Array<ChatResponse.Fallen> = []
    let reported: E | undefined
    for (let number = 0;; number++) {
      const service = services[number] ?? services[0]
      const asked = yield* addressed(request, number, model)
      const result = yield* Effect.result(failingFast(number, Effect.suspend(() => attempt(service, asked))))
      if (Result.isSuccess(result)) {
        yield* changes.answered(number)
        return { answer: result.success, fallen }
      }
      const error = result.failure
      const { accepted, goesOn } = yield* judged(number, error)
      if (!goesOn) return yield* Effect.fail(error)
      if (accepted || reported === undefined) reported = error
      const why = describe(error, asked)
      fallen.push(why)
      yield* changes.failed(number, error, why)
      if (number === last) return yield* Effect.fail(reported)
      yield* Metric.update(Metric.withAttributes(Fallback.fallbacks, attributes(why)), 1)
    }
  })

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

/** The provider of errors that are found before any service was asked. */
const provider = "strata"

/** What is final from a fallback too: the budget is spent, or a part of an answer was given already. */
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
  readonly pull: Pull.Pull<NonEmptyReadonlyArray<ChatEvent.ChatEvent>, ProviderError.ChatStreamError>
}

/** A stream up to its first events, which lives in a scope of its own until `scope` closes. `undefined`: it has none. */
const open = (
  self: Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError>,
  scope: Scope.Scope
): Effect.Effect<Opened | undefined, ProviderError.ChatStreamError> =>
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
): Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError> => {
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

const attributes = ({ error, model = "unknown", provider }: ChatResponse.Fallen) => ({
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": provider,
  "gen_ai.request.model": ModelLabels.of(provider, model),
  "error.type": error
})

/**
 * Logs when services stop answering and when they answer again: once for a change and not for each call.
 *
 * Kept for each service and kind of failure, of which there are few: whatever is transient is one kind, so that an outage is
 * one change, and a request for a model that does not exist does not hide it.
 */
const makeChanges = (count: number) => {
  /** When a call last failed, in milliseconds. */
  const failing = Array.from({ length: count }, () => new Map<string, number>())
  return {
    failed: (number: number, error: ProviderError.ProviderError, why: ChatResponse.Fallen): Effect.Effect<void> =>
      Effect.flatMap(Watchdog.now, (now) => {
        const kinds = failing[number] ?? new Map()
        const kind = ProviderError.isTransient(error) ? "transient" : error._tag
        const isKnown = kinds.has(kind)
        kinds.set(kind, now)
        const next = number + 1
        const message = next < count
          ? "A chat service cannot answer: the next one is asked"
          : `None of ${count} chat services can answer`
        return Effect.annotateLogs(
          isKnown ? Effect.logDebug(message) : Effect.logWarning(message),
          { ...why, service: number, ...(next < count && { next }) }
        )
      }),
    answered: (number: number): Effect.Effect<void> =>
      Effect.flatMap(Watchdog.now, (now) => {
        const kinds = failing[number]
        if (kinds === undefined || kinds.size === 0) return Effect.void
        if (now - Math.max(...kinds.values()) < quietMillis) return Effect.void
        kinds.clear()
        return Effect.annotateLogs(Effect.logInfo("A chat service answers again"), { service: number })
      })
  }
}

/** How long no call may have failed for a service to answer again: shorter, and each random failure would be a change. */
const quietMillis = 30_000

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
