/**
 * Answers that are values of an Effect `Schema`: requesting, decoding and repairing them.
 *
 * `ChatService` exports {@link object} and {@link objectStream}, too; {@link format} and {@link decode} are their two
 * halves, for requests that something else sends, such as a tool loop.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import * as Cost from "../Cost.ts"
import * as ExactJson from "../ExactJson.ts"
import { defined } from "../internal/defined.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Usage from "../Usage.ts"
import { ChatService } from "./Chat.ts"
import * as ChatEvent from "./ChatEvent.ts"
import * as ChatRequest from "./ChatRequest.ts"
import type * as ChatResponse from "./ChatResponse.ts"
import * as PartialJson from "./internal/partialJson.ts"
import * as ToolSchema from "./internal/toolSchema.ts"
import * as ChatValidation from "./internal/validation.ts"
import * as Message from "./Message.ts"

/** `name` and `description` of the answer, for the model; it also reads the annotations of the schema. */
export interface FormatOptions {
  readonly name?: string | undefined
  readonly description?: string | undefined
}

/**
 * How an answer is asked for that is a value of a schema.
 *
 * - `repairs`: how often, at most, the model is asked to correct an answer that does not match the schema; 0 when missing.
 *   Answers that were cut, withheld or refused are not repaired.
 */
export interface Options extends FormatOptions {
  readonly repairs?: number | undefined
}

/** The value and the last response. `usage` and `cost` are those of all attempts. */
export interface ObjectResponse<out A> extends ChatResponse.ChatResponse {
  readonly value: A
}

/**
 * An event of an object stream.
 *
 * - `partial`: the encoded value so far, not checked, see {@link DeepPartial}. Each has more; the last is complete.
 * - `object`: the decoded value and the response. The stream ends with exactly one, or fails.
 */
export type ObjectEvent<A, Encoded> =
  | { readonly type: "partial"; readonly value: DeepPartial<Encoded> }
  | { readonly type: "object" } & ObjectResponse<A>

/**
 * A prefix of a value that matches the schema. Members are missing until they begin, and texts, literals included, may be
 * incomplete. Types outside of JSON are `unknown`.
 */
export type DeepPartial<T> = T extends string ? string
  : T extends number | boolean | null ? T
  : T extends ReadonlyArray<infer Item> ? ReadonlyArray<DeepPartial<Item>>
  : T extends object ? true extends HasMethods<T> ? unknown : { readonly [Key in keyof T]?: DeepPartial<T[Key]> }
  : unknown

type HasMethods<T> = { [Key in keyof T]: T[Key] extends (...args: never) => unknown ? true : never }[keyof T]

/** A schema whose values have a JSON form. */
export type AnySchema = Schema.ConstraintDecoder<unknown, unknown>

/**
 * The `responseFormat` for values of a schema: the JSON Schema of its encoded side. Models write objects: a schema of
 * another type is wrapped as `{ value: … }`, and unwrapped by {@link decode}.
 *
 * Fails with `InvalidRequestError` when the schema has no JSON form.
 *
 * @example
 * const responseFormat = yield* StructuredOutput.format(Recipe)
 * const outcome = yield* ToolLoop.run({ messages, responseFormat }, { tools: [pantry] })
 * const recipe = yield* StructuredOutput.decode(Recipe, outcome.response)
 */
export const format = (
  schema: AnySchema,
  options?: FormatOptions
): Effect.Effect<ChatRequest.JsonFormat, ProviderError.InvalidRequestError> =>
  Effect.map(shape(schema, options), ({ responseFormat }) => responseFormat)

/**
 * Decodes the answer to a request with {@link format}. Prose and a code fence around the JSON object are ignored. An
 * integer that a number cannot hold is decoded from its text, for `Schema.BigInt` and `Schema.String`.
 *
 * Fails with `StructuredOutputError` when the text does not match the schema, which its `issue` explains, and when the
 * answer is not complete: cut by `maxTokens`, filtered, refused, or a tool call; with `InvalidRequestError` for a value
 * that is not a schema or not a response.
 */
export const decode = <S extends AnySchema>(schema: S, response: ChatResponse.ChatResponse): Effect.Effect<
  S["Type"],
  ProviderError.StructuredOutputError | ProviderError.InvalidRequestError,
  S["DecodingServices"]
> =>
  Effect.gen(function*() {
    const { isWrapped } = yield* shape(schema)
    yield* Check.run(answered, response, { provider: "strata", field: "response" })
    return yield* read(schema, isWrapped, response)
  })

