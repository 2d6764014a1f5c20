/**
 * Counts tokens of a prompt as four characters each, since the emulator has no model's tokenizer.
 *
 * Used by CountTokens, the counters of Converse, the context limit of models and the prompt cache.
 */
import * as Base64 from "effect/encoding/Base64"
import type * as Block from "../Block.ts"
import type * as Wire from "../Wire.ts"

/** The tokens of a text. */
export const ofText = (text: string): number => ofLength(text.length)

/** The tokens of a number of characters. */
export const ofLength = (characters: number): number => Math.ceil(characters / 4)

/** The first or the last `tokens` of a text, truncated at its `end` or its `start`. */
export const truncate = (text: string, tokens: number, cut: "start" | "end"): string =>
  cut === "end" ? text.slice(0, tokens * 4) : text.slice(-tokens * 4)

/** The tokens of a whole prompt. */
export const ofPrompt = (prompt: Wire.Prompt): number => {
  let tokens = 0
  for (const piece of pieces(prompt)) tokens += piece.tokens
  return tokens
}

/**
 * The blocks of a prompt in order: `block` is at `place`. A piece with a `cachePoint` is not content, but ends a
 * cacheable prefix.
 */
export interface Piece {
  readonly place: string
  readonly block: unknown
  readonly tokens: number
  readonly cachePoint: Block.CachePoint | undefined
}

/** A prompt in the order a model reads it: tools, system prompt, messages. */
export function* pieces({ messages = [], system = [], toolConfig }: Wire.Prompt): Generator<Piece> {
  for (const tool of toolConfig?.tools ?? []) yield piece("tools", tool)
  for (const block of system) yield piece("system", block)
  for (const [index, { content, role }] of messages.entries()) {
    for (const block of content) yield piece(`${index} ${role}`, block)
  }
}

const piece = (place: string, block: AnyBlock): Piece => ({
  place,
  block,
  tokens: ofBlock(block),
  cachePoint: block.cachePoint
})

/** A canonical text of a block. */
export const fingerprint = (block: unknown): string =>
  JSON.stringify(block, (_, value: unknown) => value instanceof Uint8Array ? Base64.encode(value) : value)

/** Any block of a prompt or a tool result. */
type AnyBlock = Block.Content & Block.Tool & Pick<Block.ToolResultContent, "json">

/** The tokens of one block. */
const ofBlock = (block: AnyBlock): number => {
  const { citationsContent, document, guardContent, reasoningContent, searchResult, toolResult, toolUse } = block
  if (block.text !== undefined) return ofText(block.text)
  if (guardContent?.text !== undefined) return ofText(guardContent.text.text)
  if (block.toolSpec !== undefined) return ofText(fingerprint(block.toolSpec))
  if (block.systemTool !== undefined) return ofText(block.systemTool.name)
  if (toolUse !== undefined) return ofText(toolUse.name) + ofText(fingerprint(toolUse.input))
  if (toolResult !== undefined) return sum(toolResult.content, ofBlock)
  if (block.json !== undefined) return ofText(fingerprint(block.json))
  if (searchResult !== undefined) {
    return ofText(searchResult.title) + sum(searchResult.content, ({ text }) => ofText(text))
  }
  if (reasoningContent !== undefined) return ofText(reasoningContent.reasoningText?.text ?? "")
  if (citationsContent !== undefined) return sum(citationsContent.content ?? [], ({ text }) => ofText(text ?? ""))
  if (document !== undefined) return ofDocument(document)
  const image = block.image ?? guardContent?.image
  if (image !== undefined) return Math.min(imageTokens, ofBytes(image.source.bytes))
  const recording = block.video ?? block.audio
  return recording === undefined ? 0 : ofBytes(recording.source.bytes)
}

const ofDocument = ({ context, format, source: { bytes, content, text } }: Block.Document): number =>
  ofText(context ?? "") +
  (content === undefined
    ? text === undefined ? ofBytes(bytes, textFormats.has(format ?? "") ? 4 : bytesPerToken) : ofText(text)
    : sum(content, ({ text }) => ofText(text ?? "")))

/** The maximum cost of an image. */
const imageTokens = 1600

/** Document formats that are text. */
const textFormats: ReadonlySet<string> = new Set(["csv", "html", "md", "txt"])

/** Bytes per token of binary documents. */
const bytesPerToken = 64

/** The size behind a URI is unknown; it counts as a large image. */
const ofBytes = (bytes: Uint8Array | undefined, perToken = bytesPerToken): number =>
  bytes === undefined ? imageTokens : Math.ceil(bytes.length / perToken)

const sum = <A>(values: ReadonlyArray<A>, tokensOf: (value: A) => number): number =>
  values.reduce((total, value) => total + tokensOf(value), 0)
