/**
 * Members of a block that its part has no field for: those unknown to this version, and the division of cited text into
 * pieces. Kept when a block is decoded, restored when its part is sent again.
 */
import type { ContentBlock } from "@aws-sdk/client-bedrock-runtime"
import { isObject } from "effect/Predicate"

/** The members of a block that its part does not hold; `undefined` when there are none. */
export const of = (block: ContentBlock): unknown => {
  const rest = beyond(block, known)
  const { citations, content } = block.citationsContent ?? {}
  const lists = {
    // A part has one text, and an empty text stands for no content.
    ...(content === undefined || content.length === 1 && content[0]?.text ? undefined : { content }),
    ...(citations?.length === 0 ? { citations } : undefined)
  }
  return Object.keys(lists).length === 0 ? rest : merge({ citationsContent: lists }, rest)
}

/** Adds the members from {@link of} to a block. The block's own members win. */
export const restore = (block: ContentBlock, rest: unknown): ContentBlock => merge(block, rest) as ContentBlock // it only gets more

/** Members that parts have fields for: `true` includes all nested ones. */
type Known = true | readonly [item: Known] | { readonly [member: string]: Known }

const source = { bytes: true, s3Location: { uri: true, bucketOwner: true } } as const

const range = { documentIndex: true, start: true, end: true } as const

const location = {
  web: { url: true, domain: true },
  documentChar: range,
  documentPage: range,
  documentChunk: range,
  searchResultLocation: { searchResultIndex: true, start: true, end: true }
} as const

const known: Known = {
  text: true,
  citationsContent: {
    content: [{ text: true }],
    citations: [{ title: true, source: true, sourceContent: [{ text: true }], location }]
  },
  reasoningContent: { reasoningText: { text: true, signature: true }, redactedContent: true },
  toolUse: { toolUseId: true, name: true, input: true, type: true },
  toolResult: { toolUseId: true, content: true, status: true, type: true },
  image: { format: true, source },
  audio: { format: true, source }
}

const beyond = (value: unknown, known: Known): unknown => {
  if (known === true) return undefined
  if (isItems(known)) {
    const items = Array.isArray(value) ? value.map((item) => beyond(item, known[0]) ?? null) : []
    return items.some((item) => item !== null) ? items : undefined
  }
  if (!isObject(value)) return undefined
  let members: Array<readonly [string, unknown]> | undefined
  for (const key of Object.keys(value)) {
    const inside = Object.hasOwn(known, key) ? known[key] : undefined
    const rest = inside === undefined ? value[key] : beyond(value[key], inside)
    if (rest !== undefined && rest !== null) (members ??= []).push([key, rest])
  }
  return members && Object.fromEntries(members)
}

const isItems = (known: Known): known is readonly [Known] => Array.isArray(known)

const merge = (self: unknown, rest: unknown): unknown => {
  if (self === undefined) return rest
  if (Array.isArray(self) && Array.isArray(rest)) {
    return self.length === rest.length
      ? self.map((item, index) => merge(item, rest[index]))
      : textOf(self) === textOf(rest)
      ? rest
      : self
  }
  if (!isObject(self) || !isObject(rest) || self instanceof Uint8Array) return self
  return Object.fromEntries([
    ...Object.entries(self),
    ...Object.entries(rest).map((
      [key, member]
    ) => [key, merge(Object.hasOwn(self, key) ? self[key] : undefined, member)])
  ])
}

/** The joined text of pieces: a part does not tell how many there were. */
const textOf = (pieces: ReadonlyArray<unknown>): string =>
  pieces.map((piece) => isObject(piece) && typeof piece["text"] === "string" ? piece["text"] : "").join("")
