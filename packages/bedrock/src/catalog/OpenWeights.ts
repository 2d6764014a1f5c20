/**
 * Models with open weights that Bedrock hosts unchanged: DeepSeek, Google's Gemma, MiniMax, Moonshot's Kimi, NVIDIA's
 * Nemotron, Qwen, Z.AI's GLM. Sources: recorded traffic; the page on structured output in the user guide of Bedrock, and
 * what users report.
 */
import { type Capabilities, textOnly } from "./Capabilities.ts"
import type { Entry } from "./Entry.ts"

const structuredOutput = { nativeJson: true, strictTools: true }

/** None of them signs its reasoning, nor takes images or videos in tool results. */
const open: Capabilities = {
  imagesInToolResults: false,
  videosInToolResults: false,
  reasoningInHistory: "unsigned"
}

/** DeepSeek R1 and V3, Gemma, MiniMax, Kimi, Nemotron, Qwen3, GLM. */
export const entries: ReadonlyArray<Entry> = [
  {
    match: { vendor: "deepseek", before: "3" },
    capabilities: {
      ...textOnly,
      // it may take tools without streaming: reports differ
      toolsWhileStreaming: false,
      reasoning: { control: "always" },
      leadingAssistant: undefined,
      maxOutputTokens: 32_768
    }
  },
  {
    match: { vendor: "deepseek", since: "3" },
    capabilities: {
      ...textOnly,
      ...structuredOutput,
      ...open,
      tools: true,
      toolsWhileStreaming: true,
      toolChoice: ["auto", "any", "tool"],
      leadingAssistant: undefined,
      reasoning: undefined,
      maxOutputTokens: 81_920
    }
  },
  { match: { vendor: "deepseek", version: "3" }, capabilities: { toolChoice: ["auto", "any"] } },
  {
    match: { vendor: "qwen", family: "qwen", since: "3" },
    capabilities: {
      ...textOnly,
      ...structuredOutput,
      ...open,
      leadingAssistant: undefined,
      tools: true,
      toolsWhileStreaming: true,
      documentsInToolResults: false,
      reasoning: undefined
    }
  },
  { match: { vendor: "qwen", family: "qwen", since: "3", words: ["vl"] }, capabilities: { imageInput: true } },
  {
    match: { vendor: "qwen", family: "qwen", version: "3", words: ["32b"] },
    capabilities: {
      reasoning: {
        control: "effort",
        fields: {},
        path: ["reasoning_config"],
        levels: ["low", "high"],
        adaptive: true,
        alwaysOn: true
      },
      maxOutputTokens: 16_384
    }
  },
  {
    match: { vendor: "zai", family: "glm" },
    capabilities: {
      ...textOnly,
      ...structuredOutput,
      ...open,
      tools: true,
      leadingAssistant: undefined,
      reasoning: undefined
    }
  },
  ...["moonshot", "moonshotai"].map((vendor): Entry => ({
    match: { vendor, family: "kimi" },
    capabilities: {
      ...structuredOutput,
      ...open,
      streaming: true,
      systemPrompt: true,
      midConversationSystem: false,
      leadingAssistant: undefined,
      tools: true,
      toolsWhileStreaming: true,
      documentsInToolResults: false,
      caching: { supported: false }
    }
  })),
  ...[{ vendor: "google", family: "gemma" }, { vendor: "minimax" }, { vendor: "nvidia", family: "nemotron" }].map((
    match
  ): Entry => ({ match, capabilities: open })),
  // recorded
  ...[
    { vendor: "google", family: "gemma", since: "3", words: ["27b"] },
    { vendor: "minimax", family: "minimax", since: "2" },
    { vendor: "nvidia", family: "nemotron", words: ["nano", "12b"] }
  ].map((match): Entry => ({ match, capabilities: { nativeJson: true } }))
]
