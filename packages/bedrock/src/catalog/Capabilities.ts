/**
 * Capabilities and limits of a chat model on Bedrock, as plain data.
 *
 * They describe the model behind Converse, not behind its vendor's own API. Every field is read by a rule of
 * `converse/`, by `ModelCatalog.check` or by the metering of quotas.
 */
import type * as Schema from "effect/Schema"

/**
 * Capabilities of a model. A missing field is unknown and assumed to be supported, except for hints, which are sent
 * only to models known to take them.
 *
 * The conversation
 * - `streaming`: ConverseStream.
 * - `systemPrompt`: the `system` field. Without it, instructions have to go into the first user message.
 * - `midConversationSystem`: messages of role `system` between the others.
 * - `leadingAssistant`: a conversation that begins with an assistant message.
 * - `prefill`: a conversation that ends with an assistant message, which the model continues.
 * - `userTurnsInARow`: consecutive user messages. Otherwise, or when unknown, they are joined.
 *
 * Input
 * - `imageInput`, `documentInput`, `videoInput`, `audioInput`: parts of that type in a user message.
 *
 * Tools
 * - `tools`, `toolsWhileStreaming`: some models take tools from Converse and refuse them from ConverseStream.
 * - `toolChoice`: the kinds of choice it takes. `auto` is what a request without a choice means.
 * - `disableParallelToolUse`: Claude's `tool_choice.disable_parallel_tool_use` among `additionalModelRequestFields`.
 * - `strictTools`: `strict` on a tool.
 * - `toolSchemas`: restrictions on the schema of a tool's arguments; see {@link ToolSchemas}.
 * - `toolResultStatus`: `status` on a tool result.
 * - `imagesInToolResults`, `documentsInToolResults`, `videosInToolResults`: media inside a tool result.
 * - `besideToolResults`: parts allowed beside tool results in one user message; empty when results must be alone.
 * - `toolCallIdPattern`: source of the regular expression its tool call ids must match, when it is narrower than the
 *   `[a-zA-Z0-9_.:-]{1,64}` of Converse.
 *
 * Output
 * - `nativeJson`: `outputConfig.textFormat` with a JSON schema.
 * - `strictLimits`: limits of strict schemas; see {@link StrictLimits}.
 * - `blankStopSequences`: stop sequences of only white space.
 * - `sampling`: `temperature` and `topP`.
 * - `topPAndTemperatureTogether`: both in one request.
 *
 * Reasoning
 * - `reasoning`: see {@link Reasoning}.
 * - `reasoningInHistory`: see {@link ReasoningInHistory}.
 * - `forcedToolWithReasoning`: the tool choices `any` and `tool` together with reasoning.
 * - `temperatureWithReasoning`: a temperature other than 1 together with reasoning.
 *
 * Tokens
 * - `caching`: see {@link Caching}.
 * - `maxOutputTokens`: tokens Bedrock reserves for an answer without `maxTokens`.
 * - `outputBurndown`: how many tokens of the quota one output token costs; 1 when unknown. Source:
 *   https://docs.aws.amazon.com/bedrock/latest/userguide/quotas-token-burndown.html
 * - `limits`: see {@link Limits}.
 */
export interface Capabilities {
  readonly streaming?: boolean | undefined
  readonly systemPrompt?: boolean | undefined
  readonly midConversationSystem?: boolean | undefined
  readonly leadingAssistant?: boolean | undefined
  readonly prefill?: boolean | undefined
  readonly userTurnsInARow?: boolean | undefined

  readonly imageInput?: boolean | undefined
  readonly documentInput?: boolean | undefined
  readonly videoInput?: boolean | undefined
  readonly audioInput?: boolean | undefined

  readonly tools?: boolean | undefined
  readonly toolsWhileStreaming?: boolean | undefined
  readonly toolChoice?: ReadonlyArray<ToolChoice> | undefined
  readonly disableParallelToolUse?: boolean | undefined
  readonly strictTools?: boolean | undefined
  readonly toolSchemas?: ToolSchemas | undefined
  readonly toolResultStatus?: boolean | undefined
  readonly imagesInToolResults?: boolean | undefined
  readonly documentsInToolResults?: boolean | undefined
  readonly videosInToolResults?: boolean | undefined
  readonly besideToolResults?: ReadonlyArray<"text" | "image" | "document" | "video"> | undefined
  readonly toolCallIdPattern?: string | undefined

  readonly nativeJson?: boolean | undefined
  readonly strictLimits?: StrictLimits | undefined
  readonly blankStopSequences?: boolean | undefined
  readonly sampling?: boolean | undefined
  readonly topPAndTemperatureTogether?: boolean | undefined

  readonly reasoning?: Reasoning | undefined
  readonly reasoningInHistory?: ReasoningInHistory | undefined
  readonly forcedToolWithReasoning?: boolean | undefined
  readonly temperatureWithReasoning?: boolean | undefined

  readonly caching?: Caching | undefined
  readonly maxOutputTokens?: number | undefined
  readonly outputBurndown?: number | undefined
  readonly limits?: Limits | undefined
}

/** `any` must call a tool, `tool` must call one by name. */
export type ToolChoice = "auto" | "any" | "tool"

