/** Sends again what the provider calls too long: its text cut shorter, or in pieces. */
import * as Effect from "effect/Effect"
import type * as ProviderError from "../../ProviderError.ts"
import * as Embedding from "../Embedding.ts"
import type * as Call from "./call.ts"
import type * as Chunks from "./chunks.ts"
import * as Cutting from "./cutting.ts"
import type * as Plan from "./plan.ts"

/** Sends one input in a request of its own. */
export type Send = (content: Plan.Content) => Effect.Effect<Chunks.Piece, ProviderError.EmbeddingError>

/**
 * Sends an input again after an error, as `truncate` says; fails with that error where there is nothing to cut.
 *
 * How much to cut off is reckoned from what the provider says of the length; after the first time it is a half at most, and
 * from the third refusal on, or where the provider says nothing, a half: no text needs more than `log2(length) + 3`
 * requests. Pieces that are refused are halved.
 */
export const send = (
  call: Call.Call,
  content: Plan.Content,
  error: ProviderError.EmbeddingError,
  sendOne: Send
): Effect.Effect<ReadonlyArray<Chunks.Piece>, ProviderError.EmbeddingError> => {
  if (error._tag !== "ContextLengthExceededError" || call.truncate === "none") return Effect.fail(error)
  return call.truncate === "chunk"
    ? typeof content === "string" ? inPieces(content, shareOf(error), error, sendOne) : Effect.fail(error)
    : Effect.map(shortened(content, call.truncate, error, 1, sendOne), (piece) => [piece])
}

const shortened = (
  content: Plan.Content,
  side: "start" | "end",
  error: ProviderError.ContextLengthExceededError,
  refusals: number,
  sendOne: Send
): Effect.Effect<Chunks.Piece, ProviderError.EmbeddingError> => {
  const said = Math.max(shareOf(error), refusals === 1 ? 0 : 1 / 2)
  const unit = error.measured?.unit ?? "tokens"
  const text = Cutting.shortenTo(refusals > 2 ? 1 / 2 : said, Embedding.textOf(content) ?? "", unit, side)
  if (!/\S/u.test(text)) return Effect.fail(error)
  const rest = typeof content === "string" ? text : { ...content, text }
  return Effect.catchTag(
    sendOne(rest),
    "ContextLengthExceededError",
    (error) => shortened(rest, side, error, refusals + 1, sendOne)
  )
}

const inPieces = (
  text: string,
  share: number,
  error: ProviderError.ContextLengthExceededError,
  sendOne: Send
): Effect.Effect<ReadonlyArray<Chunks.Piece>, ProviderError.EmbeddingError> => {
  // A piece of one code unit could not hold a surrogate pair.
  if (text.trim().length <= 2) return Effect.fail(error)
  return Effect.map(
    Effect.forEach(Cutting.divide(text, Math.ceil(1 / share)), (piece) =>
      sendOne(piece).pipe(
        Effect.map((sent) => [sent]),
        Effect.catchTag("ContextLengthExceededError", (error) => inPieces(piece, 1 / 2, error, sendOne))
      )),
    (pieces) => pieces.flat()
  )
}

/** The part of a text that the provider says it takes, else a half; not too little at once, should it be wrong. */
const shareOf = ({ measured }: ProviderError.ContextLengthExceededError): number => {
  if (measured === undefined || measured.limit >= measured.actual) return 1 / 2
  // Tokens are not spread over a text as evenly as reckoned.
  const margin = measured.unit === "tokens" ? 0.97 : 1
  return Math.max(1 / 64, margin * measured.limit / measured.actual)
}
