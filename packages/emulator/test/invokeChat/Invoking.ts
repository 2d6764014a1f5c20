/**
 * InvokeModel and InvokeModelWithResponseStream of the AWS SDK.
 */
import { InvokeModelCommand, InvokeModelWithResponseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import type { BedrockRuntimeClient, InvokeModelCommandInput } from "@aws-sdk/client-bedrock-runtime"
import { Emulator, Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "../Fixture.ts"

/** Chat models the account does not have by default, beside those it has. */
export const models = [
  Model.chat("ai21.jamba-1-5-mini-v1:0", { caching: false }),
  Model.chat("mistral.mistral-large-2407-v1:0", { caching: false }),
  Model.chat("mistral.pixtral-large-2502-v1:0", { caching: false }),
  Model.chat("cohere.command-text-v14", { caching: false }),
  Model.chat("acme.tiny-v1")
]

export const haiku = "anthropic.claude-3-haiku-20240307-v1:0"
export const sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

export const claude = (body: object = {}) => ({
  anthropic_version: "bedrock-2023-05-31",
  max_tokens: 100,
  messages: [{ role: "user", content: "Hi" }],
  ...body
})

export type Options = Partial<InvokeModelCommandInput>

const inputOf = (modelId: string, body: unknown, options: Options): InvokeModelCommandInput => ({
  modelId,
  body: JSON.stringify(body),
  contentType: "application/json",
  ...options
})

/** The headers of the next answer. */
const listen = (client: BedrockRuntimeClient) => {
  const heard: Record<string, string> = {}
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      Object.assign(heard, (result.response as { readonly headers: Record<string, string> }).headers)
      return result
    },
    { step: "deserialize" }
  )
  return heard
}

/** A whole answer and its headers. */
export const whole = Effect.fnUntraced(
  function*(protocol: Fixture.Protocol, modelId: string, body: unknown, options: Options = {}) {
    const client = yield* Fixture.connect(protocol)
    const headers = listen(client)
    const { body: bytes, contentType } = yield* Fixture.attempt((abortSignal) =>
      client.send(new InvokeModelCommand(inputOf(modelId, body, options)), { abortSignal })
    )
    return { body: JSON.parse(new TextDecoder().decode(bytes)), contentType, headers }
  }
)

/** The pieces of a stream, decoded. */
export const pieces = Effect.fnUntraced(
  function*(protocol: Fixture.Protocol, modelId: string, body: unknown, options: Options = {}) {
    const client = yield* Fixture.connect(protocol)
    const { body: stream, contentType } = yield* Fixture.attempt((abortSignal) =>
      client.send(new InvokeModelWithResponseStreamCommand(inputOf(modelId, body, options)), { abortSignal })
    )
    const events = yield* Fixture.drain(stream)
    return { contentType, pieces: events.map(({ chunk }) => JSON.parse(new TextDecoder().decode(chunk?.bytes))) }
  }
)

/** Without the client: the path of an operation. */
export const path = (modelId: string, operation: "invoke" | "invoke-with-response-stream" = "invoke") =>
  `/model/${encodeURIComponent(modelId)}/${operation}`

export const statistics = Effect.flatMap(Emulator.Emulator, (emulator) => emulator.statistics)
