/** A chat service behind a cache: only what is not cached, and not in progress, goes to the service. */
import * as Arr from "effect/Array"
import * as Digest from "effect/crypto/Digest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CanonicalText from "../../../cache/internal/canonicalText.ts"
import * as Check from "../../../Check.ts"
import * as Cost from "../../../Cost.ts"
import { untagged } from "../../../internal/defined.ts"
import * as UsageSink from "../../../policy/internal/usage/sink.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Chat from "../../Chat.ts"
import * as ChatCache from "../../ChatCache.ts"
import * as ChatEvent from "../../ChatEvent.ts"
import * as ChatRequest from "../../ChatRequest.ts"
import type * as ChatResponse from "../../ChatResponse.ts"
import * as ChatValidation from "../validation.ts"
import * as SingleFlight from "./singleFlight.ts"
import * as CacheStore from "./store.ts"

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
  const scope = CanonicalText.make([namespace, identity])
  const join = SingleFlight.make()
  const sink = yield* UsageSink.Sink
  /** The answer, or its `finish` event, for a caller that did not send the request. */
  const free = <O extends ChatResponse.Outcome>({ target }: CacheStore.Call, outcome: O): Effect.Effect<O> => {
    const answer = { ...outcome, cached: true, cost: Cost.empty }
    return Effect.as(UsageSink.cached(sink, target, answer), answer)
  }

  /** A validated request with its key and target; no `call` when it is not cached. */
  const prepare = Effect.fnUntraced(function*(given: ChatRequest.ChatRequest) {
    const request = yield* ChatValidation.settle(provider, given)
    const model = request.model ?? defaultModel
    const isWanted = yield* Effect.try({
      try: () => when(request),
      catch: (cause) => Check.threw({ provider, model }, "cache.when", cause)
    })
    if (model === undefined || scope === undefined || !isWanted) return { request }
    // Images and documents are hashed apart from the text, in their order in it.
    const bytes: Array<Uint8Array> = []
    const line = CanonicalText.make(
      [scope, provider, { ...untagged(request), model, messages: ChatRequest.messagesOf(request) }],
      (found) => `#${bytes.push(found)}`
    )
    if (line === undefined) return { request }
    const hashes = yield* Effect.forEach(bytes, (part) => digest.digestHex(Digest.sha256, part), {
      concurrency: "unbounded"
    })
    const key = yield* digest.digestHex(Digest.sha256, new TextEncoder().encode([line, ...hashes].join("\n")))
    const call: CacheStore.Call = { key, target: { operation: "chat", provider, model } }
    return { request, call }
  })

  const cachedOr = <E>(call: CacheStore.Call, ask: Effect.Effect<ChatResponse.ChatResponse, E>) =>
    Effect.flatMap(store.look(call), (response) => response === undefined ? ask : free(call, response))

  const generate = (
    call: CacheStore.Call,
    request: ChatRequest.ChatRequest
  ): Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatError> =>
    Effect.scoped(Effect.gen(function*() {
      const ask = Effect.tap(service.generate(request), (response) => store.keep(call, response))
      const { flight, isFirst } = yield* join(call.key, false, () => cachedOr(call, ask))
      const answer = isFirst
        ? flight.response
        : Effect.andThen(
          CacheStore.recordShare(call),
          Effect.flatMap(flight.response, (response) => free(call, response))
        ).pipe(
          Effect.withSpan("ChatCache.share", { attributes: Telemetry.attributes(call.target) }, {
            captureStackTrace: false
          })
        )
      return yield* flight.isStream
        // A broken stream is not retried for its readers; this caller has read nothing, so it asks again.
        ? Effect.catchTag(answer, "StreamInterruptedError", () => generate(call, request))
        // A flight begun by `generate` fails as `generate` does.
        : answer as Effect.Effect<ChatResponse.ChatResponse, ProviderError.ChatError>
    }))

  const stream = (call: CacheStore.Call, request: ChatRequest.ChatRequest) =>
    Stream.unwrap(
      Effect.map(
        join(call.key, true, (flight) => cachedOr(call, publish(call, request, flight))),
        ({ flight, isFirst }) =>
          isFirst ? flight.events : Stream.mapArrayEffect(
            Stream.onStart(flight.events, CacheStore.recordShare(call)),
            (events) => {
              const last = Arr.lastNonEmpty(events)
              return last.type === "finish"
                ? Effect.map(free(call, last), (last): typeof events => Arr.append(events.slice(0, -1), last))
                : Effect.succeed(events)
            }
          ).pipe(
            Stream.withSpan("ChatCache.share", {
              captureStackTrace: false,
              attributes: Telemetry.attributes(call.target)
            })
          )
      )
    )

  /** Reads the stream of the service for all subscribers. The answer is kept before they see its `finish`. */
  const publish = (call: CacheStore.Call, request: ChatRequest.ChatRequest, flight: SingleFlight.Flight) =>
    Effect.gen(function*() {
      const collector = ChatEvent.makeCollector()
      yield* Stream.runForEachArray(service.stream(request), (events) => {
        events.forEach(collector.add)
        const response = events.some(({ type }) => type === "finish") ? collector.response() : undefined
        const kept = response === undefined ? Effect.void : store.keep(call, response)
        return Effect.andThen(kept, flight.publish(events))
      })
      return collector.response() ?? (yield* collector.incomplete(call.target))
    })

  return {
    ...service,
    generate: (given) =>
      Effect.flatMap(
        prepare(given),
        ({ call, request }) => call === undefined ? service.generate(request) : generate(call, request)
      ),
    stream: (given) =>
      Stream.unwrap(
        Effect.map(prepare(given), ({ call, request }) =>
          call === undefined ? service.stream(request) : stream(call, request))
      )
  }
})
