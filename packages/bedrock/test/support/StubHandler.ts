/** A client whose requests go nowhere: a test says what comes back. */
import { Readable } from "node:stream"
import * as BedrockClient from "../../src/BedrockClient.ts"
import { credentials } from "./Client.ts"

/** A response; the pieces of its body arrive one after the other. */
export interface Reply {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body: string | Uint8Array | ReadonlyArray<Uint8Array> | Readable
}

/** Every request gets the reply; `requests` is told of each. */
export const connect = (reply: () => Reply, onRequest: (request: unknown) => void = () => {}) =>
  BedrockClient.make({
    region: "us-east-1",
    credentials,
    transport: {
      requestHandler: {
        handle: (request) => {
          onRequest(request)
          const { body, headers = {}, status = 200 } = reply()
          return Promise.resolve({
            response: {
              statusCode: status,
              headers: { "x-amzn-requestid": "request-1", ...headers },
              body: body instanceof Readable ? body : Readable.from(Array.isArray(body) ? body : [body])
            }
          })
        }
      }
    }
  })
