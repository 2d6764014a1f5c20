/**
 * What a chat model on Bedrock can do, and within which limits, as plain data.
 *
 * It describes Converse, not the model at its maker's: the same model may do more elsewhere.
 */
import type * as Schema from "effect/Schema"

/**
 * What a model can do. Whatever is missing is unknown, and a model is taken to be capable of it.
 *
 * Who it is
 * - `vendor`, `family`, `version`: as `ModelId` reads them from the id, or from the hint.
 *
 * The conversation
 * - `streaming`: ConverseStream.
 * - `systemPrompt`: the `system` field. Without it, instructions have to go into the first user message.
 * - `midConversationSystem`: messages of role `system` between the others.
 * - `leadingAssistant`: a conversation that begins with an assistant message.
 *
 * What the user can show it
 * - `imageInput`, `documentInput`, `videoInput`, `audioInput`: parts of that type in a user message.
 *
 * Tools
 * - `tools`, `toolsWhileStreaming`: some models take tools from Converse and refuse them from ConverseStream.
 * - `toolChoice`: the kinds of choice it takes. `auto` is what a request without a choice means.
 * - `strictTools`: `strict` on a tool.
 * - `toolSchemas`: what the schema of a tool's arguments may hold; see {@link ToolSchemas}.
 * - `toolResultStatus`: `status` on a tool result.
 * - `imagesInToolResults`, `documentsInToolResults`, `videosInToolResults`: media inside a tool result.
 * - `besideToolResults`: what may stand in one user message with tool results; empty when they must stand alone.
 * - `toolCallIdPattern`: source of the regular expression its tool call ids must match, when it is narrower than the
 *   `[a-zA-Z0-9_.:-]{1,64}` of Converse.
 *
 * The answer
 * - `nativeJson`: `outputConfig.textFormat` with a JSON schema.
 * - `strictLimits`: how much the schemas may hold that it is held to; see {@link StrictLimits}.
 * - `reasoning`: see {@link Reasoning}.
 * - `forcedToolWithReasoning`: the tool choices `any` and `tool` while it reasons.
 * - `temperatureWithReasoning`: a temperature other than 1 while it reasons.
 * - `sampling`: `temperature` and `topP` at all.
 * - `topPAndTemperatureTogether`: both in one request.
 *
 * Tokens
 * - `caching`: see {@link Caching}.
 * - `contextTokens`, `maxOutputTokens`: the service decides; these are for planning.
 * - `outputBurndown`: how many tokens of the quota one token of output costs; 1 where nothing else is known. Source:
 *   https://docs.aws.amazon.com/bedrock/latest/userguide/quotas-token-burndown.html
 */
export interface Capabilities {
  readonly vendor?: string | undefined
  readonly family?: string | undefined
  readonly version?: string | undefined

  readonly streaming?: boolean | undefined
  readonly systemPrompt?: boolean | undefined
  readonly midConversationSystem?: boolean | undefined
  readonly leadingAssistant?: boolean | undefined

  readonly imageInput?: boolean | undefined
  readonly documentInput?: boolean | undefined
  readonly videoInput?: boolean | undefined
  readonly audioInput?: boolean | undefined

  readonly tools?: boolean | undefined
  readonly toolsWhileStreaming?: boolean | undefined
  readonly toolChoice?: ReadonlyArray<ToolChoice> | undefined
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
  readonly reasoning?: Reasoning | undefined
  readonly forcedToolWithReasoning?: boolean | undefined
  readonly temperatureWithReasoning?: boolean | undefined
  readonly sampling?: boolean | undefined
  readonly topPAndTemperatureTogether?: boolean | undefined

  readonly caching?: Caching | undefined
  readonly contextTokens?: number | undefined
  readonly maxOutputTokens?: number | undefined
  readonly outputBurndown?: number | undefined
  readonly limits?: Limits | undefined
}

/** `any` must call a tool, `tool` must call one by name. */
export type ToolChoice = "auto" | "any" | "tool"

