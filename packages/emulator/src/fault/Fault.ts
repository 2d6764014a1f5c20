/**
 * Fault injection: which fault, for which requests, how often and when. All of it is data, also as JSON.
 */
import * as TaggedError from "@strata/core/TaggedError"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import { DurationInput } from "../DurationInput.ts"
import * as JsonFile from "../JsonFile.ts"
import { operations } from "../Operation.ts"

const optional = Schema.optional

const wholeFrom = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Times = Schema.Number.check(
  Schema.isGreaterThanOrEqualTo(1),
  Schema.makeFilter((value) => value % 1 === 0 || value === Infinity || `Expected a whole number, got ${value}`)
)

const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** Bounded by what a process with the default heap can copy several times. */
const Megabytes = Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(100))

const Time = DurationInput.check(
  Schema.makeFilter((value) => Duration.toMillis(value) >= 0 || "Expected a duration that is not negative")
)

const Period = DurationInput.check(
  Schema.makeFilter((value) => Duration.toMillis(value) > 0 || "Expected a duration longer than nothing")
)

/** A range of durations. */
const inOrder = <A extends { readonly upTo?: Duration.Input | undefined }>(least: (fault: A) => Duration.Input) =>
  Schema.makeFilter<A>((fault) =>
    fault.upTo === undefined || Duration.toMillis(fault.upTo) >= Duration.toMillis(least(fault)) ||
    { path: ["upTo"], issue: "Expected a duration that is not shorter than the other" }
  )

/** A valid HTTP header value. */
const HeaderText = Schema.String.check(
  Schema.isPattern(/^[\t\x20-\x7e]{1,1024}$/, { expected: "1 to 1024 printable ASCII characters" })
)

/** A valid frame header value. */
const FrameText = Schema.String.check(Schema.isMaxLength(4096))

/**
 * When a fault strikes. Of the calls it counts, the first `skip` are spared, and each of the rest is struck with
 * `probability` (default 1) until `times` were struck. A fault counts every arriving call that matches and that it
 * could affect, even when an earlier fault strikes it; see "How calls are counted" in the README.
 *
 * - `times`: default 1; unlimited when `probability`, `lasting`, `bursts` or `attempt` limits it.
 * - `seed`: of the probability and of varying durations. The same seed gives the same decisions for the same order of
 *   requests; the default is the number of the fault.
 * - `after`, `lasting`: start, counted from the injection, and length of the active period.
 * - `bursts`: active only for `lasting` in `every`, beginning at once.
 */
export type Occasion = typeof Occasion.Type
const Occasion = Schema.Struct({
  times: optional(Times),
  skip: optional(wholeFrom(0)),
  probability: optional(Share),
  seed: optional(Schema.Union([Schema.String, Schema.Finite])),
  after: optional(Time),
  lasting: optional(Time),
  bursts: optional(Schema.Struct({ every: Period, lasting: Period }))
})

/**
 * Which requests a fault strikes: those that match all given fields.
 *
 * - `model`: the id as the client named it, or the id of the model behind it.
 * - `region`: the region of the request. `text`: some text in the body contains it.
 * - `attempt`: the attempt number (from 1) since the injection, among requests with the same operation, model and body.
 */
export type Matcher = typeof Matcher.Type
const Matcher = Schema.Struct({
  ...Occasion.fields,
  operation: optional(Schema.Literals(operations)),
  model: optional(Schema.String),
  region: optional(Schema.String),
  text: optional(Schema.String),
  attempt: optional(wholeFrom(1))
})

const Exception = Schema.Literals(AwsError.exceptions)

/** Error codes of HTTP/2, as RFC 9113 (section 7) names them. */
export type Http2Code = typeof Http2Code.Type
const Http2Code = Schema.Literals([
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "ENHANCE_YOUR_CALM"
])

const request = <const Type extends string, Fields extends Schema.Struct.Fields>(type: Type, fields: Fields) =>
  Schema.Struct({ ...Matcher.fields, type: Schema.Literal(type), ...fields })

/** Of a batch job, whose creation it strikes. */
const job = <const Type extends string, Fields extends Schema.Struct.Fields>(type: Type, fields: Fields) =>
  request(type, fields)

const connection = <const Type extends string>(type: Type) =>
  Schema.Struct({ ...Occasion.fields, type: Schema.Literal(type) })

const afterEvents = optional(wholeFrom(0))
const afterBytes = optional(wholeFrom(0))
const message = optional(Schema.String)
const originalStatusCode = optional(wholeFrom(100, 599))

