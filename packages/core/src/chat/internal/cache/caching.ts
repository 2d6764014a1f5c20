/**
 * A chat service behind a cache: what is known is answered, what is being asked is waited for, and only the rest goes to
 * the service.
 */
import * as Digest from "effect/crypto/Digest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CanonicalLine from "../../../cache/internal/canonicalLine.ts"
import * as Check from "../../../Check.ts"
import * as Cost from "../../../Cost.ts"
import * as ProviderError from "../../../ProviderError.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Chat from "../../Chat.ts"
import * as ChatCache from "../../ChatCache.ts"
import * as ChatEvent from "../../ChatEvent.ts"
import type * as ChatRequest from "../../ChatRequest.ts"
import type * as ChatResponse from "../../ChatResponse.ts"
import * as ChatValidation from "../validation.ts"
import * as Flight from "./flight.ts"
import * as CacheKey from "./key.ts"
import * as CacheStore from "./store.ts"
import * as CacheTelemetry from "./telemetry.ts"

/** Decorates a service. */
export const make = Effect.fnUntraced(function*(
  service: Chat.Chat,
  options: ChatCache.Options = {}
): Effect.fn.Return<Chat.Chat, ProviderError.InvalidRequestError, Scope.Scope> {
  const { namespace = "", timeToLive = Duration.hours(24), when = () => true } = yield* Check.run(
    ChatCache.options,
    options,
    { provider: "strata", field: "cache" }
  )
  const store = yield* CacheStore.make(
    yield* ChatCache.ChatCache,
    Duration.isFinite(timeToLive) ? timeToLive : undefined
  )
  const digest = yield* Effect.provide(Digest.Digest, Digest.layerWebCrypto)
  const { defaultModel, identity, provider = "custom" } = service
  const scope = CanonicalLine.make([namespace, identity])
  const join = Flight.make()

  /** The call as the cache knows it, or nothing when it cannot be told from others. */
  const prepare = (
    request: ChatRequest.ChatRequest
  ): Effect.Effect<CacheStore.Call | undefined, ProviderError.InvalidRequestError> =>
    Effect.suspend(() => {
      const model = request.model ?? defaultModel
      const wanted = Result.try(() => when(request))
      if (Result.isFailure(wanted)) {
        return Effect.fail(Check.threw({ provider, model }, "cache.when", wanted.failure))
      }
      if (model === undefined || scope === undefined || !wanted.success) return Effect.undefined
      const question = CacheKey.question(scope, provider, model, request)
      return question === undefined ? Effect.undefined : Effect.map(
        CacheKey.make(digest, question),
        (key) => ({ key, target: { operation: "chat", provider, model } })
      )
    })

  /** What is kept, or else what the service answers. */
  const known = <E>(
    call: CacheStore.Call,
    ask: Effect.Effect<ChatResponse.ChatResponse, E>
  ): Effect.Effect<ChatResponse.ChatResponse, E> =>
    Effect.flatMap(store.look(call), (response) => response === undefined ? ask : Effect.succeed(free(response)))

  const generate = (
    call: CacheStore.Call,
    request: ChatRequest.ChatRequest
  ): Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatError> => {
    const ask = Effect.tap(service.generate(request), (response) => store.keep(call, response))
    return Effect.scoped(
      Effect.flatMap(
        join({ key: call.key, isStream: false, send: () => known(call, ask) }),
        ({ flight, isFirst }) => {
          const answer = isFirst
            ? flight.landed
            : Effect.andThen(CacheTelemetry.recordShare(call.target), flight.landed).pipe(
              Effect.map(free),
              Effect.withSpan("ChatCache.share", { attributes: Telemetry.attributes(call.target) })
            )
          return flight.isStream
            // A stream that broke is not repeated, because some of it was seen; nothing was seen of it here.
            ? Effect.catchTag(answer, "StreamInterruptedError", () => generate(call, request))
            // What `generate` sent fails as it does.
            : answer as Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatError>
        }
      )
    )
  }

  const stream = (call: CacheStore.Call, request: ChatRequest.ChatRequest) =>
    Stream.unwrap(
      Effect.map(
        join({ key: call.key, isStream: true, send: (flight) => known(call, tell(call, request, flight)) }),
        ({ flight, isFirst }) =>
          isFirst ? flight.events : Stream.map(
            Stream.onStart(flight.events, CacheTelemetry.recordShare(call.target)),
            (event) => event.type === "finish" ? free(event) : event
          ).pipe(Stream.withSpan("ChatCache.share", { attributes: Telemetry.attributes(call.target) }))
      )
    )

  /** Reads a stream for all who take part in it. An answer that can be read to its end is kept by then. */
  const tell = (call: CacheStore.Call, request: ChatRequest.ChatRequest, flight: Flight.Flight) =>
    Effect.gen(function*() {
      const collector = ChatEvent.makeCollector()
      yield* Stream.runForEachArray(service.stream(request), (events) => {
        events.forEach(collector.add)
        const response = events.some(({ type }) => type === "finish") ? collector.response() : undefined
        const kept = response === undefined ? Effect.void : store.keep(call, response)
        return Effect.andThen(kept, flight.add(events))
      })
      return collector.response() ?? (yield* collector.incomplete(call.target))
    })

  return {
    ...service,
    generate: Effect.fnUntraced(function*(given) {
      const request = yield* ChatValidation.settle(provider, given)
      const call = yield* prepare(request)
      return yield* call === undefined ? service.generate(request) : generate(call, request)
    }),
    stream: (given) =>
      Stream.unwrap(Effect.gen(function*() {
        const request = yield* ChatValidation.settle(provider, given)
        const call = yield* prepare(request)
        return call === undefined ? service.stream(request) : stream(call, request)
      }))
  }
})

/** The answer, or its end, for somebody who does not pay for it. */
const free = <O extends ChatResponse.Outcome>(outcome: O): O => ({ ...outcome, cached: true, cost: Cost.empty })
