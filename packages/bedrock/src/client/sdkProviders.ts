/**
 * The SDK's sources of credentials, by name: a bundler leaves out the others, as it could not if the package itself were
 * imported when it is needed.
 */
export { fromIni, fromNodeProviderChain, fromTemporaryCredentials } from "@aws-sdk/credential-providers"
