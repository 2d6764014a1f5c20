/** The names of models that are labels of metrics, by provider. */
export const known = new Map<string, Set<string>>()

/**
 * The name of a model as a label, or `_OTHER` after the first thousand names of a provider: a metric is kept for the life of
 * the process, and a request may name any model.
 */
export const of = (provider: string, model: string): string => {
  const models = known.get(provider) ?? new Set()
  if (models.has(model)) return model
  if (models.size >= most || typeof model !== "string") return "_OTHER"
  // Providers are named by programs, not by requests.
  if (known.size < most) known.set(provider, models.add(model))
  return model
}

const most = 1_000
