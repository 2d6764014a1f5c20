/**
 * A model behind Converse, and its restrictions.
 */

/** The fields common to all models of the account. */
export interface Common {
  /** Such as `anthropic.claude-sonnet-4-5-20250929-v1:0`, without a geographic prefix. */
  readonly id: string
  /** Whether the plain id may be called; otherwise only an inference profile may. */
  readonly onDemand: boolean
  /**
   * The prefixes of its inference profiles: `us`, `eu`, `apac`, `global` … Those of a geography are callable in its
   * regions only.
   */
  readonly inferenceProfiles: ReadonlyArray<string>
  /** Whether the account has access. */
  readonly access: "granted" | "denied"
  readonly lifecycle: "active" | "end-of-life"
}

/** What a message can hold besides text. */
export type InputKind = "image" | "document" | "video" | "audio" | "searchResult"

/** What a tool result can hold besides text and JSON. */
export type ToolResultKind = Exclude<InputKind, "audio">

/** The `thinking.type` of Claude's requests. */
export type ThinkingMode = "enabled" | "adaptive" | "disabled"

/**
 * The prompt cache of a model: a prefix of fewer than `minTokens` is not cached.
 *
 * - `tools` (true): whether cache points are allowed among the tools.
 * - `hour` (true): whether an entry can live for an hour instead of five minutes.
 */
export interface Caching {
  readonly minTokens: number
  readonly tools?: boolean | undefined
  readonly hour?: boolean | undefined
}

/**
 * A model behind Converse.
 *
 * - `system`: the `system` field; `systemMessages`: messages of role `system` between the others.
 * - `turns`: `alternating` when user and assistant must alternate, and the user begins; `user-first` when only the
 *   latter; `any` when neither.
 * - `prefill`: whether a conversation may end with an assistant message, for the model to continue.
 * - `inputs`: what a message can hold besides text; `toolResults`: what a tool result can.
 * - `emptyToolResults`: whether a tool result may be empty; `toolResultStatus`: `status` on a tool result.
 * - `tools`; `toolChoices`: the accepted tool choices; `strictTools`: `strict` on a tool.
 * - `typedToolCalls`: whether answers have `type: "tool_use"` on ordinary calls.
 * - `structuredOutput`: `outputConfig.textFormat`.
 * - `sampling`: whether a request may set `temperature` and `topP`: `both` together, `one` of them, or `none`.
 * - `reasoning`: reasoning in the conversation. `signed`: with a signature that must be sent back; `unsigned`: without
 *   signatures; `any`: not checked.
 * - `thinking`: the accepted modes of Claude's `thinking`; `forcedToolsWhileThinking`: whether a tool may be forced
 *   then.
 * - `caching`: cache points.
 * - `counting`: CountTokens.
 * - `rules`: the vendor's own rules that apply behind the API.
 * - `contextTokens`: the maximum prompt, counted as four characters a token; `maxOutputTokens`: the maximum of
 *   `maxTokens`, and what a quota reserves for a request without it; {@link defaultMaxOutputTokens} when missing.
 */
export interface ChatModel extends Common {
  readonly kind: "chat"
  readonly system: boolean
  readonly systemMessages: boolean
  readonly turns: "alternating" | "user-first" | "any"
  readonly prefill: boolean
  readonly inputs: ReadonlyArray<InputKind>
  readonly toolResults: ReadonlyArray<ToolResultKind>
  readonly emptyToolResults: boolean
  readonly toolResultStatus: boolean
  readonly tools: "always" | "not-while-streaming" | "never"
  readonly toolChoices: ReadonlyArray<"any" | "tool">
  readonly strictTools: boolean
  readonly typedToolCalls: boolean
  readonly structuredOutput: boolean
  readonly sampling: "both" | "one" | "none"
  readonly reasoning: "never" | "unsigned" | "signed" | "any"
  readonly thinking: ReadonlyArray<ThinkingMode>
  readonly forcedToolsWhileThinking: boolean
  readonly caching: false | Caching
  readonly counting: boolean
  readonly rules: "claude" | "nova" | "none"
  readonly contextTokens?: number | undefined
  readonly maxOutputTokens?: number | undefined
}

/** The default of `maxOutputTokens` in {@link ChatModel}. */
export const defaultMaxOutputTokens = 4096

/** Active, granted and callable by its own id. */
export const active = { onDemand: true, inferenceProfiles: [], access: "granted", lifecycle: "active" } as const

/**
 * A chat model: active, granted, callable by its own id and capable of everything unless the options say otherwise. A
 * model of Anthropic follows Claude's rules and signs its reasoning, one of Amazon's Nova follows Nova's. Tool results
 * can hold what messages can, unless the options set that too.
 */
export const chat = (id: string, options?: Partial<Omit<ChatModel, "id" | "kind">>): ChatModel => {
  const rules = id.startsWith("anthropic.") ? "claude" : id.startsWith("amazon.nova-") ? "nova" : "none"
  const { inputs = ["image", "document", "video", "audio", "searchResult"] } = options ?? {}
  return {
    ...active,
    system: true,
    systemMessages: true,
    turns: rules === "claude" ? "any" : rules === "nova" ? "user-first" : "alternating",
    prefill: true,
    inputs,
    toolResults: inputs.filter((kind) => kind !== "audio"),
    emptyToolResults: rules !== "nova",
    toolResultStatus: true,
    tools: "always",
    toolChoices: ["any", "tool"],
    strictTools: true,
    typedToolCalls: rules === "claude",
    structuredOutput: true,
    sampling: "both",
    reasoning: rules === "claude" ? "signed" : "any",
    thinking: ["enabled", "adaptive", "disabled"],
    forcedToolsWhileThinking: rules !== "claude",
    caching: { minTokens: 0, ...(rules === "nova" ? { tools: false, hour: false } : undefined) },
    counting: true,
    rules,
    ...options,
    kind: "chat",
    id
  }
}
