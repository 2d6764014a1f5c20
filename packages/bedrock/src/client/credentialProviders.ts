/**
 * The SDK's sources of credentials, loaded when one of them is asked for the first time.
 *
 * The package takes as long to load as half of the SDK's client, and a program with keys of its own never needs it.
 */
import type * as Sdk from "./sdkProviders.ts"

type Provider = ReturnType<typeof Sdk.fromIni>

const lazily = <Init>(make: (sdk: typeof Sdk, init: Init) => Provider) => (init: Init): Provider => {
  let provider: Promise<Provider> | undefined
  return (properties) => {
    provider ??= import("./sdkProviders.ts").then((sdk) => make(sdk, init))
    return provider.then((provider) => provider(properties))
  }
}

/** @see Sdk.fromIni */
export const fromIni: (init: Parameters<typeof Sdk.fromIni>[0]) => Provider = lazily((sdk, init) => sdk.fromIni(init))

/** @see Sdk.fromNodeProviderChain */
export const fromNodeProviderChain: (init: Parameters<typeof Sdk.fromNodeProviderChain>[0]) => Provider = lazily(
  (sdk, init) => sdk.fromNodeProviderChain(init)
)

/** @see Sdk.fromTemporaryCredentials */
export const fromTemporaryCredentials: (init: Parameters<typeof Sdk.fromTemporaryCredentials>[0]) => Provider = lazily(
  (sdk, init) => sdk.fromTemporaryCredentials(init)
)
