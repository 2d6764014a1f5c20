/** Text that UTF-8 can encode. */
import * as Check from "../Check.ts"

/** Refuses half a surrogate pair, which is left by a cut between code units. */
export const check: Check.Check<string> = (given, at) => {
  const text = Check.text(given, at)
  return text === Check.refused || text.isWellFormed() ? text : Check.refuse(
    at,
    `the text has half a surrogate pair at index ${text.search(/\p{Surrogate}/u)}`,
    "Split text between characters, or use `toWellFormed()`"
  )
}
