/**
 * Settings of a profile in the AWS configuration file that the SDK for JavaScript does not read, or reads of another
 * profile than the option `profile` names.
 */
import { loadSharedConfigFiles } from "@smithy/core/config"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Environment from "../internal/environment.ts"

/** A profile: its `name`, its settings, and those of the section `services` it refers to; `undefined` without that. */
export interface AwsProfile {
  readonly name: string
  readonly settings: Settings
  readonly services: Settings | undefined
}

/** Settings by name, those of one service as `bedrock_runtime.endpoint_url`. */
export type Settings = Readonly<Record<string, string | undefined>>

/** The profile in force: the named one, else that of `AWS_PROFILE`, else `default`. An unknown one has no settings. */
export const read = Effect.fnUntraced(function*(
  named: string | undefined
): Effect.fn.Return<AwsProfile, ProviderError.InvalidRequestError> {
  const name = named ?? (yield* Environment.readAny("AWS_PROFILE")) ?? "default"
  // A file that is missing or cannot be read counts as empty, as for the SDK.
  const sections: Readonly<Record<string, Settings>> = yield* Effect.tryPromise(() =>
    loadSharedConfigFiles({ ignoreCache: true })
  ).pipe(
    Effect.map(({ configFile }) => configFile),
    Effect.orElseSucceed(() => ({}))
  )
  const settings = sections[name] ?? {}
  return { name, settings, services: sections[`services.${settings["services"]}`] }
})
