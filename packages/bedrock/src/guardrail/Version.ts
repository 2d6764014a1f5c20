/**
 * Versions of guardrails: a number from 1, or the draft.
 */

/** Whether a text is a version. */
export const isVersion = (text: string): boolean => /^(?:[1-9][0-9]{0,7}|DRAFT)$/.test(text)

/** The remedy for an invalid version. */
export const remedy = "Use a number from 1, or `DRAFT`"
