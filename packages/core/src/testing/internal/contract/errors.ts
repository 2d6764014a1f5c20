/** The errors that a model behind an implementation fails with. */
import * as ProviderError from "../../../ProviderError.ts"

const fields = { provider: "test", message: "The model says so" }

/** Those that say something about the call; others are made on this side of it. */
export const errors: ReadonlyArray<ProviderError.CallError> = [
  new ProviderError.AuthenticationError(fields),
  new ProviderError.PermissionDeniedError(fields),
  new ProviderError.InvalidRequestError(fields),
  new ProviderError.ContextLengthExceededError(fields),
  new ProviderError.ModelNotFoundError(fields),
  new ProviderError.RateLimitError(fields),
  new ProviderError.QuotaExceededError(fields),
  new ProviderError.ModelUnavailableError(fields),
  new ProviderError.ProviderInternalError(fields),
  new ProviderError.ModelFailedError(fields),
  new ProviderError.TimeoutError({ ...fields, phase: "model" })
]
