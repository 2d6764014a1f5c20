/**
 * The messages, tools and requests of OpenAI's Chat Completions API, as codecs of ours.
 *
 * Nothing here talks to OpenAI: these are schemas for what is stored, queued or sent in its format. What that format
 * has no field for is refused when written, with its path, and never left out silently. Reading ignores the fields that have no place
 * here: the `name` of a message, the `detail` of an image, `annotations`, and of a request all but the fields that
 * {@link Request} lists.
 */
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatMessage from "@strata/core/chat/Message"
import * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Codec from "./completions/Codec.ts"
import * as OpenAiMessages from "./completions/Messages.ts"
import * as Representable from "./completions/Representable.ts"
import * as OpenAiRequest from "./completions/Request.ts"
import * as Wire from "./completions/Wire.ts"

/** A message as OpenAI writes it. */
export type EncodedMessage = typeof Wire.Message.Encoded

/** A tool as OpenAI writes it. */
export type EncodedTool = typeof Wire.Tool.Encoded

/** What OpenAI calls `tool_choice`. */
export type EncodedToolChoice = typeof Wire.ToolChoice.Encoded

/** The body of a request as OpenAI writes it. */
export type EncodedRequest = typeof Wire.Request.Encoded

/**
 * A conversation, ready for `ChatService.generate` when read.
 *
 * - `developer` is `system`; a `refusal` is text; `reasoning_content`, which OpenAI-compatible servers write, is a
 *   reasoning part. `null` in place of content is empty text.
 * - Data URIs become bytes, their base64 with or without padding, in the letters of URLs too. Other URLs stay as they
 *   are; the ending of the URL of an image or a video tells its media type, `image/*` or `video/*` stands where it does
 *   not. Written, a URL is without its media type: loading it tells that anyway.
 * - What OpenAI does not have and compatible servers do is read as well: `cache_control`, videos (`video_url`), images,
 *   videos and files in `tool` messages, a URL in place of the object that holds it, recordings in other formats than wav
 *   and mp3, calls without `type` or `arguments`.
 * - Arguments of a tool call are parsed as `ExactJson.params` does it.
 * - Consecutive `tool` messages are one `ToolMessage`; written, every result is a message again, JSON as its text.
 * - The older `function_call` and `function` messages are read too: an id is made from the place of the call.
 *
 * Refused when written: cache points, guards, citations, signed or redacted reasoning, failure flags of results
 * ({@link withoutMarks} takes these off); videos, search results, parts of a provider, media behind a URI (images may
 * be), tools a provider runs, and an assistant message that does not go reasoning, text, tool calls.
 *
 * @example
 * const program = Effect.gen(function*() {
 *   const messages = yield* Schema.decodeUnknownEffect(OpenAi.Messages)(JSON.parse(body))
 *   return yield* ChatService.generate(messages)
 * })
 */
export const Messages: Schema.Codec<ReadonlyArray<ChatMessage.Message>, ReadonlyArray<EncodedMessage>> = Codec
  .make({
    wire: Schema.Array(Wire.Message),
    representable: Schema.Array(Representable.ChatMessage),
    ours: Schema.Array(ChatMessage.Message),
    decode: OpenAiMessages.decode,
    encode: OpenAiMessages.encode
  })

/**
 * One message, such as `choices[0].message` of an answer. As {@link Messages}, but a `ToolMessage` is written only when
 * it has exactly one result.
 */
export const Message: Schema.Codec<ChatMessage.Message, EncodedMessage> = Codec.make({
  wire: Wire.Message,
  representable: Representable.ChatMessage.check(
    Schema.makeFilter((message) =>
      message.role !== "tool" || message.content.length === 1
        ? undefined
        : { path: ["content"], issue: "OpenAI writes a message for each result: write this with `OpenAi.Messages`" }
    )
  ),
  ours: ChatMessage.Message,
  decode: (message) => OpenAiMessages.decode([message])[0]!,
  encode: (message) => OpenAiMessages.encode([message])[0]!
})

