/** Text as UTF-8 can say it: half a surrogate pair, left by a cut between code units, becomes U+FFFD. */
export const make = (text: string): string => text.isWellFormed() ? text : text.toWellFormed()
