/** What goes wrong between a page and a chat, beside the errors of the chat itself. */
import * as TaggedError from "@strata/core/TaggedError"
import * as Schema from "effect/Schema"

/**
 * The answers of a page to waiting calls were refused; nothing was run.
 *
 * - `not-waiting`: the conversation has no call that waits: it was answered before, was given up, or never asked.
 *   `other-message`: the calls that wait are those of another message.
 * - `expired`: the time to answer is over.
 * - `forged`: the answer is of a kind that was not asked for, or to another request for approval.
 *   `altered`: the call is not the one that was asked about: the tool or its input is another one.
 * - `unanswered`: the page sent no answer at all.
 */
export class UiAnswerError extends TaggedError.make<UiAnswerError>()("UiAnswerError", {
  reason: Schema.Literals(["not-waiting", "other-message", "expired", "forged", "altered", "unanswered"]),
  chatId: Schema.String,
  callId: Schema.optional(Schema.String),
  message: Schema.String
}) {}

/** The conversation has a turn that runs, and readers; or there are more turns at once than the options allow. */
export class UiConflictError extends TaggedError.make<UiConflictError>()("UiConflictError", {
  reason: Schema.Literals(["turn-running", "too-many-turns"]),
  chatId: Schema.String,
  message: Schema.String
}) {}

/** The body of a request is not JSON (`malformed`), is not of its `media-type`, or is larger than the options allow. */
export class UiBodyError extends TaggedError.make<UiBodyError>()("UiBodyError", {
  reason: Schema.Literals(["malformed", "media-type", "too-large"]),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/** The answer is larger than a server keeps for replays. */
export class UiSizeError extends TaggedError.make<UiSizeError>()("UiSizeError", {
  limit: Schema.Finite,
  message: Schema.String
}) {}

/** The store of waiting calls failed, or holds what cannot be read. Nothing was run. */
export class UiRunsError extends TaggedError.make<UiRunsError>()("UiRunsError", {
  operation: Schema.Literals(["put", "take"]),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}
