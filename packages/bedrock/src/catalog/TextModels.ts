/**
 * Models with text input only: AI21 Jamba, Cohere Command, Writer Palmyra. Source: the table of Converse features in
 * the user guide of Bedrock; for Writer, what users report.
 */
import { textOnly } from "./Capabilities.ts"
import type { Entry } from "./Entry.ts"

/** Jamba-Instruct and 1.5, Command and Command R, Palmyra X4 and X5. */
export const entries: ReadonlyArray<Entry> = [
  {
    match: { vendor: "ai21", family: "jamba" },
    capabilities: { ...textOnly, toolChoice: ["auto"] }
  },
  {
    match: { vendor: "ai21", family: "jamba", words: ["instruct"] },
    capabilities: { documentInput: false, tools: false }
  },
  {
    match: { vendor: "ai21", family: "jamba", version: "1.5" },
    capabilities: { documentInput: true, tools: true, toolsWhileStreaming: true }
  },
  {
    match: { vendor: "cohere", family: "command" },
    capabilities: { ...textOnly, systemPrompt: false, documentInput: true, tools: false }
  },
  { match: { vendor: "cohere", family: "command", words: ["light"] }, capabilities: { documentInput: false } },
  {
    match: { vendor: "cohere", family: "command-r" },
    capabilities: {
      ...textOnly,
      documentInput: true,
      tools: true,
      toolsWhileStreaming: true,
      toolChoice: ["auto"]
    }
  },
  ...["x4", "x5"].map((word): Entry => ({
    match: { vendor: "writer", family: "palmyra", words: [word] },
    capabilities: {
      ...textOnly,
      documentInput: undefined,
      tools: true,
      toolsWhileStreaming: false,
      toolResultStatus: false,
      besideToolResults: [],
      reasoning: undefined,
      maxOutputTokens: 8192
    }
  }))
]
