/**
 * Names and ids that Bedrock accepts, each given once: what is acceptable and still free stays as it is.
 *
 * The same texts in the same order always get the same labels, so a conversation that grows keeps those it has.
 */
import * as Hash from "effect/Hash"

/**
 * A kind of label.
 *
 * - `accepts`: whether a text may be one.
 * - `variant`: an acceptable text much like the given one, another for each attempt from 1 on.
 */
export interface Kind {
  readonly accepts: (text: string) => boolean
  readonly variant: (text: string, attempt: number) => string
}

/** Gives out labels of a kind, without those that are `reserved`. */
export const dispenser = (kind: Kind, reserved: Iterable<string> = []): (text: string) => string => {
  const given = new Set(reserved)
  const attempts = new Map<string, number>()
  const give = (label: string): string => {
    given.add(label)
    return label
  }
  return (text) => {
    if (kind.accepts(text) && !given.has(text)) return give(text)
    let attempt = attempts.get(text) ?? 1
    while (given.has(kind.variant(text, attempt))) attempt += 1
    attempts.set(text, attempt + 1)
    return give(kind.variant(text, attempt))
  }
}

const toolNamePattern = /^[a-zA-Z0-9_-]{1,64}$/

/** The name of a tool. */
export const toolName: Kind = {
  accepts: (text) => toolNamePattern.test(text),
  variant: (text, attempt) => numbered(text.replaceAll(/[^a-zA-Z0-9_-]+/g, "_") || "tool", "_", attempt)
}

const callIdPattern = /^[a-zA-Z0-9_.:-]{1,64}$/

/**
 * The id of a call. Where the model wants less than Converse allows, an id that does not fit becomes nine letters and
 * digits; a pattern that refuses these as well cannot be met and is ignored.
 */
export const callId = (pattern: RegExp | undefined): Kind =>
  pattern === undefined || !pattern.test(digest("", 1))
    ? {
      accepts: (text) => callIdPattern.test(text),
      variant: (text, attempt) => numbered(text.replaceAll(/[^a-zA-Z0-9_.:-]+/g, "_") || "call", "_", attempt)
    }
    : { accepts: (text) => callIdPattern.test(text) && pattern.test(text), variant: digest }

// \w and \s of JavaScript admit characters that the service refuses.
const documentNamePattern = /^(?!.* {2})[a-zA-Z0-9 \-()[\]]{1,200}$/

/** The name of a document. Accents are taken off letters; of a name that has no Latin letter or digit nothing is left. */
export const documentName: Kind = {
  accepts: (text) => documentNamePattern.test(text) && text.trim() !== "",
  variant: (text, attempt) => {
    const plain = text.normalize("NFKD")
      .replaceAll(/\p{Mark}+/gu, "")
      .replaceAll(/\s+/g, " ")
      .replaceAll(/[^a-zA-Z0-9 \-()[\]]+/g, "-")
      .replaceAll(/^[ -]+|[ -]+$/g, "")
    const name = /[a-zA-Z0-9]/.test(plain) ? plain.slice(0, 190).trimEnd() : "Document"
    return attempt === 1 ? name : `${name} (${attempt})`
  }
}

const numbered = (text: string, separator: string, attempt: number): string => {
  const suffix = attempt === 1 ? "" : `${separator}${attempt}`
  return `${text.slice(0, 64 - suffix.length)}${suffix}`
}

const digest = (text: string, attempt: number): string =>
  (Hash.string(`${attempt}:${text}`) >>> 0).toString(36).padStart(9, "0")
