/**
 * Mistral AI's models. Sources: recorded traffic; the table of Converse features in the user guide of Bedrock for the older
 * ones; for those of the third generation its page on structured output.
 */
import { converseLimits, textOnly } from "./Capabilities.ts"
import type { Entry } from "./Entry.ts"

const vendor = "mistral"

/** Mistral 7B, Mixtral, Mistral Small and Large, Pixtral, Devstral, Ministral, Magistral, Voxtral. */
export const entries: ReadonlyArray<Entry> = [
  {
    match: { vendor },
    capabilities: {
      streaming: true,
      systemPrompt: true,
      midConversationSystem: false,
      leadingAssistant: false,
      videoInput: false,
      imagesInToolResults: false,
      videosInToolResults: false,
      besideToolResults: [],
      reasoningInHistory: "unsigned",
      caching: { supported: false }
    }
  },
  // the instruct models have no system prompt
  ...[{ family: "mistral", words: ["7b"] }, { family: "mixtral" }].map((match): Entry => ({
    match: { vendor, ...match },
    capabilities: { ...textOnly, systemPrompt: false, documentInput: true, tools: false }
  })),
  ...["large", "small"].map((word): Entry => ({
    match: { vendor, family: "mistral", before: "3", words: [word] },
    capabilities: {
      ...textOnly,
      documentInput: word === "large" ? true : undefined,
      tools: true,
      toolsWhileStreaming: false,
      toolChoice: word === "large" ? ["auto", "any"] : undefined,
      // Bedrock's own ids, of 30 characters, are accepted unchanged by the later models
      toolCallIdPattern: "^[a-zA-Z0-9]{9}$"
    }
  })),
  {
    match: { vendor, family: "pixtral" },
    capabilities: {
      ...textOnly,
      imageInput: true,
      documentInput: true,
      tools: true,
      toolsWhileStreaming: false,
      documentsInToolResults: true,
      besideToolResults: ["text", "image"],
      limits: converseLimits
    }
  },
  { match: { vendor, family: "devstral" }, capabilities: { tools: true } },
  ...[{ family: "mistral", since: "3", words: ["large"] }, { family: "ministral" }].map((match): Entry => ({
    match: { vendor, ...match },
    capabilities: {
      tools: true,
      audioInput: false,
      nativeJson: true,
      strictTools: true,
      reasoning: { control: "none" },
      reasoningInHistory: "none"
    }
  })),
  {
    match: { vendor, family: "magistral" },
    capabilities: {
      tools: true,
      imageInput: true,
      audioInput: false,
      nativeJson: true,
      strictTools: true,
      reasoning: { control: "always" },
      maxOutputTokens: 40_000
    }
  },
  {
    match: { vendor, family: "voxtral" },
    capabilities: { tools: true, imageInput: false, audioInput: true, nativeJson: true, strictTools: true }
  },
  { match: { vendor, family: "mistral", since: "3", words: ["large"] }, capabilities: { imageInput: true } }
]
