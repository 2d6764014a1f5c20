/** Asks one chat service after another until one answers; `ChatService.withFallback` says in which order, and why. */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import { defined } from "../../internal/defined.ts"
import * as Trait from "../../internal/trait.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import * as Retrying from "../../policy/internal/retrying.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import * as Chat from "../Chat.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as ChatResponse from "../ChatResponse.ts"
import * as Fallback from "../Fallback.ts"
import * as OpenStream from "./openStream.ts"
import * as ChatValidation from "./validation.ts"

/** The layer of `first` with its fallbacks; each argument may be any value. */
export const layer = (
  first: Fallback.ChatLayer,
  others: Fallback.Others,
  options: Fallback.Options = {}
): Fallback.ChatLayer =>
  Layer.fromBuildMemo((memoMap, scope) =>
    Effect.gen(function*() {
      const settings = yield* Check.run(optionsOf, options, { provider, field: "fallback" })
      const fallbacks = yield* Check.run(othersOf, others, { provider, field: "fallbacks" })
      yield* Check.run(layerOf, first, { provider, field: "layer" })
      const services = yield* Effect.forEach(
        Arr.prepend(fallbacks, first),
        Effect.fnUntraced(function*(layer) {
          const built = Context.getOption(yield* Layer.buildWithMemoMap(layer, memoMap, scope), Chat.ChatService)
          // A layer of another service builds all the same.
          if (built._tag === "None") {
            const problem = "a layer does not build a chat service"
            return yield* Check.invalid("fallbacks", problem, "Give layers of chat services")
          }
          return yield* Scope.provide(Chat.cored(built.value), scope)
        })
      )
      return Context.make(Chat.ChatService, { ...Trait.ofMembers(services), ...make(services, settings) })
    })
  )

const optionsOf: Check.Check<Fallback.Options> = Check.partial({
  when: Check.callback<NonNullable<Fallback.Options["when"]>>(),
  failFast: Check.callback<NonNullable<Fallback.Options["failFast"]>>(),
  model: Check.callback<NonNullable<Fallback.Options["model"]>>()
})

// What a layer provides is checked when it is built.
const layerOf = Check.layer as Check.Check<Fallback.ChatLayer>

const layers = Check.list(layerOf, { remedy: "Give a layer, or an array of layers" })

const othersOf: Check.Check<ReadonlyArray<Fallback.ChatLayer>> = (given, at) =>
  layers(Check.holds(Layer.isLayer, given) ? [given] : given, at)

