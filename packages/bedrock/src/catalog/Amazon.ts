/**
 * Amazon's Nova and Titan Text. Sources: the table of Converse features in the user guide of Bedrock, the user guide of
 * Nova.
 */
import { type Caching, converseLimits, textOnly } from "./Capabilities.ts"
import type { Entry, Match } from "./Entry.ts"

const nova = (version: string, ...words: ReadonlyArray<string>): Match => ({
  vendor: "amazon",
  family: "nova",
  version,
  words
})

const caching = (minTokens?: number): Caching => ({
  supported: true,
  where: ["system", "messages"],
  ttl: ["5m"],
  minTokens,
  maxPoints: 4
})

/** Nova 1 and 2, Titan Text. */
export const entries: ReadonlyArray<Entry> = [
  {
    match: { vendor: "amazon", family: "nova" },
    capabilities: {
      streaming: true,
      systemPrompt: true,
      midConversationSystem: false,
      leadingAssistant: false,
      imageInput: true,
      documentInput: true,
      videoInput: true,
      tools: true,
      toolsWhileStreaming: true,
      toolChoice: ["auto", "any", "tool"],
      strictTools: false,
      toolSchemas: { topKeywords: ["type", "properties", "required"] },
      toolResultStatus: true,
      // documents too, but only those that are text
      imagesInToolResults: true,
      nativeJson: false,
      limits: converseLimits
    }
  },
  {
    match: nova("1"),
    capabilities: { audioInput: false, reasoning: { control: "none" }, caching: caching() }
  },
  {
    match: nova("1", "micro"),
    capabilities: {
      imageInput: false,
      documentInput: false,
      videoInput: false,
      imagesInToolResults: false,
      contextTokens: 128_000,
      caching: caching(1536)
    }
  },
  { match: nova("1", "lite"), capabilities: { contextTokens: 300_000, caching: caching(1536) } },
  { match: nova("1", "pro"), capabilities: { contextTokens: 300_000, caching: caching(1024) } },
  { match: nova("1", "premier"), capabilities: { contextTokens: 1_000_000 } },
  {
    match: nova("2"),
    capabilities: {
      // the service has been seen to take the last two
      toolSchemas: { topKeywords: ["type", "properties", "required", "additionalProperties", "strict"] },
      contextTokens: 1_000_000,
      reasoning: {
        control: "effort",
        fields: { reasoningConfig: { type: "enabled" } },
        path: ["reasoningConfig", "maxReasoningEffort"],
        levels: ["low", "medium", "high"],
        // the page on extended thinking in the guide of Nova 2
        bareLevels: ["high"]
      }
    }
  },
  ...["titan-text-lite", "titan-text-express", "titan-text-premier"].map((family): Entry => ({
    match: { vendor: "amazon", family },
    capabilities: {
      ...textOnly,
      systemPrompt: false,
      documentInput: family !== "titan-text-premier",
      tools: false
    }
  }))
]
