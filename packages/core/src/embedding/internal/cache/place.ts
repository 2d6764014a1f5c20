/**
 * Where an input stood: the service counts only what it is asked for, the caller counts everything.
 */
import * as ProviderError from "../../../ProviderError.ts"

/** The error with the place the caller knows, where it begins with one (`inputs[3]: `, `inputs[3].image: `); other errors stay as they are. */
export const moved = (
  error: ProviderError.EmbeddingError,
  position: (place: number) => number | undefined
): ProviderError.EmbeddingError => {
  const [prefix, place, part] = /^inputs\[(\d+)\](\.\w+)?: /u.exec(error.message) ?? []
  const to = place === undefined ? undefined : position(Number(place))
  if (prefix === undefined || to === undefined) return error
  const { cause, exception, model, provider, requestId } = error
  const field = `inputs[${to}]${part ?? ""}`
  const fields = {
    provider,
    model,
    message: `${field}: ${error.message.slice(prefix.length)}`,
    requestId,
    exception,
    cause
  }
  switch (error._tag) {
    case "InvalidRequestError":
      return new ProviderError.InvalidRequestError({ ...fields, field, remedy: error.remedy })
    case "ContextLengthExceededError":
      return new ProviderError.ContextLengthExceededError(fields)
    case "UnsupportedFeatureError":
      return new ProviderError.UnsupportedFeatureError({ ...fields, feature: error.feature })
    default:
      return error
  }
}
