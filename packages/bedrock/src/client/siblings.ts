/**
 * Clients of other AWS services, beside that of Bedrock Runtime: with its credentials, through its connections.
 *
 * Their packages are optional. Each is imported in a `try` block of its own because webpack, esbuild and Bun refuse to
 * bundle a program without it otherwise; where it is installed they bundle it.
 */
import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as BedrockError from "../BedrockError.ts"
import { providerName } from "../internal/provider.ts"
import * as Renewal from "./renewal.ts"

/** The control plane of Bedrock; `undefined` when its package is not installed. */
export const controlPlane = async (): Promise<typeof import("@aws-sdk/client-bedrock") | undefined> => {
  try {
    return await import("@aws-sdk/client-bedrock")
  } catch {
    return undefined
  }
}

/** S3; `undefined` when its package is not installed. */
export const s3 = async (): Promise<typeof import("@aws-sdk/client-s3") | undefined> => {
  try {
    return await import("@aws-sdk/client-s3")
  } catch {
    return undefined
  }
}

/** The error for a package that is not installed, which `use` needs. */
export const notInstalled = (use: string, packageName: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({
    provider: providerName,
    field: "options",
    problem: `${use} needs the package \`${packageName}\`, which cannot be loaded`,
    remedy: `Install it: npm install ${packageName}`
  })

type Config = BedrockRuntimeClient["config"]

interface Shared extends Pick<Config, "region" | "credentials" | "requestHandler"> {
  readonly maxAttempts: number
  readonly retryMode: string
}

interface SharedWithKey extends Shared, Pick<Config, "authSchemePreference"> {
  readonly token?: NonNullable<Config["token"]>
}

/** What a client of another service takes from that of Bedrock Runtime. Without retries: those are the caller's. */
export const configOf = ({ config }: BedrockRuntimeClient): Shared => ({
  region: config.region,
  credentials: config.credentials,
  requestHandler: config.requestHandler,
  maxAttempts: 1,
  retryMode: "standard"
})

/** The same for the control plane, which takes an API key as well; a client keeps the API key it got. */
export const configWithKeyOf = (sdk: BedrockRuntimeClient): SharedWithKey => ({
  ...configOf(sdk),
  authSchemePreference: sdk.config.authSchemePreference,
  ...(sdk.config.token === undefined ? undefined : { token: sdk.config.token })
})

/**
 * One attempt at a call, which is sent again after credentials that AWS refused were renewed, or after a signature of the
 * wrong time: from such a refusal the SDK learns the right one.
 */
export const call = <A>(
  sdk: BedrockRuntimeClient,
  context: BedrockError.Context,
  send: (abortSignal: AbortSignal) => Promise<A>
): Effect.Effect<A, ProviderError.CallError> => {
  const attempt = Effect.tryPromise({ try: send, catch: (error) => BedrockError.fromUnknown(error, context) })
  return Effect.catch(attempt, (error) => {
    if (error._tag !== "AuthenticationError") return Effect.fail(error)
    if (BedrockError.timeOfService(error) !== undefined) return attempt
    return BedrockError.isRenewable(error) ? Effect.andThen(Renewal.fetch(sdk), attempt) : Effect.fail(error)
  })
}
