/**
 * Meta's Llama. Sources: the table of Converse features in the user guide of Bedrock; for Llama 3.3 and 4, what users
 * report: all of them refuse tools while streaming.
 */
import { converseLimits, textOnly } from "./Capabilities.ts"
import type { Entry, Match } from "./Entry.ts"

const llama = (
  versions: Pick<Match, "version" | "since" | "before">,
  ...words: ReadonlyArray<string>
): Match => ({ vendor: "meta", family: "llama", ...versions, words })

/** Llama, from 2 on. */
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
  { match: llama({ before: "4" }), capabilities: { imageInput: false } },
  { match: llama({ version: ["2", "3", "3.2"] }), capabilities: { tools: false } },
  { match: llama({ version: ["3.1", "3.3"] }), capabilities: { tools: true, maxOutputTokens: 4096 } },
  ...["11b", "90b"].map((size): Entry => ({
    match: llama({ version: "3.2" }, size),
    capabilities: { tools: true, imageInput: true, limits: converseLimits }
  })),
  {
    match: llama({ since: "4" }),
    capabilities: {
      tools: true,
      imageInput: true,
      imagesInToolResults: true,
      documentsInToolResults: true,
      maxOutputTokens: 16_384,
      limits: converseLimits
    }
  }
]
