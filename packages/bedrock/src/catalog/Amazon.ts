/**
 * Amazon's Nova and Titan Text. Sources: recorded traffic; the table of Converse features in the user guide of Bedrock, the
 * user guide of Nova.
 */
import { converseLimits, textOnly } from "./Capabilities.ts"
import type { Entry, Match } from "./Entry.ts"

const nova = (versions: Pick<Match, "since" | "before">, ...words: ReadonlyArray<string>): Match => ({
  vendor: "amazon",
  family: "nova",
  ...versions,
  words
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
      userTurnsInARow: true,
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
      caching: { supported: true, where: ["system", "messages"], ttl: ["5m"], maxPoints: 4 },
      limits: converseLimits
    }
  },
  {
    match: nova({ before: "2" }),
    capabilities: { audioInput: false, reasoning: { control: "none" }, reasoningInHistory: "none" }
  },
  {
    match: nova({ before: "2" }, "micro"),
    capabilities: { imageInput: false, documentInput: false, videoInput: false, imagesInToolResults: false }
  },
  {
    match: nova({ since: "2" }),
    capabilities: {
      // the service was observed to accept the last two
      toolSchemas: { topKeywords: ["type", "properties", "required", "additionalProperties", "strict"] },
      reasoning: {
        control: "effort",
        fields: { reasoningConfig: { type: "enabled" } },
        path: ["reasoningConfig", "maxReasoningEffort"],
        levels: ["low", "medium", "high"],
        // the page on extended thinking in the guide of Nova 2
        bareLevels: ["high"]
      },
      reasoningInHistory: "unsigned"
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
