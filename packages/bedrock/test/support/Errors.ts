/** Errors as the SDK and Node throw them. */
import * as Sdk from "@aws-sdk/client-bedrock-runtime"
import * as BedrockError from "../../src/BedrockError.ts"

export const metadata = { httpStatusCode: 400, requestId: "request-1" }

/** An exception as the SDK throws it, with the exchange hidden on it. */
export const thrown = (name: string, message: string, status: number, headers: Record<string, string> = {}) => {
  const error = new Sdk.BedrockRuntimeServiceException({
    name,
    message,
    $fault: "client",
    $metadata: { ...metadata, httpStatusCode: status }
  })
  return Object.defineProperty(error, "$response", {
    value: { statusCode: status, headers, body: { req: { headers: { authorization: "Bearer top-secret" } } } },
    enumerable: false
  })
}

/** An error of Node. */
export const failed = (message: string, properties: Record<string, unknown> = {}) =>
  Object.assign(new Error(message), properties)

export const model = "anthropic.claude-3-7-sonnet-20250219-v1:0"

export const fromUnknown = (error: unknown) => BedrockError.fromUnknown(error, { model })
