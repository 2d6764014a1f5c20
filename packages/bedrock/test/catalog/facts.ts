/**
 * What the catalogue must know of the models most used, one of each kind.
 */
import type * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"

/** id, and some of what is so about it */
export const facts: ReadonlyArray<readonly [string, ModelCatalog.Model]> = [
  ["anthropic.claude-v2:1", { tools: false, imageInput: false, documentInput: true, systemPrompt: true }],
  ["anthropic.claude-3-haiku-20240307-v1:0", {
    version: "3",
    tools: true,
    imageInput: true,
    maxOutputTokens: 4096,
    nativeJson: false,
    reasoning: { control: "none" },
    caching: { supported: false }
  }],
  ["us.anthropic.claude-3-opus-20240229-v1:0", { maxOutputTokens: 4096, outputBurndown: undefined }],
  ["anthropic.claude-3-5-sonnet-20240620-v1:0", { maxOutputTokens: 4096, imageInput: true }],
  ["us.anthropic.claude-3-5-sonnet-20241022-v2:0", { maxOutputTokens: 8192, caching: { supported: false } }],
  ["us.anthropic.claude-3-5-haiku-20241022-v1:0", { maxOutputTokens: 8192, imageInput: false, tools: true }],
  ["eu.anthropic.claude-3-7-sonnet-20250219-v1:0", {
    forcedToolWithReasoning: false,
    temperatureWithReasoning: false,
    topPAndTemperatureTogether: undefined,
    outputBurndown: 5
  }],
  ["apac.anthropic.claude-sonnet-4-20250514-v1:0", { version: "4", maxOutputTokens: 64_000, outputBurndown: 5 }],
  ["us.anthropic.claude-opus-4-20250514-v1:0", { maxOutputTokens: 32_000, nativeJson: false }],
  ["us.anthropic.claude-opus-4-1-20250805-v1:0", { maxOutputTokens: 32_000, topPAndTemperatureTogether: false }],
  ["jp.anthropic.claude-sonnet-4-5-20250929-v1:0", {
    nativeJson: true,
    strictTools: true,
    topPAndTemperatureTogether: false,
    toolChoice: ["auto", "any", "tool"],
    midConversationSystem: false
  }],
  ["global.anthropic.claude-haiku-4-5-20251001-v1:0", { maxOutputTokens: 64_000, outputBurndown: 5 }],
  ["anthropic.claude-opus-4-6-v1", { maxOutputTokens: 128_000, nativeJson: true, prefill: false }],
  ["anthropic.claude-opus-4-8", { sampling: false, nativeJson: false, midConversationSystem: undefined }],
  ["anthropic.claude-fable-5", { sampling: false, outputBurndown: 5, toolChoice: ["auto"] }],
  ["amazon.nova-micro-v1:0", { imageInput: false, documentInput: false, videoInput: false, tools: true }],
  ["eu.amazon.nova-lite-v1:0", { imageInput: true, videoInput: true, userTurnsInARow: true }],
  ["amazon.nova-pro-v1:0:300k", { documentInput: true, toolChoice: ["auto", "any", "tool"], nativeJson: false }],
  ["us.amazon.nova-premier-v1:0", { reasoningInHistory: "none", reasoning: { control: "none" } }],
  ["amazon.titan-text-express-v1", { systemPrompt: false, tools: false, documentInput: true, imageInput: false }],
  ["amazon.titan-text-premier-v1:0", { systemPrompt: false, tools: false, documentInput: false }],
  ["meta.llama3-8b-instruct-v1:0", { tools: false, imageInput: false, systemPrompt: true }],
  ["us.meta.llama3-1-70b-instruct-v1:0", { tools: true, toolsWhileStreaming: false, imageInput: false }],
  ["us.meta.llama3-2-3b-instruct-v1:0", { tools: false, imageInput: false }],
  ["us.meta.llama3-2-90b-instruct-v1:0", { tools: true, toolsWhileStreaming: false, imageInput: true }],
  ["us.meta.llama3-3-70b-instruct-v1:0", { tools: true, toolsWhileStreaming: false, toolChoice: ["auto"] }],
  ["us.meta.llama4-scout-17b-instruct-v1:0", { imageInput: true, toolsWhileStreaming: false, besideToolResults: [] }],
  ["mistral.mistral-7b-instruct-v0:2", { systemPrompt: false, tools: false, documentInput: true }],
  ["mistral.mixtral-8x7b-instruct-v0:1", { systemPrompt: false, tools: false }],
  ["mistral.mistral-large-2407-v1:0", { tools: true, toolsWhileStreaming: false, toolChoice: ["auto", "any"] }],
  ["mistral.mistral-small-2402-v1:0", { tools: true, toolsWhileStreaming: false, systemPrompt: true }],
  ["us.mistral.pixtral-large-2502-v1:0", { imageInput: true, imagesInToolResults: false }],
  ["mistral.mistral-large-3-675b-instruct", { nativeJson: true, toolsWhileStreaming: undefined, imageInput: true }],
  ["cohere.command-text-v14", { tools: false, systemPrompt: false }],
  ["cohere.command-r-plus-v1:0", { tools: true, toolsWhileStreaming: true, systemPrompt: true, imageInput: false }],
  ["ai21.jamba-instruct-v1:0", { tools: false, documentInput: false }],
  ["ai21.jamba-1-5-large-v1:0", { tools: true, toolsWhileStreaming: true, documentInput: true }],
  ["us.deepseek.r1-v1:0", { reasoning: { control: "always" }, toolsWhileStreaming: false }],
  ["deepseek.v3-v1:0", { tools: true, nativeJson: true, toolChoice: ["auto", "any"] }],
  ["us.writer.palmyra-x5-v1:0", { toolResultStatus: false, besideToolResults: [], tools: true }],
  ["openai.gpt-oss-120b-1:0", { systemPrompt: true, imageInput: false, reasoningInHistory: "unsigned" }],
  ["qwen.qwen3-coder-480b-a35b-v1:0", { tools: true, imageInput: false, nativeJson: true }],
  ["qwen.qwen3-vl-235b-a22b", { imageInput: true, imagesInToolResults: false }]
]

/** One id for each entry of the catalogue, and for models to come. */
export const ids: ReadonlyArray<string> = [
  ...new Set([
    ...facts.map(([id]) => id),
    "us.anthropic.claude-sonnet-4-6",
    "anthropic.claude-opus-4-7",
    "us.anthropic.claude-sonnet-5",
    "us.anthropic.claude-opus-5",
    "us.anthropic.claude-opus-5-5",
    "us.anthropic.claude-haiku-5-1",
    "us.anthropic.claude-sonnet-6",
    "anthropic.claude-mythos-5",
    "us.amazon.nova-2-lite-v1:0",
    "us.amazon.nova-3-pro-v1:0",
    "us.meta.llama5-behemoth-v1:0",
    "mistral.devstral-2-123b",
    "mistral.magistral-small-2509",
    "mistral.ministral-3-14b-instruct",
    "mistral.voxtral-mini-3b-2507",
    "deepseek.v3.2",
    "qwen.qwen3-32b-v1:0",
    "qwen.qwen3.5-vl-122b-a10b",
    "zai.glm-4.7",
    "moonshotai.kimi-k2.5",
    "google.gemma-3-27b-it",
    "minimax.minimax-m2.1",
    "nvidia.nemotron-nano-12b-v2",
    "nvidia.nemotron-super-3-120b",
    "global.openai.gpt-5.6-terra",
    "openai.gpt-6"
  ])
]
