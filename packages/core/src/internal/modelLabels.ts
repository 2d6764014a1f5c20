/**
 * Names of models as labels of metrics. Metrics are kept for the life of the process, about 4 kB for each model, and a
 * request may name any model.
 */

/** The names that are labels, by provider. */
export const known = new Map<string, Set<string>>()

/** The name of a model, or `_OTHER` after the first thousand names of a provider. */
export const of = (provider: string, model: string): string => {
  const models = known.get(provider) ?? new Set()
  if (models.has(model)) return model
  if (models.size >= most || typeof model !== "string") return "_OTHER"
  // Providers are named by programs, not by requests.
  if (known.size < most) known.set(provider, models.add(model))
  return model
}

const most = 1_000
