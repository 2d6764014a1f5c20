/**
 * Faults on demand: what goes wrong, for which requests, how often and when. All of it is data, also as JSON.
 */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "./AwsError.ts"
import { DurationInput } from "./DurationInput.ts"
import * as JsonFile from "./JsonFile.ts"
import { operations } from "./Operation.ts"

const optional = Schema.optional

const wholeFrom = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Times = Schema.Number.check(
  Schema.isGreaterThanOrEqualTo(1),
  Schema.makeFilter((value) => value % 1 === 0 || value === Infinity || `Expected a whole number, got ${value}`)
)

const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** More than a process with the usual heap can make several copies of is refused. */
const Megabytes = Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(100))

const Time = DurationInput.check(
  Schema.makeFilter((value) => Duration.toMillis(value) >= 0 || "Expected a duration that is not negative")
)

const Period = DurationInput.check(
  Schema.makeFilter((value) => Duration.toMillis(value) > 0 || "Expected a duration longer than nothing")
)

/** A time that varies lies between two. */
const inOrder = <A extends { readonly upTo?: Duration.Input | undefined }>(least: (fault: A) => Duration.Input) =>
  Schema.makeFilter<A>((fault) =>
    fault.upTo === undefined || Duration.toMillis(fault.upTo) >= Duration.toMillis(least(fault)) ||
    { path: ["upTo"], issue: "Expected a duration that is not shorter than the other" }
  )

/** A text that can stand in a header of HTTP. */
const HeaderText = Schema.String.check(
  Schema.isPattern(/^[\t\x20-\x7e]{1,1024}$/, { expected: "1 to 1024 printable ASCII characters" })
)

/** A text that can stand in a header of a frame. */
const FrameText = Schema.String.check(Schema.isMaxLength(4096))

/**
 * When a fault strikes. Of the calls that it counts, the first `skip` are spared, and of the rest each is struck with
 * `probability` (default 1) until `times` were struck. A fault counts a call when it arrives, if it fits and could do
 * something to it, also when an earlier fault strikes it; see "How calls are counted" in the README.
 *
 * - `times`: default 1; without limit when `probability`, `lasting`, `bursts` or `attempt` says how often.
 * - `seed`: of the probability and of times that vary. The same seed decides the same way for the same order of requests;
 *   without one, a fault takes the number of its injection.
 * - `after`, `lasting`: from when on, counted from its injection, and for how long. Before and after it strikes nothing.
 * - `bursts`: in this time, only for `lasting` in `every`, beginning at once.
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
 * Which requests a fault strikes: those that fit all that is given.
 *
 * - `model`: the id as the client named it, or the id of the model behind it.
 * - `text`: some text in the body contains it.
 * - `attempt`: the request comes for so many times (1 is the first) since the injection, with the same operation, model
 *   and body.
 */
export type Matcher = typeof Matcher.Type
const Matcher = Schema.Struct({
  ...Occasion.fields,
  operation: optional(Schema.Literals(operations)),
  model: optional(Schema.String),
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
  exception: request("exception", { exception: Exception, message, originalStatusCode }),
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
  corruptFrame: request("corruptFrame", { afterEvents, checksum: optional(Schema.Literals(["message", "prelude"])) }),
  refuseConnection: connection("refuseConnection"),
  stallConnection: connection("stallConnection")
}

/**
 * What goes wrong.
 *
 * Instead of a response:
 * - `throttle`: 429 `ThrottlingException`, about `requests` (default) or `tokens`; `retryAfter` adds the header.
 * - `exception`: any exception, with its usual status and a text.
 * - `stall`: the request is accepted and gets no response; with `afterEvents`, a stream stops moving.
 * - `reset`: the connection drops; with `afterBytes`, once so much of the body was sent.
 * - `resetStream`: the same for the HTTP/2 stream alone, by RST_STREAM with a `code` (default `INTERNAL_ERROR`).
 * - `halfOpen`: from then on nothing is read from the connection, nothing written, and nobody says goodbye; it lasts until
 *   the emulator stops.
 * - `goaway`: without a `code` the request gets its response, but the connection takes no others: GOAWAY, or
 *   `connection: close` over HTTP/1.1. With a `code` it gets none, and the connection is closed. Say `skip` for "after n requests".
 *
 * With the response:
 * - `latency`: it comes later, by `duration`, or by any time from there `upTo`. A request struck by it meets the next
 *   matching fault too; so does one struck by `slow`.
 * - `garbage`: a `status` (default 200) and something that is no response of the service.
 * - `emptyBody`: 200 and nothing.
 * - `contentType`: the right response under a wrong name.
 * - `half`: only a `fraction` (default 0.5) of the body; the connection drops in the middle, or with `framed` the
 *   message ends as if that were all.
 * - `huge`: a chat model says a text of so many `megabytes` (default 10, at most 100), and calls the tools it would call.
 *
 * Inside a stream, after `afterEvents` events (default 1):
 * - `slow`: a `pause`, or any time from there `upTo`, before each event but the first.
 * - `truncateStream`: it ends normally, too early; with `afterBytes`, perhaps in the middle of an event.
 * - `streamException`: an exception frame; `name` is what the frame calls it, if not what a Converse stream would.
 *   `errorFrame`: an error frame.
 * - `corruptFrame`: the next frame has a wrong checksum: that of the `message` (default) or of its `prelude`.
 *
 * To new connections, whatever they would ask:
 * - `refuseConnection`: closed at once, by a reset. `stallConnection`: opened, and never heard of again.
 *
 * A fault is spent only on what it can touch: one inside a stream not on a Converse, one of a response not on a request
 * that is refused.
 */
export type Fault = typeof Fault.Type
/** @see {@link Fault} */
export const Fault = Schema.Union(Object.values(kinds))

/** A fault that makes no sense. `message` names the field: `fault: times: Expected a whole number from 1, got -1`. */
export class FaultError extends Schema.TaggedError<FaultError>()("FaultError", { message: Schema.String }) {}

/** A fault of a program; `name` is what errors call it. */
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
    ? Result.mapError(decode(value, name), ({ message }) => new FaultError({ message }))
    : Result.fail(new FaultError({ message: `${name}: type: Expected one of ${types.join(", ")}` }))

/** The types of faults. */
export const types: ReadonlyArray<string> = Object.keys(kinds)

const isOfType = (value: unknown): boolean =>
  Predicate.hasProperty(value, "type") && types.some((type) => type === value.type)

/** What strikes a connection as it opens. */
export type ConnectionFault = Extract<Fault, { readonly type: "refuseConnection" | "stallConnection" }>

/** What makes a stream slow. */
export type SlowFault = Extract<Fault, { readonly type: "slow" }>

/** What strikes a request. */
export type RequestFault = Exclude<Fault, ConnectionFault>

/** A fault that waits, and how often it struck so far. */
export type Pending = typeof Pending.Type
/** @see {@link Pending} */
export const Pending = Schema.Struct({ id: Schema.Number, fault: Fault, struck: Schema.Number })

/** A fault on its own: `struck` counts also when it is over; `remove` ends it. */
export interface Injected {
  readonly id: number
  readonly struck: Effect.Effect<number>
  readonly remove: Effect.Effect<void>
}

/** Part of a storm: what goes wrong in it, and for how long. */
export interface Act {
  readonly lasting: Duration.Input
  readonly faults: ReadonlyArray<Fault>
}

/**
 * Acts one after the other: each of their faults strikes only in its own act.
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
