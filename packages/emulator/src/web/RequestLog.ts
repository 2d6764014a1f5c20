/**
 * The latest requests for external clients: without prompts, unless bodies are captured.
 */
import * as Schema from "effect/Schema"
import type * as Recording from "../record/Recording.ts"
import * as Statistics from "../Statistics.ts"

const optional = Schema.optional

/**
 * A request in short form, with the known fields of {@link Statistics.ReceivedRequest}.
 *
 * - `events`: of a stream, those sent so far. `tail`: the end of its text so far, where bodies are captured.
 * - `attempt`: the attempt number, as AWS SDKs send it in `amz-sdk-request`.
 */
export type Entry = typeof Entry.Type
/** @see {@link Entry} */
export const Entry = Schema.Struct({
  number: Schema.Finite,
  receivedAt: Schema.Finite,
  requestId: Schema.String,
  operation: optional(Schema.String),
  model: optional(Schema.String),
  status: optional(Schema.Finite),
  outcome: Schema.Literals(["in-flight", "completed", "aborted", "dropped", "failed"]),
  millis: optional(Schema.Finite),
  inputTokens: optional(Schema.Finite),
  outputTokens: optional(Schema.Finite),
  faults: Schema.Array(Schema.String),
  events: Schema.Finite,
  sentBytes: Schema.Finite,
  tail: optional(Schema.String),
  attempt: optional(Schema.Finite),
  region: Schema.String,
  refusal: optional(Statistics.Refusal)
})

/**
 * The requests changed since a revision, in order.
 *
 * - `revision`: the value of `after` for the next poll. It restarts with the emulator, which `startedAt` (milliseconds
 *   since 1970) identifies.
 * - `now`: the emulator's time, for requests in flight.
 */
export type Log = typeof Log.Type
/** @see {@link Log} */
export const Log = Schema.Struct({
  startedAt: Schema.Finite,
  now: Schema.Finite,
  revision: Schema.Finite,
  requests: Schema.Array(Entry)
})

/**
 * All details of one request. `body`, `answer`: where bodies are captured; the answer of a stream is its text so far.
 */
export type Detail = typeof Detail.Type
/** @see {@link Detail} */
export const Detail = Schema.Struct({
  ...Entry.fields,
  protocol: Schema.Literals(["1.1", "2"]),
  path: Schema.String,
  scheme: optional(Schema.String),
  headers: Schema.Record(Schema.String, Schema.String),
  body: optional(Schema.Unknown),
  answer: optional(Schema.Unknown)
})

/** The requests changed after a revision; 0 for all that are kept. */
export const since = (
  requests: ReadonlyArray<Statistics.ReceivedRequest>,
  after: number,
  { now, startedAt }: { readonly startedAt: number; readonly now: number }
): Log => ({
  startedAt,
  now,
  revision: requests.reduce((latest, { revision }) => Math.max(latest, revision), 0),
  requests: requests.filter(({ revision }) => revision > after).map(toEntry)
})

/** One request. */
export const detailOf = (
  request: Statistics.ReceivedRequest,
  answer: Recording.Content | undefined
): Detail => ({
  ...toEntry(request),
  protocol: request.protocol,
  path: request.path,
  scheme: request.scheme,
  headers: request.headers,
  body: request.body,
  answer: request.answer ?? answer?.body ?? answer?.text
})

const toEntry = (request: Statistics.ReceivedRequest): Entry => ({
  number: request.number,
  receivedAt: request.receivedAt,
  requestId: request.requestId,
  operation: request.operation,
  model: request.modelId,
  status: request.status,
  outcome: request.outcome,
  millis: request.millis,
  inputTokens: request.inputTokens,
  outputTokens: request.outputTokens,
  faults: request.faults,
  events: request.events,
  sentBytes: request.sentBytes,
  tail: request.answer?.slice(-tailLength),
  attempt: attemptOf(request.headers["amz-sdk-request"]),
  region: request.region,
  refusal: request.refusal
})

/** In characters. */
const tailLength = 160

const attemptOf = (header: string | undefined): number | undefined => {
  const [, attempt] = /\battempt=(\d+)/.exec(header ?? "") ?? []
  return attempt === undefined ? undefined : Number(attempt)
}
