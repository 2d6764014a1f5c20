/** A copy of options without those that are `undefined`. */
export const defined = <A extends object>(options: A): A => {
  const copy: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) if (value !== undefined) copy[name] = value
  return copy as A // Nothing but what may be missing is left out.
}
