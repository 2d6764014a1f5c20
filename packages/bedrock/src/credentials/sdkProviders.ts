/**
 * The AWS SDK's sources of credentials that are used here, by name: a bundler leaves out the others, as it could not if the
 * package itself were imported when it is needed.
 */
export {
  fromHttp,
  fromInstanceMetadata,
  fromLoginCredentials,
  fromSSO,
  fromTemporaryCredentials,
  fromWebToken
} from "@aws-sdk/credential-providers"
