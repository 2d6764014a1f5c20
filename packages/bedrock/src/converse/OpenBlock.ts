/**
 * A content block of a stream under construction, and the block a whole answer would have in its place.
 */
import type {
  Citation,
  CitationsDelta,
  ContentBlock,
  ImageBlock,
  ImageBlockDelta,
  ImageBlockStart,
  ToolResultBlockDelta,
  ToolResultBlockStart,
  ToolResultContentBlock,
  ToolUseBlockStart
} from "@aws-sdk/client-bedrock-runtime"
import * as ExactJson from "@strata/core/ExactJson"
import { isObject } from "effect/Predicate"
import * as Block from "./Block.ts"

/** A block as received so far. `index` is its position in the answer. */
export type OpenBlock =
  & { readonly index: number }
  & (
    | { readonly type: "text"; text: string; readonly citations: Array<CitationsDelta> }
    | { readonly type: "reasoning"; signature: string | undefined }
    | { readonly type: "redacted"; readonly pieces: Array<Uint8Array> }
    | { readonly type: "tool"; readonly start: ToolUseBlockStart; json: string }
    | { readonly type: "result"; readonly start: ToolResultBlockStart; readonly content: Array<ToolResultBlockDelta> }
    | { readonly type: "image"; readonly start: ImageBlockStart; readonly pieces: Array<ImageBlockDelta> }
    | {
      readonly type: "unknown"
      readonly union: "block" | "reasoning"
      readonly name: string
      readonly pieces: Array<unknown>
    }
  )

/** A block of one type. */
export type Of<Type extends OpenBlock["type"]> = Extract<OpenBlock, { readonly type: Type }>

/** The block as a whole answer would have it. */
export const whole = (block: OpenBlock): ContentBlock => {
  switch (block.type) {
    case "text": {
      const { citations, text } = block
      if (citations.length === 0) return { text }
      return {
        citationsContent: {
          ...(text === "" ? undefined : { content: [{ text }] }),
          citations: citations as Array<Citation> // the same, as they come in a stream
        }
      }
    }
    case "reasoning":
      // its text has been emitted already
      return { reasoningContent: { reasoningText: { text: "", signature: block.signature } } }
    case "redacted":
      return { reasoningContent: { redactedContent: concatenate(block.pieces) } }
    case "tool":
      return { toolUse: { ...block.start, input: Block.asJson(ExactJson.params(block.json)) } }
    case "result":
      // the same blocks, as they come in a stream
      return { toolResult: { ...block.start, content: block.content as Array<ToolResultContentBlock> } }
    case "image":
      return { image: joinImage(block.start, block.pieces) }
    case "unknown": {
      const $unknown: [string, unknown] = [block.name, join(block.pieces)]
      return block.union === "reasoning" ? { reasoningContent: { $unknown } } : { $unknown }
    }
  }
}

/** The member of a union unknown to the SDK: under `$unknown`, or by its own name. */
export const unknownMember = (union: object): readonly [name: string, value: unknown] | undefined => {
  const member = Object.entries(union).find(([, value]) => value !== undefined && value !== null)
  if (member === undefined) return undefined
  const [name, value] = member
  return name === "$unknown" && Array.isArray(value) ? [`${value[0]}`, value[1]] : member
}

/** An image arrives as pieces of bytes, or as one location. */
const joinImage = ({ format }: ImageBlockStart, pieces: ReadonlyArray<ImageBlockDelta>): ImageBlock => {
  const bytes = pieces.flatMap(({ source }) => source?.bytes === undefined ? [] : [source.bytes])
  const error = pieces.find((piece) => piece.error !== undefined)?.error
  return {
    format,
    source: bytes.length > 0
      ? { bytes: concatenate(bytes) }
      : pieces.find(({ source }) => source !== undefined)?.source,
    ...(error === undefined ? undefined : { error })
  }
}

const concatenate = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.length
  }
  return whole
}

/**
 * Joins pieces of unknown blocks like those of known ones: texts and lists are concatenated, otherwise the last value
 * wins.
 */
const join = (pieces: ReadonlyArray<unknown>): unknown => {
  if (pieces.every((piece) => typeof piece === "string")) return pieces.join("")
  if (pieces.every(Array.isArray)) return pieces.flat()
  if (!pieces.every(isObject)) return pieces[pieces.length - 1]
  const members = new Map<string, Array<unknown>>()
  for (const piece of pieces) {
    for (const [key, value] of Object.entries(piece)) {
      const values = members.get(key)
      if (values === undefined) members.set(key, [value])
      else values.push(value)
    }
  }
  return Object.fromEntries(Array.from(members, ([key, values]) => [key, join(values)]))
}
