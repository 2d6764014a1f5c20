/**
 * Meta's Llama. Sources: the table of Converse features in the user guide of Bedrock; for Llama 3.3 and 4, what users
 * report: all of them refuse tools while streaming.
 */
import { converseLimits, textOnly } from "./Capabilities.ts"
import type { Entry, Match } from "./Entry.ts"

const llama = (version: Match["version"], ...words: ReadonlyArray<string>): Match => ({
  vendor: "meta",
  family: "llama",
  version,
  words
})

/** Llama, from 2 to 4. */
export const entries: ReadonlyArray<Entry> = [
  {
    match: { vendor: "meta", family: "llama" },
    capabilities: {
      ...textOnly,
      imageInput: undefined,
      documentInput: true,
      toolsWhileStreaming: false,
      toolChoice: ["auto"],
      besideToolResults: []
    }
  },
  { match: llama(["2", "3", "3.1", "3.2", "3.3"]), capabilities: { imageInput: false } },
  { match: llama(["2", "3", "3.2"]), capabilities: { tools: false } },
  { match: llama(["3.1", "3.3", "4"]), capabilities: { tools: true } },
  { match: llama(["3.1", "3.2", "3.3"]), capabilities: { contextTokens: 128_000 } },
  { match: llama(["3.1", "3.3"]), capabilities: { maxOutputTokens: 4096 } },
  ...["11b", "90b"].map((size): Entry => ({
    match: llama("3.2", size),
    capabilities: { tools: true, imageInput: true, limits: converseLimits }
  })),
  {
    match: llama("4"),
    capabilities: {
      imageInput: true,
      imagesInToolResults: true,
      documentsInToolResults: true,
      videosInToolResults: false,
      maxOutputTokens: 16_384,
      limits: converseLimits
    }
  },
  { match: llama("4", "maverick"), capabilities: { contextTokens: 1_000_000 } },
  { match: llama("4", "scout"), capabilities: { contextTokens: 3_500_000 } }
]
