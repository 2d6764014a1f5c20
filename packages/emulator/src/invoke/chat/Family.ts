/**
 * What the chat families of InvokeModel share.
 *
 * Each family has its own format of requests and answers. It decodes a body as the equivalent Converse request, so that
 * guardrails, the prompt cache, counting and the chat service handle one kind of request only; and it encodes the
 * answer in the vendor's format.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Usage from "@strata/core/Usage"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as AwsError from "../../AwsError.ts"
import * as Response from "../../converse/Response.ts"
import { isObject } from "../../converse/rule/Finding.ts"
import type * as PromptCache from "../../converse/usage/PromptCache.ts"
import type * as Wire from "../../converse/Wire.ts"
import * as Json from "../../Json.ts"
import type * as Model from "../../model/Model.ts"
import * as Violation from "../../Violation.ts"

/** The JSON object of one answer, or of one chunk of a stream. */
export type Payload = Readonly<Record<string, unknown>>

/**
 * The data around an answer.
 *
 * - `id`: unique for the request, a UUID. `now`: when the request arrived, `latencyMs`: the time since, both in
 *   milliseconds.
 * - `counted`: the emulator's count of the prompt, for events before the chat service reports its own.
 * - `byLifetime`: divides cache writes by time to live.
 */
export interface Envelope {
  readonly model: Model.ChatModel
  readonly id: string
  readonly now: number
  readonly latencyMs: () => number
  readonly counted: Usage.Usage
  readonly byLifetime: (written: number) => Readonly<Record<PromptCache.TimeToLive, number>>
}

/**
 * A decoded request, and the encoder of its answer. The usage in an answer is the one reported to the client.
 *
 * - `forbidsTools`: the model must not call tools, which a Converse request cannot express.
 * - `check`: the first error by the family's own rules.
 * - `whole`: the body of an answer. `pieces`: encodes the events of one stream; the last chunk of the `finish` event is
 *   the last of the stream.
 */
export interface Dialogue {
  readonly request: Wire.Request
  readonly forbidsTools?: boolean | undefined
  readonly check?: ((streaming: boolean) => AwsError.AwsError | undefined) | undefined
  readonly whole: (response: ChatResponse.ChatResponse, envelope: Envelope) => Payload
  readonly pieces: (envelope: Envelope) => (event: ChatEvent.ChatEvent) => ReadonlyArray<Payload>
}

/** Decodes a body, or fails with the service's message. */
export type Family = (body: unknown, model: Model.ChatModel) => Result.Result<Dialogue, AwsError.AwsError>

/** A number from `minimum` to `maximum`, with the messages of a JSON schema. */
export const between = (minimum: number, maximum = Infinity) =>
  Schema.makeFilter<number>((value) =>
    value < minimum
      ? `${value} is not greater or equal to ${minimum}`
      : value <= maximum || `${value} is not less or equal to ${maximum}`
  )

/** A number from 0 to 1, like most sampling parameters. */
export const Share = Schema.Finite.check(between(0, 1))

/** The maximum number of tokens in an answer. */
export const Tokens = Schema.Int.check(between(1))

/** Any JSON object. */
export const JsonObject = Schema.Record(Schema.String, Schema.Unknown)

/** The error when more tokens are requested than the model can write; `at` is the path of that member. */
export const tooManyTokens = (
  at: string,
  asked: number | undefined,
  model: Model.ChatModel
): AwsError.AwsError | undefined => {
  const { maxOutputTokens = Infinity } = model
  return asked === undefined || asked <= maxOutputTokens
    ? undefined
    : Violation.malformedInput(`#/${at}: ${asked} is not less or equal to ${maxOutputTokens}`)
}

/** The stop reason in Converse, which the chat service may override. */
export const stopReasonOf = (outcome: ChatResponse.Outcome): string =>
  Response.stopOf(outcome, { request: {}, latencyMs: () => 0, usage: () => ({}), trace: () => undefined }).stopReason

/** The text of events, for answers in plain text: reasoning and tool calls are dropped. */
export const makeTextOf = () => {
  const said = new Set<number>()
  return (event: ChatEvent.ChatEvent): string => {
    if (event.type === "text-delta") {
      said.add(event.index)
      return event.delta
    }
    // a whole part repeats its deltas
    return event.type === "part" && event.part.type === "text" && !said.has(event.index) ? event.part.text : ""
  }
}

/** The JSON object in a text; an empty one when it holds none. */
export const objectOf = (text: string): Payload => {
  const json = Result.getOrUndefined(Json.parse(text))
  return isObject(json) ? json : {}
}

/** The vendor's name of a model: the id without the vendor and the API version. */
export const nameOf = ({ id }: Model.ChatModel): string => id.replace(/^[a-z0-9]+\./, "").replace(/-v\d+(?::\d+)?$/, "")

/** The members that are defined. */
export const present = <Members extends Payload>(members: Members): Present<Members> => {
  const given: Present<Members> = {}
  for (const key in members) {
    const value = members[key]
    if (isGiven(value)) given[key] = value
  }
  return given
}

type Present<Members> = { -readonly [Key in keyof Members]?: Exclude<Members[Key], undefined> }

const isGiven = <A>(value: A): value is Exclude<A, undefined> => value !== undefined
