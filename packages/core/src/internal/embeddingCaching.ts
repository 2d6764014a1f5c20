/**
 * An embedding service behind a cache: what is known is answered, and only the rest goes to the service.
 */
import * as Digest from "effect/crypto/Digest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import * as Result from "effect/Result"
import * as Cost from "../Cost.ts"
import type * as Embedding from "../Embedding.ts"
import * as EmbeddingCache from "../EmbeddingCache.ts"
import type * as EmbeddingService from "../EmbeddingService.ts"
import * as CanonicalLine from "./canonicalLine.ts"
import * as CachePlace from "./embeddingCachePlace.ts"
import * as CacheStore from "./embeddingCacheStore.ts"
import * as CacheStream from "./embeddingCacheStream.ts"

/** Decorates a service. */
export const make = Effect.fnUntraced(function*(
  service: EmbeddingService.EmbeddingService["Service"],
  settings: EmbeddingCache.Options = {}
): Effect.fn.Return<EmbeddingService.EmbeddingService["Service"]> {
  const timeToLive = Duration.fromInputUnsafe(settings.timeToLive ?? Duration.infinity)
  const store = CacheStore.make(
    yield* EmbeddingCache.EmbeddingCache,
    yield* Effect.provide(Digest.Digest, Digest.layerWebCrypto),
    Duration.isFinite(timeToLive) ? timeToLive : undefined
  )
  const who = yield* identify(service)
  const together = coalesced(store)

  /** The call as the cache knows it, or nothing when it cannot be told from others. */
  const prepare = (options: Embedding.EmbeddingOptions | undefined): CacheStore.Call | undefined => {
    const model = options?.model ?? who.model
    // Every option counts, those added one day too; what has a default is the same whether or not it is said.
    const resolved = { purpose: "document", truncate: "none", vectorType: "float", ...defined(options), model }
    const line = CanonicalLine.make([settings.namespace ?? "", who.provider, resolved])
    return model === undefined || line === undefined ? undefined : {
      target: { operation: "embeddings", provider: who.provider, model },
      settings: line,
      dimensions: options?.dimensions
    }
  }

  const embed = Effect.fnUntraced(function*(
    call: CacheStore.Call,
    input: Embedding.Input,
    options: Embedding.EmbeddingOptions | undefined
  ) {
    const look = yield* together.look(call, input)
    const known = CacheStore.embedding(call, look, input)
    if (known !== undefined) return known
    const embedding = yield* service.embed(input, options)
    yield* together.keep(call, { look, input, embedding })
    return embedding
  })

  const embedMany = Effect.fnUntraced(function*(
    call: CacheStore.Call,
    inputs: ReadonlyArray<Embedding.Input>,
    options: Embedding.EmbeddingOptions | undefined
  ) {
    const look = yield* store.look(call, inputs)
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
    const look = yield* store.look(call, inputs)
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
    embed: (input, options) =>
      Effect.suspend(() => {
        const call = prepare(options)
        return call === undefined ? service.embed(input, options) : embed(call, input, options)
      }),
    embedMany: (inputs, options) =>
      Effect.suspend(() => {
        const call = prepare(options)
        return call === undefined ? service.embedMany(inputs, options) : embedMany(call, inputs, options)
      }),
    embedEach: (inputs, options) =>
      Effect.suspend(() => {
        const call = prepare(options)
        return call === undefined ? service.embedEach(inputs, options) : embedEach(call, inputs, options)
      }),
    embedStream: (values, input, options?: Embedding.StreamOptions) => {
      const { flushAfter: _, unordered: __, ...vector } = options ?? {}
      const call = prepare(vector)
      return call === undefined
        ? service.embedStream(values, input, options)
        : CacheStream.make(service, store, call, { values, input, options })
    }
  }
})

/**
 * Who answers when a call names no model. A service refuses a blank text in the name of its provider and its model,
 * before anything is sent; the question leaves no trace.
 */
const identify = (service: EmbeddingService.EmbeddingService["Service"]) =>
  service.embedEach([""]).pipe(
    Effect.map(([answer]) => {
      if (answer === undefined) return { provider: "custom", model: undefined }
      return Result.isFailure(answer)
        ? { provider: answer.failure.provider, model: answer.failure.model }
        : { provider: "custom", model: answer.success.model }
    }),
    Effect.withTracerEnabled(false),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

/**
 * One step for all that is asked for one by one at about the same time: a store is asked once, and what it does not know
 * is still asked for together.
 */
const coalesced = (store: CacheStore.Store) => {
  const looks = RequestResolver.makeGrouped<LookRequest, string>({
    key: ({ request }) => request.call.settings,
    resolver: (entries) =>
      Effect.map(
        store.look(entries[0].request.call, entries.map(({ request }) => request.input)),
        (look) => entries.forEach((entry) => entry.completeUnsafe(Exit.succeed(look)))
      )
  })
  const keeps = RequestResolver.makeGrouped<KeepRequest, string>({
    key: ({ request }) => request.call.settings,
    resolver: (entries) =>
      Effect.map(
        store.keep(entries[0].request.call, entries.map(({ request }) => request.answer)),
        () => entries.forEach((entry) => entry.completeUnsafe(Exit.void))
      )
  })
  return {
    look: (call: CacheStore.Call, input: Embedding.Input) => Effect.request(LookRequest({ call, input }), looks),
    keep: (call: CacheStore.Call, answer: CacheStore.Answer) => Effect.request(KeepRequest({ call, answer }), keeps)
  }
}

interface LookRequest extends Request.Request<CacheStore.Look> {
  readonly call: CacheStore.Call
  readonly input: Embedding.Input
}
const LookRequest = Request.of<LookRequest>()

interface KeepRequest extends Request.Request<void> {
  readonly call: CacheStore.Call
  readonly answer: CacheStore.Answer
}
const KeepRequest = Request.of<KeepRequest>()

const missing = (known: ReadonlyArray<Embedding.Embedding | undefined>): ReadonlyArray<number> =>
  known.flatMap((embedding, place) => embedding === undefined ? [place] : [])

const defined = (options: Embedding.EmbeddingOptions = {}) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