const answered = Check.struct<Pick<ChatResponse.ChatResponse, "finishReason" | "text" | "model">>({
  finishReason: Check.text as Check.Check<ChatResponse.FinishReason>,
  text: Check.text,
  model: Check.text
}, { others: "ignored" })

/**
 * An answer decoded by a schema, with its response. With `repairs` the model is asked again when its JSON does not match.
 *
 * Fails with `StructuredOutputError` when it still does not, or when the answer was cut or withheld, and with
 * `InvalidRequestError` when the schema has no JSON form.
 *
 * @example
 * const Recipe = Schema.Struct({ title: Schema.String, minutes: Schema.Int, steps: Schema.Array(Schema.String) })
 *
 * const { value, usage } = yield* ChatService.object(Recipe, "A quick soup, please", { repairs: 1 })
 */
export const object = <S extends AnySchema>(
  schema: S,
  input: ChatRequest.Input,
  options?: Options
): Effect.Effect<ObjectResponse<S["Type"]>, ProviderError.ChatObjectError, ChatService | S["DecodingServices"]> =>
  Effect.gen(function*() {
    const service = yield* ChatService
    const { repairs: mostRepairs = 0, ...format } = yield* settled(options)
    const { isWrapped, responseFormat } = yield* shape(schema, format)
    const request = yield* ChatValidation.settle(service.provider ?? "custom", input)
    let messages = ChatRequest.messagesOf(request)
    let usage = Usage.empty
    let cost: Cost.Cost | undefined = Cost.empty
    for (let repairs = mostRepairs;; repairs--) {
      const response = yield* service.generate({ ...request, messages, responseFormat })
      usage = Usage.add(usage, response.usage)
      cost = Cost.sum([cost, response.cost])
      const decoded = yield* Effect.result(read(schema, isWrapped, response))
      if (Result.isSuccess(decoded)) return { ...response, usage, ...(cost && { cost }), value: decoded.success }
      const error = decoded.failure
      if (!(repairs > 0) || error.issue === undefined) return yield* error
      messages = [...messages, ...correction(response, error.issue)]
    }
  }).pipe(Effect.withSpan("ChatService.object", {}, { captureStackTrace: false }))

/**
 * {@link object} in pieces, without repairs: `partial` events, then one `object` event with the value and the response.
 *
 * @example
 * ChatService.objectStream(Recipe, "A quick soup, please").pipe(
 *   Stream.tap((event) => event.type === "partial" ? render(event.value.steps ?? []) : save(event.value)),
 *   Stream.runDrain
 * )
 */
export const objectStream = <S extends AnySchema>(
  schema: S,
  input: ChatRequest.Input,
  options?: FormatOptions
): Stream.Stream<
  ObjectEvent<S["Type"], S["Encoded"]>,
  ProviderError.ChatObjectStreamError,
  ChatService | S["DecodingServices"]
> =>
  Stream.unwrap(Effect.gen(function*() {
    type Event = ObjectEvent<S["Type"], S["Encoded"]>
    const service = yield* ChatService
    const { isWrapped, responseFormat } = yield* shape(schema, options)
    const request = yield* ChatValidation.settle(service.provider ?? "custom", input)
    const collector = ChatEvent.makeCollector()
    const json = PartialJson.make()
    let shown: unknown

    const partial = (events: ReadonlyArray<ChatEvent.ChatEvent>): Array<Event> => {
      for (const event of events) {
        collector.add(event)
        if (event.type === "text-delta") json.add(event.delta)
      }
      const read = json.next(events.some(({ type }) => type === "finish"))
      if (read === undefined || isWrapped && !Object.hasOwn(read, "value")) return []
      const value = isWrapped ? read["value"] : read
      if (Equal.equals(value, shown)) return []
      shown = value
      // Checked when it is complete: the type describes a model that follows the schema.
      return [{ type: "partial", value: value as DeepPartial<S["Encoded"]> }]
    }

    const partials = Stream.mapAccumArray(
      service.stream({ ...request, responseFormat }),
      () => undefined,
      (_, events) => [undefined, partial(events)] as const
    )
    const whole = Effect.gen(function*() {
      const response = collector.response() ?? (yield* collector.incomplete(service))
      return { type: "object" as const, ...response, value: yield* read(schema, isWrapped, response) }
    })
    return Stream.concat(partials, Stream.fromEffect(whole))
  })).pipe(Stream.withSpan("ChatService.objectStream", { captureStackTrace: false }))

