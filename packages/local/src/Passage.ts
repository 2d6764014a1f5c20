/**
 * Passages in a prompt: `<document source="…">…</document>` blocks, then the question.
 *
 * Models are trained on prompts of this form (Anthropic's guide for long context recommends it), so the prompt for
 * `ExtractiveChat` also makes a language model answer from the passages and name their sources.
 */
import * as Message from "@strata/core/chat/Message"

/** A text and its source: a path, a title, a URL. */
export interface Passage {
  readonly source: string
  readonly text: string
}

/**
 * The text of a user message: the passages in `<document>` blocks, the question after them.
 *
 * Passages and question may hold any text: document tags in it are escaped, all else is unchanged.
 */
export const prompt = (options: { readonly question: string; readonly passages: ReadonlyArray<Passage> }): string =>
  [
    ...options.passages.map(({ source, text }) =>
      `<document source="${escapeSource(source)}">\n${escapeTags(text)}\n</document>`
    ),
    escapeTags(options.question)
  ].join("\n\n")

/** The parsed form of {@link prompt}. */
export interface Parsed {
  readonly question: string
  readonly passages: ReadonlyArray<Passage>
}

/** The passages of all system and user messages, and the question: the rest of the last user message. */
export const fromMessages = (messages: ReadonlyArray<Message.Message>): Parsed => {
  const parsed = messages
    .filter((message) => message.role === "system" || message.role === "user")
    .map((message) => ({ role: message.role, ...parse(Message.textOf(message)) }))
  return {
    passages: parsed.flatMap(({ passages }) => passages),
    question: parsed.findLast(({ role }) => role === "user")?.question ?? ""
  }
}

/** Splits a text into passages and the rest. An unclosed block counts as text. */
export const parse = (text: string): Parsed => {
  const passages: Array<Passage> = []
  let question = ""
  let rest = 0
  // Two plain searches: a single regular expression is quadratic in the number of unclosed blocks.
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
