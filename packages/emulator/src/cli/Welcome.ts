/**
 * The command's output at the start: its address, and the lines that configure a client.
 */
import * as Redacted from "effect/Redacted"
import type * as Emulator from "../Emulator.ts"

/** - `answering`: the backend. `certificateFile`: the certificate for clients, if there is one. */
export interface Options {
  readonly emulator: Emulator.Emulator["Service"]
  readonly answering: string
  readonly certificateFile: string | undefined
}

/** The lines; those that begin with `export` or `unset` are for a shell. */
export const lines = ({ answering, certificateFile, emulator }: Options): ReadonlyArray<string> => {
  const { client: { credentials, region } } = emulator
  const url = reachable(emulator.url)
  return [
    `Bedrock Runtime on ${url}, answered by ${answering}`,
    "",
    `export AWS_ENDPOINT_URL_BEDROCK=${url} AWS_ENDPOINT_URL_BEDROCK_RUNTIME=${url}`,
    `export AWS_ENDPOINT_URL_S3=${url}`,
    `export AWS_ACCESS_KEY_ID=${credentials.accessKeyId}`,
    `export AWS_SECRET_ACCESS_KEY=${Redacted.value(credentials.secretAccessKey)}`,
    `export AWS_REGION=${region} AWS_DEFAULT_REGION=${region}`,
    ...(certificateFile === undefined
      ? []
      : [`export NODE_EXTRA_CA_CERTS=${certificateFile} AWS_CA_BUNDLE=${certificateFile}`]),
    "unset AWS_PROFILE AWS_SESSION_TOKEN AWS_BEARER_TOKEN_BEDROCK",
    "",
    `OpenAI's dialect: ${url}/v1, ${url}/openai/v1 and ${url}/mantle, with the API key ${
      Redacted.value(emulator.apiKey)
    }`,
    `S3 (path style) and batch inference: the same address`,
    `Requests and faults: ${url.replace(/^https:/, "http:")}/`,
    ""
  ]
}

/** A server may listen on all addresses, but a client needs one. */
const reachable = (url: string): string => url.replace(/\/\/(?:0\.0\.0\.0|\[::\]):/, "//127.0.0.1:")