/**
 * What the schema of a tool's arguments may hold at its top. Below, every model takes every keyword.
 *
 * - `topKeywords`: the keywords it may have there; any, when missing. Definitions are none of them unless named.
 * - `topCombinators`: `allOf`, `anyOf` and `oneOf` there.
 */
export interface ToolSchemas {
  readonly topKeywords?: ReadonlyArray<string> | undefined
  readonly topCombinators?: boolean | undefined
}

/**
 * How much the schemas of one request may hold that the model is held to: those of strict tools and that of the answer,
 * added up. Where a limit is missing, that of Claude holds.
 *
 * - `tools`: strict tools.
 * - `optional`: properties that are not required.
 * - `unions`: places where one of several types may stand.
 */
export interface StrictLimits {
  readonly tools?: number | undefined
  readonly optional?: number | undefined
  readonly unions?: number | undefined
}

/**
 * How a model is told to reason.
 *
 * - `none`: it does not. `always`: it does, whatever is asked.
 * - `budget`: with at most so many tokens, `minTokens` or more.
 * - `effort`: as hard as one of the `levels`. With `alwaysOn` it reasons without being asked, too. At its `bareLevels` it
 *   takes neither `maxTokens` nor `temperature` nor `topP`.
 *
 * The request goes into `additionalModelRequestFields`: `fields` as they are, and the number of tokens or the level at
 * `path`.
 */
export type Reasoning =
  | { readonly control: "none" | "always" }
  | { readonly control: "budget"; readonly minTokens: number } & ReasoningRequest
  | {
    readonly control: "effort"
    readonly levels: ReadonlyArray<Effort>
    readonly alwaysOn?: boolean | undefined
    readonly bareLevels?: ReadonlyArray<Effort> | undefined
  } & ReasoningRequest

/** How hard to think. */
export type Effort = "low" | "medium" | "high" | "xhigh" | "max"

/** Where a request for reasoning stands; see {@link Reasoning}. */
export interface ReasoningRequest {
  readonly fields: { readonly [name: string]: Schema.Json }
  readonly path: readonly [string, ...ReadonlyArray<string>]
}

/**
 * Prompt caching by cache points.
 *
 * - `supported`: a model that is not may refuse a request with a cache point in it.
 * - `where`: the fields that take cache points.
 * - `ttl`: how long an entry can be asked to live.
 * - `minTokens`: a prefix shorter than this is not cached, without an error.
 * - `maxPoints`: cache points in one request.
 */
export interface Caching {
  readonly supported: boolean
  readonly where?: ReadonlyArray<"system" | "messages" | "tools"> | undefined
  readonly ttl?: ReadonlyArray<"5m" | "1h"> | undefined
  readonly minTokens?: number | undefined
  readonly maxPoints?: number | undefined
}

/**
 * How much a request can show a model.
 *
 * - `imagesPerRequest`: counted over the whole conversation.
 * - `imageBytes`, `imagePixels`: of one image; the pixels are those of its longer side.
 * - `documentsPerMessage`, `documentBytes`: of one message, of one document.
 */
export interface Limits {
  readonly imagesPerRequest?: number | undefined
  readonly imageBytes?: number | undefined
  readonly imagePixels?: number | undefined
  readonly documentsPerMessage?: number | undefined
  readonly documentBytes?: number | undefined
}

/** What the reference of Converse says: 20 images of 3.75 MB and 8,000 pixels, five documents of 4.5 MB. */
export const converseLimits: Limits = {
  imageBytes: 3_750_000,
  imagePixels: 8_000,
  imagesPerRequest: 20,
  documentsPerMessage: 5,
  documentBytes: 4_500_000
}

/** What the models of most vendors have in common on Bedrock: text in, text out. */
export const textOnly: Capabilities = {
  streaming: true,
  systemPrompt: true,
  midConversationSystem: false,
  leadingAssistant: false,
  imageInput: false,
  videoInput: false,
  audioInput: false,
  nativeJson: false,
  strictTools: false,
  reasoning: { control: "none" },
  caching: { supported: false },
  limits: { documentsPerMessage: converseLimits.documentsPerMessage, documentBytes: converseLimits.documentBytes }
}
