/**
 * Anthropic's Claude. Sources: the table of Converse features and the pages on thinking, caching and structured output
 * in the user guide of Bedrock; what users report of the service where the guide is silent.
 */
import { type Caching, converseLimits, type Effort, type Reasoning } from "./Capabilities.ts"
import type { Entry, Match } from "./Entry.ts"

const claude = (version: Match["version"], ...words: ReadonlyArray<string>): Match => ({
  vendor: "anthropic",
  family: "claude",
  version,
  words
})

const thinkingBudget: Reasoning = {
  control: "budget",
  fields: { thinking: { type: "enabled" } },
  path: ["thinking", "budget_tokens"],
  minTokens: 1024
}

const adaptiveThinking = (...levels: ReadonlyArray<Effort>): Reasoning => ({
  control: "effort",
  fields: { thinking: { type: "adaptive" } },
  path: ["output_config", "effort"],
  levels
})

const caching = (minTokens: number | undefined, ttl: Caching["ttl"]): Caching => ({
  supported: true,
  where: ["system", "messages", "tools"],
  ttl,
  minTokens,
  maxPoints: 4
})

/** Claude, up to 5. Of a newer one only what all have in common is known. */
export const entries: ReadonlyArray<Entry> = [
  {
    match: { vendor: "anthropic", family: "claude" },
    capabilities: {
      streaming: true,
      systemPrompt: true,
      leadingAssistant: false,
      imageInput: true,
      documentInput: true,
      videoInput: false,
      audioInput: false,
      tools: true,
      toolsWhileStreaming: true,
      // what Anthropic documents, and what users report of the service
      toolSchemas: { topCombinators: false },
      strictLimits: { tools: 20, optional: 24, unions: 16 },
      toolResultStatus: true,
      imagesInToolResults: true,
      documentsInToolResults: true,
      videosInToolResults: false,
      besideToolResults: ["text", "image"],
      // users have seen Claude take more than the 20 images of the reference
      limits: { ...converseLimits, imagesPerRequest: undefined }
    }
  },
  {
    // the role `system` between messages came with Opus 4.8; whether Sonnet 5 has it, sources disagree
    match: claude(["1", "2", "3", "3.5", "3.7", "4", "4.1", "4.5", "4.6", "4.7"]),
    capabilities: { midConversationSystem: false }
  },
  {
    match: claude(["1", "2"]),
    capabilities: {
      imageInput: false,
      tools: false,
      strictTools: false,
      nativeJson: false,
      reasoning: { control: "none" },
      caching: { supported: false }
    }
  },
  {
    match: claude(["3", "3.5", "3.7", "4", "4.1", "4.5", "4.6", "4.7", "4.8"]),
    capabilities: { toolChoice: ["auto", "any", "tool"] }
  },
  {
    match: claude(["3", "3.5", "3.7", "4", "4.1", "4.5"]),
    // Converse is documented to take 20 images; since the end of 2025 it was seen to take 100
    capabilities: { contextTokens: 200_000, limits: { imagesPerRequest: 100 } }
  },
  {
    match: claude(["3", "3.5", "3.7", "4", "4.1"]),
    capabilities: { nativeJson: false, strictTools: false }
  },
  {
    match: claude(["3", "3.5"]),
    capabilities: { maxOutputTokens: 4096, reasoning: { control: "none" }, caching: { supported: false } }
  },
  // v2; it caches for customers of the preview only, who can say so in an entry of their own
  { match: claude("3.5", "sonnet", "20241022"), capabilities: { maxOutputTokens: 8192 } },
  {
    match: claude("3.5", "haiku"),
    capabilities: { imageInput: false, maxOutputTokens: 8192, caching: caching(2048, ["5m"]) }
  },
  {
    match: claude(["3.7", "4", "4.1", "4.5"]),
    capabilities: {
      reasoning: thinkingBudget,
      forcedToolWithReasoning: false,
      temperatureWithReasoning: false
    }
  },
  {
    // the guide lists 3.7 and the models of 4; of later ones nothing better is known, and to expect too much is to be throttled
    match: claude(["3.7", "4", "4.1", "4.5", "4.6", "4.7", "4.8", "5"]),
    capabilities: { outputBurndown: 5 }
  },
  {
    match: claude(["3.7", "4", "4.1"]),
    capabilities: { maxOutputTokens: 64_000, caching: caching(1024, ["5m"]) }
  },
  { match: claude(["4", "4.1"], "opus"), capabilities: { maxOutputTokens: 32_000 } },
  { match: claude(["4.1", "4.5", "4.6"]), capabilities: { topPAndTemperatureTogether: false } },
  {
    match: claude("4.5"),
    capabilities: {
      maxOutputTokens: 64_000,
      nativeJson: true,
      strictTools: true,
      caching: caching(4096, ["5m", "1h"])
    }
  },
  { match: claude("4.5", "sonnet"), capabilities: { caching: caching(1024, ["5m", "1h"]) } },
  {
    match: claude("4.6"),
    capabilities: {
      contextTokens: 1_000_000,
      maxOutputTokens: 64_000,
      nativeJson: true,
      strictTools: true,
      reasoning: adaptiveThinking("low", "medium", "high", "max"),
      temperatureWithReasoning: false,
      caching: caching(2048, ["5m", "1h"])
    }
  },
  {
    match: claude("4.6", "opus"),
    capabilities: { maxOutputTokens: 128_000, caching: caching(4096, ["5m", "1h"]) }
  },
  {
    match: claude(["4.7", "4.8", "5"]),
    capabilities: {
      contextTokens: 1_000_000,
      maxOutputTokens: 128_000,
      // Bedrock lags behind Anthropic's own API here
      nativeJson: false,
      strictTools: false,
      reasoning: adaptiveThinking("low", "medium", "high", "xhigh", "max"),
      sampling: false,
      caching: caching(undefined, undefined)
    }
  },
  ...["fable", "mythos"].map((word): Entry => ({
    match: { vendor: "anthropic", family: "claude", words: [word] },
    capabilities: { toolChoice: ["auto"] }
  }))
]
