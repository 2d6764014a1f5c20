/** What goes wrong between a page and a chat, beside the errors of the chat itself. */
import * as TaggedError from "@strata/core/TaggedError"
import * as Schema from "effect/Schema"

/**
 * The answers of a page to waiting calls were refused; nothing was run.
 *
 * When: a page answers a tool call that no longer waits, or another one than was asked.
 *
 * - `not-waiting`: the conversation has no call that waits: it was answered before, was given up, or never asked.
 *   `other-message`: the calls that wait are those of another message.
 * - `expired`: the time to answer is over.
 * - `forged`: the answer is of a kind that was not asked for, or to another request for approval. `altered`: the call
 *   is not the one that was asked about: the tool or its input is another one.
 * - `unanswered`: the page sent no answer at all.
 *
 * Remedy: have the page load the conversation again. It is HTTP status 409.
 */
export class UiAnswerError extends TaggedError.make<UiAnswerError>()("UiAnswerError", {
  reason: Schema.Literals(["not-waiting", "other-message", "expired", "forged", "altered", "unanswered"]),
  chatId: Schema.String,
  callId: Schema.optional(Schema.String),
  message: Schema.String
}) {}

/**
 * The conversation has a turn that runs, or the server has too many.
 *
 * When: a page sends a message while the last one is being answered, or there are more turns at once than the options
 * allow.
 *
 * - `reason`: `turn-running` or `too-many-turns`.
 *
 * Remedy: have the page resume the stream, or send the message again later. It is HTTP status 409 or 503.
 */
export class UiConflictError extends TaggedError.make<UiConflictError>()("UiConflictError", {
  reason: Schema.Literals(["turn-running", "too-many-turns"]),
  chatId: Schema.String,
  message: Schema.String
}) {}

/**
 * The body of a request of a page cannot be read.
 *
 * When: it is not JSON (`malformed`), is not of its `media-type`, or is larger than the options allow.
 *
 * - `reason`: `malformed`, `media-type` or `too-large`.
 *
 * Remedy: send JSON as `useChat` does. It is HTTP status 400, 413 or 415.
 */
export class UiBodyError extends TaggedError.make<UiBodyError>()("UiBodyError", {
  reason: Schema.Literals(["malformed", "media-type", "too-large"]),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * The answer is larger than a server keeps for replays.
 *
 * When: an answer that pages may resume has more characters than the options allow.
 *
 * - `limit`: of characters.
 *
 * Remedy: lower `maxTokens` of the answers.
 */
export class UiSizeError extends TaggedError.make<UiSizeError>()("UiSizeError", {
  limit: Schema.Finite,
  message: Schema.String
}) {}

/**
 * The store of waiting calls failed, or holds what cannot be read; nothing was run.
 *
 * When: the `KeyValueStore` or database behind `UiRuns` fails.
 *
 * - `operation`: what failed: `put` or `take`.
 *
 * Remedy: check the store; the page can send its answer again. It is HTTP status 503.
 */
export class UiRunsError extends TaggedError.make<UiRunsError>()("UiRunsError", {
  operation: Schema.Literals(["put", "take"]),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}
