/**
 * Sends again what the provider calls too long: its text cut shorter, or in pieces.
 */
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
 * Sends an input again after an error, as `truncate` says; fails with that error where it says nothing, or where nothing is
 * left to cut.
 *
 * How much to cut off is reckoned from what the provider says of the length. From the third refusal on, and where it says
 * nothing, it is a half: no text needs more than `log2(length) + 3` requests.
 */
export const send = (
  call: Call.Call,
  content: Plan.Content,
  error: ProviderError.EmbeddingError,
  sendOne: Send
): Effect.Effect<ReadonlyArray<Chunks.Piece>, ProviderError.EmbeddingError> => {
  if (error._tag !== "ContextLengthExceededError" || call.truncate === "none") return Effect.fail(error)
  return call.truncate === "chunk"
    ? typeof content === "string" ? inPieces(content, error, sendOne) : Effect.fail(error)
    : Effect.map(shortened(content, call.truncate, error, 1, sendOne), (piece) => [piece])
}

const shortened = (
  content: Plan.Content,
  side: "start" | "end",
  error: ProviderError.ContextLengthExceededError,
  refusals: number,
  sendOne: Send
): Effect.Effect<Chunks.Piece, ProviderError.EmbeddingError> => {
  const share = refusals > 2 ? undefined : shareOf(error)
  const unit = error.measured?.unit ?? "tokens"
  const text = Cutting.shortenTo(share ?? 1 / 2, Embedding.textOf(content) ?? "", unit, side)
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
  error: ProviderError.ContextLengthExceededError,
  sendOne: Send
): Effect.Effect<ReadonlyArray<Chunks.Piece>, ProviderError.EmbeddingError> => {
  // A piece of one code unit could not hold a surrogate pair.
  if (text.trim().length <= 2) return Effect.fail(error)
  const count = Math.ceil(1 / (shareOf(error) ?? 1 / 2))
  return Effect.map(
    Effect.forEach(Cutting.divide(text, count), (piece) =>
      sendOne(piece).pipe(
        Effect.map((sent) => [sent]),
        Effect.catchTag("ContextLengthExceededError", (error) => inPieces(piece, error, sendOne))
      )),
    (pieces) => pieces.flat()
  )
}

/** The part of a text that the provider takes, below 1, where it says so. */
const shareOf = ({ measured }: ProviderError.ContextLengthExceededError): number | undefined => {
  if (measured === undefined || measured.limit <= 0 || measured.limit >= measured.actual) return undefined
  const share = measured.limit / measured.actual
  // Tokens are not spread over a text as evenly as reckoned.
  return measured.unit === "tokens" ? 0.97 * share : share
}
