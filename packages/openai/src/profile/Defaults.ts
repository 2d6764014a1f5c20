/**
 * The profiles of the known servers, each with what differs from an unknown one.
 */
import type { Kind, Profile } from "./Profile.ts"

/**
 * Any other server: the names that servers took over first, and whatever the caller asks for. The caps of embeddings are
 * those of OpenAI, which most servers exceed.
 */
const compatible: Profile = {
  kind: "compatible",
  provider: "openai-compatible",
  instructions: "system",
  limit: "max_tokens",
  streamUsage: true,
  callsOnly: "null",
  reasoning: true,
  reasoningField: "reasoning_content",
  reasoningTags: false,
  structuredOutput: "schema",
  strict: false,
  recoverToolCalls: false,
  media: ["image", "document", "audio", "video"],
  embedding: { maxInputs: 2048, maxTokens: 300_000, dimensions: true }
}

/** OpenAI shows no reasoning in Chat Completions, and refuses fields that it does not know. */
const openai: Profile = {
  ...compatible,
  kind: "openai",
  provider: "openai",
  instructions: "developer",
  limit: "max_completion_tokens",
  reasoning: false,
  strict: true,
  media: ["image", "document", "audio"],
  embedding: { maxInputs: 2048, maxTokens: 300_000, maxInputTokens: 8192, dimensions: true }
}

/** gpt-oss and other families with open weights; their reasoning stands in `<reasoning>`. */
const bedrock: Profile = {
  ...compatible,
  kind: "bedrock",
  provider: "aws.bedrock",
  limit: "max_completion_tokens",
  reasoningTags: true,
  media: ["image", "document", "audio"]
}

const local = { ...compatible, reasoningTags: true }

export const byKind: { readonly [K in Kind]: Profile } = {
  openai,
  azure: { ...openai, kind: "azure", provider: "azure.ai.openai", instructions: "system" },
  ollama: {
    ...local,
    kind: "ollama",
    provider: "ollama",
    callsOnly: "empty",
    reasoningField: "reasoning",
    media: ["image"],
    embedding: { maxInputs: 512, maxTokens: 300_000, dimensions: true }
  },
  vllm: {
    ...local,
    kind: "vllm",
    provider: "vllm",
    reasoningField: "reasoning",
    media: ["image", "audio", "video"]
  },
  lmstudio: {
    ...local,
    kind: "lmstudio",
    provider: "lmstudio",
    callsOnly: "empty",
    media: ["image"],
    embedding: { maxInputs: 512, maxTokens: 300_000, dimensions: false }
  },
  litellm: { ...compatible, kind: "litellm", provider: "litellm" },
  bedrock,
  "bedrock-mantle": { ...bedrock, kind: "bedrock-mantle" },
  compatible
}

// The keys are those of the type.
export const kinds = Object.keys(byKind) as ReadonlyArray<Kind>
