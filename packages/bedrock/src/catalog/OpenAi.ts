/**
 * OpenAI's models on Bedrock: GPT, and gpt-oss with open weights. Source: what users report.
 */
import { textOnly } from "./Capabilities.ts"
import type { Entry } from "./Entry.ts"

/** GPT-5 and later, gpt-oss. */
export const entries: ReadonlyArray<Entry> = [
  {
    match: { vendor: "openai", family: "gpt" },
    capabilities: { imagesInToolResults: false, videosInToolResults: false }
  },
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
        adaptive: true,
        alwaysOn: true
      },
      reasoningInHistory: "unsigned",
      maxOutputTokens: 16_384
    }
  }
]
