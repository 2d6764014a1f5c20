/** The data of a profile; see `OpenAiProfile`. */

/** Servers with a profile of their own; `compatible` is any other one. */
export type Kind =
  | "openai"
  | "azure"
  | "ollama"
  | "vllm"
  | "lmstudio"
  | "litellm"
  | "bedrock"
  | "bedrock-mantle"
  | "compatible"

/**
 * - `kind`: the server.
 * - `provider`: its name in errors and telemetry, as OpenTelemetry spells it (`openai`, `azure.ai.openai`, `aws.bedrock`).
 * - `instructions`: the role of system messages.
 * - `limit`: the field of `maxTokens`.
 * - `streamUsage`: whether streams are asked for their usage (`stream_options`), which some servers refuse.
 * - `callsOnly`: the content of an assistant message that has tool calls and no text.
 * - `reasoning`: whether reasoning is sent back, under the name that the server used for it, else under `reasoningField`.
 * - `reasoningTags`: whether a text that begins with `<think>` or `<reasoning>` is reasoning up to the closing tag.
 * - `structuredOutput`: how JSON is asked for: a `schema`; JSON mode (`object`), an answer `tool` or a `prompt`, where the
 *   schema is told in words or as a tool.
 * - `strict`: whether the server has strict schemas. They are used where a schema can be turned into that dialect and back.
 * - `recoverToolCalls`: whether an answer whose whole text is calls of the request's tools is read as such calls.
 * - `media`: the kinds of content that can be sent; others fail before anything is sent.
 * - `embedding`: see {@link EmbeddingProfile}.
 * - `contextWindow`: tokens that the server keeps of prompt and answer together, where it does not say so itself. Ollama's `/v1`
 *   cuts a longer prompt silently: set the size on the server, and here.
 */
export interface Profile {
  readonly kind: Kind
  readonly provider: string
  readonly instructions: "system" | "developer"
  readonly limit: "max_tokens" | "max_completion_tokens"
  readonly streamUsage: boolean
  readonly callsOnly: "null" | "empty"
  readonly reasoning: boolean
  readonly reasoningField: "reasoning" | "reasoning_content"
  readonly reasoningTags: boolean
  readonly structuredOutput: "schema" | "object" | "tool" | "prompt"
  readonly strict: boolean
  readonly recoverToolCalls: boolean
  readonly media: ReadonlyArray<Media>
  readonly embedding: EmbeddingProfile
  readonly contextWindow?: number | undefined
}

/** Kinds of content beside text. */
export type Media = "image" | "document" | "audio" | "video"

/**
 * - `maxInputs`: texts in a request.
 * - `maxTokens`: tokens of all texts of a request together, by an estimate.
 * - `maxInputTokens`: tokens of one text, by an estimate; the server decides when missing.
 * - `dimensions`: whether the number of dimensions can be chosen. It is sent only when a caller asks for it.
 */
export interface EmbeddingProfile {
  readonly maxInputs: number
  readonly maxTokens: number
  readonly maxInputTokens?: number | undefined
  readonly dimensions: boolean
}
