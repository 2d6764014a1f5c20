/**
 * Anthropic's Claude, from 2 to 5.5, with the restrictions of each version.
 *
 * Ids and limits from the user guide of Bedrock. Accepted conversations (a leading assistant message, signed reasoning)
 * are recorded; modes of thinking, forced tools, sampling and prefill are as users report them of each version.
 */
import type { ChatModel, ThinkingMode } from "./ChatModel.ts"
import { chat } from "./ChatModel.ts"

type Options = Partial<Omit<ChatModel, "id" | "kind">>

/** All geographies with inference profiles. */
const geographies = ["us", "eu", "apac", "jp", "au", "ca", "us-gov", "global"]

const common = {
  systemMessages: false,
  inputs: ["image", "document", "searchResult"],
  contextTokens: 200_000
} as const satisfies Options

/** No reasoning, no cache, and tool calls without a type. */
const older = {
  ...common,
  inferenceProfiles: ["us", "eu", "apac"],
  strictTools: false,
  structuredOutput: false,
  typedToolCalls: false,
  reasoning: "never",
  thinking: [],
  caching: false,
  maxOutputTokens: 4096
} as const satisfies Options

/** Claude 2 and Instant: text, and no tools. */
const first = {
  ...older,
  inferenceProfiles: [],
  inputs: ["document"],
  tools: "never",
  counting: false
} as const satisfies Options

const budget: ReadonlyArray<ThinkingMode> = ["enabled", "disabled"]

const thinking37 = {
  ...older,
  reasoning: "signed",
  thinking: budget,
  caching: { minTokens: 1024, hour: false },
  maxOutputTokens: 64_000
} as const satisfies Options

const claude4 = { ...thinking37, onDemand: false, inferenceProfiles: geographies } as const satisfies Options

const claude45 = {
  ...common,
  onDemand: false,
  inferenceProfiles: geographies,
  sampling: "one",
  thinking: budget,
  caching: { minTokens: 4096 },
  maxOutputTokens: 64_000
} as const satisfies Options

const claude46 = {
  ...claude45,
  prefill: false,
  thinking: ["enabled", "adaptive", "disabled"],
  caching: { minTokens: 2048 },
  contextTokens: 1_000_000,
  maxOutputTokens: 128_000
} as const satisfies Options

/** From here on thinking has no budget, and sampling parameters are refused. */
const claude47 = {
  ...claude46,
  sampling: "none",
  thinking: ["adaptive", "disabled"],
  caching: { minTokens: 1024 }
} as const satisfies Options

const claude48 = { ...claude47, systemMessages: true, forcedToolsWhileThinking: true } as const satisfies Options

/** They always reason, and tools cannot be forced. */
const alwaysThinking = { ...claude48, thinking: ["adaptive"], toolChoices: [] } as const satisfies Options

/** All models of this file. */
export const models: ReadonlyArray<ChatModel> = [
  chat("anthropic.claude-instant-v1", first),
  chat("anthropic.claude-v2", first),
  chat("anthropic.claude-v2:1", first),
  chat("anthropic.claude-3-haiku-20240307-v1:0", older),
  // recorded: it takes a JSON schema
  chat("anthropic.claude-3-sonnet-20240229-v1:0", { ...older, structuredOutput: true }),
  chat("anthropic.claude-3-opus-20240229-v1:0", older),
  chat("anthropic.claude-3-5-sonnet-20240620-v1:0", { ...older, lifecycle: "end-of-life" }),
  chat("anthropic.claude-3-5-sonnet-20241022-v2:0", { ...older, maxOutputTokens: 8192 }),
  chat("anthropic.claude-3-5-haiku-20241022-v1:0", {
    ...older,
    inputs: ["document", "searchResult"],
    caching: { minTokens: 2048, hour: false },
    maxOutputTokens: 8192
  }),
  chat("anthropic.claude-3-7-sonnet-20250219-v1:0", thinking37),
  chat("anthropic.claude-sonnet-4-20250514-v1:0", claude4),
  chat("anthropic.claude-opus-4-20250514-v1:0", { ...claude4, maxOutputTokens: 32_000 }),
  chat("anthropic.claude-opus-4-1-20250805-v1:0", { ...claude4, sampling: "one", maxOutputTokens: 32_000 }),
  chat("anthropic.claude-sonnet-4-5-20250929-v1:0", { ...claude45, caching: { minTokens: 1024 } }),
  chat("anthropic.claude-haiku-4-5-20251001-v1:0", claude45),
  chat("anthropic.claude-opus-4-5-20251101-v1:0", claude45),
  chat("anthropic.claude-sonnet-4-6", { ...claude46, maxOutputTokens: 64_000 }),
  chat("anthropic.claude-opus-4-6-v1", { ...claude46, caching: { minTokens: 4096 } }),
  chat("anthropic.claude-opus-4-7", claude47),
  chat("anthropic.claude-opus-4-8", claude48),
  chat("anthropic.claude-sonnet-5", claude48),
  chat("anthropic.claude-opus-5", { ...claude48, structuredOutput: false }),
  chat("anthropic.claude-fable-5", alwaysThinking),
  chat("anthropic.claude-mythos-5", alwaysThinking),
  ...["fable-5-1", "mythos-5-1", "opus-5-5"].map((name) =>
    chat(`anthropic.claude-${name}`, { ...alwaysThinking, strictTools: false, structuredOutput: false })
  )
]
