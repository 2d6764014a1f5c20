/** A request to a chat model. */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"
import * as Untyped from "../internal/untyped.ts"
import * as Message from "./Message.ts"
import * as ToolDefinition from "./ToolDefinition.ts"

/** Options of providers, by provider. Packages add theirs by declaration merging: `@strata/bedrock` adds `bedrock`. */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface ProviderOptions {}

/** Model ids for the completion of editors, as keys. Provider packages add theirs by declaration merging. */
// oxlint-disable-next-line typescript/no-empty-object-type -- open for declaration merging
export interface KnownModels {}

/** The id of a model: one of the {@link KnownModels}, or any other string. */
export type ModelName = Extract<keyof KnownModels, string> | (string & {})

const isOptions = (u: unknown): u is ProviderOptions => Predicate.isObject(u)

/** JSON that matches a JSON Schema of type `object`, in the text of the answer. `name` and `description` are for the model. */
export class JsonFormat extends Schema.Opaque<JsonFormat>()(Schema.Struct({
  type: Schema.tag("json"),
  schema: Schema.Record(Schema.String, Schema.Unknown),
  name: Schema.optional(Schema.String),
  description: Schema.optional(Schema.String)
})) {}

/** Text or JSON. `ChatService.object` sets it from an Effect `Schema` and decodes the answer. */
export type ResponseFormat = typeof ResponseFormat.Type
export const ResponseFormat = Schema.Union([Schema.Struct({ type: Schema.tag("text") }), JsonFormat])

/**
 * Reasoning before the answer; counts towards `maxTokens`. `false` turns it off, and fails for a model that always reasons.
 *
 * - `effort`, `budgetTokens`: translated to the one the model has. Without both the model decides, or the effort is medium.
 * - `display`: how the answer shows it; `interleaved`: reason between tool calls, too, with a budget of the whole answer.
 *   The provider ignores and reports them where the model lacks them.
 */
export type Reasoning = typeof Reasoning.Type
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
 * - `model`: overrides the model of the layer; `messages`: a string is one user message.
 * - `maxTokens`: the bound of the answer. Set it: Bedrock reserves it against the token quota, or else the model's maximum.
 * - `temperature`: 0 to 1, as the model defines it; `topP`: 0 to 1. `stopSequences`: texts that end the answer.
 * - `tools`, `toolChoice`: what the model may call; `ToolLoop` runs the calls.
 * - `parallelToolCalls`: `false` for at most one call in an answer; `UnsupportedFeatureError` where the model cannot.
 */
export interface ChatRequest extends Omit<Schema.Schema.Type<typeof ChatRequest>, "model" | "messages"> {
  readonly model?: ModelName | undefined
  readonly messages: string | ReadonlyArray<Message.Message>
}
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
  providerOptions: Schema.optional(Schema.declare(isOptions, { toCodecJson: Untyped.toCodecJson<ProviderOptions>() }))
})

/** The input of the functions of `ChatService`: a request, its messages, or the text of one user message. */
export type Input = string | ReadonlyArray<Message.Message> | ChatRequest

/** Defaults for all requests of a layer; `system` is a system prompt. */
export interface Defaults extends Partial<Omit<ChatRequest, "messages">> {
  readonly system?: string | undefined
}

/** A {@link ChatRequest} with its model and list of messages: what a provider receives. */
export interface Resolved extends ChatRequest {
  readonly model: string
  readonly messages: ReadonlyArray<Message.Message>
}

const isMessages = (input: Input): input is string | ReadonlyArray<Message.Message> =>
  typeof input === "string" || Check.holds(Array.isArray, input)

/** Builds a {@link ChatRequest} from any {@link Input}. */
export const make = (input: Input): ChatRequest => isMessages(input) ? { messages: input } : input

/** The messages of a request; a string is one user message. Empty for a value that is not a request. */
export const messagesOf: (request: ChatRequest) => ReadonlyArray<Message.Message> = Total.make(
  ({ messages }) => typeof messages === "string" ? [Message.user(messages)] : Array.isArray(messages) ? messages : [],
  () => []
)

/** The model of a request, if any. */
export const modelOf: (request: unknown) => string | undefined = Total.make(
  (request) => Predicate.hasProperty(request, "model") && Predicate.isString(request.model) ? request.model : undefined,
  () => undefined
)
