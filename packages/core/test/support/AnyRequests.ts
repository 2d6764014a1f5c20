/**
 * Requests that say all there is to say, for tests that change them.
 */
import type { ChatRequest, Embedding, Message, Rerank } from "@strata/core"

const bytes = Uint8Array.of(137, 80, 78, 71)

const text: Message.TextPart = { type: "text", text: "Hi", cache: true, guard: { qualifiers: ["query"] } }

const image: Message.ImagePart = { type: "image", mediaType: "image/png", source: { bytes }, guard: true }

const document: Message.DocumentPart = {
  type: "document",
  mediaType: "text/plain",
  name: "a document",
  source: { pieces: ["one", "two"] },
  context: "about numbers",
  citations: true,
  cache: { ttl: "1h" }
}

const video: Message.VideoPart = {
  type: "video",
  mediaType: "video/mp4",
  source: { uri: "s3://bucket/a.mp4", bucketOwner: "123456789012" }
}

const search: Message.SearchResultPart = {
  type: "search-result",
  source: "https://example.org",
  title: "a hit",
  content: ["one"],
  citations: false
}

const cited: Message.TextPart = {
  type: "text",
  text: "as they say",
  citations: [{
    title: "a hit",
    source: "https://example.org",
    passages: ["one"],
    location: { type: "document-char", documentIndex: 0, start: 1, end: 3 }
  }]
}

export const chat: ChatRequest.ChatRequest = {
  model: "a-model",
  messages: [
    { role: "system", content: "Be brief", cache: true },
    { role: "system", content: [text, { type: "tool-addition", name: "clock", serverName: "a server", kind: "mcp" }] },
    {
      role: "user",
      content: [text, image, document, video, search, {
        type: "audio",
        mediaType: "audio/wav",
        source: { bytes }
      }, { type: "provider", provider: "any", value: { block: [1, { deep: null }] } }]
    },
    {
      role: "assistant",
      content: [
        { type: "reasoning", text: "hm", signature: "seal", redacted: bytes },
        cited,
        { type: "tool-call", id: "1", name: "clock", params: { zone: "UTC", list: [1, "a", null] } },
        { type: "tool-call", id: "2", name: "search", params: {}, providerExecuted: true },
        { type: "tool-result", id: "2", result: "found", providerExecuted: true, providerType: "search" }
      ]
    },
    {
      role: "tool",
      content: [{ type: "tool-result", id: "1", result: { noon: true }, parts: [text, image, document, video, search] }]
    },
    { role: "user", content: "And now?" }
  ],
  maxTokens: 100,
  temperature: 0.5,
  topP: 0.9,
  stopSequences: ["END"],
  tools: [
    {
      name: "clock",
      description: "The time",
      inputSchema: { type: "object", properties: {} },
      strict: true,
      cache: true
    },
    { type: "provider", provider: "any", name: "search", cache: { ttl: "5m" } }
  ],
  toolChoice: { name: "clock" },
  parallelToolCalls: false,
  responseFormat: { type: "json", schema: { type: "object" }, name: "answer", description: "The answer" },
  reasoning: { effort: "low", budgetTokens: 1024 },
  providerOptions: { any: { option: [true] } }
}

export const embedding: {
  readonly inputs: ReadonlyArray<Embedding.Input>
  readonly options: Embedding.EmbeddingOptions
} = {
  inputs: ["one", { text: "two" }, { image: { bytes, mediaType: "image/png" } }, {
    text: "three",
    image: { bytes, mediaType: "image/jpeg" }
  }],
  options: {
    model: "a-model",
    purpose: "query",
    dimensions: 2,
    normalize: true,
    vectorType: "float",
    truncate: "end",
    providerOptions: { any: { option: [true] } }
  }
}

export const reranking: {
  readonly query: string
  readonly documents: ReadonlyArray<string>
  readonly options: Rerank.RerankOptions
} = {
  query: "which?",
  documents: ["one", "two"],
  options: { model: "a-model", topN: 1, providerOptions: { any: { option: [true] } } }
}
