/**
 * Anthropic's Claude. Sources: recorded traffic; the table of Converse features and the pages on thinking, caching and
 * structured output in the user guide of Bedrock; what users report of the service where the guide is silent.
 */
import { type Caching, converseLimits, type Effort, type Reasoning } from "./Capabilities.ts"
import type { Entry, Match } from "./Entry.ts"

type Versions = Pick<Match, "version" | "since" | "before">

const claude = (versions: Versions, ...words: ReadonlyArray<string>): Match => ({
  vendor: "anthropic",
  family: "claude",
  ...versions,
  words
})

const display = ["thinking", "display"] as const

const thinkingBudget = {
  control: "budget",
  fields: { thinking: { type: "enabled" } },
  path: ["thinking", "budget_tokens"],
  display,
  minTokens: 1024,
  sealsToolUse: true
} as const satisfies Reasoning

const adaptiveThinking = (...levels: ReadonlyArray<Effort>) =>
  ({
    control: "effort",
    fields: { thinking: { type: "adaptive" } },
    path: ["output_config", "effort"],
    display,
    levels,
    adaptive: true,
    interleaved: {}
  }) as const satisfies Reasoning

const caching = (ttl: Caching["ttl"]): Caching => ({
  supported: true,
  where: ["system", "messages", "tools"],
  ttl,
  maxPoints: 4,
  behindBlankText: true
})

/** Claude. A version newer than these is treated as the latest of its line. */
export const entries: ReadonlyArray<Entry> = [
  {
    match: { vendor: "anthropic", family: "claude" },
    capabilities: {
      streaming: true,
      systemPrompt: true,
      leadingAssistant: true,
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
      blankStopSequences: false,
      reasoningInHistory: "signed",
      // users report that Claude accepts more than the 20 images of the reference
      limits: { ...converseLimits, imagesPerRequest: undefined }
    }
  },
  {
    // the role `system` between messages came with Opus 4.8; sources disagree about Sonnet 5
    match: claude({ before: "4.8" }),
    capabilities: { midConversationSystem: false }
  },
  {
    match: claude({ before: "3" }),
    capabilities: {
      imageInput: false,
      tools: false,
      strictTools: false,
      nativeJson: false,
      reasoning: { control: "none" },
      reasoningInHistory: "none",
      caching: { supported: false }
    }
  },
  { match: claude({ since: "3" }), capabilities: { toolChoice: ["auto", "any", "tool"] } },
  {
    match: claude({ since: "3", before: "4.6" }),
    // Converse is documented to take 20 images; since the end of 2025 it was observed to take 100
    capabilities: { limits: { imagesPerRequest: 100 } }
  },
  {
    match: claude({ since: "3", before: "4.5" }),
    capabilities: { nativeJson: false, strictTools: false }
  },
  {
    match: claude({ since: "3", before: "3.7" }),
    capabilities: {
      maxOutputTokens: 4096,
      reasoning: { control: "none" },
      reasoningInHistory: "none",
      caching: { supported: false }
    }
  },
  // recorded
  { match: claude({ version: "3" }, "sonnet"), capabilities: { nativeJson: true } },
  // v2; it caches for preview customers only, who can add an entry of their own
  { match: claude({ version: "3.5" }, "sonnet", "20241022"), capabilities: { maxOutputTokens: 8192 } },
  {
    match: claude({ version: "3.5" }, "haiku"),
    capabilities: { imageInput: false, maxOutputTokens: 8192, caching: caching(["5m"]) }
  },
  {
    match: claude({ since: "3.7", before: "4.6" }),
    capabilities: {
      reasoning: thinkingBudget,
      forcedToolWithReasoning: false,
      temperatureWithReasoning: false
    }
  },
  {
    match: claude({ since: "4", before: "4.6" }),
    capabilities: {
      reasoning: { ...thinkingBudget, interleaved: { anthropic_beta: ["interleaved-thinking-2025-05-14"] } }
    }
  },
  // the guide lists 3.7 and the models of 4; later ones are assumed alike, since an estimate that is too low gets
  // throttled
  { match: claude({ since: "3.7" }), capabilities: { outputBurndown: 5 } },
  {
    match: claude({ since: "3.7", before: "4.5" }),
    capabilities: { maxOutputTokens: 64_000, caching: caching(["5m"]) }
  },
  { match: claude({ since: "4", before: "4.5" }, "opus"), capabilities: { maxOutputTokens: 32_000 } },
  { match: claude({ since: "4.1", before: "4.7" }), capabilities: { topPAndTemperatureTogether: false } },
  {
    match: claude({ since: "4.5" }),
    capabilities: {
      maxOutputTokens: 64_000,
      nativeJson: true,
      strictTools: true,
      // Converse's tool choice has no field for it; users report that Claude's own field is accepted beside it
      disableParallelToolUse: true,
      caching: caching(["5m", "1h"])
    }
  },
  {
    match: claude({ since: "4.6" }),
    capabilities: {
      prefill: false,
      reasoning: adaptiveThinking("low", "medium", "high", "max"),
      temperatureWithReasoning: false
    }
  },
  { match: claude({ since: "4.6" }, "opus"), capabilities: { maxOutputTokens: 128_000 } },
  {
    match: claude({ since: "4.7" }),
    capabilities: {
      maxOutputTokens: 128_000,
      // Bedrock lags behind Anthropic's own API here
      nativeJson: false,
      strictTools: false,
      reasoning: adaptiveThinking("low", "medium", "high", "xhigh", "max"),
      sampling: false,
      caching: caching(undefined)
    }
  },
  {
    match: claude({ since: "5" }),
    capabilities: {
      // they reason unless told not to
      reasoning: {
        ...adaptiveThinking("low", "medium", "high", "xhigh", "max"),
        off: { thinking: { type: "disabled" } }
      },
      forcedToolWithReasoning: true
    }
  },
  ...[claude({ since: "5" }, "fable"), claude({ since: "5.5" }, "opus")].map((match): Entry => ({
    match,
    capabilities: {
      reasoning: { ...adaptiveThinking("low", "medium", "high", "xhigh", "max"), alwaysOn: true },
      forcedToolWithReasoning: false
    }
  })),
  ...[claude({}, "fable"), claude({}, "mythos"), claude({ since: "5.5" }, "opus")].map((match): Entry => ({
    match,
    capabilities: { toolChoice: ["auto"] }
  }))
]
