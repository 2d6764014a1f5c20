/**
 * Rules for single blocks: one member set, non-empty text, objects where required.
 */
import type * as Block from "../Block.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"
import { isObject, isUnion, mustSetOne, notAnObject, refused } from "./Finding.ts"
import { blocksOf, type Rule } from "./Rule.ts"

/** For the blocks of the system prompt and of every message, and nested ones. */
export const rules: ReadonlyArray<Rule> = [
  {
    refuses: "a block, or a source in one, that sets no member or several",
    source: "model",
    *find({ request }) {
      for (const [index, block] of (request.system ?? []).entries()) {
        yield* exactlyOne("SystemContentBlock", `system.${index}`, block, "text, guardContent, cachePoint")
        if (block.guardContent !== undefined) yield* inGuardContent(block.guardContent, `system.${index}.guardContent`)
      }
      for (const { at, block } of blocksOf(request)) yield* inBlock(block, at)
      return undefined
    }
  },
  {
    refuses: "a message without content",
    source: "reported",
    *find({ request: { messages = [] } }) {
      for (const [index, { content }] of messages.entries()) {
        if (content.length > 0) continue
        yield refused(
          `The content field in the Message object at messages.${index} is empty. Add a ContentBlock object to the content field and try again.`
        )
      }
      return undefined
    }
  },
  {
    refuses: "blank text, unless it is before a cache point or beside signed reasoning",
    source: "reported",
    *find({ request }) {
      for (const [index, { text }] of (request.system ?? []).entries()) {
        if (isBlank(text) && !carriesCachePoint(request.system ?? [], index)) {
          yield blankText("SystemContentBlock", `system.${index}`)
        }
      }
      for (const { at, block, content, index } of blocksOf(request)) {
        if (isBlank(block.text) && !carriesCachePoint(content, index) && !content.some(isSealed)) {
          yield blankText("ContentBlock", at)
        }
        for (const [inner, { text }] of (block.toolResult?.content ?? []).entries()) {
          if (isBlank(text)) yield blankText("ContentBlock", `${at}.toolResult.content.${inner}`)
        }
      }
      return undefined
    }
  },
  {
    refuses: "the input of a tool call, or the JSON of a tool result, other than an object",
    source: "reported",
    *find({ request }) {
      for (const { at, block: { toolResult, toolUse } } of blocksOf(request)) {
        if (toolUse !== undefined && !isObject(toolUse.input)) yield notAnObject(`${at}.toolUse.input`)
        for (const [inner, item] of (toolResult?.content ?? []).entries()) {
          if ("json" in item && !isObject(item.json)) yield notAnObject(`${at}.toolResult.content.${inner}.json`)
        }
      }
      return undefined
    }
  },
  {
    refuses: "a tool result with the status `error` but without content",
    source: "reported",
    *find({ request }) {
      for (const { at, block: { toolResult } } of blocksOf(request)) {
        if (toolResult?.status === "error" && toolResult.content.length === 0) {
          yield refused(
            `The content field at ${at}.toolResult cannot be empty when status value is error.`,
            `${at}.toolResult`
          )
        }
      }
      return undefined
    }
  },
  {
    refuses: "a document name with characters other than letters, digits, `_`, `-`, brackets and single spaces",
    source: "documented",
    *find({ request }) {
      for (const { block } of blocksOf(request)) {
        for (const { document } of [block, ...block.toolResult?.content ?? []]) {
          if (document !== undefined && !documentName.test(document.name)) yield oddDocumentName
        }
      }
      return undefined
    }
  },
  {
    refuses: "a search result without content",
    source: "reported",
    *find({ request }) {
      for (const { at, block } of blocksOf(request)) {
        if (block.searchResult !== undefined) yield* inSearchResult(block.searchResult, `${at}.search_result`)
        for (const [inner, { searchResult }] of (block.toolResult?.content ?? []).entries()) {
          if (searchResult === undefined) continue
          yield* inSearchResult(searchResult, `${at}.tool_result.content.${inner}.search_result`)
        }
      }
      return undefined
    }
  },
  {
    refuses: "reasoning in a user message",
    source: "reported",
    *find({ request }) {
      for (const { block, role } of blocksOf(request)) {
        if (role === "user" && block.reasoningContent !== undefined) yield userThoughts
      }
      return undefined
    }
  },
  {
    refuses: "a block that the role of its message does not support",
    source: "documented",
    *find({ request }) {
      for (const { at, block, role } of blocksOf(request)) {
        const key = Object.keys(block)[0] ?? ""
        if (!keysOf[role].has(key)) yield refused(`The ${key} field at ${at} isn't supported for the ${role} role.`, at)
      }
      return undefined
    }
  }
]

/** The exact refusal for user messages, and for DeepSeek R1 in any message. */
export const userThoughts = refused(
  "User messages cannot contain reasoning content. Please remove the reasoning content and try again."
)

function* exactlyOne(object: string, at: string, value: object, keys: string): Findings {
  if (!isUnion(value)) yield mustSetOne(object, at, keys)
  return undefined
}