/** The response format of a schema, and whether it is wrapped in `{ value: … }`. */
const shape = Effect.fnUntraced(function*(schema: AnySchema, options: FormatOptions = {}) {
  yield* Check.run(anySchema, schema, { provider: "strata", field: "schema" })
  const { description, name } = yield* settled(options)
  const plain = ToolSchema.make(schema, true)
  const made = Result.isSuccess(plain) ? plain : ToolSchema.make(wrap(schema), true)
  if (Result.isFailure(made)) {
    return yield* Check.invalid("schema", "it has no JSON form", "Use a schema whose encoded side is made of JSON")
  }
  const responseFormat: ChatRequest.JsonFormat = {
    type: "json",
    schema: made.success,
    ...defined({ name, description })
  }
  return { isWrapped: made !== plain, responseFormat }
})

const anySchema = Check.instance(Schema.isSchema, "Give a `Schema`")

const settled = (options: Options = {}): Effect.Effect<Options, ProviderError.InvalidRequestError> =>
  Check.run(optionsOf, options, { provider: "strata", whole: "options" })

const optionsOf: Check.Check<Options> = Check.partial({
  name: Check.text,
  description: Check.text,
  repairs: Check.number({ min: 0, what: "a number of repairs", remedy: "Use a number from 0" })
})

const wrap = <S extends AnySchema>(schema: S) => Schema.Struct({ value: schema })

/** {@link decode} of a schema whose {@link shape} is known. */
const read = <S extends AnySchema>(
  schema: S,
  isWrapped: boolean,
  response: ChatResponse.ChatResponse
): Effect.Effect<S["Type"], ProviderError.StructuredOutputError, S["DecodingServices"]> => {
  const { finishReason, model, provider = "unknown", requestId, text } = response
  const fail = (problem: string, remedy: string, issue?: string, cause?: unknown) => {
    const id = requestId === undefined ? "" : ` (request ${requestId})`
    const message = `${model}: ${problem}${id}. ${remedy}.`
    return Effect.fail(
      new ProviderError.StructuredOutputError({ provider, model, requestId, message, text, issue, cause })
    )
  }
  const misfit = (issue: string, cause?: unknown) =>
    fail(`the answer does not fit the schema: ${issue}`, "Allow `repairs`, or describe the fields more", issue, cause)
  const stopped = unfinished[finishReason]
  if (stopped !== undefined) return fail(...stopped)
  const json = Result.getOrElse(ExactJson.parse(text), () => PartialJson.find(text))
  if (json === undefined) return misfit("The text is not one JSON object")
  const decoded: Effect.Effect<S["Type"], Schema.SchemaError, S["DecodingServices"]> = Effect.suspend(() =>
    isWrapped
      // The field type of a struct of a generic schema is not inferred.
      ? Effect.map(decodeJson(wrap(schema), json), (decoded) => (decoded as { readonly value: S["Type"] }).value)
      : decodeJson(schema, json)
  )
  return decoded.pipe(
    Effect.catchTag("SchemaError", ({ issue, message }) => misfit(`${message}${ExactJson.explain(issue, json)}`)),
    // A transformation or check threw; the model reads the issue.
    Effect.catchDefect((cause) => misfit("It holds a value that the schema cannot decode", cause))
  )
}

const decodeJson = <S extends AnySchema>(
  schema: S,
  json: unknown
): Effect.Effect<S["Type"], Schema.SchemaError, S["DecodingServices"]> =>
  Schema.decodeUnknownEffect(Schema.toCodecJson(schema), { errors: "all" })(json)

const unfinished: { readonly [Reason in ChatResponse.FinishReason]?: readonly [problem: string, remedy: string] } = {
  length: ["the answer was cut by `maxTokens` before the value was complete", "Allow more tokens, or ask for less"],
  "context-length": ["the answer was cut because the context window is full", "Shorten the conversation"],
  "content-filter": ["the provider's content filter withheld the answer", "Change the prompt"],
  guardrail: ["the guardrail withheld the answer", "Change the prompt or the guardrail"],
  refusal: ["the model refused to answer", "Change the prompt, or use another model"],
  "tool-calls": ["the model called a tool instead of answering", "Run its tools with `ToolLoop`, or leave them out"]
}

const correction = (response: ChatResponse.ChatResponse, issue: string): ReadonlyArray<Message.Message> => [
  ...(response.text.trim() === "" ? [] : [response.message]),
  Message.user(`Your answer does not fit the schema.\n${issue}\nAnswer again with the corrected JSON and nothing else.`)
]