/**
 * Restrictions on the top level of a tool's argument schema. Below it, every model takes every keyword.
 *
 * - `topKeywords`: the keywords allowed there; any, when missing. `$defs` must be listed too.
 * - `topCombinators`: `allOf`, `anyOf` and `oneOf` there.
 */
export interface ToolSchemas {
  readonly topKeywords?: ReadonlyArray<string> | undefined
  readonly topCombinators?: boolean | undefined
}

/**
 * Limits of the strict schemas of one request, summed over strict tools and the response format. Where a limit is
 * missing, Claude's applies.
 *
 * - `tools`: strict tools.
 * - `optional`: properties that are not required.
 * - `unions`: places with a union of types.
 */
export interface StrictLimits {
  readonly tools?: number | undefined
  readonly optional?: number | undefined
  readonly unions?: number | undefined
}

/**
 * What reasoning in the history a model accepts; when missing, any.
 *
 * - `signed`: its own, which has its signature or is redacted.
 * - `unsigned`: plain text without a signature.
 * - `none`: a conversation that holds reasoning is refused.
 */
export type ReasoningInHistory = "signed" | "unsigned" | "none"

/**
 * How reasoning is requested from a model.
 *
 * - `none`: it cannot reason. `always`: it always does.
 * - `budget`: at most a number of tokens, `minTokens` or more. With `sealsToolUse`, the reasoning before the tool calls
 *   being answered must be sent back.
 * - `effort`: one of the `levels`, or, where it is `adaptive`, as the model decides. With `alwaysOn` it reasons by
 *   default, and cannot be turned off; with `off` it reasons unless turned off. At its `bareLevels` it takes neither
 *   `maxTokens` nor `temperature` nor `topP`.
 */
export type Reasoning =
  | { readonly control: "none" | "always" }
  | {
    readonly control: "budget"
    readonly minTokens: number
    readonly sealsToolUse?: boolean | undefined
  } & ReasoningRequest
  | {
    readonly control: "effort"
    readonly levels: ReadonlyArray<Effort>
    readonly adaptive?: boolean | undefined
    readonly alwaysOn?: boolean | undefined
    readonly off?: RequestFields | undefined
    readonly bareLevels?: ReadonlyArray<Effort> | undefined
  } & ReasoningRequest

/** Levels of effort. */
export type Effort = "low" | "medium" | "high" | "xhigh" | "max"

/**
 * A request for reasoning, in `additionalModelRequestFields`: `fields` as they are, the number of tokens or the level
 * at `path`.
 *
 * - `display`: the path of the field that selects how much of the reasoning the answer shows.
 * - `interleaved`: fields that request reasoning between tool calls; empty for a model that does it by default.
 */
export interface ReasoningRequest {
  readonly fields: RequestFields
  readonly path: Path
  readonly display?: Path | undefined
  readonly interleaved?: RequestFields | undefined
}

/** JSON among `additionalModelRequestFields`. */
export interface RequestFields {
  readonly [name: string]: Schema.Json
}

/** Keys of a path in {@link RequestFields}. */
export type Path = readonly [string, ...ReadonlyArray<string>]

/**
 * Prompt caching by cache points.
 *
 * - `supported`: other models may refuse a request with a cache point, so none is sent unless this is `true`.
 * - `where`: the fields that take cache points.
 * - `ttl`: the times to live an entry can request.
 * - `maxPoints`: maximum of cache points in one request.
 * - `behindBlankText`: whether blank text is accepted before a cache point.
 */
export interface Caching {
  readonly supported: boolean
  readonly where?: ReadonlyArray<"system" | "messages" | "tools"> | undefined
  readonly ttl?: ReadonlyArray<"5m" | "1h"> | undefined
  readonly maxPoints?: number | undefined
  readonly behindBlankText?: boolean | undefined
}

/**
 * Limits on the media of a request.
 *
 * - `imagesPerRequest`: over all messages of the conversation, without tool results.
 * - `imageBytes`: of one image.
 * - `documentsPerMessage`, `documentBytes`: of one message, of one document.
 */
export interface Limits {
  readonly imagesPerRequest?: number | undefined
  readonly imageBytes?: number | undefined
  readonly documentsPerMessage?: number | undefined
  readonly documentBytes?: number | undefined
}

/** The limits in the reference of Converse: 20 images of 3.75 MB, five documents of 4.5 MB. */
export const converseLimits: Limits = {
  imageBytes: 3_750_000,
  imagesPerRequest: 20,
  documentsPerMessage: 5,
  documentBytes: 4_500_000
}

/** Common to models of most vendors on Bedrock: text in, text out. */
export const textOnly: Capabilities = {
  streaming: true,
  systemPrompt: true,
  midConversationSystem: false,
  leadingAssistant: false,
  imageInput: false,
  videoInput: false,
  audioInput: false,
  imagesInToolResults: false,
  videosInToolResults: false,
  nativeJson: false,
  strictTools: false,
  reasoning: { control: "none" },
  reasoningInHistory: "none",
  caching: { supported: false },
  limits: { documentsPerMessage: converseLimits.documentsPerMessage, documentBytes: converseLimits.documentBytes }
}