/** `tools`: functions only. Refused when written: tools of a provider, and cache points. */
export const Tools: Schema.Codec<ReadonlyArray<ToolDefinition.RequestTool>, ReadonlyArray<EncodedTool>> = Codec.make({
  wire: Schema.Array(Wire.Tool),
  representable: Schema.Array(Representable.ToolDefinition),
  ours: Schema.Array(ToolDefinition.RequestTool),
  decode: (tools) => tools.map(OpenAiRequest.decodeTool),
  encode: (tools) => tools.map(OpenAiRequest.encodeTool)
})

/** `tool_choice`: `required` is our `any`. */
export const ToolChoice: Schema.Codec<ToolDefinition.ToolChoice, EncodedToolChoice> = Codec.make({
  wire: Wire.ToolChoice,
  representable: ToolDefinition.ToolChoice,
  ours: ToolDefinition.ToolChoice,
  decode: OpenAiRequest.decodeToolChoice,
  encode: OpenAiRequest.encodeToolChoice
})

/**
 * The body of a Chat Completions request, ready for `ChatService` when read. It has `model`, `messages`,
 * `max_completion_tokens` or `max_tokens`, `temperature`, `top_p`, `stop`, `tools` and `tool_choice` (or the older
 * `functions` and `function_call`), `parallel_tool_calls`, `response_format`, `reasoning_effort`. Other fields, such
 * as `stream`, `n` and `seed`, are ignored.
 *
 * - The effort `none` is `reasoning: false`, and `minimal` is read as `low`.
 * - JSON mode, `json_object`, is the schema `{ type: "object" }`. A schema without a name is written with the name
 *   `answer`, since OpenAI wants one.
 *
 * Refused when written, besides what {@link Messages} and {@link Tools} refuse: `providerOptions`, a budget of
 * reasoning tokens and the effort `max`.
 *
 * @example
 * const program = Effect.gen(function*() {
 *   const request = yield* Schema.decodeUnknownEffect(OpenAi.Request)(JSON.parse(body))
 *   return yield* ChatService.generate({ ...request, model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0" })
 * })
 */
export const Request: Schema.Codec<ChatRequest.ChatRequest, EncodedRequest> = Codec.make({
  wire: Wire.Request,
  representable: Representable.Request,
  ours: ChatRequest.ChatRequest,
  decode: OpenAiRequest.decode,
  encode: OpenAiRequest.encode
})

/**
 * Removes what annotates the content and OpenAI's format has no field for. These are cache points, guards, citations,
 * signatures of reasoning (redacted reasoning is removed whole), provider fields, whether a tool failed. The content
 * stays, and is still refused when written where the format cannot represent it. A value that is no conversation
 * gives no messages.
 */
export const withoutMarks = (messages: ReadonlyArray<ChatMessage.Message>): ReadonlyArray<ChatMessage.Message> =>
  Result.getOrElse(Result.try(() => Array.from(messages, bareMessage)), () => [])

const bareMessage = (message: ChatMessage.Message): ChatMessage.Message => {
  switch (message.role) {
    case "system":
      return { role: "system", content: bareContent(message.content) }
    case "user":
      return { role: "user", content: bareContent(message.content) }
    case "assistant":
      return { role: "assistant", content: bareContent(message.content) }
    case "tool":
      return { role: "tool", content: message.content.flatMap(bare) }
  }
}

const bareContent = <Part extends ChatMessage.Part>(content: string | ReadonlyArray<Part>) =>
  typeof content === "string" ? content : content.flatMap(bare)

const bare = <Part extends ChatMessage.Part>(part: Part): ReadonlyArray<Part> => {
  if (typeof part !== "object") return [part]
  if (part.type === "reasoning" && part.redacted !== undefined) return []
  const fields = Object.entries(part).flatMap(([key, value]) => {
    if (marks.has(key)) return []
    return part.type === "tool-result" && key === "parts" ? [[key, part.parts?.flatMap(bare)]] : [[key, value]]
  })
  // Every mark is optional, so the rest is the same kind of part.
  return [Object.fromEntries(fields) as Part]
}

const marks = new Set(["cache", "guard", "citations", "signature", "isFailure", "providerFields"])
