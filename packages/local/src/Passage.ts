/**
 * Passages in a prompt: `<document source="…">…</document>` blocks, then the question.
 *
 * Models are trained on prompts of this shape (Anthropic's guide for long context asks for it), so the prompt that
 * makes `ExtractiveChat` quote makes a language model answer from the same passages and name their sources.
 */
import * as Message from "@strata/core/chat/Message"

/** A piece of a text and where it is from: a path, a title, a URL. */
export interface Passage {
  readonly source: string
  readonly text: string
}

/**
 * The text of a user message: the passages in `<document>` blocks, the question after them.
 *
 * Passages and question may hold anything: what would open or close a block is escaped, all else stays as it is.
 */
export const prompt = (options: { readonly question: string; readonly passages: ReadonlyArray<Passage> }): string =>
  [
    ...options.passages.map(({ source, text }) =>
      `<document source="${escapeSource(source)}">\n${escapeTags(text)}\n</document>`
    ),
    escapeTags(options.question)
  ].join("\n\n")

/** What {@link prompt} puts together, taken apart. */
export interface Parsed {
  readonly question: string
  readonly passages: ReadonlyArray<Passage>
}

/** The passages of all system and user messages, and the question: what the last user message says beside them. */
export const fromMessages = (messages: ReadonlyArray<Message.Message>): Parsed => {
  const parsed = messages
    .filter((message) => message.role === "system" || message.role === "user")
    .map((message) => ({ role: message.role, ...parse(Message.textOf(message)) }))
  return {
    passages: parsed.flatMap(({ passages }) => passages),
    question: parsed.findLast(({ role }) => role === "user")?.question ?? ""
  }
}

/** Takes a text apart: its passages, and what is left. A block that is never closed counts as text. */
export const parse = (text: string): Parsed => {
  const passages: Array<Passage> = []
  let question = ""
  let rest = 0
  // Two plain searches: one expression for a whole block takes quadratic time over blocks that are never closed.
  for (const open of text.matchAll(/<document\b([^<>]*)>/gi)) {
    if (open.index < rest) continue
    const start = open.index + open[0].length
    const end = text.indexOf("</document>", start)
    if (end === -1) break
    question += text.slice(rest, open.index)
    rest = end + "</document>".length
    const source = /source="([^"]*)"/i.exec(open[1] ?? "")?.[1]
    passages.push({
      source: source === undefined ? `document ${passages.length + 1}` : unescapeSource(source),
      text: unescapeTags(text.slice(start, end).trim())
    })
  }
  question += text.slice(rest)
  return { passages, question: unescapeTags(question.replace(/<\/?documents>/gi, "").trim()) }
}

const escapeTags = (text: string) => text.replace(/<(\/?document)/gi, "&lt;$1")

const unescapeTags = (text: string) => text.replace(/&lt;(\/?document)/gi, "<$1")

const entities = [["&", "&amp;"], ["\"", "&quot;"], ["<", "&lt;"], [">", "&gt;"]] as const

const escapeSource = (source: string) =>
  entities.reduce((escaped, [character, entity]) => escaped.replaceAll(character, entity), source)

const unescapeSource = (escaped: string) =>
  entities.reduceRight((source, [character, entity]) => source.replaceAll(entity, character), escaped)
