/**
 * What a single block may look like: one member set, text that says something, objects where objects belong.
 */
import type * as Block from "../Block.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"
import { isObject, isUnion, mustSetOne, notAnObject, refused } from "./Finding.ts"

/** Checks the blocks of the system prompt and of every message. */
export function* check({ messages = [], system = [] }: Wire.Prompt): Findings {
  for (const [index, block] of system.entries()) yield* inSystem(block, `system.${index}`)
  for (const [index, message] of messages.entries()) yield* inMessage(message, `messages.${index}`)
  return undefined
}

function* inSystem(block: Block.System, at: string): Findings {
  if (!isUnion(block)) yield mustSetOne("SystemContentBlock", at, "text, guardContent, cachePoint")
  if (block.text !== undefined && isBlank(block.text)) yield blankText("SystemContentBlock", at)
  if (block.guardContent !== undefined) yield* inGuardContent(block.guardContent, `${at}.guardContent`)
  return undefined
}

function* inMessage(message: Wire.Message, at: string): Findings {
  if (message.content.length === 0) {
    yield refused(
      `The content field in the Message object at ${at} is empty. Add a ContentBlock object to the content field and try again.`
    )
  }
  for (const [index, block] of message.content.entries()) {
    const inside = `${at}.content.${index}`
    yield* inBlock(block, inside)
    yield* inRole(message.role, block, inside)
  }
  return undefined
}

const blockKeys =
  "text, image, document, video, audio, toolUse, toolResult, guardContent, cachePoint, reasoningContent, citationsContent, searchResult"

function* inBlock(block: Block.Content, at: string): Findings {
  if (!isUnion(block)) yield mustSetOne("ContentBlock", at, blockKeys)
  const { audio, guardContent, reasoningContent, text, toolUse } = block
  if (text !== undefined && isBlank(text)) yield blankText("ContentBlock", at)
  if (toolUse !== undefined && !isObject(toolUse.input)) yield notAnObject(`${at}.toolUse.input`)
  if (audio !== undefined && !isUnion(audio.source)) {
    yield mustSetOne("AudioSource", `${at}.audio.source`, "bytes, s3Location")
  }
  if (reasoningContent !== undefined && !isUnion(reasoningContent)) {
    yield mustSetOne("ReasoningContentBlock", `${at}.reasoningContent`, "reasoningText, redactedContent")
  }
  if (guardContent !== undefined) yield* inGuardContent(guardContent, `${at}.guardContent`)
  yield* inMedia(block, at)
  if (block.toolResult !== undefined) yield* inToolResult(block.toolResult, `${at}.toolResult`)
  return undefined
}

function* inToolResult({ content, status }: NonNullable<Block.Content["toolResult"]>, at: string): Findings {
  if (status === "error" && content.length === 0) {
    yield refused(`The content field at ${at} cannot be empty when status value is error.`)
  }
  for (const [index, item] of content.entries()) {
    const inside = `${at}.content.${index}`
    if (!isUnion(item)) {
      yield mustSetOne("ToolResultContentBlock", inside, "json, text, image, document, video, searchResult")
    }
    if (item.text !== undefined && isBlank(item.text)) yield blankText("ContentBlock", inside)
    if ("json" in item && !isObject(item.json)) yield notAnObject(`${inside}.json`)
    yield* inMedia(item, inside)
  }
  return undefined
}

/** The media that messages and tool results have in common. */
function* inMedia({ document, image, video }: Block.Content | Block.ToolResultContent, at: string): Findings {
  if (image !== undefined && !isUnion(image.source)) {
    yield mustSetOne("ImageSource", `${at}.image.source`, "bytes, s3Location")
  }
  if (video !== undefined && !isUnion(video.source)) {
    yield mustSetOne("VideoSource", `${at}.video.source`, "bytes, s3Location")
  }
  if (document === undefined) return undefined
  if (!documentName.test(document.name)) {
    yield refused(
      "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. Check that the file name conforms to these restrictions and retry your request."
    )
  }
  if (!isUnion(document.source)) {
    yield mustSetOne("DocumentSource", `${at}.document.source`, "bytes, s3Location, text, content")
  }
  return undefined
}

// Underscores are not in the documented set, but the service takes them.
const documentName = /^(?!.* {2})[A-Za-z0-9_ \-()[\]]+$/

function* inGuardContent(guard: Block.GuardContent, at: string): Findings {
  if (!isUnion(guard)) yield mustSetOne("GuardrailConverseContentBlock", at, "text, image")
  if (guard.image !== undefined && !isUnion(guard.image.source)) {
    yield mustSetOne("GuardrailConverseImageSource", `${at}.image.source`, "bytes")
  }
  return undefined
}

/** The blocks a role has no use for. The service's words are known for reasoning only. */
function* inRole(role: Wire.Message["role"], block: Block.Content, at: string): Findings {
  if (role === "user" && block.reasoningContent !== undefined) {
    yield refused("User messages cannot contain reasoning content. Please remove the reasoning content and try again.")
  }
  const allowed = keysOf[role]
  const key = Object.keys(block)[0] ?? ""
  if (!allowed.has(key)) yield refused(`The ${key} field at ${at} isn't supported for the ${role} role.`)
  return undefined
}

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

const isBlank = (text: string) => text.trim() === ""

const blankText = (object: string, at: string) =>
  refused(`The text field in the ${object} object at ${at} is blank. Add text to the text field, and try again.`)
