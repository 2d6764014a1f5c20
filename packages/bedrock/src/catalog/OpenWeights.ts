/**
 * Models with open weights that Bedrock hosts unchanged: DeepSeek, OpenAI's gpt-oss, Qwen, Z.AI's GLM, Moonshot's Kimi.
 * Source: the page on structured output in the user guide of Bedrock, and what users report.
 */
import { textOnly } from "./Capabilities.ts"
import type { Entry } from "./Entry.ts"

const structuredOutput = { nativeJson: true, strictTools: true }

/** DeepSeek R1 and V3, gpt-oss, Qwen3, GLM, Kimi. */
export const entries: ReadonlyArray<Entry> = [
  {
    match: { vendor: "deepseek", words: ["r1"] },
    capabilities: {
      ...textOnly,
      // it may take tools where nothing streams: reports differ
      toolsWhileStreaming: false,
      reasoning: { control: "always" },
      leadingAssistant: undefined,
      contextTokens: 128_000,
      maxOutputTokens: 32_768
    }
  },
  ...["3", "3.2"].map((version): Entry => ({
    match: { vendor: "deepseek", version },
    capabilities: {
      ...textOnly,
      ...structuredOutput,
      tools: true,
      toolsWhileStreaming: true,
      toolChoice: version === "3" ? ["auto", "any"] : ["auto", "any", "tool"],
      leadingAssistant: undefined,
      reasoning: undefined,
      contextTokens: 163_840,
      maxOutputTokens: 81_920
    }
  })),
  {
    match: { vendor: "openai", family: "gpt", words: ["oss"] },
    capabilities: {
      ...textOnly,
      tools: true,
      toolsWhileStreaming: true,
      leadingAssistant: undefined,
      nativeJson: undefined,
      strictTools: undefined,
      reasoning: {
        control: "effort",
        fields: {},
        path: ["reasoning_effort"],
        levels: ["low", "medium", "high"],
        alwaysOn: true
      },
      contextTokens: 128_000,
      maxOutputTokens: 16_384
    }
  },
  {
    match: { vendor: "qwen", family: "qwen", version: "3" },
    capabilities: {
      ...textOnly,
      ...structuredOutput,
      leadingAssistant: undefined,
      tools: true,
      toolsWhileStreaming: true,
      imagesInToolResults: false,
      documentsInToolResults: false,
      videosInToolResults: false,
      reasoning: undefined
    }
  },
  { match: { vendor: "qwen", family: "qwen", version: "3", words: ["vl"] }, capabilities: { imageInput: true } },
  {
    match: { vendor: "qwen", family: "qwen", version: "3", words: ["32b"] },
    capabilities: {
      reasoning: {
        control: "effort",
        fields: {},
        path: ["reasoning_config"],
        levels: ["low", "high"],
        alwaysOn: true
      },
      contextTokens: 16_384,
      maxOutputTokens: 16_384
    }
  },
  {
    match: { vendor: "zai", family: "glm" },
    capabilities: { ...textOnly, ...structuredOutput, tools: true, leadingAssistant: undefined, reasoning: undefined }
  },
  ...["moonshot", "moonshotai"].map((vendor): Entry => ({
    match: { vendor, family: "kimi" },
    capabilities: {
      ...structuredOutput,
      streaming: true,
      systemPrompt: true,
      midConversationSystem: false,
      leadingAssistant: undefined,
      tools: true,
      toolsWhileStreaming: true,
      imagesInToolResults: false,
      documentsInToolResults: false,
      caching: { supported: false }
    }
  }))
]
