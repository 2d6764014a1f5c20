/**
 * A question to a chat model: the messages and how to answer them.
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Total from "../internal/total.ts"
import * as Untyped from "../internal/untyped.ts"
import * as Message from "./Message.ts"
import * as ToolDefinition from "./ToolDefinition.ts"

/**
 * Options only one provider understands, under that provider's key. Provider packages add theirs by declaration
 * merging: `@strata/bedrock` adds `bedrock`.
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface ProviderOptions {}

/**
 * The ids of models that an editor offers, as keys. Provider packages add theirs by declaration merging, as
 * `@strata/bedrock` does.
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface KnownModels {}

/** The id of a model: one of the {@link KnownModels}, or any other string. */
export type ModelName = Extract<keyof KnownModels, string> | (string & {})

const isRecord = (u: unknown): u is ProviderOptions => typeof u === "object" && u !== null && !Array.isArray(u)

/**
 * JSON that fits a JSON Schema of type `object`. `name` and `description` tell the model what it is.
 *
 * A provider answers it with JSON in the text of the answer, however it gets the model to write that.
 */
export class JsonFormat extends Schema.Opaque<JsonFormat>()(Schema.Struct({
  type: Schema.tag("json"),
  schema: Schema.Record(Schema.String, Schema.Unknown),
  name: Schema.optional(Schema.String),
  description: Schema.optional(Schema.String)
})) {}

/**
 * What the answer should be: text, or JSON that fits a JSON Schema. `ChatService.object` sets this from an Effect
 * `Schema` and decodes the answer; use it directly when you have only a JSON Schema.
 */
export type ResponseFormat = typeof ResponseFormat.Type
/** @see {@link ResponseFormat} */
export const ResponseFormat = Schema.Union([Schema.Struct({ type: Schema.tag("text") }), JsonFormat])

/**
 * How much the model thinks before it answers; `false` asks it not to, and fails for a model that cannot but think.
 * Thinking counts as output and as part of `maxTokens`.
 *
 * - `effort`, `budgetTokens`: whichever the model goes by; the other is translated. Without both the model decides by
 *   itself where it can, and thinks with medium effort elsewhere.
 * - `display`: what the answer shows of it: `summarized` or `omitted`.
 * - `interleaved`: think between the calls of tools too. The budget may exceed `maxTokens` then, since it is that of all
 *   thoughts of the answer.
 *
 * A model that has no such choice of `display` or `interleaved` answers all the same, and the provider reports it.
 */
export type Reasoning = typeof Reasoning.Type
/** @see {@link Reasoning} */
export const Reasoning = Schema.Union([
  Schema.Literal(false),
  Schema.Struct({
    effort: Schema.optional(Schema.Literals(["low", "medium", "high", "xhigh", "max"])),
    budgetTokens: Schema.optional(Schema.Finite),
    display: Schema.optional(Schema.Literals(["summarized", "omitted"])),
    interleaved: Schema.optional(Schema.Boolean)
  })
])

/**
 * A chat request.
 *
 * - `model`: overrides the model of the layer; see {@link ModelName}.
 * - `messages`: a string is one user message.
 * - `maxTokens`: the most tokens the answer may have. Set it: Bedrock reserves it against the token quota, and the
 *   model's own maximum when it is missing.
 * - `temperature`: 0 (steady) to 1 (varied), as the model defines it; `topP`: 0 to 1.
 * - `stopSequences`: texts that end the answer.
 * - `tools`, `toolChoice`: what the model may call; `ToolLoop` calls it.
 * - `parallelToolCalls`: `false` for one call at most in an answer. Fails with `UnsupportedFeatureError` for a model that
 *   cannot be told so.
 * - `responseFormat`: see {@link ResponseFormat}; `reasoning`: see {@link Reasoning}.
 */
export interface ChatRequest extends Omit<Schema.Schema.Type<typeof ChatRequest>, "model"> {
  readonly model?: ModelName | undefined
}
/** @see {@link ChatRequest} */
export const ChatRequest = Schema.Struct({
  model: Schema.optional(Schema.String),
  messages: Schema.Union([Schema.String, Schema.Array(Message.Message)]),
  maxTokens: Schema.optional(Schema.Finite),
  temperature: Schema.optional(Schema.Finite),
  topP: Schema.optional(Schema.Finite),
  stopSequences: Schema.optional(Schema.Array(Schema.String)),
  tools: Schema.optional(Schema.Array(ToolDefinition.RequestTool)),
  toolChoice: Schema.optional(ToolDefinition.ToolChoice),
  parallelToolCalls: Schema.optional(Schema.Boolean),
  responseFormat: Schema.optional(ResponseFormat),
  reasoning: Schema.optional(Reasoning),
  providerOptions: Schema.optional(Schema.declare(isRecord, { toCodecJson: Untyped.toCodecJson<ProviderOptions>() }))
})

/** What the functions of `ChatService` take: a whole request, or just what to say. */
export type Input = string | ReadonlyArray<Message.Message> | ChatRequest

/** What all requests of a layer ask for unless they say otherwise; `system` is a system prompt. */
export interface Defaults extends Partial<Omit<ChatRequest, "messages">> {
  readonly system?: string | undefined
}

/** A {@link ChatRequest} whose model and messages are settled: what a provider receives. */
export interface Resolved extends ChatRequest {
  readonly model: string
  readonly messages: ReadonlyArray<Message.Message>
}

const isMessages = (input: Input): input is string | ReadonlyArray<Message.Message> =>
  typeof input === "string" || isArray(input)

const isArray: (input: unknown) => boolean = Total.make((input) => Array.isArray(input), () => false)

/** Builds a {@link ChatRequest} from any {@link Input}. */
export const make = (input: Input): ChatRequest => isMessages(input) ? { messages: input } : input

/** The messages of a request; a string is one message of the user. None of what is no request. */
export const messagesOf: (request: ChatRequest) => ReadonlyArray<Message.Message> = Total.make(
  ({ messages }) => typeof messages === "string" ? [Message.user(messages)] : Array.isArray(messages) ? messages : [],
  () => []
)

/** The model a request names, if it is a request and names one. */
export const modelOf: (request: unknown) => string | undefined = Total.make(
  (request) => Predicate.hasProperty(request, "model") && Predicate.isString(request.model) ? request.model : undefined,
  () => undefined
)