const kinds = {
  throttle: request("throttle", {
    unit: optional(Schema.Literals(["requests", "tokens"])),
    retryAfter: optional(Time)
  }),
  exception: request("exception", { exception: Exception, message, originalStatusCode, code: optional(FrameText) }),
  stall: request("stall", { afterEvents }),
  reset: request("reset", { afterBytes }),
  halfOpen: request("halfOpen", { afterBytes }),
  resetStream: request("resetStream", { afterBytes, code: optional(Http2Code) }),
  goaway: request("goaway", { code: optional(Http2Code) }),
  latency: request("latency", { duration: Time, upTo: optional(Time) }).check(inOrder(({ duration }) => duration)),
  slow: request("slow", { pause: Time, upTo: optional(Time) }).check(inOrder(({ pause }) => pause)),
  garbage: request("garbage", {
    body: message,
    contentType: optional(HeaderText),
    status: optional(wholeFrom(200, 599))
  }),
  emptyBody: request("emptyBody", {}),
  contentType: request("contentType", { contentType: HeaderText }),
  half: request("half", {
    fraction: optional(Share),
    framed: optional(Schema.Boolean)
  }),
  huge: request("huge", { megabytes: optional(Megabytes) }),
  truncateStream: request("truncateStream", { afterEvents, afterBytes }),
  streamException: request("streamException", {
    exception: Exception,
    message,
    afterEvents,
    name: optional(FrameText),
    originalStatusCode,
    originalMessage: message
  }),
  errorFrame: request("errorFrame", { code: optional(FrameText), message: optional(FrameText), afterEvents }),
  missingEnd: request("missingEnd", { end: optional(Schema.Literals(["finish", "done", "both"])) }),
  corruptFrame: request("corruptFrame", { afterEvents, checksum: optional(Schema.Literals(["message", "prelude"])) }),
  jobFailure: job("jobFailure", { message }),
  jobExpiry: job("jobExpiry", { fraction: optional(Share) }),
  jobPartial: job("jobPartial", { fraction: optional(Share) }),
  jobStop: job("jobStop", { fraction: optional(Share) }),
  recordErrors: job("recordErrors", {
    fraction: optional(Share),
    errorCode: optional(wholeFrom(100, 599)),
    errorMessage: message
  }),
  missingRecords: job("missingRecords", { count: optional(wholeFrom(1)) }),
  doubledRecords: job("doubledRecords", { count: optional(wholeFrom(1)) }),
  foreignRecords: job("foreignRecords", { count: optional(wholeFrom(1, 1000)) }),
  refuseConnection: connection("refuseConnection"),
  stallConnection: connection("stallConnection")
}

/**
 * A fault.
 *
 * Instead of a response:
 * - `throttle`: 429 `ThrottlingException`, about `requests` (default) or `tokens`; `retryAfter` adds the header.
 * - `exception`: any exception, with its usual status and a message; `code` is that of OpenAI's dialect.
 * - `stall`: the request is accepted and gets no response; with `afterEvents`, a stream stalls.
 * - `reset`: the connection is reset; with `afterBytes`, after that much of the body.
 * - `resetStream`: the same for the HTTP/2 stream alone, by RST_STREAM with a `code` (default `INTERNAL_ERROR`).
 * - `halfOpen`: from then on nothing is read from or written to the connection, and it is not closed until the emulator
 *   stops.
 * - `goaway`: without a `code` the request gets its response, but the connection accepts no others: GOAWAY, or
 *   `connection: close` over HTTP/1.1. With a `code` it gets none, and the connection is closed. For "after n requests"
 *   use `skip`.
 *
 * With the response:
 * - `latency`: it is delayed by `duration`, or by a random time from there `upTo`. A request struck by it is also
 *   matched against the next faults; so is one struck by `slow`.
 * - `garbage`: a `status` (default 200) and a body that is not a response of the service.
 * - `emptyBody`: 200 and an empty body.
 * - `contentType`: the right response with a wrong content type.
 * - `half`: only a `fraction` (default 0.5) of the body; the connection drops in the middle, or with `framed` the
 *   message ends normally.
 * - `huge`: the text of a chat model's answer has `megabytes` (default 10, at most 100); its tool calls are kept.
 *
 * Inside a stream, after `afterEvents` events (default 1):
 * - `slow`: a `pause`, or a random time from there `upTo`, before each event but the first.
 * - `truncateStream`: it ends normally, too early; with `afterBytes`, possibly inside an event.
 * - `streamException`: an exception frame; `name` overrides the exception's name in the frame. `errorFrame`: an error
 *   frame.
 * - `corruptFrame`: the next frame has a wrong checksum: that of the `message` (default) or of its `prelude`; the next
 *   event of OpenAI's dialect has half of its JSON.
 * - `missingEnd`: a stream of OpenAI's dialect ends normally, without what tells its end: the reason why the model
 *   stopped (`finish`), `[DONE]` (`done`), or `both` (default).
 *
 * What becomes of a batch job, when its CreateModelInvocationJob is accepted; several of them may strike the same job,
 * beside one of the other faults:
 * - `jobFailure`: it fails when it is validated, with a `message`; so does what a StartAsyncInvoke started.
 * - `jobExpiry`, `jobPartial`, `jobStop`: after a `fraction` (default 0.5) of the records it waits for its timeout and
 *   expires, is partially completed, or is stopped as if that had been asked for.
 * - `recordErrors`: a `fraction` (default 1) of the records, the first ones, get an error: `errorCode` (default 400) and
 *   `errorMessage`.
 * - `missingRecords`, `doubledRecords`, `foreignRecords`: of `count` (default 1) records the answers are left out of the
 *   output, written twice, or written once more under an id that no record has. The counts do not tell.
 *
 * For new connections, whatever the request:
 * - `refuseConnection`: reset at once. `stallConnection`: accepted, then never served.
 *
 * A fault is spent only where it has an effect: one inside a stream not on a Converse, one of a response not on a
 * refused request.
 */
