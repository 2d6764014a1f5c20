/** What a page is told of a failure: a status where nothing was sent yet, and a text that gives nothing away. */
import { InvalidRequestError } from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import { hasProperty } from "effect/Predicate"
import { UiAnswerError, UiBodyError, UiConflictError } from "../UiError.ts"

/** `text` is for the user. The error itself is for the hook of the server. */
export interface Failure {
  readonly id: string
  readonly error: unknown
  readonly text: string
}

type Kind = readonly [status: number, text: string]

const busy: Kind = [429, "The model is busy. Try again in a moment."]
const spent: Kind = [429, "A limit is reached. Try again later."]
const away: Kind = [503, "The model is not available. Try again in a moment."]
const broken: Kind = [502, "The answer was interrupted. Try again."]
const unknown: Kind = [500, "Something went wrong."]

const kinds: { readonly [tag: string]: Kind } = {
  RateLimitError: busy,
  QueueFullError: busy,
  QuotaExceededError: spent,
  BudgetExceededError: spent,
  ModelUnavailableError: away,
  CircuitOpenError: away,
  TimeoutError: [504, "The model took too long. Try again."],
  ConnectionError: broken,
  ProviderInternalError: broken,
  MalformedResponseError: broken,
  StreamInterruptedError: broken,
  ContextLengthExceededError: [400, "The conversation is too long for the model."],
  UnsupportedFeatureError: [400, "The model cannot do this."],
  InvalidRequestError: [400, "The request is invalid."],
  DecisionError: [409, "The answer to the tool call was refused."],
  StateError: [409, "The conversation cannot go on from here. Send a new message."],
  UiBodyError: [400, "The request cannot be read."],
  UiAnswerError: [409, "The answer to the tool call was refused."],
  UiConflictError: [409, "The conversation is still being answered."],
  UiRunsError: [503, "The conversation cannot be read. Try again in a moment."],
  UiSizeError: [500, "The answer is too long."]
}

/** What the page did wrong, in words that it may read; no failure of the server. */
export const isOfPage = (
  error: unknown
): error is UiBodyError | UiAnswerError | UiConflictError | InvalidRequestError =>
  error instanceof UiBodyError || error instanceof UiAnswerError || error instanceof UiConflictError ||
  error instanceof InvalidRequestError && error.provider === "strata"

const kindOf = (error: unknown): Kind => {
  const tag = hasProperty(error, "_tag") && typeof error._tag === "string" ? error._tag : ""
  return Object.hasOwn(kinds, tag) ? kinds[tag]! : unknown
}

/** The status of a response that has no body yet. */
export const statusOf = (error: unknown): number =>
  error instanceof UiBodyError
    ? bodies[error.reason]
    : error instanceof UiConflictError && error.reason === "too-many-turns"
    ? 503
    : kindOf(error)[0]

const bodies: { readonly [Reason in UiBodyError["reason"]]: number } = {
  malformed: 400,
  "media-type": 415,
  "too-large": 413
}

/** The default text of an error, with the id under which the log has all of it. */
export const textOf = (error: unknown, id: string): string => `${kindOf(error)[1]} (error ${id})`

/** `retry-after`, in seconds, where the error says when to come back. */
export const retryAfter = (error: unknown): string | undefined =>
  hasProperty(error, "retryAfter") && Duration.isDuration(error.retryAfter)
    ? `${Math.max(1, Math.ceil(Duration.toSeconds(error.retryAfter)))}`
    : undefined
