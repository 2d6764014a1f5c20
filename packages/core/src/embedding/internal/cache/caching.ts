/**
 * An embedding service behind a cache: what is known is answered, and only the rest goes to the service.
 */
import * as Digest from "effect/crypto/Digest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CanonicalLine from "../../../cache/internal/canonicalLine.ts"
import * as Check from "../../../Check.ts"
import * as Cost from "../../../Cost.ts"
import { defined } from "../../../internal/defined.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import type * as Embedder from "../../Embedder.ts"
import type * as Embedding from "../../Embedding.ts"
import * as EmbeddingCache from "../../EmbeddingCache.ts"
import * as Inputs from "../inputs.ts"
import * as Validation from "../validation.ts"
import * as CachePlace from "./place.ts"
import * as CacheStore from "./store.ts"
import * as CacheStream from "./stream.ts"

/** Decorates a service. */
export const make = Effect.fnUntraced(function*(
  service: Embedder.Embedder,
  given: EmbeddingCache.Options = {}
): Effect.fn.Return<Embedder.Embedder, ProviderError.InvalidRequestError, Scope.Scope> {
  const settings = yield* Check.run(EmbeddingCache.options, given, { provider: "strata", field: "cache" })
  const { timeToLive = Duration.infinity } = settings
  const store = yield* CacheStore.make(
    yield* EmbeddingCache.EmbeddingCache,
    yield* Effect.provide(Digest.Digest, Digest.layerWebCrypto),
    Duration.isFinite(timeToLive) ? timeToLive : undefined
  )
  const { defaultModel, identity, provider = "custom" } = service
  const lookTogether = coalesced(store)

  /** The call as the cache knows it, or nothing when it cannot be told from others. */
  const prepare = (options: Embedding.EmbeddingOptions | undefined): CacheStore.Call | undefined => {
    const model = options?.model ?? defaultModel
    // Every option counts, those added one day too; what has a default is the same whether or not it is said.
    const resolved = { purpose: "document", truncate: "none", vectorType: "float", ...defined(options ?? {}), model }
    const line = CanonicalLine.make([settings.namespace ?? "", provider, identity, resolved])
    return model === undefined || line === undefined ? undefined : {
      target: { operation: "embeddings", provider, model },
      settings: line,
      dimensions: options?.dimensions
    }
  }

  /** The call of options that may be any value; those that cannot be right are for the service to refuse. */
  const callOf = (given: unknown) =>
    Effect.match(Validation.settle(provider, given), { onFailure: () => undefined, onSuccess: prepare })

  const embed = Effect.fnUntraced(function*(
    call: CacheStore.Call,
    input: Embedding.Input,
    options: Embedding.EmbeddingOptions | undefined
  ) {
    const look = yield* lookTogether(call, input)
    const known = CacheStore.embedding(call, look, input)
    if (known !== undefined) return known
    const embedding = yield* service.embed(input, options)
    yield* store.keep(call, [{ look, input, embedding }])
    return embedding
  })

  const embedMany = Effect.fnUntraced(function*(
    call: CacheStore.Call,
    inputs: ReadonlyArray<Embedding.Input>,
    options: Embedding.EmbeddingOptions | undefined
  ) {
    const look = yield* store.look(call, inputs.filter(Inputs.isInput))
    const known = inputs.map((input) => CacheStore.embedding(call, look, input))
    const places = missing(known)
    if (places.length === 0 && inputs.length > 0) {
      const embeddings = known.filter((embedding) => embedding !== undefined)
      return { embeddings, usage: { inputTokens: 0 }, model: call.target.model, requests: 0, cost: Cost.empty }
    }
    const batch = yield* Effect.mapError(
      service.embedMany(places.map((place) => inputs[place]!), options),
      (error) => CachePlace.moved(error, (place) => places[place])
    )
    yield* store.keep(
      call,
      places.map((place, index) => ({ look, input: inputs[place]!, embedding: batch.embeddings[index]! }))
    )
    let next = 0
    return { ...batch, embeddings: known.map((embedding) => embedding ?? batch.embeddings[next++]!) }
  })

  const embedEach = Effect.fnUntraced(function*(
    call: CacheStore.Call,
    inputs: ReadonlyArray<Embedding.Input>,
    options: Embedding.EmbeddingOptions | undefined
  ) {
    const look = yield* store.look(call, inputs.filter(Inputs.isInput))
    const known = inputs.map((input) => CacheStore.embedding(call, look, input))
    const places = missing(known)
    if (places.length === 0) return known.filter((embedding) => embedding !== undefined).map(Result.succeed)
    const results = yield* service.embedEach(places.map((place) => inputs[place]!), options)
    yield* store.keep(
      call,
      places.flatMap((place, index) => {
        const result = results[index]!
        return Result.isSuccess(result) ? [{ look, input: inputs[place]!, embedding: result.success }] : []
      })
    )
    let next = 0
    return known.map((embedding) =>
      embedding === undefined
        ? Result.mapError(results[next++]!, (error) => CachePlace.moved(error, (place) => places[place]))
        : Result.succeed(embedding)
    )
  })

  return {
    ...service,
    embed: Effect.fnUntraced(function*(input, options) {
      const call = yield* callOf(options)
      return yield* Inputs.isInput(input) && call !== undefined
        ? embed(call, input, options)
        : service.embed(input, options)
    }),
    embedMany: Effect.fnUntraced(function*(given, options) {
      const call = yield* callOf(options)
      const inputs = listed(given)
      return yield* inputs !== undefined && call !== undefined
        ? embedMany(call, inputs, options)
        : service.embedMany(given, options)
    }),
    embedEach: Effect.fnUntraced(function*(given, options) {
      const call = yield* callOf(options)
      const inputs = listed(given)
      return yield* inputs !== undefined && call !== undefined
        ? embedEach(call, inputs, options)
        : service.embedEach(given, options)
    }),
    embedStream: (values, input, given) =>
      Stream.unwrap(Effect.gen(function*() {
        const { options, pace } = yield* Validation.settleStream(provider, { values, input }, given)
        const call = prepare(options)
        return call === undefined
          ? service.embedStream(values, input, given)
          : CacheStream.make(service, store, call, { values, input, options: { ...options, ...pace } })
      }))
  }
})

/** Inputs one by one; what is none goes through to the service, which refuses it in its place. */
const listed = (given: ReadonlyArray<Embedding.Input>): ReadonlyArray<Embedding.Input> | undefined =>
  // Whatever else is among them is never looked up.
  Result.getOrUndefined(Inputs.listed("strata", given)) as ReadonlyArray<Embedding.Input> | undefined

/** Inputs that are looked up one by one at about the same time are looked up together. */
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

const missing = (known: ReadonlyArray<Embedding.Embedding | undefined>): ReadonlyArray<number> =>
  known.flatMap((embedding, place) => embedding === undefined ? [place] : [])
