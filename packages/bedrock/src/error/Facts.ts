/**
 * What is read from an error of the SDK before it is classified: its name, its text, its status and its hints.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Confidential from "./Confidential.ts"
import * as ErrorChain from "./ErrorChain.ts"
import type * as Failure from "./Failure.ts"

/**
 * What is known about the call that failed; its message says it.
 *
 * - `who`: what was asked, where it was no model: `guardrail gr7wxyz12345`.
 * - `requestId`: used when the error carries none.
 * - `region`, `server`, `proxy`: where the request went, and through what; a host of AWS is not repeated beside its region.
 * - `secrets`, `request`: the credentials in force and the input of the call. Quotations of them in the error are
 *   replaced by `[redacted]`.
 */
export interface Context {
  readonly model?: string | undefined
  readonly who?: string | undefined
  readonly requestId?: string | undefined
  readonly region?: string | undefined
  readonly server?: string | undefined
  readonly proxy?: string | undefined
  readonly secrets?: ReadonlyArray<string> | undefined
  readonly request?: unknown
}

/**
 * The facts read from an error; nothing else of it is kept.
 *
 * - `name`: without namespace and the suffix `Exception`: `Throttling`.
 * - `date`: the time of the service when it answered, in milliseconds since 1970.
 * - `contentType`, `location`: of the answer. `isPage`: it is neither JSON nor empty, so not the service's.
 */
export interface Facts extends Failure.Failure {
  readonly name: string
  readonly status: number | undefined
  readonly originalStatus: number | undefined
  readonly retryAfter: Duration.Duration | undefined
  readonly date: number | undefined
  readonly contentType: string | undefined
  readonly location: string | undefined
  readonly isPage: boolean
  readonly chain: ReadonlyArray<ErrorChain.Link>
}

/** Reads an error. The properties of a hostile one may throw. */
export const read = (error: unknown, context: Context): Facts => {
  const chain = ErrorChain.read(error, context)
  const metadata = ErrorChain.property(error, "$metadata")
  const status = ErrorChain.number(metadata, "httpStatusCode")
  const rawName = ErrorChain.string(error, "name") ?? ""
  const exception = exceptionName(rawName)
  const own = withoutHint(chain[0]?.raw ?? "")
  // Exceptions of a stream that are missing in the service model arrive as an error whose message is the raw body.
  const body = own.startsWith("{") ? Option.getOrElse(decodeBody(own), (): Body => ({})) : undefined
  const message = body === undefined ? own : body.message ?? body.Message ?? body.originalMessage
  // A parser's message quotes what it could not parse: an answer, or a page of a proxy.
  const said = rawName === "SyntaxError" || genericNames.has(message ?? "") ? "" : message ?? ""
  const { model, proxy, region, server, who } = context
  const headers = ErrorChain.property(ErrorChain.property(error, "$response"), "headers")
  return {
    asked: {
      model,
      who,
      region,
      server,
      proxy,
      requestId: ErrorChain.string(metadata, "requestId") ?? context.requestId
    },
    exception,
    name: (exception ?? rawName).replace(/Exception$/, ""),
    words: Confidential.redact(said, context),
    silence: status === undefined
      ? exception === undefined ? "an error without a message" : `${exception} without a message`
      : `HTTP ${status} without a message`,
    raw: said,
    status,
    originalStatus: ErrorChain.number(error, "originalStatusCode") ?? body?.originalStatusCode,
    retryAfter: retryAfter(headers),
    date: dateOf(headers),
    contentType: ErrorChain.string(headers, "content-type"),
    location: ErrorChain.string(headers, "location"),
    // Of answers to the SDK's own clients its parsers and the type tell; of ours `wire/ServiceError` has looked.
    isPage: ErrorChain.property(error, "isPage") === true || rawName === "SyntaxError" ||
      /XML parse error/.test(own) || /^text\/html/i.test(ErrorChain.string(headers, "content-type") ?? ""),
    chain
  }
}

/** The message without the hint the SDK appends for those who debug it. */
const withoutHint = (message: string): string => {
  const hint = message.indexOf("Deserialization error: to see the raw response")
  return hint < 0 ? message : message.slice(0, hint).trimEnd()
}

/** `ValidationException:http://…`, `com.amazon#ValidationException`, `validationException` → `ValidationException`. */
const exceptionName = (name: string): string | undefined => {
  const bare = name.replace(/^.*#/, "").replace(/:.*$/s, "")
  return genericNames.has(bare) ? undefined : bare.charAt(0).toUpperCase() + bare.slice(1)
}

/** Names of JavaScript and of the SDK that do not identify an exception. */
const genericNames: ReadonlySet<string> = new Set([
  "",
  "Error",
  "RangeError",
  "SyntaxError",
  "TypeError",
  "Unknown",
  "UnknownError"
])

type Body = typeof Body.Type
const Body = Schema.Struct({
  message: Schema.optional(Schema.String),
  Message: Schema.optional(Schema.String),
  originalMessage: Schema.optional(Schema.String),
  originalStatusCode: Schema.optional(Schema.Finite)
})

const decodeBody = Schema.decodeUnknownOption(Schema.fromJsonString(Body))

const dateOf = (headers: unknown): number | undefined => {
  const time = Date.parse(ErrorChain.string(headers, "date") ?? "")
  return Number.isNaN(time) ? undefined : time
}

/** `x-amz-retry-after` is in milliseconds; `retry-after` in seconds, or a date, which the `date` of the answer turns into a wait. */
const retryAfter = (headers: unknown): Duration.Duration | undefined => {
  const milliseconds = Number(ErrorChain.string(headers, "x-amz-retry-after") ?? Number.NaN)
  const hint = ErrorChain.string(headers, "retry-after") ?? ""
  const seconds = hint === "" ? Number.NaN : Number(hint)
  const until = Date.parse(hint) - (dateOf(headers) ?? Number.NaN)
  const wait = [milliseconds, seconds * 1000, until].find((value) => Number.isFinite(value) && value >= 0)
  return wait === undefined ? undefined : Duration.millis(wait)
}