const blockKeys =
  "text, image, document, video, audio, toolUse, toolResult, guardContent, cachePoint, reasoningContent, citationsContent, searchResult"

function* inBlock(block: Block.Content, at: string): Findings {
  yield* exactlyOne("ContentBlock", at, block, blockKeys)
  const { audio, citationsContent, guardContent, reasoningContent, toolResult } = block
  if (audio !== undefined) yield* exactlyOne("AudioSource", `${at}.audio.source`, audio.source, "bytes, s3Location")
  if (reasoningContent !== undefined) {
    const keys = "reasoningText, redactedContent"
    yield* exactlyOne("ReasoningContentBlock", `${at}.reasoningContent`, reasoningContent, keys)
  }
  if (guardContent !== undefined) yield* inGuardContent(guardContent, `${at}.guardContent`)
  if (citationsContent !== undefined) yield* inCitations(citationsContent, `${at}.citationsContent`)
  yield* inMedia(block, at)
  for (const [index, item] of (toolResult?.content ?? []).entries()) {
    const inside = `${at}.toolResult.content.${index}`
    const keys = "json, text, image, document, video, searchResult"
    yield* exactlyOne("ToolResultContentBlock", inside, item, keys)
    yield* inMedia(item, inside)
  }
  return undefined
}

function* inCitations(
  { citations = [], content = [] }: NonNullable<Block.Content["citationsContent"]>,
  at: string
): Findings {
  for (const [index, text] of content.entries()) {
    yield* exactlyOne("CitationGeneratedContent", `${at}.content.${index}`, text, "text")
  }
  for (const [index, { location, sourceContent = [] }] of citations.entries()) {
    const inside = `${at}.citations.${index}`
    for (const [piece, text] of sourceContent.entries()) {
      yield* exactlyOne("CitationSourceContent", `${inside}.sourceContent.${piece}`, text, "text")
    }
    const keys = "web, documentChar, documentPage, documentChunk, searchResultLocation"
    if (location !== undefined) yield* exactlyOne("CitationLocation", `${inside}.location`, location, keys)
  }
  return undefined
}

/** Media shared by messages and tool results. */
function* inMedia({ document, image, video }: Block.Content | Block.ToolResultContent, at: string): Findings {
  if (image !== undefined) yield* exactlyOne("ImageSource", `${at}.image.source`, image.source, "bytes, s3Location")
  if (video !== undefined) yield* exactlyOne("VideoSource", `${at}.video.source`, video.source, "bytes, s3Location")
  if (document === undefined) return undefined
  const inside = `${at}.document.source`
  yield* exactlyOne("DocumentSource", inside, document.source, "bytes, s3Location, text, content")
  for (const [index, piece] of (document.source.content ?? []).entries()) {
    yield* exactlyOne("DocumentContentBlock", `${inside}.content.${index}`, piece, "text")
  }
  return undefined
}

function* inGuardContent(guard: Block.GuardContent, at: string): Findings {
  yield* exactlyOne("GuardrailConverseContentBlock", at, guard, "text, image")
  if (guard.image !== undefined) {
    yield* exactlyOne("GuardrailConverseImageSource", `${at}.image.source`, guard.image.source, "bytes")
  }
  return undefined
}

function* inSearchResult({ content }: Block.SearchResult, at: string): Findings {
  if (content.length === 0) {
    yield refused(`${at}.content: List should have at least 1 item after validation, not 0`, `${at}.content`)
  }
  const blank = content.findIndex(({ text }) => isBlank(text))
  if (blank >= 0) yield refused(`${at}.content.${blank}: text content blocks must be non-empty`, `${at}.content`)
  return undefined
}

// Underscores are not in the documented set, but the service is recorded to accept them.
const documentName = /^(?!.* {2})[A-Za-z0-9_ \-()[\]]+$/

const oddDocumentName = refused(
  "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. Check that the file name conforms to these restrictions and retry your request."
)

const keysOf: Readonly<Record<Wire.Message["role"], ReadonlySet<string>>> = {
  user: new Set([
    "text",
    "image",
    "document",
    "video",
    "audio",
    "toolResult",
    "guardContent",
    "cachePoint",
    "searchResult"
  ]),
  assistant: new Set([
    "text",
    "image",
    "audio",
    "toolUse",
    "toolResult",
    "guardContent",
    "cachePoint",
    "reasoningContent",
    "citationsContent"
  ]),
  system: new Set(["text", "guardContent", "cachePoint", "toolAddition", "toolRemoval"])
}

const isBlank = (text: string | undefined) => text !== undefined && text.trim() === ""

const carriesCachePoint = (
  blocks: ReadonlyArray<{ readonly cachePoint?: Block.CachePoint }>,
  index: number
): boolean => blocks[index + 1]?.cachePoint !== undefined

/** Content beside signed reasoning must be sent back unchanged, even when it is blank. */
const isSealed = ({ reasoningContent }: Block.Content): boolean =>
  reasoningContent?.reasoningText?.signature !== undefined || reasoningContent?.redactedContent !== undefined

const blankText = (object: string, at: string) =>
  refused(`The text field in the ${object} object at ${at} is blank. Add text to the text field, and try again.`, at)
