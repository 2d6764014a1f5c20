/**
 * What the chat families of InvokeModel have in common.
 *
 * Each family has a body of its own for questions and for answers. It reads a body as the Converse request that says the
 * same, so that guardrails, the prompt cache, counting and the chat service see one kind of question only; and it writes
 * the answer down in the words of its vendor.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Usage from "@strata/core/Usage"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as AwsError from "../../AwsError.ts"
import type * as PromptCache from "../../converse/PromptCache.ts"
import * as Response from "../../converse/Response.ts"
import { isObject } from "../../converse/rule/Finding.ts"
import type * as Wire from "../../converse/Wire.ts"
import * as Json from "../../Json.ts"
import type * as Model from "../../Model.ts"
import * as Violation from "../../Violation.ts"

/** The JSON object of one answer, or of one piece of a stream. */
export type Payload = Readonly<Record<string, unknown>>

/**
 * What stands around an answer.
 *
 * - `id`: unique for the request, a UUID. `now`: when the request came in, `latencyMs`: the time since, both in milliseconds.
 * - `counted`: the prompt as the emulator counts it, for what is said before the chat service has counted.
 * - `byLifetime`: divides tokens that were written to the prompt cache.
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
 * One question that was read, and how its answer is written. The usage in an answer is what the client is told.
 *
 * - `forbidsTools`: the model may call none of the tools, which a Converse request cannot say.
 * - `check`: the first thing wrong with the question, by rules of the family's own.
 * - `whole`: the body of an answer. `pieces`: what each event of a stream becomes, one stream at a time; the last piece
 *   of the `finish` event is the last of the stream.
 */
export interface Dialogue {
  readonly request: Wire.Request
  readonly forbidsTools?: boolean | undefined
  readonly check?: ((streaming: boolean) => AwsError.AwsError | undefined) | undefined
  readonly whole: (response: ChatResponse.ChatResponse, envelope: Envelope) => Payload
  readonly pieces: (envelope: Envelope) => (event: ChatEvent.ChatEvent) => ReadonlyArray<Payload>
}

/** Reads a body, or fails in the words of the service. */
export type Family = (body: unknown, model: Model.ChatModel) => Result.Result<Dialogue, AwsError.AwsError>

/** A number from `minimum` to `maximum`, in the words of a JSON schema. */
export const between = (minimum: number, maximum = Infinity) =>
  Schema.makeFilter<number>((value) =>
    value < minimum
      ? `${value} is not greater or equal to ${minimum}`
      : value <= maximum || `${value} is not less or equal to ${maximum}`
  )

/** A share from 0 to 1, as most sampling parameters are. */
export const Share = Schema.Finite.check(between(0, 1))

/** How many tokens an answer may have at most. */
export const Tokens = Schema.Int.check(between(1))

/** Any JSON object. */
export const JsonObject = Schema.Record(Schema.String, Schema.Unknown)

/** More tokens were asked for than the model writes; `at` is the path of the member that asks. */
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

/** The stop reason Converse would give, also one that the chat service sets itself. */
export const stopReasonOf = (outcome: ChatResponse.Outcome): string =>
  Response.stopOf(outcome, { request: {}, latencyMs: () => 0, usage: () => ({}), trace: () => undefined }).stopReason

/** What an answer that is text alone says; thoughts and tool calls have no place in it. */
export const makeTextOf = () => {
  const said = new Set<number>()
  return (event: ChatEvent.ChatEvent): string => {
    if (event.type === "text-delta") {
      said.add(event.index)
      return event.delta
    }
    // a whole part repeats what its pieces said
    return event.type === "part" && event.part.type === "text" && !said.has(event.index) ? event.part.text : ""
  }
}

/** The JSON object in a text; an empty one where there is none. */
export const objectOf = (text: string): Payload => {
  const json = Result.getOrUndefined(Json.parse(text))
  return isObject(json) ? json : {}
}

/** The name a vendor gives a model: the id without the vendor and the version of the API. */
export const nameOf = ({ id }: Model.ChatModel): string => id.replace(/^[a-z0-9]+\./, "").replace(/-v\d+(?::\d+)?$/, "")

/** The members that are given. */
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
