/**
 * Keys: what a call counts for, such as a tenant, a user or a feature.
 *
 * `Quota`, `Budget` and `Concurrency` take a function from a call to its key, and share what there is between keys.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as RequestMetadata from "../RequestMetadata.ts"
import type * as Telemetry from "../Telemetry.ts"

/** A call before it is sent; `metadata` has the pairs of its layer, its fiber and its request. */
export interface Call extends Telemetry.Target {
  readonly metadata: RequestMetadata.Pairs
}

/**
 * The key of a call, a text of 1 to 256 characters. Where it is another value, or the function throws, the call fails with
 * `InvalidRequestError` and is not sent.
 *
 * @example
 * const tenant: Key.Key = ({ metadata }) => metadata["tenant"] ?? "none"
 */
export type Key = (call: Call) => string

/**
 * The key in the request metadata of a call, by the name of the pair. A call that has no such pair fails, or has the key
 * `otherwise`.
 *
 * @example
 * Budget.make({ name: "support", perDay: 5, key: Key.metadata("tenant") })
 */
export const metadata = (name: string, otherwise?: string): Key => ({ metadata }) =>
  // A missing key is refused with the name of the option.
  (Object.hasOwn(metadata, name) ? metadata[name] : otherwise) as string

/** @internal */
export const check: Check.Check<Key> = Check.callback<Key>()

/**
 * The key of a call by the function of an option, which is named in its errors (`quota.key`). Fails with
 * `InvalidRequestError` where the function throws or gives no key.
 */
export const of = (
  key: Key,
  call: Call,
  option: string
): Effect.Effect<string, ProviderError.InvalidRequestError> => {
  const { model, provider } = call
  const found = Result.try((): unknown => key(call))
  return Result.isFailure(found)
    ? Effect.fail(Check.threw({ provider, model }, option, found.failure))
    : Check.run(text, found.success, { provider, model, field: option })
}

/**
 * A key itself.
 *
 * @internal
 */
export const text: Check.Check<string> = (given, at) => {
  if (typeof given !== "string") return Check.refuseKind(at, given, remedy)
  return given.length > 0 && given.length <= longest
    ? given
    : Check.refuse(at, `the key of a call has ${given.length} characters`, remedy)
}

const longest = 256

const remedy = `Return a text of 1 to ${longest} characters as the key of a call`
