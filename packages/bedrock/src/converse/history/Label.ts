/**
 * Unique names and ids that Bedrock accepts; valid unused ones are kept.
 *
 * Deterministic: the same texts in the same order give the same labels, so a growing conversation keeps its labels.
 */
import * as Hash from "effect/Hash"

/**
 * A kind of label.
 *
 * - `accepts`: whether a text is a valid label.
 * - `stem`: the valid characters of a text.
 * - `variant`: a valid label that begins with a stem, a different one for each attempt from 1 on.
 */
export interface Kind {
  readonly accepts: (text: string) => boolean
  readonly stem: (text: string) => string
  readonly variant: (stem: string, attempt: number) => string
}

/** Assigns unique labels of a kind, without the `reserved` ones. */
export const allocator = (kind: Kind, reserved: Iterable<string> = []): (text: string) => string => {
  const given = new Set(reserved)
  const attempts = new Map<string, number>()
  const give = (label: string): string => {
    given.add(label)
    return label
  }
  return (text) => {
    if (kind.accepts(text) && !given.has(text)) return give(text)
    const stem = kind.stem(text)
    let attempt = attempts.get(stem) ?? 1
    while (given.has(kind.variant(stem, attempt))) attempt += 1
    attempts.set(stem, attempt + 1)
    return give(kind.variant(stem, attempt))
  }
}

const toolNamePattern = /^[a-zA-Z0-9_-]{1,64}$/

/** The name of a tool. */
export const toolName: Kind = {
  accepts: (text) => toolNamePattern.test(text),
  stem: (text) => text.replaceAll(/[^a-zA-Z0-9_-]+/g, "_").slice(0, 64) || "tool",
  variant: (stem, attempt) => numbered(stem, "_", attempt)
}

const callIdPattern = /^[a-zA-Z0-9_.:-]{1,64}$/

/**
 * The id of a call. Where the model accepts less than Converse, an id that does not match becomes nine letters and
 * digits; a pattern that refuses these as well is ignored.
 */
export const callId = (pattern: RegExp | undefined): Kind =>
  pattern === undefined || !pattern.test(digest("", 1))
    ? {
      accepts: (text) => callIdPattern.test(text),
      stem: (text) => text.replaceAll(/[^a-zA-Z0-9_.:-]+/g, "_").slice(0, 64) || "call",
      variant: (stem, attempt) => numbered(stem, "_", attempt)
    }
    : {
      accepts: (text) => callIdPattern.test(text) && pattern.test(text),
      stem: (text) => text,
      variant: digest
    }

// \w and \s of JavaScript match characters that the service refuses; it was recorded to accept the underscore.
const documentNamePattern = /^[a-zA-Z0-9_ \-()[\]]{1,200}$/

/**
 * The name of a document. Accents are stripped, other invalid characters become hyphens; a name without ASCII letters or
 * digits becomes `Document`.
 */
export const documentName: Kind = {
  accepts: (text) => documentNamePattern.test(text) && !text.includes("  ") && text.trim() !== "",
  stem: (text) => {
    // a name is not longer, and the rest is never scanned
    const plain = text.slice(0, 1_000).normalize("NFKD")
      .replaceAll(/\p{Mark}/gu, "")
      .replaceAll(/\s+/g, " ")
      .replaceAll(/[^a-zA-Z0-9_ \-()[\]]+/g, "-")
      .replace(/^[ -]+/, "")
      .slice(0, 190)
    return /[a-zA-Z0-9]/.test(plain) ? plain.replace(/[ -]+$/, "") : "Document"
  },
  variant: (stem, attempt) => attempt === 1 ? stem : `${stem} (${attempt})`
}

const numbered = (text: string, separator: string, attempt: number): string => {
  const suffix = attempt === 1 ? "" : `${separator}${attempt}`
  return `${text.slice(0, 64 - suffix.length)}${suffix}`
}

const digest = (text: string, attempt: number): string =>
  (Hash.string(`${attempt}:${text}`) >>> 0).toString(36).padStart(9, "0")
