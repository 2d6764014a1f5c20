/** Whose a call is: its key, by the option `key` of a policy. */
import * as Effect from "effect/Effect"
import type * as ProviderError from "../../ProviderError.ts"
import * as RequestMetadata from "../../RequestMetadata.ts"
import type * as Telemetry from "../../Telemetry.ts"
import * as Key from "../Key.ts"

/** What tells whose a call is: the request metadata in force for it; those of the fiber when missing. */
export interface Metadata {
  readonly metadata?: Effect.Effect<RequestMetadata.Pairs, ProviderError.CallError> | undefined
}

/** The key of a call, by a function that is named in its errors: `policy.quota.key`. */
export const of = (
  key: Key.Key,
  target: Telemetry.Target,
  { metadata = RequestMetadata.RequestMetadata }: Metadata,
  option: string
): Effect.Effect<string, ProviderError.CallError> =>
  Effect.flatMap(metadata, (metadata) => Key.of(key, { ...target, metadata }, option))
