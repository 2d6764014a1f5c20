/** An embedding service behind a cache: only inputs that are not cached go to the service. */
import * as Digest from "effect/crypto/Digest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity as same } from "effect/Function"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CanonicalText from "../../../cache/internal/canonicalText.ts"
import * as Check from "../../../Check.ts"
import * as Cost from "../../../Cost.ts"
import { defined, untagged } from "../../../internal/defined.ts"
import * as UsageSink from "../../../policy/internal/usage/sink.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import * as Usage from "../../../Usage.ts"
import type * as Embedder from "../../Embedder.ts"
import type * as Embedding from "../../Embedding.ts"
import * as EmbeddingCache from "../../EmbeddingCache.ts"
import * as Inputs from "../inputs.ts"
import * as Validation from "../validation.ts"
import * as CacheStore from "./store.ts"
import * as CacheStream from "./stream.ts"

/** Decorates a service. */
export const make = Effect.fnUntraced(function*(
  service: Embedder.Embedder,
  given: EmbeddingCache.Options = {}
): Effect.fn.Return<Embedder.Embedder, ProviderError.InvalidRequestError, Scope.Scope> {
  const { namespace = "", timeToLive = Duration.infinity } = yield* Check.run(EmbeddingCache.options, given, {
    provider: "strata",
    field: "cache"
  })
  const store = yield* CacheStore.make(
    yield* EmbeddingCache.EmbeddingCache,
    yield* Effect.provide(Digest.Digest, Digest.layerWebCrypto),
    Duration.isFinite(timeToLive) ? timeToLive : undefined
  )
  const { defaultModel, identity, provider = "custom" } = service
  const lookTogether = coalesced(store)
  const sink = yield* UsageSink.Sink

  /** The settings and target of a call; `undefined` when it is not cached. */
  const prepare = (options: Embedding.EmbeddingOptions | undefined): CacheStore.Call | undefined => {
    const model = options?.model ?? defaultModel
    // Every option counts, those added one day too; a default is the same whether or not it is spelled out.
    const resolved = { purpose: "document", truncate: "none", vectorType: "float", ...defined(options ?? {}), model }
    const settings = CanonicalText.make([namespace, provider, identity, untagged(resolved)])
    return model === undefined || settings === undefined ? undefined : {
      target: { operation: "embeddings", provider, model },
      settings,
      dimensions: options?.dimensions
    }
  }

  /** {@link prepare} for options of any value; invalid ones are for the service to refuse. */
  const callOf = (given: unknown) =>
    Effect.match(Validation.settle(provider, given), { onFailure: () => undefined, onSuccess: prepare })

  /** Looks inputs up; `undefined` when the call is not cached. `missing` are those to ask the service for. */
  const lookUp = Effect.fnUntraced(function*(
    given: ReadonlyArray<Embedding.Input>,
    options: Embedding.EmbeddingOptions | undefined
  ) {
    const call = yield* callOf(options)
    // Values that are no inputs are never looked up: the service refuses them.
    const inputs = Result.getOrUndefined(Inputs.listed(provider, given)) as typeof given | undefined
    if (call === undefined || inputs === undefined) return undefined
    const look = yield* store.look(call, inputs.filter(Inputs.isInput))
    const cached = inputs.map((input) => CacheStore.embedding(call, look, input))
    const places = cached.flatMap((embedding, place) => embedding === undefined ? [place] : [])
    const missing = places.map((place) => inputs[place]!)
    if (missing.length < inputs.length) yield* UsageSink.cached(sink, call.target, free)
    return {
      model: call.target.model,
      size: inputs.length,
      missing,
      keep: (embeddings: ReadonlyArray<Embedding.Embedding | undefined>) =>
        store.keep(
          call,
          missing.flatMap((input, index) => {
            const embedding = embeddings[index]
            return embedding === undefined ? [] : [{ look, input, embedding }]
          })
        ),
      /** Cached embeddings and the answers to the missing inputs, in the order of the inputs. */
      merge: <A>(answers: ReadonlyArray<A>, ofCached: (embedding: Embedding.Embedding) => A) => {
        let next = 0
        return cached.map((embedding) => embedding === undefined ? answers[next++]! : ofCached(embedding))
      },
      placed: (error: ProviderError.EmbeddingError) => Validation.moved(error, (place) => places[place])
    }
  })

  return {
    ...service,
    embed: Effect.fnUntraced(function*(input, options) {
      const call = yield* callOf(options)
      if (!Inputs.isInput(input) || call === undefined) return yield* service.embed(input, options)
      const look = yield* lookTogether(call, input)
      const cached = CacheStore.embedding(call, look, input)
      if (cached !== undefined) return yield* Effect.as(UsageSink.cached(sink, call.target, free), cached)
      const embedding = yield* service.embed(input, options)
      yield* store.keep(call, [{ look, input, embedding }])
      return embedding
    }),
    embedMany: Effect.fnUntraced(function*(given, options) {
      const found = yield* lookUp(given, options)
      if (found === undefined) return yield* service.embedMany(given, options)
      const { keep, merge, missing, model, placed, size } = found
      if (missing.length === 0 && size > 0) {
        return { embeddings: merge([], same), usage: { inputTokens: 0 }, model, requests: 0, cost: Cost.empty }
      }
      const batch = yield* Effect.mapError(service.embedMany(missing, options), placed)
      yield* keep(batch.embeddings)
      return { ...batch, embeddings: merge(batch.embeddings, same) }
    }),
    embedEach: Effect.fnUntraced(function*(given, options) {
      const found = yield* lookUp(given, options)
      if (found === undefined) return yield* service.embedEach(given, options)
      const { keep, merge, missing, model, placed } = found
      const each: Embedding.EmbeddingResults = missing.length === 0
        ? { results: [], usage: { inputTokens: 0 }, model, requests: 0, cost: Cost.empty }
        : yield* service.embedEach(missing, options)
      yield* keep(each.results.map(Result.getOrUndefined))
      return {
        ...each,
        results: merge(each.results.map(Result.mapError(placed)), (embedding) => Result.succeed(embedding))
      }
    }),
    embedStream: (values, input, given) =>
      Stream.unwrap(Effect.gen(function*() {
        const stream = yield* Validation.settleStream(provider, { values, input }, given)
        const { flushAfter: _, unordered: __, ...options } = stream
        const call = prepare(options)
        return call === undefined
          ? service.embedStream(values, input, given)
          : CacheStream.make(service, store, call, values, input, stream, UsageSink.cached(sink, call.target, free))
      }))
  }
})

/** What cached inputs used. */
const free = { usage: Usage.empty, cost: Cost.empty }

/** Concurrent lookups of single inputs share one read. */
const coalesced = (store: CacheStore.Store) => {
  const looks = RequestResolver.makeGrouped<LookRequest, string>({
    key: ({ request }) => request.call.settings,
    resolver: (entries) =>
      Effect.map(
        store.look(entries[0].request.call, entries.map(({ request }) => request.input)),
        (look) => entries.forEach((entry) => entry.completeUnsafe(Exit.succeed(look)))
      )
  })
  return (call: CacheStore.Call, input: Embedding.Input) => Effect.request(LookRequest({ call, input }), looks)
}

interface LookRequest extends Request.Request<CacheStore.Look> {
  readonly call: CacheStore.Call
  readonly input: Embedding.Input
}
const LookRequest = Request.of<LookRequest>()
