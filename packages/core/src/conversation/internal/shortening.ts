/** Shortens the results of tools from the middle, with a mark that counts. */
import * as Message from "../../chat/Message.ts"
import * as TextTokens from "../../internal/textTokens.ts"
import * as Pairs from "./pairs.ts"

/** The message with no text or JSON of a result above so many tokens; the same object each time. */
export const shorten = (message: Message.Message, maxTokens: number): Message.Message => {
  if (message.role !== "tool") return message
  const known = shortened.get(message)
  if (known?.maxTokens === maxTokens) return known.message
  const content = message.content.map((part) => part.providerExecuted === true ? part : shortResult(part, maxTokens))
  const made = Pairs.same(content, message.content) ? message : { ...message, content }
  shortened.set(message, { maxTokens, message: made })
  return made
}

const shortened = new WeakMap<
  Message.Message,
  { readonly maxTokens: number; readonly message: Message.Message }
>()

const shortResult = (part: Message.ToolResultPart, maxTokens: number): Message.ToolResultPart => {
  const result = shortValue(part.result, maxTokens)
  const parts = part.parts?.map((item) => {
    if (item.type !== "text" && item.type !== "json") return item
    const value = item.type === "text" ? item.text : item.value
    const short = shortValue(value, maxTokens)
    return short === value ? item : item.type === "text" ? { ...item, text: `${short}` } : Message.text(`${short}`)
  })
  const isSame = result === part.result && (part.parts === undefined || Pairs.same(parts ?? [], part.parts))
  return isSame ? part : { ...part, result, ...(parts !== undefined && { parts }) }
}

/** The value, or a shorter text. */
const shortValue = (value: unknown, maxTokens: number): unknown => {
  const text = typeof value === "string" ? value : JSON.stringify(value, written) ?? ""
  return TextTokens.count(text) <= maxTokens ? value : shortText(text, maxTokens)
}

const written = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? `${value}` : value instanceof Uint8Array ? `(${value.length} bytes)` : value

const shortText = (text: string, maxTokens: number): string => {
  const half = Math.max(0, (maxTokens - TextTokens.count(mark(text.length))) / 2)
  let start = 0
  for (let left = half; start < text.length; start++) {
    left -= TextTokens.count(text[start]!)
    if (left < 0) break
  }
  let end = text.length
  for (let left = half; end > start; end--) {
    left -= TextTokens.count(text[end - 1]!)
    if (left < 0) break
  }
  // Not between the halves of a surrogate pair.
  if (/[\ud800-\udbff]/.test(text[start - 1] ?? "")) start--
  if (/[\udc00-\udfff]/.test(text[end] ?? "")) end++
  return text.slice(0, start) + mark(end - start) + text.slice(end)
}

const mark = (characters: number): string => `\n[… ${characters} characters were left out here …]\n`
