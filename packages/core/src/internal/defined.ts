/** A copy of options without those that are `undefined`. */
export const defined = <A extends object>(options: A): A =>
  // Nothing but what may be missing is left out.
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as A
