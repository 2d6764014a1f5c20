/**
 * Keys as they come from files, secrets and pages: with a line break at the end, or with the word in front of them that a
 * header has.
 */
import * as Check from "@strata/core/Check"
import * as Redacted from "effect/Redacted"

/** A key without white space at its ends. */
export const trimmed = (key: string): string => key.trim()

/** An API key without white space at its ends and without `Bearer` in front. */
export const ofBearer = (key: string): string => key.trim().replace(/^bearer(?:\s+|$)/i, "")

/** What is wrong with a key, which is never shown. */
export interface Flaw {
  readonly problem: string
  readonly remedy: string
}

/** Why a key cannot be sent, if it cannot. */
export const flawOf = (key: string): Flaw | undefined =>
  key === ""
    ? { problem: "it is empty", remedy: "Give the key, or leave the option out" }
    : notOfHeader.test(key)
    ? {
      problem: "it has a character that cannot be in an HTTP header, such as a line break in its middle",
      remedy: "Copy the key again"
    }
    : undefined

// What `node:http` refuses; a tab is among what it allows, but no key has one.
const notOfHeader = /[^\x20-\x7e\x80-\xff]/

/** A key in `Redacted`, cleaned. */
export const check = (clean: (key: string) => string): Check.Check<Redacted.Redacted> => (given, at) => {
  const key = Redacted.isRedacted(given) ? Redacted.value(given) : undefined
  if (typeof key !== "string") {
    return Check.refuseKind(at, given, "Wrap the text of the secret: `Redacted.make(secret)`")
  }
  const value = cleaned(clean(key), at)
  return value === Check.refused ? value : Redacted.make(value)
}

/** A key that is plain text, trimmed. */
export const checkPlain: Check.Check<string> = (given, at) => {
  const key = Check.text(given, at)
  return key === Check.refused ? key : cleaned(trimmed(key), at)
}

const cleaned = (key: string, at: Check.Cursor): string | Check.Refused => {
  const flaw = flawOf(key)
  return flaw === undefined ? key : Check.refuse(at, flaw.problem, flaw.remedy)
}
