/** A client of a test's server, and the requests tests send. */
import * as Redacted from "effect/Redacted"
import * as BedrockClient from "../../src/BedrockClient.ts"
import type { WireServer } from "./WireServer.ts"

export const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.make("a-secret-access-key") }

export const connect = (server: Pick<WireServer, "url">, options: BedrockClient.Options = {}) =>
  BedrockClient.make({ endpoint: server.url, region: "us-east-1", credentials, ...options })

/** A request whose prompt no error may quote. */
export const request = {
  modelId: "amazon.nova-lite-v1:0",
  messages: [{ role: "user" as const, content: [{ text: "a confidential prompt" }] }]
}

/** How both transports are named in tests. */
export const transports = [
  { name: "HTTP/1.1", transport: {} },
  { name: "HTTP/2", transport: { http2: true } }
] as const