export type Fault = typeof Fault.Type
/** @see {@link Fault} */
export const Fault = Schema.Union(Object.values(kinds))

/**
 * A fault to inject is not valid.
 *
 * When: `Emulator.inject` gets a fault with an unknown type, or with a field that its type does not have.
 *
 * - `problems`: the fields that are wrong, and what is.
 *
 * Remedy: correct the field that the message names.
 */
export class FaultError extends TaggedError.make<FaultError>()("FaultError", {
  message: Schema.String,
  problems: Schema.optional(Schema.Array(JsonFile.Problem))
}) {}

/** Checks a fault of a program; `name` is its name in errors. */
export const check = (fault: unknown, name = "fault"): Result.Result<Fault, FaultError> =>
  checked(fault, name, fromValue)

/** A fault from JSON. */
export const fromJson = (json: unknown, name = "fault"): Result.Result<Fault, FaultError> =>
  checked(json, name, fromJsonValue)

const fromValue = JsonFile.fromValue(Fault)

const fromJsonValue = JsonFile.fromJson(Fault)

const checked = (
  value: unknown,
  name: string,
  decode: (value: unknown, file: string) => Result.Result<Fault, JsonFile.JsonFileError>
) =>
  isOfType(value)
    ? Result.mapError(decode(value, name), ({ message, problems }) => new FaultError({ message, problems }))
    : Result.fail(wrongType(name))

const wrongType = (name: string) => {
  const message = `Expected one of ${types.join(", ")}`
  return new FaultError({ message: `${name}: type: ${message}`, problems: [{ path: "type", message }] })
}

/** The types of faults. */
export const types: ReadonlyArray<string> = Object.keys(kinds)

const isOfType = (value: unknown): boolean =>
  Predicate.hasProperty(value, "type") && types.some((type) => type === value.type)

/** Faults of connections. */
export type ConnectionFault = Extract<Fault, { readonly type: "refuseConnection" | "stallConnection" }>

/** Faults that delay the events of a stream. */
export type SlowFault = Extract<Fault, { readonly type: "slow" }>

/** Faults of batch jobs. */
export type JobFault = Extract<
  Fault,
  { readonly type: `job${string}` | "recordErrors" | "missingRecords" | "doubledRecords" | "foreignRecords" }
>

/** Whether it is one of a batch job. */
export const isOfJobs = (fault: Fault): fault is JobFault => jobFaults.has(fault.type)

const jobFaults: ReadonlySet<string> = new Set(
  [
    "jobFailure",
    "jobExpiry",
    "jobPartial",
    "jobStop",
    "recordErrors",
    "missingRecords",
    "doubledRecords",
    "foreignRecords"
  ] satisfies ReadonlyArray<JobFault["type"]>
)

/** Faults of requests. */
export type RequestFault = Exclude<Fault, ConnectionFault | JobFault>

/** A pending fault, and how often it struck so far. */
export type Pending = typeof Pending.Type
/** @see {@link Pending} */
export const Pending = Schema.Struct({ id: Schema.Number, fault: Fault, struck: Schema.Number })

/** An injected fault: `struck` stays readable after its end; `remove` ends it. */
export interface Injected {
  readonly id: number
  readonly struck: Effect.Effect<number>
  readonly remove: Effect.Effect<void>
}

/** A phase of {@link inTurn}: its faults and its length. */
export interface Act {
  readonly lasting: Duration.Input
  readonly faults: ReadonlyArray<Fault>
}

/**
 * Phases in sequence: the faults of each strike only in their own phase.
 *
 * @example
 * const storm = Fault.inTurn(
 *   { lasting: "2 seconds", faults: [{ type: "throttle" }] },
 *   { lasting: "1 second", faults: [] },
 *   { lasting: "3 seconds", faults: [{ type: "reset", probability: 0.3 }] }
 * )
 */
export const inTurn = (...acts: ReadonlyArray<Act>): ReadonlyArray<Fault> => {
  let start = Duration.zero
  return acts.flatMap((act) => {
    const begin = start
    const length = Duration.fromInputUnsafe(act.lasting)
    start = Duration.sum(start, length)
    return act.faults.map((fault): Fault => {
      const after = Duration.min(length, Duration.fromInputUnsafe(fault.after ?? 0))
      const rest = Duration.subtract(length, after)
      return {
        ...fault,
        after: Duration.sum(begin, after),
        lasting: Duration.min(rest, Duration.fromInputUnsafe(fault.lasting ?? Duration.infinity))
      }
    })
  })
}
