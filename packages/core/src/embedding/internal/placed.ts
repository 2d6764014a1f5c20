import * as ProviderError from "../../ProviderError.ts"

/** The error with another `field`: `inputs[17]` of a call may be `inputs[0]` of the request sent for it. */
export const placed = (error: ProviderError.PlacedError, field: string): ProviderError.PlacedError => {
  const { cause, exception, message, model, provider, providerMessage, requestId, server } = error
  const prefix = `${error.field}: `
  const problem = error.problem ?? (message.startsWith(prefix) ? message.slice(prefix.length) : message)
  const told = { provider, model, requestId, server, exception, providerMessage, cause }
  const parts = { ...told, field, problem, message: `${field}: ${problem}` }
  switch (error._tag) {
    case "InvalidRequestError":
      return new ProviderError.InvalidRequestError({ ...parts, remedy: error.remedy })
    case "UnsupportedFeatureError":
      return new ProviderError.UnsupportedFeatureError({ ...parts, feature: error.feature })
    case "ContextLengthExceededError":
      return new ProviderError.ContextLengthExceededError({ ...parts, measured: error.measured })
  }
}
