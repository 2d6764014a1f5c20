/** Text that UTF-8 can encode: a lone surrogate, left by a cut between code units, becomes U+FFFD. */
export const make = (text: string): string => text.isWellFormed() ? text : text.toWellFormed()
