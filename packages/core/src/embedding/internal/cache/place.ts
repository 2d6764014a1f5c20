/**
 * Where an input stood: the service counts only what it is asked for, the caller counts everything.
 */
import * as ProviderError from "../../../ProviderError.ts"

/** The error about the place that the caller knows, where it is about an input; other errors stay as they are. */
export const moved = (
  error: ProviderError.EmbeddingError,
  position: (place: number) => number | undefined
): ProviderError.EmbeddingError => {
  switch (error._tag) {
    case "InvalidRequestError":
    case "ContextLengthExceededError":
    case "UnsupportedFeatureError": {
      const [, place, part = ""] = error.field?.match(/^inputs\[(\d+)\](.*)$/u) ?? []
      const to = place === undefined ? undefined : position(Number(place))
      return to === undefined ? error : ProviderError.placed(error, `inputs[${to}]${part}`)
    }
    default:
      return error
  }
}
