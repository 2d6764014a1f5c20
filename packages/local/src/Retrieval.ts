/**
 * Finds the passages that answer a question, by their words and by their meaning, over any {@link EmbeddingService}.
 *
 * Words are compared by BM25 with English stems, meaning by the cosine of the vectors. Everything is in memory, and each
 * search compares every passage: it is for thousands of them, not for millions.
 */
import * as Check from "@strata/core/Check"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Vector from "@strata/core/embedding/Vector"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as WordIndex from "./WordIndex.ts"

/**
 * What can be found.
 *
 * - `text`: is embedded after the `title`, and searched by its words.
 * - `details`: only searched by its words, such as keywords, names, or the rest of a long document.
 */
export interface Passage {
  readonly text: string
  readonly title?: string | undefined
  readonly details?: string | undefined
}

/** A passage and how well it answers: from -0.2 to 1, higher is better; without common words 0.2 at most. */
export interface Hit<P> {
  readonly passage: P
  readonly score: number
}

/** `limit`: the number of hits; 4 when missing. */
export interface SearchOptions {
  readonly limit?: number | undefined
}

/**
 * An index of passages.
 *
 * - `search`: the best passages, the best first. It embeds the question, and fails as the embedding service does.
 * - `searchWords`: the same by words alone, without a request: for when the embedding service is down. Passages without
 *   a common word are left out.
 *
 * Both fail with `InvalidRequestError` for a question or an option of the wrong type.
 */
export interface Retrieval<P> {
  readonly passages: ReadonlyArray<P>
  readonly search: (
    question: string,
    options?: SearchOptions
  ) => Effect.Effect<ReadonlyArray<Hit<P>>, EmbeddingService.EmbeddingError>
  readonly searchWords: (
    question: string,
    options?: SearchOptions
  ) => Effect.Effect<ReadonlyArray<Hit<P>>, ProviderError.InvalidRequestError>
}

/**
 * Embeds the passages, and builds an index of them.
 *
 * @example
 * const handbook = yield* Retrieval.make([{ title: "Refunds", text: "You can send an article back within 30 days." }])
 * const [best] = yield* handbook.search("How long do I have to return something?", { limit: 1 })
 */
export const make = <P extends Passage>(
  passages: ReadonlyArray<P>
): Effect.Effect<Retrieval<P>, EmbeddingService.EmbeddingError, EmbeddingService.EmbeddingService> =>
  embed(passages).pipe(Stream.runCollect, Effect.flatMap(fromEmbedded))

/**
 * The passages with their vectors, as they are embedded: to show progress, or to store them. A text that is longer than the
 * model reads is cut.
 */
export const embed = <P extends Passage>(
  passages: ReadonlyArray<P>
): Stream.Stream<Embedding.Embedded<P>, EmbeddingService.EmbeddingError, EmbeddingService.EmbeddingService> =>
  Stream.unwrap(Effect.map(
    Check.run(Check.list(read<P>), passages, { provider, field: "passages" }),
    (checked) =>
      EmbeddingService.embedStream(
        Stream.fromIterable(checked),
        ({ text, title }) => title === undefined ? text : `${title}: ${text}`,
        { purpose: "document", truncate: "end" }
      ).pipe(Stream.map(({ embedding, value }) => ({ embedding, value: value.passage })))
  ))

/**
 * An index of what {@link embed} gave. Fails with `InvalidRequestError` for vectors of different lengths.
 *
 * @example
 * const embedded = yield* Retrieval.embed(passages).pipe(Stream.tap(progress.step), Stream.runCollect)
 * const index = yield* Retrieval.fromEmbedded(embedded)
 */
export const fromEmbedded = Effect.fnUntraced(function*<P extends Passage>(
  embedded: ReadonlyArray<Embedded<P>>
): Effect.fn.Return<Retrieval<P>, ProviderError.InvalidRequestError, EmbeddingService.EmbeddingService> {
  const service = yield* EmbeddingService.EmbeddingService
  const entry = Check.struct<Embedded<Read<P>>>({
    value: read<P>,
    embedding: Check.struct<Embedded<P>["embedding"]>({ vector }, { others: "ignored" })
  }, { others: "ignored", remedy: "Give what `Retrieval.embed` gives" })
  const entries = yield* Check.run(Check.list(entry), embedded, { provider, field: "embedded" })
  const passages = entries.map(({ value }) => value.passage)
  const vectors = entries.map(({ embedding }) => embedding.vector)
  const matrix = yield* Effect.fromResult(Vector.matrix(Math.max(1, vectors[0]?.length ?? 1), vectors))
  const words = WordIndex.make(
    entries.map(({ value: { details = "", text, title = "" } }) => `${title} ${text} ${details}`)
  )

  const best = (scores: ReadonlyArray<number>, limit = 4): ReadonlyArray<Hit<P>> =>
    scores
      .map((score, index) => ({ score, index }))
      .sort((a, b) => b.score - a.score)
      .slice(0, limit)
      .map(({ index, score }) => ({ passage: passages[index]!, score }))

  const search = Effect.fn("Retrieval.search")(function*(question: string, options: SearchOptions = {}) {
    const asked = yield* Check.run(Check.filled, question, { provider, field: "question" })
    const { limit } = yield* Check.run(searchOptions, options, { provider, field: "options" })
    if (passages.length === 0) return []
    const { vector } = yield* service.embed(asked, { purpose: "query", truncate: "end" })
    const meanings = yield* Effect.fromResult(Vector.topK(matrix, vector, passages.length))
    const scores = words.scores(asked).map((share) => wordWeight * share)
    for (const { index, score } of meanings) scores[index] = scores[index]! + (1 - wordWeight) * score
    return best(scores, limit)
  })

  const searchWords = Effect.fn("Retrieval.searchWords")(function*(question: string, options: SearchOptions = {}) {
    const asked = yield* Check.run(Check.filled, question, { provider, field: "question" })
    const { limit } = yield* Check.run(searchOptions, options, { provider, field: "options" })
    return best(words.scores(asked), limit).filter(({ score }) => score > 0)
  })

  return { passages, search, searchWords }
})

/** A passage and its vector: an `Embedding.Embedded`, or one that was stored. */
export interface Embedded<P> {
  readonly value: P
  readonly embedding: Pick<Embedding.Embedding, "vector">
}

const provider = "strata"

/** The words say more than the vectors: a small encoder finds paragraphs alike that share their topic only. */
const wordWeight = 0.8

const passage = Check.struct<Passage>({
  text: Check.filled,
  title: Check.optional(Check.text),
  details: Check.optional(Check.text)
}, { others: "ignored", remedy: "Give a passage: `{ text, title, details }`" })

/** A passage as it was given, and what was read of it. */
interface Read<P> extends Passage {
  readonly passage: P
}

const read = <P>(given: unknown, at: Check.Cursor): Read<P> | Check.Refused => {
  const checked = passage(given, at)
  // It has the fields of a passage; what else is in `P` is the caller's.
  return checked === Check.refused ? Check.refused : { ...checked, passage: given as P }
}

const vector = Check.instance(
  (given): given is Embedding.Vector =>
    ArrayBuffer.isView(given) &&
    (given instanceof Float32Array || given instanceof Int8Array || given instanceof Uint8Array),
  "Give the vector of an embedding"
)

const searchOptions = Check.partial<Required<SearchOptions>>({
  limit: Check.number({ min: 1, whole: true, what: "a number of hits", remedy: "Use a whole number from 1" })
})