const make = (
  services: Arr.NonEmptyReadonlyArray<Chat.Chat>,
  { failFast, model: rename, when = Fallback.isUnavailable }: Fallback.Options
): Chat.Chat => {
  const changes = makeChanges(services.length)
  const last = services.length - 1

  const decided = (option: "when" | "failFast", decide: typeof when, error: ProviderError.ProviderError) =>
    Effect.try({
      try: () => decide(error),
      catch: (cause) => Check.threw({ provider, model: error.model }, `fallback.${option}`, cause)
    })

  /** Whether an error makes the next service be asked: because `when` accepts it, or because a fallback cannot answer. */
  const judged = (number: number, error: ProviderError.ProviderError) =>
    Effect.map(decided("when", when, error), (accepted) => ({
      accepted,
      goesOn: accepted || number > 0 && !final.has(error._tag)
    }))

  /** Ends the retries of a service that is not the last where `failFast` accepts. What is final for a caller stays so. */
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

  /** The request for the service with this number: the name of a model applies to the first one only. */
  const addressed = (request: ChatRequest.ChatRequest, number: number) => {
    if (number === 0 || request.model === undefined) return Effect.succeed(request)
    const { model, ...rest } = request
    return Effect.try({
      try: (): ChatRequest.ChatRequest => ({ ...rest, ...defined({ model: rename?.(model, number - 1) }) }),
      catch: (cause) => Check.threw({ provider, model }, "fallback.model", cause)
    })
  }

  const ask = Effect.fnUntraced(function*<A, E extends ProviderError.ChatStreamError>(
    given: ChatRequest.ChatRequest,
    attempt: (service: Chat.Chat, request: ChatRequest.ChatRequest) => Effect.Effect<A, E>
  ): Effect.fn.Return<
    { readonly answer: A; readonly fallen: ReadonlyArray<ChatResponse.Fallen> },
    E | ProviderError.InvalidRequestError
  > {
    const request = yield* ChatValidation.settle(provider, given)
    const fallen: Array<ChatResponse.Fallen> = []
    let reported: E | undefined
    for (let number = 0;; number++) {
      const service = services[number] ?? services[0]
      const asked = yield* addressed(request, number)
      const result = yield* Effect.result(failingFast(number, Effect.suspend(() => attempt(service, asked))))
      if (Result.isSuccess(result)) {
        yield* changes.answered(number)
        return { answer: result.success, fallen }
      }
      const error = result.failure
      const { accepted, goesOn } = yield* judged(number, error)
      if (!goesOn) return yield* Effect.fail(error)
      if (accepted || reported === undefined) reported = error
      const { _tag, message, model = asked.model } = error
      const why = { error: _tag, message, provider: error.provider, ...defined({ model }) }
      fallen.push(why)
      yield* changes.failed(number, error, why)
      if (number === last) return yield* Effect.fail(reported)
      yield* Metric.update(Metric.withAttributes(Fallback.fallbacks, attributes(why)), 1)
    }
  })

  return {
    generate: (request) =>
      Effect.map(
        ask(request, (service, request) => service.generate(request)),
        ({ answer, fallen }) => withFallen(answer, fallen)
      ),
    stream: (request) =>
      Stream.unwrap(
        Effect.flatMap(Effect.scope, (scope) =>
          Effect.map(
            ask(request, (service, request) => OpenStream.open(service.stream(request), scope)),
            ({ answer, fallen }) =>
              fallen.length === 0
                ? answer
                : Stream.map(answer, (event) => event.type === "finish" ? withFallen(event, fallen) : event)
          ))
      )
  }
}

const provider = "strata"

/** What is final from a fallback too: the budget is spent, or a part of an answer was delivered. */
const final: ReadonlySet<ProviderError.ProviderError["_tag"]> = new Set<ProviderError.ProviderError["_tag"]>([
  "BudgetExceededError",
  "StructuredOutputError",
  "StreamInterruptedError"
])

const withFallen = <O extends ChatResponse.Outcome>(outcome: O, fallen: ReadonlyArray<ChatResponse.Fallen>): O =>
  fallen.length === 0 ? outcome : { ...outcome, fallback: [...fallen, ...outcome.fallback ?? []] }

const attributes = ({ error, model = "unknown", provider }: ChatResponse.Fallen) => ({
  ...Telemetry.attributes({ operation: "chat", provider, model }),
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
        const kinds = failing[number]!
        const kind = ProviderError.isTransient(error) ? "transient" : error._tag
        const log = kinds.has(kind) ? Effect.logDebug : Effect.logWarning
        kinds.set(kind, now)
        const next = number + 1
        const annotations = { ...why, ...Telemetry.errorAnnotations(error), service: number }
        return next < count
          ? Effect.annotateLogs(log("A chat service cannot answer: the next one is asked"), { ...annotations, next })
          : Effect.annotateLogs(log(`None of ${count} chat services can answer`), annotations)
      }),
    answered: (number: number): Effect.Effect<void> =>
      Effect.flatMap(Watchdog.now, (now) => {
        const kinds = failing[number]!
        if (kinds.size === 0 || now - Math.max(...kinds.values()) < quietMillis) return Effect.void
        kinds.clear()
        return Effect.annotateLogs(Effect.logInfo("A chat service answers again"), { service: number })
      })
  }
}

/** How long no call may have failed for a service to answer again: shorter, and each random failure would be a change. */
const quietMillis = 30_000
