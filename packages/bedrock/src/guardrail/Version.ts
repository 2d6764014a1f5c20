/**
 * Versions of guardrails: a number from 1, or the draft.
 */

/** Whether a text is one. */
export const isVersion = (text: string): boolean => /^(?:[1-9][0-9]{0,7}|DRAFT)$/.test(text)

/** What to do about a text that is none. */
export const remedy = "Use a number from 1, or `DRAFT`"
