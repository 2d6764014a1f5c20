/**
 * Shapes of the answers of Converse, ConverseStream and CountTokens, by the service model.
 *
 * The message, its end and, for CountTokens, the count are the answer; usage, metrics, trace and configuration
 * accompany it.
 */
import type {
  AudioBlock,
  Citation,
  CitationLocation,
  CitationsDelta,
  ContentBlock,
  ContentBlockDelta,
  ContentBlockDeltaEvent,
  ContentBlockStart,
  ContentBlockStartEvent,
  ContentBlockStopEvent,
  ConverseOutput,
  ConverseResponse,
  ConverseStreamMetadataEvent,
  ConverseTrace,
  CountTokensResponse,
  DocumentBlock,
  DocumentSource,
  GuardrailConverseContentBlock,
  ImageBlock,
  ImageSource,
  MessageStartEvent,
  MessageStopEvent,
  PerformanceConfiguration,
  ReasoningContentBlock,
  ReasoningContentBlockDelta,
  S3Location,
  SearchResultBlock,
  ServiceTier,
  TokenUsage,
  ToolAdditionBlock,
  ToolReference,
  ToolRemovalBlock,
  ToolResultBlock,
  ToolResultBlockDelta,
  ToolResultContentBlock,
  ToolUseBlock,
  VideoBlock
} from "@aws-sdk/client-bedrock-runtime"
import * as GuardrailShapes from "./GuardrailShapes.ts"
import { aside, boolean, bytes, count, document as json, list, nothing, structure, text, union } from "./Shape.ts"

const s3Location = structure<S3Location>({ uri: text, bucketOwner: text })

// one shape for images, audio and video, whose sources differ in name only
const source = union<ImageSource>({ bytes, s3Location })

const error = structure<{ message?: string }>({ message: text })

const enabled = structure<{ enabled: boolean | undefined }>({ enabled: boolean })

const image = structure<ImageBlock>({ format: text, source, error })

const audio = structure<AudioBlock>({ format: text, source, error })

const video = structure<VideoBlock>({ format: text, source })

const document = structure<DocumentBlock>({
  format: text,
  name: text,
  source: union<DocumentSource>({ bytes, s3Location, text, content: list(union({ text })) }),
  context: text,
  citations: enabled
})

const searchResult = structure<SearchResultBlock>({
  source: text,
  title: text,
  content: list(structure({ text })),
  citations: enabled
})

const toolUse = structure<ToolUseBlock>({ toolUseId: text, name: text, input: json, type: text })

const toolResult = structure<ToolResultBlock>({
  toolUseId: text,
  content: list(union<ToolResultContentBlock>({ json, text, image, document, video, searchResult })),
  status: text,
  type: text
})

const guardContent = union<GuardrailConverseContentBlock>({
  text: structure({ text, qualifiers: list(text) }),
  image: structure({ format: text, source: union({ bytes }) })
})

const range = { start: count, end: count }

const location = union<CitationLocation>({
  web: structure({ url: text, domain: text }),
  documentChar: structure({ documentIndex: count, ...range }),
  documentPage: structure({ documentIndex: count, ...range }),
  documentChunk: structure({ documentIndex: count, ...range }),
  searchResultLocation: structure({ searchResultIndex: count, ...range })
})

const citation = structure<Citation>({ title: text, source: text, sourceContent: list(union({ text })), location })

const changedTool = structure<ToolAdditionBlock | ToolRemovalBlock>({
  tool: structure<ToolReference>({ type: text, name: text, serverName: text })
})

const block = union<ContentBlock>({
  text,
  image,
  document,
  video,
  audio,
  toolUse,
  toolResult,
  guardContent,
  cachePoint: structure({ type: text, ttl: text }),
  reasoningContent: union<ReasoningContentBlock>({
    reasoningText: structure({ text, signature: text }),
    redactedContent: bytes
  }),
  citationsContent: structure({ content: list(union({ text })), citations: list(citation) }),
  searchResult,
  toolAddition: changedTool,
  toolRemoval: changedTool
})

const usage = structure<TokenUsage>({
  inputTokens: count,
  outputTokens: count,
  totalTokens: count,
  cacheReadInputTokens: count,
  cacheWriteInputTokens: count,
  cacheDetails: list(structure({ ttl: text, inputTokens: count }))
})

/** Members at the end of an answer, whole or streamed. */
const outcome = {
  usage: aside(usage),
  metrics: aside(structure<{ latencyMs: number | undefined }>({ latencyMs: count })),
  trace: aside(structure<ConverseTrace>({
    guardrail: GuardrailShapes.trace,
    promptRouter: structure({ invokedModelId: text })
  })),
  performanceConfig: aside(structure<PerformanceConfiguration>({ latency: text })),
  serviceTier: aside(structure<ServiceTier>({ type: text }))
}

/** The answer of Converse. `inferenceProfile` is our own member, which the wire cannot set. */
export const response = structure<ConverseResponse & { readonly inferenceProfile?: string }>({
  inferenceProfile: aside(nothing),
  output: union<ConverseOutput>({ message: structure({ role: text, content: list(block) }) }),
  stopReason: text,
  additionalModelResponseFields: json,
  ...outcome
})

const contentBlockIndex = count

/** The events of ConverseStream by type. */
export const events = {
  messageStart: structure<MessageStartEvent>({ role: text }),
  contentBlockStart: structure<ContentBlockStartEvent>({
    start: union<ContentBlockStart>({
      toolUse: structure({ toolUseId: text, name: text, type: text }),
      toolResult: structure({ toolUseId: text, type: text, status: text }),
      image: structure({ format: text })
    }),
    contentBlockIndex
  }),
  contentBlockDelta: structure<ContentBlockDeltaEvent>({
    delta: union<ContentBlockDelta>({
      text,
      toolUse: structure({ input: text }),
      toolResult: list(union<ToolResultBlockDelta>({ text, json })),
      reasoningContent: union<ReasoningContentBlockDelta>({ text, redactedContent: bytes, signature: text }),
      citation: structure<CitationsDelta>({
        title: text,
        source: text,
        sourceContent: list(structure({ text })),
        location
      }),
      image: structure({ source, error })
    }),
    contentBlockIndex
  }),
  contentBlockStop: structure<ContentBlockStopEvent>({ contentBlockIndex }),
  messageStop: structure<MessageStopEvent>({ stopReason: text, additionalModelResponseFields: json }),
  metadata: structure<ConverseStreamMetadataEvent>(outcome)
}

/** The answer of CountTokens. */
export const tokens = structure<CountTokensResponse>({ inputTokens: count })
