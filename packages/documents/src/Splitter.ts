/**
 * Cuts documents into chunks for embeddings: by headings, then blocks, then sentences, words and characters.
 */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Chunk from "./Chunk.ts"
import type * as Document from "./Document.ts"
import * as DocumentError from "./DocumentError.ts"
import * as Check from "./internal/check.ts"
import * as Cut from "./internal/cut.ts"
import * as Lines from "./internal/lines.ts"
import * as Tokens from "./internal/tokens.ts"

/** Changes whenever equal documents and options give other chunks than before: a part of the fingerprint of an index. */
export const version = "1"

/**
 * How large chunks are, and how much two of them have in common.
 *
 * - `maxTokens`: the most tokens of a chunk with its context, 512 by default.
 * - `overlapTokens`: how much of the end of a chunk the next one of the same section repeats at most, in whole sentences,
 *   lines or words; 0 by default, and at most half of `maxTokens`.
 * - `tokens`: counts the tokens of a text. By default an estimate for any model, which is rather too high than too low. It is
 *   called about ten times for each chunk.
 */
export interface Options {
  readonly maxTokens?: number | undefined
  readonly overlapTokens?: number | undefined
  readonly tokens?: ((text: string) => number) | undefined
}

/** Estimates the tokens of a text: what `tokens` is by default. */
export const estimate: (text: string) => number = Tokens.estimate

/**
 * The chunks of a document, in the order of its text.
 *
 * - No chunk has more than `maxTokens`, whatever it is made of, and all text is in one.
 * - A chunk is of one section: it does not go on behind the next heading that follows text.
 * - A chunk ends with a block if one ends in the last two thirds of it, else with a sentence of any script, or a line of code,
 *   of a table or of HTML; else with a word, else with a character. Surrogate pairs are never cut.
 *
 * Fails with `InvalidOptionError` if an option cannot be right, if `tokens` throws or gives no number, and if a single
 * character has more than `maxTokens`.
 *
 * @example
 * const chunks = yield* Splitter.split(document, { maxTokens: 512 })
 * const { embeddings } = yield* EmbeddingService.embedMany(chunks.map(Chunk.withContext))
 */
export const split = Effect.fnUntraced(function*(
  document: Document.Document,
  options: Options = {}
): Effect.fn.Return<ReadonlyArray<Chunk.Chunk>, DocumentError.InvalidOptionError> {
  yield* checkDocument(document)
  const { maxTokens = 512, overlapTokens = 0, tokens = Tokens.estimate } = yield* Check.struct<Options>(
    "options",
    options,
    { maxTokens: Check.optional(Check.whole(1)), overlapTokens: Check.optional(Check.whole(0)), tokens: counter }
  )
  if (overlapTokens > maxTokens / 2) {
    return yield* Check.invalid(
      "options.overlapTokens",
      `it is ${overlapTokens}, more than half of \`maxTokens\`, which is ${maxTokens}`,
      `Use at most ${Math.floor(maxTokens / 2)}`
    )
  }
  const counting = checked(tokens)
  const digest = yield* Effect.provide(Digest.Digest, Digest.layerWebCrypto)
  const place = placeOf(document)
  const chunks: Array<Chunk.Chunk> = []
  for (const range of Cut.ranges(document, { maxTokens, overlapTokens, count: counting.count })) {
    const fault = counting.fault()
    if (fault !== undefined) return yield* fault
    if (range === undefined) return yield* tooSmall(maxTokens)
    const { context, end, start, tokens } = range
    const text = document.text.slice(start, end)
    const hash = yield* digest.digestHex(Digest.sha256, new TextEncoder().encode(Chunk.withContext({ context, text })))
    chunks.push({
      source: document.name,
      index: chunks.length,
      text,
      start,
      end,
      headings: headingsOf(range.lastBlock),
      context,
      position: place(range),
      tokens,
      hash,
      key: `${document.name}#${start}-${end}-${hash.slice(0, 32)}`
    })
  }
  return chunks
}, Effect.withSpan("Splitter.split", {}, { captureStackTrace: false }))

const counter = Check.optional<(text: string) => number>({
  accepts: (value): value is (text: string) => number => typeof value === "function",
  remedy: "Give a function from a text to a number"
})

/** A count that does not throw: after a fault everything is too long. */
const checked = (tokens: (text: string) => number) => {
  let fault: DocumentError.InvalidOptionError | undefined
  const failed = (problem: string) => {
    fault ??= Check.invalid("options.tokens", problem, "Give a function that counts the tokens of any well-formed text")
    return Infinity
  }
  return {
    fault: () => fault,
    count: (text: string): number =>
      Result.match(Result.try(() => tokens(text)), {
        onFailure: () => failed("it throws"),
        onSuccess: (count) => count >= 0 && count < Infinity ? count : failed("what it returns is no number of tokens")
      })
  }
}

const tooSmall = (maxTokens: number) =>
  Check.invalid("options.maxTokens", `a single character has more than ${maxTokens} tokens`, "Use a larger number")

const headingsOf = ({ headings, title }: Document.Block): ReadonlyArray<string> =>
  title === undefined ? headings : [...headings, title]

/** The lines of a range, where the text is the file itself; else the lines or pages of its blocks. */
const placeOf = (document: Document.Document): (range: Cut.Range) => Document.Position => {
  if (document.format === "html" || document.format === "pdf") {
    return ({ firstBlock: { position }, lastBlock }) => ({ ...position, last: lastBlock.position.last })
  }
  const lines = Lines.make(document.text)
  return ({ end, start }) => ({ unit: "line", first: lines.at(start) + 1, last: lines.at(end - 1) + 1 })
}

const checkDocument = (document: unknown) =>
  Result.getOrElse(Result.try(() => isDocument(document)), () => false)
    ? Effect.void
    : Effect.fail(Check.invalid("document", "it is no document", "Give what `Reader.read` returns"))

const isDocument = (document: unknown): boolean =>
  Predicate.isObject(document) && typeof document["name"] === "string" && typeof document["text"] === "string" &&
  document["text"].isWellFormed() && Array.isArray(document["blocks"]) &&
  areBlocks(document["blocks"], document["text"])

const areBlocks = (blocks: ReadonlyArray<unknown>, { length }: string): boolean => {
  let from = 0
  for (const block of blocks) {
    if (!Predicate.isObject(block)) return false
    const { end, headings, position, start } = block
    if (typeof start !== "number" || typeof end !== "number" || !(start >= from && end > start && end <= length)) {
      return false
    }
    if (!Array.isArray(headings) || !Predicate.isObject(position)) return false
    from = end
  }
  return true
}
