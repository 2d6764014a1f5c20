/**
 * What the tag of an error says of its failure.
 */
import * as Total from "./total.ts"

/**
 * - `isTransient`: the same request may succeed if it is sent again.
 * - `isRefusal`: the request was not sent or not processed.
 * - `isUnavailable`: the failure is of the service or model, so another one may succeed.
 */
export interface Kinds {
  readonly isTransient: boolean
  readonly isRefusal: boolean
  readonly isUnavailable: boolean
}

const kinds = (...names: ReadonlyArray<"transient" | "refusal" | "unavailable">): Kinds => ({
  isTransient: names.includes("transient"),
  isRefusal: names.includes("refusal"),
  isUnavailable: names.includes("unavailable")
})

const none = kinds()

const byTag = {
  AuthenticationError: kinds("refusal"),
  PermissionDeniedError: kinds("refusal", "unavailable"),
  InvalidRequestError: kinds("refusal"),
  ContextLengthExceededError: kinds("refusal"),
  ModelNotFoundError: kinds("refusal", "unavailable"),
  UnsupportedFeatureError: kinds("refusal"),
  RateLimitError: kinds("transient", "refusal", "unavailable"),
  QuotaExceededError: kinds("refusal", "unavailable"),
  ModelUnavailableError: kinds("transient", "refusal", "unavailable"),
  ProviderInternalError: kinds("transient", "unavailable"),
  ModelFailedError: kinds("unavailable"),
  TimeoutError: kinds("transient", "unavailable"),
  ConnectionError: kinds("transient", "unavailable"),
  StreamInterruptedError: none,
  MalformedResponseError: kinds("unavailable"),
  StructuredOutputError: none,
  CircuitOpenError: kinds("transient", "refusal", "unavailable"),
  BudgetExceededError: kinds("refusal"),
  QueueFullError: kinds("transient", "refusal", "unavailable")
}

/** Of a value that is no such error: nothing. */
export const of: (error: { readonly _tag: keyof typeof byTag }) => Kinds = Total.make(
  ({ _tag }) => Object.hasOwn(byTag, _tag) ? byTag[_tag] : none,
  () => none
)
